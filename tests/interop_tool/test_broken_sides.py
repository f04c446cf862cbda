"""Sides that lose, change, swap or repeat messages, die or hang: each is told as what it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from anymq import interop
from anymq.interop import Build, Plan, Report, Run

BROKEN = Path(__file__).parent / "broken_side.py"
COUNT = 5


def broken(defect: str, backend: str = "nng") -> Build:
    return Build("broken", worker=[sys.executable, "-P", str(BROKEN), defect, backend])


def report_of(
    defect: str,
    protocol: str = "push-pull",
    *,
    timeout: float = 30.0,
    start: float = 30.0,
    again: bool = False,
) -> Report:
    """A good and a broken side, each sending to the other, whichever listens."""
    plan = Plan(
        [Build("good", "nng"), broken(defect)],
        [protocol],
        ["ipc"],
        sizes=[100],
        count=COUNT,
        timeout=timeout,
        grace=1.0,
        start=start,
        jobs=1,
        pairs=[("good", "broken"), ("broken", "good")],
        again=again,
    )
    return interop.run(plan)


def check(report: Report, outcome: str) -> list[Run]:
    """What the broken one sent ended so, what it received is well; returns the former."""
    good, bad = report.runs[:2], report.runs[2:]
    assert [(run.sender, run.outcome) for run in good] == [("good", "ok")] * 2
    told = [(run.sender, run.outcome) for run in bad]
    assert told == [("broken", outcome)] * 2, [run.detail for run in bad]
    assert not report.ok
    return bad


def test_a_flipped_bit_is_corrupt() -> None:
    for run in check(report_of("flip"), "corrupt"):
        assert (run.sent, run.delivered, run.intact) == (COUNT, COUNT - 1, False)
        assert "1 corrupt of 5" in run.detail
        assert "message 2: byte 99 is 0x" in run.detail


def test_a_shorter_message_is_corrupt() -> None:
    for run in check(report_of("cut"), "corrupt"):
        assert "message 2 has 99 bytes instead of 100" in run.detail


def test_a_missing_message_is_lost() -> None:
    for run in check(report_of("drop"), "lost"):
        assert (run.sent, run.delivered, run.intact) == (COUNT, COUNT - 1, True)
        assert "1 lost of 5, of 100 bytes" in run.detail


def test_what_failed_is_run_again_and_both_are_told() -> None:
    for run in check(report_of("drop", again=True), "lost"):
        assert run.detail == "to good: 1 lost of 5, of 100 bytes; run again: lost"
    report = report_of("die once", again=True)
    assert [run.outcome for run in report.runs] == ["ok", "ok", "crashed", "ok"]
    assert report.runs[2].detail.endswith("about to die; run again: ok")


def test_swapped_messages_are_disordered() -> None:
    for run in check(report_of("swap"), "disordered"):
        assert (run.delivered, run.intact, run.ordered) == (COUNT, True, False)
        assert "1 out of order of 5" in run.detail


def test_a_message_that_comes_twice_is_disordered() -> None:
    for run in check(report_of("twice"), "disordered"):
        assert (run.delivered, run.intact, run.ordered) == (COUNT, True, False)
        assert "1 came twice of 5" in run.detail


def test_a_published_message_that_is_missing_is_lost() -> None:
    for run in check(report_of("drop", "pub-sub", timeout=10.0), "lost"):
        assert run.delivered == COUNT - 1


def test_a_flipped_bit_in_a_question_or_answer_is_corrupt() -> None:
    report = report_of("flip", "req-rep")
    assert [run.outcome for run in report.runs] == ["corrupt"] * 4
    for run in report.runs:
        assert "to good: 1 corrupt of 5" in run.detail
        assert "to broken" not in run.detail


def test_a_side_that_dies_is_told_with_its_signal_and_last_words() -> None:
    for run in check(report_of("die"), "crashed"):
        assert "broken was ended by SIGSEGV while conversing" in run.detail
        assert "about to die" in run.detail


def test_a_side_that_hangs_is_told_and_replaced() -> None:
    for run in check(report_of("stop", timeout=1.0), "hung"):
        assert "broken did not answer while conversing" in run.detail


def test_a_side_that_fails_is_an_error() -> None:
    for run in check(report_of("raise"), "error"):
        assert "OSError: a defect" in run.detail


def test_a_side_that_makes_no_sense_is_an_error() -> None:
    for run in check(report_of("babble"), "error"):
        assert "broken answered" in run.detail


@pytest.mark.parametrize(
    ("defect", "outcome", "words"),
    [
        ("status", "crashed", "broken ended with status 7 while starting"),
        ("silent", "hung", "broken did not answer while starting"),
    ],
)
def test_a_side_that_does_not_start(defect: str, outcome: str, words: str) -> None:
    report = report_of(defect, start=5.0)
    assert [run.outcome for run in report.runs] == [outcome] * 4
    assert all(words in run.detail for run in report.runs)
    assert words in report.builds["broken"]["reason"]


def test_a_command_that_cannot_be_started() -> None:
    nowhere = Build("nowhere", "nng", python=["/nonexistent/python"])
    report = interop.run(Plan([nowhere], ["req-rep"], ["ipc"], sizes=[1]))
    assert {run.outcome for run in report.runs} == {"error"}
    assert "No such file" in report.runs[0].detail
