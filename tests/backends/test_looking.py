"""Blocking receives that look for their answers, on the real libraries; see tests/unit too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import anymq
from anymq import _engine
from tests.conformance.support import LIMIT, Sockets, open_contexts

TRIPS = 200


@pytest.fixture(params=["looking", "not looking"], autouse=True)
def soon(request: pytest.FixtureRequest) -> Iterator[None]:
    """For longer than any answer takes, so that each is looked for; or for no time."""
    _engine.look_for(2 * LIMIT if request.param == "looking" else 0)
    try:
        yield
    finally:
        _engine.look_for(0.0003)


class Side:
    """A thread that goes on answering until it is told to end."""

    def __init__(self, answerer: anymq.Socket | anymq.Context) -> None:
        self.answerer = answerer
        self.thread = threading.Thread(target=self.answer)

    def answer(self) -> None:
        message = b""
        while message != b"end":
            message = self.answerer.recv(timeout=LIMIT)
            self.answerer.send(message, timeout=LIMIT)

    def __enter__(self) -> Side:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()


def trips(asker: anymq.Socket | anymq.Context, name: bytes = b"") -> None:
    for number in range(TRIPS):
        question = b"%b %d" % (name, number)
        asker.send(question, timeout=LIMIT)
        assert asker.recv(timeout=LIMIT) == question


@pytest.mark.parametrize(("one", "other"), [("req", "rep"), ("pair", "pair"), ("bus", "bus")])
def test_every_answer_comes(sockets: Sockets, one: str, other: str) -> None:
    asker, answerer = sockets.pair(one, other)
    with Side(answerer):
        trips(asker)
        asker.send(b"end")
        assert asker.recv(timeout=LIMIT) == b"end"


def test_of_several_askers_one_looks(sockets: Sockets) -> None:
    askers = [sockets.open("req") for _ in range(4)]
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    for asker in askers:
        asker.dial(url)
    with Side(rep), ThreadPoolExecutor(len(askers)) as threads:
        done = [threads.submit(trips, asker, b"%d" % i) for i, asker in enumerate(askers)]
        for each in done:
            each.result(LIMIT)
        askers[0].send(b"end", timeout=LIMIT)
        assert askers[0].recv(timeout=LIMIT) == b"end"


def test_contexts(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    (asker,), (answerer,) = open_contexts(req), open_contexts(rep)
    req.dial(rep.listen(sockets.url()).url)
    with Side(answerer):
        trips(asker)
        asker.send(b"end", timeout=LIMIT)
        assert asker.recv(timeout=LIMIT) == b"end"


def test_another_thread_uses_the_socket_meanwhile(sockets: Sockets) -> None:
    """It sends while one looks, and its own wait is told of what comes."""
    pair, other = sockets.pair("pair", "pair")
    with Side(other), ThreadPoolExecutor(2) as threads:

        def exchange() -> None:
            for _ in range(TRIPS):
                pair.send(b"x", timeout=LIMIT)
                assert pair.recv(timeout=LIMIT) == b"x"

        for each in [threads.submit(exchange) for _ in range(2)]:
            each.result(LIMIT)
        pair.send(b"end", timeout=LIMIT)
        assert pair.recv(timeout=LIMIT) == b"end"


RECEIVES: dict[str, Callable[[anymq.Socket], object]] = {
    "recv": lambda socket: socket.recv(),
    "recv_into": lambda socket: socket.recv_into(bytearray(9)),
    "recv_many": lambda socket: socket.recv_many(),
    "recv_message": lambda socket: socket.recv_message(),
}


@pytest.mark.parametrize("name", RECEIVES)
def test_closed_while_it_waits(sockets: Sockets, name: str) -> None:
    pair, other = sockets.pair("pair", "pair")
    pair.recv_timeout = LIMIT
    asked = threading.Event()

    def ask() -> None:
        pair.send(b"now")
        assert pair.recv() == b"now"
        pair.send(b"never")
        asked.set()
        with pytest.raises(anymq.Closed):
            RECEIVES[name](pair)

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(ask)
        other.send(other.recv(timeout=LIMIT))
        assert other.recv(timeout=LIMIT) == b"never"
        assert asked.wait(LIMIT)
        pair.close()
        done.result(LIMIT)
