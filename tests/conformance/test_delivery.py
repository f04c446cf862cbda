"""Send and close at once: nothing is lost that a connected peer could have taken."""

from __future__ import annotations

import threading
import time

import pytest

import anymq

from .support import LIMIT, Sockets, fill

COUNT, SIZE = 1000, 10_000
LARGE = 16 * 1024 * 1024


class Reader:
    """Receives everything in a thread, and says how many messages and bytes came."""

    def __init__(self, socket: anymq.Socket, expected: int) -> None:
        self.sizes: list[int] = []
        self._socket = socket
        self._expected = expected
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while len(self.sizes) < self._expected:
                self.sizes.append(len(self._socket.recv(timeout=3.0)))
        except anymq.AnymqError:
            pass

    def finish(self) -> list[int]:
        self._thread.join(3 * LIMIT)
        return self.sizes


@pytest.mark.parametrize("protocol_name", ["push", "pair"])
@pytest.mark.transports("tcp", "ipc", "inproc")
def test_many_messages(sockets: Sockets, transport: str, protocol_name: str) -> None:
    """The peer reads while they are sent; the sender closes behind the last."""
    receiver = {"push": "pull", "pair": "pair"}[protocol_name]
    sender, receiver_ = sockets.pair(protocol_name, receiver, transport, a={"linger": 20.0})
    reader = Reader(receiver_, COUNT)
    for _ in range(COUNT):
        sender.send(b"x" * SIZE)
    sender.close()
    assert reader.finish() == [SIZE] * COUNT


@pytest.mark.transports("tcp", "ipc", "inproc")
@pytest.mark.requires("protocol.push", "protocol.pull")
@pytest.mark.differs("D30")
def test_one_large_message(sockets: Sockets, transport: str) -> None:
    push, pull = sockets.pair("push", "pull", transport, a={"linger": 20.0})
    reader = Reader(pull, 1)
    push.send(b"x" * LARGE)
    push.close()
    assert reader.finish() == [LARGE]


@pytest.mark.requires("protocol.push", "protocol.pull")
def test_the_peer_reads_later(sockets: Sockets) -> None:
    """Messages that the peer's buffers can hold arrive, though it reads only after the close."""
    push, pull = sockets.pair("push", "pull", a={"linger": 20.0})
    for i in range(10):
        push.send(b"%d" % i)
    push.close()
    assert [pull.recv() for _ in range(10)] == [b"%d" % i for i in range(10)]


@pytest.mark.parametrize("protocols", ["push pull", "pair pair"])
def test_a_peer_that_dialled_reads_later(sockets: Sockets, protocols: str) -> None:
    """The same where the reader dialled: losing its connection it keeps what has arrived."""
    first, second = protocols.split()
    for _ in range(5):
        sender = sockets.open(first, linger=20.0)
        reader = sockets.open(second, dial=sender.listen(sockets.url()).url)
        sockets.connected(sender, reader)
        for i in range(10):
            sender.send(b"%d" % i)
        sender.close()
        assert [reader.recv() for _ in range(10)] == [b"%d" % i for i in range(10)]
        reader.close()


@pytest.mark.transports("tcp", "ipc")
@pytest.mark.requires("protocol.push", "protocol.pull")
def test_a_listening_sender_that_closes_at_once(sockets: Sockets, transport: str) -> None:
    """It gives up its address with the rest: peers that dialled it must not lose what was sent."""
    sizes = [100_000 + number for number in range(40)]
    for _ in range(10):
        push = sockets.open("push", linger=30.0)
        pull = sockets.open("pull", dial=push.listen(sockets.url(transport)).url)
        sockets.connected(push, pull)
        reader = Reader(pull, len(sizes))
        for size in sizes:
            push.send(b"x" * size)
        push.close()
        assert reader.finish() == sizes
        pull.close()


@pytest.mark.requires("protocol.req", "protocol.rep")
def test_the_last_reply(sockets: Sockets) -> None:
    """A replier that answers and closes has answered."""
    for _ in range(5):
        rep = sockets.open("rep", linger=20.0)
        req = sockets.open("req", dial=rep.listen(sockets.url()).url)
        req.send(b"question")
        assert rep.recv() == b"question"
        rep.send(b"answer" * 1000)
        rep.close()
        assert req.recv() == b"answer" * 1000
        req.close()


def stuffed(sockets: Sockets, linger: float) -> tuple[anymq.Socket, anymq.Socket]:
    """A sender with more to send than its peer, who does not read, can take."""
    push, pull = sockets.pair("push", "pull", a={"linger": linger})
    fill(push)
    return push, pull


@pytest.mark.requires("protocol.push", "protocol.pull")
def test_no_linger_no_delay(sockets: Sockets) -> None:
    push, pull = stuffed(sockets, 0)
    begin = time.monotonic()
    push.close()
    assert time.monotonic() - begin < 1.0
    assert len(pull.recv()) == 100_000


@pytest.mark.requires("protocol.push", "protocol.pull")
def test_linger_is_an_upper_bound(sockets: Sockets) -> None:
    """A peer that reads nothing holds up the close for the linger time at most."""
    push, _ = stuffed(sockets, 0.3)
    begin = time.monotonic()
    push.close()
    assert time.monotonic() - begin < 1.3


@pytest.mark.parametrize("linger", [30.0, None])
def test_nothing_to_send_no_delay(sockets: Sockets, linger: float | None) -> None:
    one, other = sockets.pair("pair", "pair", a={"linger": linger}, b={"linger": linger})
    for _ in range(5):
        one.send(b"x")
        assert other.recv() == b"x"
    lone = sockets.open("push", linger=linger, dial="tcp://127.0.0.1:1")
    begin = time.monotonic()
    one.close()
    other.close()
    lone.close()
    assert time.monotonic() - begin < 1


def test_listeners_close_without_delay(sockets: Sockets, transport: str) -> None:
    listening = [sockets.open(sockets.ordinary, linger=30.0) for _ in range(20)]
    for socket in listening:
        socket.listen(sockets.url(transport))
    begin = time.monotonic()
    for socket in listening:
        socket.close()
    assert time.monotonic() - begin < 2
