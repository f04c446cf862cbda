"""`recv_max_size`: a message above it is not delivered, and the socket works on."""

from __future__ import annotations

import pytest

import anymq

from .support import Pattern, Sockets, drain, eventually, no_more

pytestmark = pytest.mark.requires("protocol.push", "protocol.pull")
WIRE = pytest.mark.transports("tcp", "ipc", "ws")
FAST = {"reconnect_min": 0.02}


@WIRE
def test_a_message_of_the_limit_is_delivered(sockets: Sockets, transport: str) -> None:
    push, pull = sockets.pair("push", "pull", transport, b={"recv_max_size": 1000})
    push.send(b"x" * 1000)
    assert pull.recv() == b"x" * 1000


def take(receiver: anymq.Socket) -> bytes:
    """The next message; a request is answered."""
    message = receiver.recv()
    if receiver.protocol is anymq.Protocol.REP:
        receiver.send(b"taken")
    return message


@WIRE
@pytest.mark.patterns("push-pull", "req-rep")
@pytest.mark.differs("D25")
def test_a_larger_one_is_not_delivered(sockets: Sockets, pattern: Pattern, transport: str) -> None:
    """The connection may be given up; the socket goes on to receive."""
    receiver = sockets.open(pattern.receiver, recv_max_size=1000)
    url = receiver.listen(sockets.url(transport)).url
    sockets.open(pattern.sender, dial=url).send(b"x" * 1001)
    for i in range(3):
        sockets.open(pattern.sender, dial=url).send(b"%d" % i)
    assert sorted(take(receiver) for _ in range(3)) == [b"0", b"1", b"2"]
    no_more(receiver)


def smaller_ones_follow(sockets: Sockets, pattern: Pattern, transport: str) -> None:
    """From the same sender, whose connection may have to be made again."""
    sender, receiver = sockets.pair(
        pattern.sender, pattern.receiver, transport, a=FAST, b={"recv_max_size": 1000}
    )
    sender.send(b"x" * 1001)

    def smaller_arrives() -> bool:
        try:
            sender.send(b"small", timeout=0.2)
            return receiver.recv(timeout=0.2) == b"small"
        except anymq.Timeout:
            return False

    eventually(smaller_arrives, limit=3.0)
    assert set(drain(receiver)) <= {b"small"}


@pytest.mark.transports("tcp", "ipc")
@pytest.mark.patterns("pair-pair", "push-pull")
@pytest.mark.differs("D25")
@pytest.mark.differs("D37")
def test_a_larger_one_is_not_and_smaller_ones_follow(
    sockets: Sockets, pattern: Pattern, transport: str
) -> None:
    smaller_ones_follow(sockets, pattern, transport)


@pytest.mark.transports("ws")
@pytest.mark.patterns("pair-pair", "push-pull")
@pytest.mark.differs("D3")
@pytest.mark.differs("D12")
@pytest.mark.differs("D25")
@pytest.mark.differs("D37")
def test_smaller_ones_follow_over_websockets(
    sockets: Sockets, pattern: Pattern, transport: str
) -> None:
    smaller_ones_follow(sockets, pattern, transport)


@WIRE
def test_there_may_be_no_limit(sockets: Sockets, transport: str) -> None:
    push, pull = sockets.pair("push", "pull", transport, b={"recv_max_size": None})
    push.send(b"x" * 5_000_000)
    assert len(pull.recv()) == 5_000_000


@pytest.mark.patterns("push-pull", "req-rep")
@pytest.mark.differs("D25")
def test_one_greedy_peer_does_not_hurt_another(sockets: Sockets, pattern: Pattern) -> None:
    receiver = sockets.open(pattern.receiver, recv_max_size=1000)
    url = receiver.listen(sockets.url()).url
    greedy, modest = (sockets.open(pattern.sender, dial=url, **FAST) for _ in range(2))
    sockets.connected(greedy, modest)
    sockets.connected(receiver, n=2)
    greedy.send(b"x" * 100_000)
    for i in range(10):
        modest.send(b"%d" % i)
        assert take(receiver) == b"%d" % i
        if pattern.sender == "req":
            assert modest.recv() == b"taken"
