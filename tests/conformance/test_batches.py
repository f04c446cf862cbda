"""`send_many` and `recv_many`: many messages in one call, none lost, none twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

import anymq

from .support import LIMIT, Sockets

pytestmark = pytest.mark.requires("protocol.push", "protocol.pull")


def test_ten_thousand_in_order(sockets: Sockets, transport: str) -> None:
    push, pull = sockets.pair("push", "pull", transport)
    bodies = [b"%d" % i for i in range(10_000)]
    sent: list[int] = []
    thread = threading.Thread(target=lambda: sent.append(push.send_many(bodies)), daemon=True)
    thread.start()
    got: list[bytes] = []
    while len(got) < len(bodies):
        batch = pull.recv_many()
        assert 1 <= len(batch) <= 1024
        got += batch
    assert got == bodies
    thread.join(LIMIT)
    assert sent == [10_000]


def test_large_among_small_ones(sockets: Sockets, transport: str) -> None:
    """The memory of a batch with large ones is made ready in pieces that hold many of them."""
    push, pull = sockets.pair("push", "pull", transport)
    sizes = (100, 64 << 10, 0, 300_000, 1 << 20, 65_535, 1, 70_000)
    bodies = [bytes([i]) * size for i, size in enumerate(sizes * 3)]
    thread = threading.Thread(target=lambda: push.send_many(bodies), daemon=True)
    thread.start()
    got: list[bytes] = []
    while len(got) < len(bodies):
        got += pull.recv_many()
    assert got == bodies
    thread.join(LIMIT)


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda items: (i for i in items)])
def test_any_iterable(sockets: Sockets, kind: type) -> None:
    push, pull = sockets.pair("push", "pull")
    assert push.send_many(kind([b"a", bytearray(b"b"), memoryview(b"c")])) == 3
    assert [pull.recv() for _ in range(3)] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("kind", [list, iter])
def test_nothing_to_send(sockets: Sockets, kind: type) -> None:
    push, pull = sockets.pair("push", "pull")
    assert push.send_many(kind([])) == 0
    with pytest.raises(anymq.WouldBlock):
        pull.recv_many(timeout=0)


def test_nothing_to_send_needs_no_peer(sockets: Sockets) -> None:
    assert sockets.open("push").send_many([], timeout=0) == 0


@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("bad", ["text", None, 3])
def test_a_bad_item_in_the_middle(sockets: Sockets, kind: type, bad: object) -> None:
    """What stood before it may be sent, what stands behind it never, and the socket works on."""
    push, pull = sockets.pair("push", "pull")
    with pytest.raises(TypeError, match="encode" if bad == "text" else "bytes"):
        push.send_many(kind([b"1", b"2", bad, b"4"]))
    push.send(b"end")
    got = [pull.recv()]
    while got[-1] != b"end":
        got.append(pull.recv())
    assert got in ([b"1", b"2", b"end"], [b"end"])


def test_an_iterable_that_fails(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")

    def items() -> Iterator[bytes]:
        yield b"1"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        push.send_many(items())
    push.send(b"end")
    got = pull.recv()
    if got == b"1":
        got = pull.recv()
    assert got == b"end"


@pytest.mark.parametrize("bad", [None, 5, object()])
def test_not_an_iterable(sockets: Sockets, bad: object) -> None:
    push, _ = sockets.pair("push", "pull")
    with pytest.raises(TypeError):
        push.send_many(bad)


@pytest.mark.parametrize("bad", [b"bytes", "text"])
def test_one_payload_is_not_a_batch(sockets: Sockets, bad: object) -> None:
    """Iterating over a payload would send numbers or letters: it is an error."""
    push, pull = sockets.pair("push", "pull")
    with pytest.raises(TypeError):
        push.send_many(bad)
    push.send(b"end")
    assert pull.recv() == b"end"


@pytest.mark.parametrize("kind", [list, iter])
def test_a_timeout_tells_how_many_were_sent(sockets: Sockets, kind: type) -> None:
    push, pull = sockets.pair("push", "pull")
    body = b"x" * 100_000
    count = 3000
    begin = time.monotonic()
    with pytest.raises(anymq.Timeout) as caught:
        push.send_many(kind([body] * count), timeout=0.3)
    assert time.monotonic() - begin < 5
    sent = caught.value.sent
    assert 0 < sent < count
    got = 0
    while got < sent:
        got += len(pull.recv_many())
    push.send(b"end")
    assert pull.recv() == b"end"
    assert got == sent


def test_a_timeout_without_a_peer_has_sent_none(sockets: Sockets) -> None:
    push = sockets.open("push")
    for timeout, error in ((0, anymq.WouldBlock), (0.05, anymq.Timeout)):
        with pytest.raises(error) as caught:
            push.send_many([b"a", b"b"], timeout=timeout)
        assert caught.value.sent == 0


def test_receive_returns_what_there_is(sockets: Sockets) -> None:
    """It waits for the first message only."""
    push, pull = sockets.pair("push", "pull")
    push.send(b"one")
    begin = time.monotonic()
    assert pull.recv_many(100) == [b"one"]
    assert time.monotonic() - begin < LIMIT / 2


def test_receive_takes_no_more_than_asked_for(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")
    sender = threading.Thread(
        target=push.send_many, args=([b"%d" % i for i in range(50)],), daemon=True
    )
    sender.start()
    got: list[bytes] = []
    while len(got) < 50:
        batch = pull.recv_many(7)
        assert 1 <= len(batch) <= 7
        got += batch
    assert got == [b"%d" % i for i in range(50)]
    sender.join(LIMIT)


@pytest.mark.parametrize("bad", [0, -1, 2**70, "5", None, 1.5])
def test_a_bad_maximum_is_refused(sockets: Sockets, bad: object) -> None:
    push, pull = sockets.pair("push", "pull")
    push.send(b"kept")
    with pytest.raises((ValueError, TypeError, OverflowError)):
        pull.recv_many(bad)
    assert pull.recv() == b"kept"


def test_receive_timeout(sockets: Sockets) -> None:
    with pytest.raises(anymq.Timeout):
        sockets.open("pull").recv_many(timeout=0.02)
