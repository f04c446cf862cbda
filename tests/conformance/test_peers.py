"""Who is connected, what happened, what was counted, and what has left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

import anymq

from .support import LIMIT, Sockets, eventually, fill
from .timing import timely


def test_peers_are_counted(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    assert pull.peers == 0
    url = pull.listen(sockets.url(transport)).url
    assert pull.peers == 0
    pushes = []
    for i in range(1, 4):
        pushes.append(sockets.open("push", dial=url))
        pull.wait_for_peers(i, timeout=LIMIT)
        assert pull.peers == i
        assert eventually(lambda: pushes[-1].peers) == 1
    for left in (2, 1, 0):
        pushes.pop().close()
        eventually(lambda left=left: pull.peers == left)


def test_waiting_for_peers(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url

    def wait() -> float:
        begin = time.monotonic()
        with pytest.raises(anymq.Timeout):
            pull.wait_for_peers(timeout=0.1)
        return time.monotonic() - begin

    timely(wait, 0.099, 0.15)
    sockets.open("push", dial=url)
    pull.wait_for_peers(timeout=LIMIT)
    with pytest.raises(anymq.Timeout):
        pull.wait_for_peers(2, timeout=0.05)
    waiter = threading.Thread(target=pull.wait_for_peers, args=(2,), daemon=True)
    waiter.start()
    sockets.open("push", dial=url)
    waiter.join(LIMIT)
    assert not waiter.is_alive()
    pull.wait_for_peers(0, timeout=0)


@pytest.mark.parametrize("bad", [-1, 1.5, "2", None])
def test_waiting_for_an_absurd_number(sockets: Sockets, bad: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        sockets.open("pull").wait_for_peers(bad, timeout=0.01)


def upcoming(events: Iterator[anymq.PeerEvent], kind: str) -> anymq.PeerEvent:
    """The next event of a kind; the iterator ends when its socket is closed."""
    return next(event for event in events if event.kind == kind)


@pytest.mark.requires("peer_events")
@pytest.mark.transports("tcp", "ipc", "inproc")
def test_events(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    events = pull.events()
    url = pull.listen(sockets.url(transport)).url
    push = sockets.open("push", dial=url)
    begin = time.time()
    event = upcoming(events, "connected")
    assert isinstance(event, anymq.PeerEvent)
    assert abs(event.time - begin) < 5
    if sockets.backend.supports("peer_address") and transport == "tcp":
        assert event.address is not None
        assert event.address.startswith("tcp://127.0.0.1:")
    push.close()
    upcoming(events, "disconnected")


@pytest.mark.requires("peer_events")
def test_events_end_at_close(sockets: Sockets) -> None:
    pull = sockets.open("pull", listen=sockets.url())
    got: list[anymq.PeerEvent] = []
    thread = threading.Thread(target=lambda: got.extend(pull.events()), daemon=True)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    pull.close()
    thread.join(LIMIT)
    assert not thread.is_alive()


@pytest.mark.requires("statistics")
def test_statistics(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")
    for _ in range(10):
        push.send(b"x" * 100)
    for _ in range(10):
        pull.recv()

    def counted() -> bool:
        sent, received = push.statistics(), pull.statistics()
        return sent["messages_sent"] == 10 and received["messages_received"] == 10

    eventually(counted)
    for socket in (push, pull):
        counters = socket.statistics()
        assert counters["peers"] == 1
        assert all(isinstance(n, int) and n >= 0 for n in counters.values())
        assert all(
            name.startswith("native.")
            or name
            in {
                "messages_sent",
                "messages_received",
                "bytes_sent",
                "bytes_received",
                "peers",
                "connections",
                "connect_errors",
            }
            for name in counters
        ), sorted(counters)


def test_flush_of_nothing(sockets: Sockets) -> None:
    push, _ = sockets.pair("push", "pull")
    begin = time.monotonic()
    assert push.flush(0.5) in (True, False)
    assert time.monotonic() - begin < 1


@pytest.mark.requires("flush")
@pytest.mark.transports("tcp", "ipc")
def test_flush_tells_when_all_has_left(sockets: Sockets, transport: str) -> None:
    push, pull = sockets.pair("push", "pull", transport)
    for _ in range(100):
        push.send(b"x" * 100)
    assert push.flush(LIMIT) is True
    push.linger = 0
    push.close()
    assert [len(pull.recv()) for _ in range(100)] == [100] * 100


@pytest.mark.requires("flush")
def test_flush_is_false_while_something_is_left(sockets: Sockets) -> None:
    """The peer reads nothing, and more was sent than fits between the two."""
    push, _ = sockets.pair("push", "pull")
    fill(push)

    def wait() -> float:
        begin = time.monotonic()
        assert push.flush(0.2) is False
        return time.monotonic() - begin

    timely(wait, 0.199, 0.25)


def test_native_handle(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    assert isinstance(socket.native, int)
