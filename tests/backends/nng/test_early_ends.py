"""Connections that end in the moment they begin: nng 2 by itself keeps freed memory of some."""

from __future__ import annotations

import pytest

from tests.conformance.support import run_program

from .conftest import BUILDS, open_build

KNOCK = """
import socket, struct
pull = open_socket("pull")
port = int(pull.listen("tcp://127.0.0.1:0").url.rpartition(":")[2])
def knock(abruptly):
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as peer:
        peer.sendall(b"\\0SP\\0" + struct.pack(">HH", 0x50, 0))
        peer.recv(8)
        if abruptly:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
for i in range(5000):
    knock(abruptly=i % 2)
    if i % 10 == 0 and backend.supports("statistics"):
        pull.statistics()
deadline = time.monotonic() + LIMIT
while pull.peers:
    assert time.monotonic() < deadline, f"{pull.peers} peers that are gone"
    time.sleep(0.01)
push = open_socket("push", dial=f"tcp://127.0.0.1:{port}")
push.send(b"x")
assert pull.recv() == b"x"
print("done")
"""


@pytest.mark.parametrize("name", BUILDS)
def test_peers_that_leave_at_once(name: str) -> None:
    """They leave nothing behind, neither among the peers nor among the statistics."""
    assert "done" in run_program(open_build(name), KNOCK, limit=60)
