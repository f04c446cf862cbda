"""Replies that a REQ does not wait for: nanomsg frees such a one, and frees it again at the end."""

from __future__ import annotations

import pytest

from tests.conformance.support import Sockets, run_program

PEER = """
import select, socket, struct
LONG = b"x" * 100  # shorter ones are kept in place
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(LIMIT)
req = open_socket("req", linger=0)
req.dial(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
peer = listener.accept()[0]
peer.settimeout(LIMIT)
stream = peer.makefile("rwb")
stream.write(b"\\0SP\\0\\0\\x31\\0\\0")
stream.flush()
stream.read(8)
req.wait_for_peers(1, timeout=LIMIT)
def request():
    size = struct.unpack(">Q", stream.read(8))[0]
    return stream.read(size)[:4]
def reply(header, body):
    stream.write(struct.pack(">Q", len(header + body)) + header + body)
    stream.flush()
"""

END = """
peer.shutdown(socket.SHUT_WR)  # seen behind all that the peer has sent
while req.peers:
    time.sleep(0.001)
req.close()
"""

pytestmark = pytest.mark.requires("protocol.req")


def test_a_late_reply(made: Sockets) -> None:
    run_program(
        made.backend,
        PEER
        + """
req.send(b"first")
first = request()
req.send(b"second")
request()
reply(first, LONG)
"""
        + END,
    )


def test_a_reply_to_each_time_that_a_request_was_sent(made: Sockets) -> None:
    run_program(
        made.backend,
        PEER
        + """
req.resend_interval = 0.05
req.send(b"again and again")
header = request()
request()
reply(header, LONG)
assert req.recv() == LONG
reply(header, LONG)
"""
        + END,
    )


def test_a_late_reply_while_all_goes_on(made: Sockets) -> None:
    """The last reply is a proper one, and the connection stands while the socket is closed."""
    run_program(
        made.backend,
        PEER
        + """
req.send(b"first")
first = request()
req.send(b"second")
second = request()
reply(first, LONG)
reply(second, LONG)
assert req.recv() == LONG
req.close()
""",
    )


def test_replies_that_nobody_fetched_are_freed(made: Sockets) -> None:
    run_program(
        made.backend,
        PEER
        + """
def memory():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def ask(count):
    for _ in range(count):
        req.send(b"never mind")
        reply(request(), bytes(1_000_000))
        assert select.select([req.recv_fd], [], [], LIMIT)[0]
ask(20)
before = memory()
ask(100)
assert memory() - before < 20_000_000, memory() - before
"""
        + END,
    )
