"""Who is connected, told by libzmq's monitor and, over inproc, by the sockets themselves."""

from __future__ import annotations

import itertools
import socket as tcp
import threading
import time
from typing import Any

import pytest

import anymq
from tests.conformance.support import LIMIT, Sockets, eventually


def kinds(socket: anymq.Socket, *wanted: str) -> list[anymq.PeerEvent]:
    """Events until each of `wanted` has come, in any order."""
    missing, seen = set(wanted), []
    events = socket.events(timeout=LIMIT)
    for event in events:
        seen.append(event)
        missing.discard(event.kind)
        if not missing:
            return seen
    pytest.fail(f"{missing} never came, only {seen}")


TRANSPORTS = ("tcp", "ipc", "inproc")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_both_sides_count(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url(transport)).url
    pushes = [sockets.open("push", dial=url) for _ in range(20)]
    pull.wait_for_peers(20, timeout=LIMIT)
    for push in pushes:
        push.wait_for_peers(1, timeout=LIMIT)
        assert push.peers == 1
    for left, push in enumerate(pushes[::-1]):
        eventually(lambda n=20 - left: pull.peers == n)
        push.close()
    eventually(lambda: pull.peers == 0)
    assert pull.statistics()["connections"] == 20


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_closing_a_dialer_ends_its_connection_on_both_sides(
    sockets: Sockets, transport: str
) -> None:
    """Though the dialling socket is not used again afterwards."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url(transport)).url
    push = sockets.open("push")
    dialer = push.dial(url, wait=True, timeout=LIMIT)
    pull.wait_for_peers(timeout=LIMIT)
    dialer.close()
    assert push.peers == 0
    eventually(lambda: pull.peers == 0)


def test_inproc_may_be_dialled_before_it_is_bound(sockets: Sockets) -> None:
    url = sockets.url("inproc")
    push = sockets.open("push", dial=url)
    assert push.peers == 0
    pull = sockets.open("pull", listen=url)
    assert (push.peers, pull.peers) == (1, 1)
    push.send(b"x")
    assert pull.recv() == b"x"


def test_an_inproc_name_is_free_once_its_socket_is_closed(sockets: Sockets) -> None:
    url = sockets.url("inproc")
    for _ in range(200):
        with anymq.Socket("pull", backend=sockets.backend, listen=url):
            pass


def test_a_port_is_free_once_its_socket_is_closed(sockets: Sockets) -> None:
    url = sockets.url()
    for _ in range(100):
        with anymq.Socket("pull", backend=sockets.backend) as pull:
            url = pull.listen(url).url


def test_dialers_are_told_apart(sockets: Sockets) -> None:
    there = sockets.open("pull").listen(sockets.url()).url
    push = sockets.open("push")
    with tcp.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: it refuses
        with pytest.raises(anymq.Timeout):
            push.dial(f"tcp://127.0.0.1:{nobody.getsockname()[1]}", wait=True, timeout=0.3)
        push.dial(there, wait=True, timeout=LIMIT)
        with pytest.raises(anymq.Timeout):
            push.dial(f"tcp://127.0.0.1:{nobody.getsockname()[1]}", wait=True, timeout=0.3)
    assert push.peers == 1


def test_a_name_is_told_apart_too(sockets: Sockets) -> None:
    """The monitor shows the number that a name stands for."""
    url = sockets.open("pull").listen("tcp://localhost:0").url
    assert url.startswith("tcp://localhost:")
    push = sockets.open("push")
    push.dial(url, wait=True, timeout=LIMIT)


def test_events_name_the_peer(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    push = sockets.open("push", dial=url)
    here = kinds(push, "connected")[-1]
    assert here.address == url
    there = kinds(pull, "listening", "connected")
    assert there[0].kind == "listening"
    assert there[0].address == url
    assert there[-1].address is not None
    assert there[-1].address.startswith("tcp://127.0.0.1:")
    assert there[-1].address != url, "the dialling side's own address"
    assert abs(there[-1].time - time.time()) < LIMIT
    push.close()
    gone = kinds(pull, "disconnected")[-1]
    assert (gone.peer, gone.address) == (there[-1].peer, there[-1].address)


def test_refusals_are_told_and_counted(sockets: Sockets) -> None:
    with tcp.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        push = sockets.open("push", dial=url, reconnect_min=0.01)
        seen = kinds(push, "refused")
        assert seen[-1].address == url
        eventually(lambda: push.statistics()["connect_errors"] >= 3)
        assert push.peers == 0
        nobody.listen()
    # A peer that accepts and says nothing is not connected either.


def test_a_peer_that_leaves_is_not_a_refusal(sockets: Sockets) -> None:
    first = sockets.open("pull")
    url = first.listen(sockets.url()).url
    push = sockets.open("push", dial=url, reconnect_min=0.05)
    kinds(push, "connected")
    first.close()
    assert kinds(push, "disconnected")[-1].kind == "disconnected"
    second = sockets.open("pull", listen=url)
    seen = kinds(push, "connected")
    assert push.peers == 1
    assert second.statistics()["connections"] == 1
    assert {event.kind for event in seen} <= {"connected", "refused"}


def test_a_stranger_is_no_peer(sockets: Sockets) -> None:
    """Connections that speak no ZMTP are never counted, one after the other or at once."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    port = int(url.rpartition(":")[2])
    strangers = [tcp.create_connection(("127.0.0.1", port), LIMIT) for _ in range(5)]
    push = sockets.open("push", dial=url)
    pull.wait_for_peers(1, timeout=LIMIT)
    assert pull.peers == 1
    for stranger in strangers:
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n" * 10)
        stranger.close()
    eventually(lambda: pull.statistics()["native.handshake_errors"] == 5)
    assert (pull.peers, push.peers) == (1, 1)
    assert any(e.kind == "handshake_failed" for e in kinds(pull, "handshake_failed"))
    push.close()
    eventually(lambda: pull.peers == 0)


