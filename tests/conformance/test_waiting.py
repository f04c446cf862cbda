"""Sends wait for a connected peer; time-outs mean what they say, to within 20 ms."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import pytest

import anymq

from .support import LIMIT, Pattern, Sockets, fill, small_buffers
from .timing import timely

WAITING = pytest.mark.patterns(
    "push-pull", "pair-pair", "dealer-dealer", "pair1-pair1", "scatter-gather", "channel-channel"
)
"""Patterns whose send waits for a peer, rather than drop the message or keep it as a request."""


def seconds(call: Callable[[], object], error: type[BaseException] = anymq.Timeout) -> float:
    """How long `call` took to raise `error`."""
    begin = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - begin


@WAITING
def test_send_waits_for_a_peer(sockets: Sockets, pattern: Pattern) -> None:
    sender = sockets.open(pattern.sender)
    with pytest.raises(anymq.Timeout):
        sender.send(b"lost", timeout=0.05)
    with pytest.raises(anymq.WouldBlock):
        sender.send(b"lost", timeout=0)
    receiver = sockets.open(pattern.receiver)
    receiver.dial(sender.listen(sockets.url()).url)
    sender.send(b"first")
    assert receiver.recv() == b"first", "what timed out was not sent"


@WAITING
def test_send_waits_for_a_peer_that_is_being_dialled(sockets: Sockets, pattern: Pattern) -> None:
    """An address where nobody listens yet does not count as a peer."""
    url = sockets.unused()
    sender = sockets.open(pattern.sender, dial=url)
    with pytest.raises(anymq.Timeout):
        sender.send(b"lost", timeout=0.1)
    receiver = sockets.open(pattern.receiver, listen=url)
    sender.send(b"first")
    assert receiver.recv() == b"first"


@WAITING
def test_a_peer_that_connects_wakes_a_blocked_send(sockets: Sockets, pattern: Pattern) -> None:
    sender = sockets.open(pattern.sender)
    url = sender.listen(sockets.url()).url
    done = threading.Event()

    def send() -> None:
        sender.send(b"hello")
        done.set()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    assert not done.wait(0.1)
    receiver = sockets.open(pattern.receiver, dial=url)
    assert done.wait(LIMIT)
    assert receiver.recv() == b"hello"


@pytest.mark.requires("protocol.push", "protocol.pull", "option.immediate")
def test_queueing_before_the_connection_is_up_is_an_option(sockets: Sockets) -> None:
    url = sockets.unused()
    push = sockets.open("push", immediate=False, dial=url)
    push.send(b"early", timeout=0)
    assert sockets.open("pull", listen=url).recv() == b"early"


@pytest.mark.patterns("push-pull", "pair-pair", "dealer-dealer")
def test_a_full_pipe_blocks_until_the_peer_reads(sockets: Sockets, pattern: Pattern) -> None:
    sender, receiver = sockets.pair(
        pattern.sender,
        pattern.receiver,
        a=small_buffers(sockets, pattern.sender),
        b=small_buffers(sockets, pattern.receiver),
    )
    count = fill(sender)
    assert count > 0
    thread = threading.Thread(target=lambda: sender.send(b"last"), daemon=True)
    thread.start()
    assert [len(receiver.recv()) for _ in range(count)] == [100_000] * count
    assert receiver.recv() == b"last"
    thread.join(LIMIT)
    assert not thread.is_alive()


# Time-outs


def test_there_is_no_time_limit_unless_asked_for(sockets: Sockets) -> None:
    socket = anymq.Socket("pair", backend=sockets.backend)
    assert socket.send_timeout is None
    assert socket.recv_timeout is None
    socket.close()


def precise(call: Callable[[float], object]) -> None:
    """`call(seconds)` times out to within 20 ms of what was asked, and never early."""
    for limit in (0.05, 0.12):
        timely(lambda limit=limit: seconds(lambda: call(limit)), limit - 0.001, limit + 0.02)


@pytest.mark.protocols("pull", "pair", "sub", "rep", "dealer", "bus", "respondent", "pair1")
def test_receive_timeout_is_precise(sockets: Sockets, protocol: str) -> None:
    partner = {"pull": "push", "sub": "pub", "rep": "req", "respondent": "surveyor"}
    _, socket = sockets.pair(partner.get(protocol, protocol), protocol)
    precise(lambda limit: socket.recv(timeout=limit))


@pytest.mark.protocols("pull", "pair")
def test_receive_timeout_is_precise_without_a_peer(sockets: Sockets, protocol: str) -> None:
    socket = sockets.open(protocol)
    precise(lambda limit: socket.recv(timeout=limit))


@pytest.mark.protocols("push", "pair", "dealer", "pair1")
def test_send_timeout_is_precise(sockets: Sockets, protocol: str) -> None:
    socket = sockets.open(protocol)
    precise(lambda limit: socket.send(b"x", timeout=limit))


def test_the_option_is_the_default_and_the_argument_wins(sockets: Sockets) -> None:
    socket = sockets.open("pair", recv_timeout=0.05, send_timeout=0.05)
    assert seconds(socket.recv) < 1
    assert seconds(lambda: socket.send(b"x")) < 1
    assert seconds(lambda: socket.recv(timeout=0.2)) >= 0.199
    socket.recv_timeout = 0.2
    assert seconds(socket.recv) >= 0.199
    socket.recv_timeout = 0
    timely(lambda: seconds(socket.recv, anymq.WouldBlock), 0, 0.02)


def test_a_timeout_of_none_waits_until_there_is_something(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair", b={"recv_timeout": 0.01})
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(other.recv(timeout=None)), daemon=True)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    one.send(b"at last")
    thread.join(LIMIT)
    assert got == [b"at last"]


def test_zero_does_not_wait(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    calls: list[Callable[[], object]] = [
        lambda: other.recv(timeout=0),
        lambda: other.recv_into(bytearray(10), timeout=0),
        lambda: other.recv_many(timeout=0),
        lambda: other.recv_message(timeout=0),
    ]
    for call in calls:
        timely(lambda call=call: seconds(call, anymq.WouldBlock), 0, 0.02)
    one.send(b"x")
    assert other.recv() == b"x"


def test_would_block_is_what_other_sockets_raise(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    with pytest.raises(BlockingIOError):
        socket.recv(timeout=0)
    with pytest.raises(TimeoutError):
        socket.recv(timeout=0.01)


@pytest.mark.parametrize("bad", [-1, -0.001, -math.inf, math.nan, "1", b"1", []])
def test_bad_timeouts_are_refused(sockets: Sockets, bad: object) -> None:
    """A wrong type is a TypeError or OptionError, a wrong value an OptionError; nothing is lost."""
    one, other = sockets.pair("pair", "pair")
    one.send(b"kept")
    calls: list[Callable[[], object]] = [
        lambda: other.recv(timeout=bad),
        lambda: other.recv_into(bytearray(10), timeout=bad),
        lambda: other.recv_many(timeout=bad),
        lambda: other.send(b"x", timeout=bad),
        lambda: other.send_many([b"x"], timeout=bad),
        lambda: other.wait_for_peers(timeout=bad),
        lambda: other.flush(bad),
        lambda: setattr(other, "recv_timeout", bad),
        lambda: setattr(other, "send_timeout", bad),
    ]
    wrong_type = not isinstance(bad, (int, float))
    for call in calls:
        with pytest.raises((TypeError, anymq.OptionError) if wrong_type else anymq.OptionError):
            call()
    assert other.recv() == b"kept"
    with pytest.raises(anymq.WouldBlock):
        one.recv(timeout=0)
