"""Dialling before anybody listens, and again when a listener comes back."""

from __future__ import annotations

import threading
import time

import pytest

import anymq

from .support import LIMIT, Sockets, eventually
from .timing import timely

FAST = {"reconnect_min": 0.02}


def listening(sockets: Sockets, protocol: str, url: str) -> anymq.Socket:
    """A socket that listens at `url` as soon as that is free."""
    socket = sockets.open(protocol)

    def bound() -> bool:
        try:
            socket.listen(url)
        except anymq.AddressInUse:
            return False
        return True

    eventually(bound)
    return socket


@pytest.mark.transports("tcp", "ipc", "ws", "abstract")
@pytest.mark.differs("D10")
def test_dial_before_listen(sockets: Sockets, transport: str) -> None:
    url = sockets.unused(transport)
    push = sockets.open("push", **FAST)
    push.dial(url)
    assert push.peers == 0
    pull = listening(sockets, "pull", url)
    push.send(b"hello")
    assert pull.recv() == b"hello"


@pytest.mark.transports("inproc")
def test_dial_before_listen_inside_the_process(sockets: Sockets, transport: str) -> None:
    url = sockets.url(transport)
    push = sockets.open("push", dial=url, **FAST)
    pull = sockets.open("pull", listen=url)
    push.send(b"hello")
    assert pull.recv() == b"hello"


@pytest.mark.requires("protocol.req", "protocol.rep")
@pytest.mark.transports("tcp", "ipc", "ws", "abstract")
def test_connects_again_when_the_listener_restarts(sockets: Sockets, transport: str) -> None:
    rep = sockets.open("rep")
    url = rep.listen(sockets.url(transport)).url
    req = sockets.open("req", dial=url, **FAST)
    for i in range(3):
        req.wait_for_peers(timeout=LIMIT)
        req.send(b"%d" % i)
        assert rep.recv() == b"%d" % i
        rep.send(b"yes")
        assert req.recv() == b"yes"
        rep.close()
        eventually(lambda: req.peers == 0)
        rep = listening(sockets, "rep", url)


@pytest.mark.requires("protocol.req", "protocol.rep")
def test_requests_reach_a_replier_that_restarted(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    req = sockets.open("req", dial=url, **FAST)
    sockets.connected(req)
    rep.close()
    eventually(lambda: req.peers == 0)
    rep = listening(sockets, "rep", url)
    req.send(b"hello")
    assert rep.recv() == b"hello"
    rep.send(b"back")
    assert req.recv() == b"back"


@pytest.mark.requires("protocol.pub", "protocol.sub")
def test_subscriptions_reach_a_publisher_that_restarted(sockets: Sockets) -> None:
    pub = sockets.open("pub")
    url = pub.listen(sockets.url()).url
    sub = sockets.open("sub", subscribe=b"A", dial=url, **FAST)
    sockets.connected(sub)
    pub.close()
    eventually(lambda: sub.peers == 0)
    pub = listening(sockets, "pub", url)
    sockets.connected(sub)

    def heard() -> bool:
        pub.send(b"B no")
        pub.send(b"A yes")
        try:
            return sub.recv(timeout=0.02) == b"A yes"
        except anymq.Timeout:
            return False

    eventually(heard)


@pytest.mark.transports("tcp", "ipc", "ws")
@pytest.mark.differs("D10")
def test_dial_and_wait_times_out(sockets: Sockets, transport: str) -> None:
    """The time-out ends the wait; what it leaves is a socket that works."""
    url = sockets.unused(transport)
    push = sockets.open("push", **FAST)

    def wait() -> float:
        begin = time.monotonic()
        with pytest.raises(anymq.Timeout, match=url.replace("*", r"\*")):
            push.dial(url, wait=True, timeout=0.2)
        return time.monotonic() - begin

    timely(wait, 0.199, 0.25)
    pull = listening(sockets, "pull", url)
    push.dial(url, wait=True, timeout=LIMIT)
    push.send(b"x")
    assert pull.recv() == b"x"


@pytest.mark.transports("tcp")
def test_dial_and_wait_for_a_listener_to_come(sockets: Sockets, transport: str) -> None:
    url = sockets.unused(transport)
    push = sockets.open("push", **FAST)
    dialers: list[anymq.Dialer] = []
    thread = threading.Thread(
        target=lambda: dialers.append(push.dial(url, wait=True, timeout=LIMIT)), daemon=True
    )
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    listening(sockets, "pull", url)
    thread.join(LIMIT)
    assert len(dialers) == 1


@pytest.mark.requires("transport.tcp")
def test_dial_and_wait_waits_for_its_own_connection(sockets: Sockets) -> None:
    """Another peer of the socket is not what was asked for."""
    push = sockets.open("push", **FAST)
    push.dial(sockets.open("pull").listen(sockets.url()).url, wait=True, timeout=LIMIT)
    with pytest.raises(anymq.Timeout):
        push.dial(sockets.refusing(), wait=True, timeout=0.2)


@pytest.mark.requires("protocol.push", "protocol.pull")
@pytest.mark.differs("D33")
def test_a_peer_that_cannot_be_one(sockets: Sockets) -> None:
    """Two that only send are no peers, and the right one is still welcome."""
    push = sockets.open("push")
    url = push.listen(sockets.url()).url
    wrong = sockets.open("push", dial=url, **FAST)
    with pytest.raises(anymq.Timeout):
        wrong.send(b"x", timeout=0.3)
    pull = sockets.open("pull", dial=url)
    push.send(b"hello")
    assert pull.recv() == b"hello"


@pytest.mark.requires("protocol.push", "protocol.req", "protocol.rep")
@pytest.mark.differs("D33")
def test_a_peer_that_speaks_another_protocol(sockets: Sockets) -> None:
    """It is no peer: nothing is sent to it, and the right one is still welcome."""
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    wrong = sockets.open("push", dial=url, **FAST)
    with pytest.raises(anymq.Timeout):
        wrong.send(b"x", timeout=0.3)
    req = sockets.open("req", dial=url)
    req.send(b"q")
    assert rep.recv() == b"q"
    rep.send(b"a")
    assert req.recv() == b"a"