def test_unread_events_are_bounded(sockets: Sockets) -> None:
    """The oldest go; what is told is how many."""
    with tcp.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        push = sockets.open(
            "push", dial=f"tcp://127.0.0.1:{nobody.getsockname()[1]}", reconnect_min=0.001
        )
        eventually(lambda: push.statistics()["native.events_dropped"] > 20, limit=30)
    made = push.statistics()["connect_errors"]
    unread = len(list(itertools.islice(push.events(timeout=0), 10_000)))
    made = push.statistics()["connect_errors"] - made  # while they were read
    assert 100 < unread <= 1000 + made


def test_waiting_for_peers_and_for_events_at_once(sockets: Sockets) -> None:
    """Neither keeps the other asleep by taking its news."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    got: list[Any] = []

    def wait_for_events() -> None:
        got.append(kinds(pull, "connected"))

    def wait_for_peers() -> None:
        pull.wait_for_peers(1, timeout=LIMIT)
        got.append("peer")

    threads = [threading.Thread(target=t) for t in (wait_for_events, wait_for_peers)]
    for thread in threads:
        thread.start()
    sockets.open("push", dial=url)
    for thread in threads:
        thread.join(LIMIT)
    assert len(got) == 2


@pytest.mark.parametrize("protocol", ["pair", "dealer", "req", "push"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sending_waits_for_a_peer(sockets: Sockets, protocol: str, transport: str) -> None:
    """In any thread, which nothing but the peer's coming wakes; and again once it has left."""
    listens = {"push": "pull", "req": "rep"}.get(protocol, protocol)
    url = sockets.url(transport)
    if transport == "tcp":
        with anymq.Socket("pull", backend=sockets.backend) as free:
            url = free.listen(url).url
    sender = sockets.open(protocol, dial=url, send_timeout=None)
    for n in range(1 if transport == "inproc" else 3):  # libzmq dials an inproc name once
        with pytest.raises(anymq.Timeout):
            sender.send(b"too early", timeout=0.02)
        waiter = threading.Thread(target=sender.send, args=(b"%d" % n,))
        waiter.start()
        with anymq.Socket(listens, backend=sockets.backend, listen=url) as receiver:
            assert receiver.recv(timeout=LIMIT) == b"%d" % n
            waiter.join(LIMIT)
            assert not waiter.is_alive()
        eventually(lambda: sender.peers == 0)


def test_queueing_is_an_option(sockets: Sockets) -> None:
    url = sockets.url("ipc")
    for protocol in ("pair", "dealer", "push"):
        sender = sockets.open(protocol, immediate=False, dial=url)
        sender.send(b"early", timeout=0)
        sender.linger = 0
        sender.close()


@pytest.mark.parametrize("protocols", ["dealer dealer", "pair pair", "pull push", "req rep"])
def test_what_arrived_is_kept_when_the_peer_leaves(sockets: Sockets, protocols: str) -> None:
    """ZMQ_IMMEDIATE on the dialling side would drop what it has not read yet."""
    dials, listens = protocols.split()
    for _ in range(20):
        there = sockets.open(listens)
        here = sockets.open(dials, dial=there.listen(sockets.url()).url)
        if dials == "req":
            here.send(b"?")
            assert there.recv() == b"?"
        count = 1 if dials == "req" else 10
        for n in range(count):
            there.send(b"%d" % n)
        there.close()
        eventually(lambda: here.peers == 0)  # noqa: B023
        assert [here.recv() for _ in range(count)] == [b"%d" % n for n in range(count)]
        here.close()


def test_a_pair_counts_one_peer(sockets: Sockets) -> None:
    first = sockets.open("pair")
    url = first.listen(sockets.url()).url
    second = sockets.open("pair", dial=url)
    sockets.connected(first, second)
    third = sockets.open("pair", dial=url)
    third.wait_for_peers(timeout=LIMIT)
    assert first.peers == 1
