"""Closing while messages arrive, which nng 1.5 by itself often does not survive.

The sender speaks the protocol by hand: nng's own senders have troubles of their own when a peer
leaves them in the middle.
"""

from __future__ import annotations

import pytest

from tests.conformance.support import run_program

from .conftest import BUILDS, open_build

FLOOD = """
import asyncio, os, socket, struct, tempfile
kind, number, rounds, size = sys.argv[3], int(sys.argv[4], 16), 40, int(sys.argv[5])
local, awaiting = sys.argv[6] == "ipc", sys.argv[7] == "awaiting"
async def take(sink):
    for _ in range(3):
        assert len(await sink.arecv()) == size
frames = b"\\1" * local + struct.pack(">Q", size) + b"x" * size
frames *= max(1, 100_000 // size)
folder = tempfile.TemporaryDirectory()
for i in range(rounds):
    sink = open_socket(kind, linger=0)
    if kind == "sub":
        sink.subscribe(b"")
    if local:
        path = os.path.join(folder.name, str(i))
        sink.listen("ipc://" + path)
        source = socket.socket(socket.AF_UNIX)
        source.settimeout(LIMIT)
        source.connect(path)
    else:
        port = int(sink.listen("tcp://127.0.0.1:0").url.rpartition(":")[2])
        source = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    source.sendall(b"\\0SP\\0" + struct.pack(">HH", number, 0))
    def flood():
        try:
            while True:
                source.sendall(frames)
        except OSError:
            pass
    thread = threading.Thread(target=flood)
    thread.start()
    if awaiting:  # from then on nng has receives to fill
        asyncio.run(take(sink))
    else:
        for _ in range(3):
            assert len(sink.recv()) == size
    sink.close()
    try:
        source.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    source.close()
    thread.join(LIMIT)
    assert not thread.is_alive()
print("done")
"""


@pytest.mark.parametrize(("transport", "size"), [("tcp", 100), ("tcp", 20_000), ("ipc", 20_000)])
@pytest.mark.parametrize(("kind", "sender"), [("pull", "50"), ("sub", "20"), ("pair", "10")])
@pytest.mark.parametrize("how", ["blocking", "awaiting"])
@pytest.mark.parametrize("name", BUILDS)
def test_closing_a_socket_that_is_being_sent_to(
    name: str, how: str, kind: str, sender: str, transport: str, size: int
) -> None:
    build = open_build(name)
    if kind == "sub" and build.library.version < (1, 11):
        pytest.skip("a flooded SUB of nng before 1.11 may hang in closing: docs/semantics.md")
    out = run_program(build, FLOOD, kind, sender, str(size), transport, how, limit=30)
    assert "done" in out
