"""Waits inside nng: slices lose nothing, interrupts wake all, a survey's end is its own."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from anymq_nng.backend import NngBackend
from tests.conformance.support import LIMIT, eventually

from .bare import AGAIN, INTERRUPTED, OK, Bare, connect, number


class Bares:
    """Makes bare sockets of one build."""

    def __init__(self, backend: NngBackend, stack: ExitStack) -> None:
        self.backend = backend
        self.stack = stack

    def open(self, protocol: str) -> Bare:
        return self.stack.enter_context(Bare(self.backend, protocol))

    def pair(self, first: str, second: str, url: str = "tcp://127.0.0.1:0") -> tuple[Bare, Bare]:
        """Two connected sockets; the second listens."""
        listener, dialer = self.open(second), self.open(first)
        connect(listener, dialer, url)
        return dialer, listener


@pytest.fixture
def bares(build: NngBackend) -> Iterator[Bares]:
    with ExitStack() as stack:
        yield Bares(build, stack)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.mark.parametrize("protocol", ["pull", "pair", "sub", "rep", "respondent", "bus"])
def test_a_wait_ends_when_its_time_does(bares: Bares, protocol: str) -> None:
    socket = bares.open(protocol)
    assert socket.recv() == AGAIN
    start = time.monotonic()
    assert socket.recv(wait=50) == AGAIN
    assert 0.049 <= time.monotonic() - start < 1


@pytest.mark.parametrize("protocol", ["push", "pair", "req"])
def test_sending_waits_for_a_peer(bares: Bares, threads: ThreadPoolExecutor, protocol: str) -> None:
    sender = bares.open(protocol)
    other = bares.open({"push": "pull", "pair": "pair", "req": "rep"}[protocol])
    assert sender.send(b"nobody") == AGAIN
    assert sender.send(b"nobody", wait=20) == AGAIN
    waiting = threads.submit(sender.send, b"somebody", wait=10_000)
    sender.dial(other.listen("tcp://127.0.0.1:0"))
    assert waiting.result(LIMIT) == OK
    assert other.recv(wait=10_000) == b"somebody"


@pytest.mark.parametrize("protocol", ["pub", "bus", "surveyor"])
def test_multicast_waits_for_nobody(bares: Bares, protocol: str) -> None:
    """A BUS of nng 1 may take the next one only after a thread of its own has seen the last."""
    socket = bares.open(protocol)
    for _ in range(300):
        assert socket.send(b"to nobody", wait=5000) == OK


@pytest.mark.parametrize("protocol", ["pull", "req", "surveyor"])
@pytest.mark.parametrize("begun", [True, False], ids=["waiting", "later"])
def test_interrupt_ends_waits_of_now_and_later(
    bares: Bares, threads: ThreadPoolExecutor, protocol: str, begun: bool
) -> None:
    if protocol == "pull":
        socket = bares.open("pull")
    else:
        socket, _ = bares.pair(protocol, {"req": "rep", "surveyor": "respondent"}[protocol])
        if protocol == "surveyor":
            socket.set_ms("surveyor:survey-time", 60_000)
        assert socket.send(b"?", wait=5000) == OK
    if not begun:
        socket.interrupt()
    waits = [threads.submit(socket.recv, wait=-1) for _ in range(1 if protocol == "req" else 4)]
    if begun:
        eventually(lambda: all(wait.running() for wait in waits))
        socket.interrupt()
    assert [wait.result(LIMIT) for wait in waits] == [INTERRUPTED] * len(waits)
    assert socket.recv(wait=-1) == INTERRUPTED


def test_an_interrupt_that_races_with_a_wait_is_never_missed(
    nng: NngBackend, threads: ThreadPoolExecutor
) -> None:
    for _ in range(200):
        with Bare(nng, "pull") as socket:
            wait = threads.submit(socket.recv, wait=-1)
            socket.interrupt()
            assert wait.result(LIMIT) == INTERRUPTED


def test_no_message_is_lost_between_slices(bares: Bares) -> None:
    """A thousand messages sent one by one against waits of a millisecond."""
    push, pull = bares.pair("push", "pull")
    total = 1000

    def send_all() -> None:
        for i in range(total):
            assert push.send(b"%d" % i, wait=10_000) == OK
            if i % 10 == 0:
                time.sleep(0.0007)  # so that arrivals meet the ends of waits

    sender = threading.Thread(target=send_all)
    sender.start()
    for i in range(total):
        assert pull.recv_in_slices(1, 10_000) == b"%d" % i
    sender.join(LIMIT)


def test_a_reply_survives_the_slices_of_its_wait(bares: Bares) -> None:
    """nng itself would give the request up with the first of them."""
    req, rep = bares.pair("req", "rep")
    assert req.send(b"question", wait=5000) == OK
    assert rep.recv(wait=5000) == b"question"
    assert [req.recv(wait=1) for _ in range(20)] == [AGAIN] * 20
    assert rep.send(b"answer", wait=5000) == OK
    assert req.recv(wait=5000) == b"answer"
    assert req.recv() == number("NNG_ESTATE")


def test_a_reply_that_came_between_waits_is_kept(bares: Bares) -> None:
    req, rep = bares.pair("req", "rep")
    assert req.send(b"question", wait=5000) == OK
    assert req.recv(wait=1) == AGAIN
    assert rep.recv(wait=5000) == b"question"
    assert rep.send(b"answer", wait=5000) == OK
    assert eventually(lambda: (r := req.recv()) != AGAIN and r) == b"answer"


def test_a_new_request_gets_its_own_reply_only(bares: Bares) -> None:
    req, rep = bares.pair("req", "rep")
    for left_waiting in (False, True):
        assert req.send(b"first", wait=5000) == OK
        assert rep.recv(wait=5000) == b"first"
        if left_waiting:
            assert req.recv(wait=1) == AGAIN
        assert rep.send(b"to the first", wait=5000) == OK
        assert req.send(b"second", wait=5000) == OK
        assert rep.recv(wait=5000) == b"second"
        assert rep.send(b"to the second", wait=5000) == OK
        assert req.recv(wait=5000) == b"to the second"


def test_receiving_without_a_request_is_an_error_of_state(bares: Bares) -> None:
    req = bares.open("req")
    assert req.recv() == number("NNG_ESTATE")
    assert req.recv(wait=1000) == number("NNG_ESTATE")


def test_receiving_while_the_request_waits_for_a_peer(
    bares: Bares, threads: ThreadPoolExecutor
) -> None:
    req = bares.open("req")
    sending = threads.submit(req.send, b"?", wait=-1)
    eventually(sending.running)
    assert req.recv(wait=50) == number("NNG_ESTATE")
    req.interrupt()
    assert sending.result(LIMIT) == INTERRUPTED


def test_a_loop_that_came_while_the_request_waited_is_told(
    bares: Bares, threads: ThreadPoolExecutor
) -> None:
    req, rep = bares.open("req"), bares.open("rep")

    def readable(seconds: float = 0) -> bool:
        return bool(select.select([req.ops.wait_fd(req.s, 1)], [], [], seconds)[0])

    sending = threads.submit(req.send, b"?", wait=-1)
    # Before it waits, a receive is refused, which is something to look at.
    eventually(lambda: not readable(0.05))
    fd = req.ops.wait_fd(req.s, 1)
    connect(req, rep)
    assert sending.result(LIMIT) == OK
    assert select.select([fd], [], [], LIMIT)[0]
    assert rep.recv_in_slices(10) == b"?"
    assert not readable()
    assert rep.send(b"!") == OK
    assert readable(LIMIT)
    assert req.recv() == b"!"


def test_the_end_of_a_survey_is_not_the_end_of_a_slice(bares: Bares) -> None:
    surveyor, respondent = bares.pair("surveyor", "respondent")
    surveyor.set_ms("surveyor:survey-time", 400)
    for round_ in range(2):
        start = time.monotonic()
        assert surveyor.send(b"?") == OK
        assert respondent.recv(wait=5000) == b"?"
        assert surveyor.recv(wait=10) == AGAIN
        assert respondent.send(b"!%d" % round_, wait=5000) == OK
        assert surveyor.recv_in_slices(10) == b"!%d" % round_
        assert surveyor.recv_in_slices(10) == number("NNG_ETIMEDOUT")
        assert 0.39 <= time.monotonic() - start < 1.5
        assert surveyor.recv(wait=5000) == number("NNG_ESTATE")


def test_a_survey_that_ended_unseen_has_timed_out(bares: Bares) -> None:
    surveyor = bares.open("surveyor")
    assert surveyor.recv(wait=5000) == number("NNG_ESTATE")
    surveyor.set_ms("surveyor:survey-time", 30)
    assert surveyor.send(b"?") == OK
    outcome = eventually(lambda: (r := surveyor.recv()) != AGAIN and r)
    assert outcome == number("NNG_ETIMEDOUT")
    assert surveyor.recv(wait=5000) == number("NNG_ESTATE")


def test_an_attempt_before_the_answer_ends_no_survey(bares: Bares) -> None:
    surveyor, respondent = bares.pair("surveyor", "respondent")
    surveyor.set_ms("surveyor:survey-time", 60_000)
    assert surveyor.send(b"?") == OK
    assert respondent.recv(wait=5000) == b"?"
    assert [surveyor.recv() for _ in range(3)] == [AGAIN] * 3
    assert respondent.send(b"!", wait=5000) == OK
    assert surveyor.recv_in_slices(10) == b"!"


def test_answers_to_an_old_survey_do_not_show(bares: Bares) -> None:
    surveyor, respondent = bares.pair("surveyor", "respondent")
    surveyor.set_ms("surveyor:survey-time", 60_000)
    assert surveyor.send(b"old") == OK
    assert respondent.recv(wait=5000) == b"old"
    assert surveyor.recv(wait=1) == AGAIN
    assert respondent.send(b"to the old", wait=5000) == OK
    eventually(lambda: respondent.drained != 0)
    assert surveyor.send(b"new") == OK
    assert respondent.recv(wait=5000) == b"new"
    assert respondent.send(b"to the new", wait=5000) == OK
    assert surveyor.recv(wait=5000) == b"to the new"
