"""The contexts that anymq makes over a ROUTER and a DEALER."""

from __future__ import annotations

import threading
import time

import pytest

import anymq
from anymq import CurveConfig, PlainConfig
from anymq.abc import Backend
from tests.conformance.support import LIMIT, Sockets, eventually, open_contexts


def test_the_first_one_comes_before_any_endpoint(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    rep.listen(sockets.url())
    with pytest.raises(anymq.StateError, match="before it listens or dials"):
        rep.open_context()


def test_the_socket_speaks_through_them(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    open_contexts(rep)
    for call in (rep.recv, lambda: rep.send(b""), lambda: rep.recv(timeout=0)):
        with pytest.raises(anymq.StateError, match="through them alone"):
            call()


def test_what_was_set_before_remains(sockets: Sockets) -> None:
    rep = sockets.open("rep", send_buffer=7, plain=PlainConfig(users={"anna": "secret"}))
    rep.set_native("ZMQ_BACKLOG", 33)
    (answerer,) = open_contexts(rep)
    assert rep.send_buffer == 7
    assert rep.get_native("ZMQ_BACKLOG") == 33
    url = rep.listen(sockets.url()).url
    stranger = sockets.open("req", plain=PlainConfig(username="anna", password="guessed"))
    with pytest.raises(anymq.Timeout):
        stranger.dial(url, wait=True, timeout=0.3)
    req = sockets.open("req", plain=PlainConfig(username="anna", password="secret"))
    (asker,) = open_contexts(req)
    req.dial(url, wait=True, timeout=LIMIT)
    asker.send(b"question")
    answerer.send(b"re " + answerer.recv())
    assert asker.recv() == b"re question"


def test_curve(sockets: Sockets, zmq: Backend) -> None:
    """The branches of a socket are behind its keys, set before the first of them or after."""
    server, client, stranger = (zmq.curve_keypair() for _ in range(3))  # type: ignore[attr-defined]
    rep = sockets.open("rep", curve=CurveConfig(*server, server=True, allow=[client[0]]))
    answerers = open_contexts(rep, 2)
    url = rep.listen(sockets.url()).url
    for keys, server_key in ((stranger, server[0]), (client, stranger[0])):
        refused = sockets.open("req", curve=CurveConfig(*keys, server_key=server_key))
        (asker,) = open_contexts(refused)
        with pytest.raises(anymq.Timeout):
            refused.dial(url, wait=True, timeout=0.4)
        with pytest.raises(anymq.Timeout):
            asker.send(b"question", timeout=0.02)
    plain = sockets.open("req")
    open_contexts(plain)
    with pytest.raises(anymq.Timeout):
        plain.dial(url, wait=True, timeout=0.4)
    req = sockets.open("req")
    askers = open_contexts(req, 2)
    req.curve = CurveConfig(*client, server_key=server[0])
    req.dial(url, wait=True, timeout=LIMIT)
    for number, asker in enumerate(askers):
        asker.send(b"%d" % number)
    for answerer in reversed(answerers):
        answerer.send(b"re " + answerer.recv())
    assert [asker.recv() for asker in askers] == [b"re 0", b"re 1"]


def test_what_is_no_request_is_dropped(sockets: Sockets) -> None:
    rep, dealer = sockets.open("rep"), sockets.open("dealer")
    (answerer,) = open_contexts(rep)
    dealer.dial(rep.listen(sockets.url()).url)
    sockets.connected(rep, dealer)
    for parts in ([b"no delimiter"], [b"", b"two", b"parts"], [b"x"] * 50, [b"way", b"back", b""]):
        dealer.send_parts(parts)
    dealer.send_parts([b"way", b"back", b"", b"question"])
    assert answerer.recv() == b"question"
    answerer.send(b"answer")
    assert dealer.recv_parts() == [b"way", b"back", b"", b"answer"]


def test_an_answer_to_one_who_has_left(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    (answerer,) = open_contexts(rep)
    url = rep.listen(sockets.url()).url
    with sockets.open("req", dial=url) as gone:
        gone.send(b"question")
        assert answerer.recv() == b"question"
    eventually(lambda: rep.peers == 0)
    answerer.send(b"to nobody")
    req = sockets.open("req", dial=url)
    req.send(b"next")
    answerer.send(b"re " + answerer.recv())
    assert req.recv() == b"re next"


def test_no_answer_is_lost_to_a_full_queue(sockets: Sockets) -> None:
    count = 200
    rep, dealer = sockets.open("rep", send_buffer=5), sockets.open("dealer", recv_buffer=5)
    answerers = open_contexts(rep, count)
    dealer.dial(rep.listen(sockets.url()).url)
    sockets.connected(rep, dealer)
    for number, answerer in enumerate(answerers):
        dealer.send_parts([b"%d" % number, b"", b"question"])
        assert answerer.recv() == b"question"

    def answer() -> None:
        for answerer in answerers:
            answerer.send(b"x" * 100_000)

    thread = threading.Thread(target=answer)
    thread.start()
    got = [dealer.recv_parts()[0] for _ in answerers]
    thread.join(LIMIT)
    assert got == [b"%d" % number for number in range(count)]


def test_a_full_peer_beside_another_costs_no_processor_time(sockets: Sockets) -> None:
    """libzmq says that the socket can send, which is true of the other peer."""
    rep, dealer = sockets.open("rep", send_buffer=2), sockets.open("dealer", recv_buffer=2)
    answerers = open_contexts(rep, 60)
    url = rep.listen(sockets.url()).url
    dealer.dial(url)
    sockets.open("dealer", dial=url)
    sockets.connected(rep, n=2)
    for _ in answerers:
        dealer.send_parts([b"way", b"", b"question"])
    for answerer in answerers:
        answerer.recv()
    large, sent = b"x" * 1_000_000, 0
    try:
        for answerer in answerers:
            answerer.send(large, timeout=0.3)
            sent += 1
    except anymq.Timeout:
        pass
    thread = threading.Thread(target=answerers[sent].send, args=(large,))
    thread.start()
    before = time.process_time()
    time.sleep(0.5)
    used = time.process_time() - before
    for _ in range(sent + 1):
        dealer.recv_parts()
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert used < 0.2
