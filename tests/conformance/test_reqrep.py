"""Requests and replies: who may speak when, and what a second request does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import anymq

from .support import LIMIT, Sockets, no_more

pytestmark = pytest.mark.requires("protocol.req", "protocol.rep")


def serve(rep: anymq.Socket, count: int, answer: Callable[[bytes], bytes]) -> threading.Thread:
    """Answer `count` requests in a thread."""

    def run() -> None:
        for _ in range(count):
            rep.send(answer(rep.recv()))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_request_and_reply(sockets: Sockets, transport: str) -> None:
    req, rep = sockets.pair("req", "rep", transport)
    for i in range(20):
        req.send(b"q%d" % i)
        assert rep.recv() == b"q%d" % i
        rep.send(b"a%d" % i)
        assert req.recv() == b"a%d" % i


def test_request_in_one_call(sockets: Sockets) -> None:
    req, rep = sockets.pair("req", "rep")
    thread = serve(rep, 3, lambda body: body.upper())
    assert [req.request(body) for body in (b"a", b"", b"c")] == [b"A", b"", b"C"]
    thread.join(LIMIT)


@pytest.mark.differs("D32")
def test_request_times_out_and_the_socket_stays_usable(sockets: Sockets) -> None:
    req, rep = sockets.pair("req", "rep")
    with pytest.raises(anymq.Timeout):
        req.request(b"first", timeout=0.1)
    assert rep.recv() == b"first"
    rep.send(b"too late")
    worker = serve(rep, 1, lambda body: body + b"!")
    assert req.request(b"second") == b"second!"
    worker.join(LIMIT)


@pytest.mark.differs("D32")
def test_second_request_cancels_the_first(sockets: Sockets) -> None:
    """The reply to the first request never arrives, whichever order the replier takes."""
    req, rep = sockets.pair("req", "rep")
    req.send(b"first")
    assert rep.recv() == b"first"
    req.send(b"second")
    rep.send(b"reply to first")
    assert rep.recv() == b"second"
    rep.send(b"reply to second")
    assert req.recv() == b"reply to second"
    with pytest.raises(anymq.StateError):
        req.recv(timeout=0.1)


def test_recv_without_a_request_is_a_state_error(sockets: Sockets) -> None:
    req, rep = sockets.pair("req", "rep")
    for _ in range(2):
        with pytest.raises(anymq.StateError):
            req.recv()
    thread = serve(rep, 1, bytes)
    assert req.request(b"x") == b"x"
    thread.join(LIMIT)
    with pytest.raises(anymq.StateError):
        req.recv()


def test_recv_without_a_request_is_a_state_error_without_a_peer(sockets: Sockets) -> None:
    with pytest.raises(anymq.StateError):
        sockets.open("req").recv()


def test_reply_before_a_request_is_a_state_error(sockets: Sockets) -> None:
    req, rep = sockets.pair("req", "rep")
    for _ in range(2):
        with pytest.raises(anymq.StateError):
            rep.send(b"too early")
    req.send(b"question")
    assert rep.recv() == b"question"
    rep.send(b"answer")
    assert req.recv() == b"answer"
    with pytest.raises(anymq.StateError):
        rep.send(b"twice")


def test_a_receive_that_times_out_keeps_the_request(sockets: Sockets) -> None:
    req, rep = sockets.pair("req", "rep")
    req.send(b"question")
    with pytest.raises(anymq.Timeout):
        req.recv(timeout=0.05)
    assert rep.recv() == b"question"
    rep.send(b"answer")
    assert req.recv() == b"answer"


def test_several_clients_get_their_own_replies(sockets: Sockets, transport: str) -> None:
    rep = sockets.open("rep")
    url = rep.listen(sockets.url(transport)).url
    clients = [sockets.open("req", dial=url) for _ in range(4)]
    sockets.connected(*clients)
    for i, client in enumerate(clients):
        client.send(b"from %d" % i)
    for _ in clients:
        rep.send(rep.recv() + b" answered")
    for i, client in enumerate(clients):
        assert client.recv() == b"from %d answered" % i


def test_a_replier_survives_a_client_that_leaves(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    leaver = sockets.open("req", dial=url)
    leaver.send(b"I leave")
    assert rep.recv() == b"I leave"
    leaver.linger = 0
    leaver.close()
    rep.send(b"nobody hears this")
    stayer = sockets.open("req", dial=url)
    worker = serve(rep, 1, lambda body: body + b"!")
    assert stayer.request(b"hello") == b"hello!"
    worker.join(LIMIT)


@pytest.mark.differs("D4")
def test_a_new_receive_on_the_replier_drops_the_old_request(sockets: Sockets) -> None:
    """The replier answers the request that it took last."""
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    first, second = (sockets.open("req", dial=url) for _ in range(2))
    sockets.connected(first, second)
    first.send(b"first")
    assert rep.recv() == b"first"
    second.send(b"second")
    assert rep.recv() == b"second"
    rep.send(b"answer")
    assert second.recv() == b"answer"
    no_more(first)


@pytest.mark.protocols("push", "pull", "pair", "rep")
def test_only_req_requests(sockets: Sockets, protocol: str) -> None:
    with pytest.raises(anymq.StateError, match="req"):
        sockets.open(protocol).request(b"x")
