"""Surveys: one question, the answers that come in time, and no others."""

from __future__ import annotations

import threading
import time

import pytest

import anymq

from .support import LIMIT, Sockets
from .timing import timely

pytestmark = pytest.mark.requires("protocol.surveyor", "protocol.respondent")


def panel(
    sockets: Sockets, count: int, transport: str = "tcp", **options: float
) -> tuple[anymq.Socket, list[anymq.Socket]]:
    """A surveyor connected to `count` respondents."""
    surveyor = sockets.open("surveyor", **options)
    url = surveyor.listen(sockets.url(transport)).url
    respondents = [sockets.open("respondent", dial=url) for _ in range(count)]
    sockets.connected(*respondents)
    sockets.connected(surveyor, n=count)
    return surveyor, respondents


def answering(respondent: anymq.Socket, answer: bytes) -> threading.Thread:
    def run() -> None:
        respondent.send(respondent.recv() + answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_survey_gathers_the_answers(sockets: Sockets, transport: str) -> None:
    surveyor, respondents = panel(sockets, 3, transport, survey_time=0.6)
    threads = [answering(r, b" %d" % i) for i, r in enumerate(respondents)]
    begin = time.monotonic()
    answers = surveyor.survey(b"who?")
    took = time.monotonic() - begin
    assert sorted(answers) == [b"who? 0", b"who? 1", b"who? 2"]
    assert took >= 0.599
    for thread in threads:
        thread.join(LIMIT)


def test_survey_without_answers_is_empty(sockets: Sockets) -> None:
    surveyor, _ = panel(sockets, 1, survey_time=0.1)

    def ask() -> float:
        begin = time.monotonic()
        assert surveyor.survey(b"anybody?") == []
        return time.monotonic() - begin

    timely(ask, 0.099, 0.15)


def test_survey_timeout_is_a_deadline_for_this_survey(sockets: Sockets) -> None:
    surveyor, respondents = panel(sockets, 1, survey_time=3 * LIMIT)
    thread = answering(respondents[0], b"!")
    begin = time.monotonic()
    assert surveyor.survey(b"quick", timeout=0.5) == [b"quick!"]
    assert time.monotonic() - begin < LIMIT
    thread.join(LIMIT)


def test_answers_one_by_one(sockets: Sockets) -> None:
    surveyor, respondents = panel(sockets, 2, survey_time=LIMIT)
    threads = [answering(r, b"!") for r in respondents]
    surveyor.send(b"hi")
    assert [surveyor.recv(), surveyor.recv()] == [b"hi!"] * 2
    with pytest.raises(anymq.Timeout):
        surveyor.recv(timeout=0.05)
    for thread in threads:
        thread.join(LIMIT)
    surveyor.survey_time = 0.1
    surveyor.send(b"and now?")
    with pytest.raises(anymq.Timeout):
        surveyor.recv()


def test_late_answers_are_not_in_the_next_survey(sockets: Sockets) -> None:
    surveyor, (respondent,) = panel(sockets, 1, survey_time=0.1)
    assert surveyor.survey(b"first") == []
    assert respondent.recv() == b"first"
    respondent.send(b"late")
    surveyor.survey_time = LIMIT
    thread = answering(respondent, b"!")
    surveyor.send(b"second")
    assert surveyor.recv() == b"second!"
    thread.join(LIMIT)


def test_a_new_survey_ends_the_old_one(sockets: Sockets) -> None:
    surveyor, (respondent,) = panel(sockets, 1, survey_time=LIMIT)
    surveyor.send(b"first")
    assert respondent.recv() == b"first"
    surveyor.send(b"second")
    respondent.send(b"to the first")
    assert respondent.recv() == b"second"
    respondent.send(b"to the second")
    assert surveyor.recv() == b"to the second"


def test_recv_without_a_survey_is_a_state_error(sockets: Sockets) -> None:
    surveyor, _ = panel(sockets, 1)
    with pytest.raises(anymq.StateError):
        surveyor.recv()


def test_answer_before_a_survey_is_a_state_error(sockets: Sockets) -> None:
    surveyor, (respondent,) = panel(sockets, 1, survey_time=LIMIT)
    with pytest.raises(anymq.StateError):
        respondent.send(b"too early")
    thread = answering(respondent, b"!")
    surveyor.send(b"q")
    assert surveyor.recv() == b"q!"
    thread.join(LIMIT)


@pytest.mark.protocols("pair", "respondent")
def test_only_surveyors_survey(sockets: Sockets, protocol: str) -> None:
    with pytest.raises(anymq.StateError, match="survey"):
        sockets.open(protocol).survey(b"x")
