"""What the coordinator makes of two sides of which one or both do not answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anymq.interop import Build
from anymq.interop.process import Failed, Side, replies

ANSWERING = "import sys; said = sys.argv[1]; said and print(said, flush=True); sys.stdin.read()"

Start = Callable[..., Side]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sides that say one thing, or nothing, and then no more."""
    started: list[Side] = []

    def start(name: str, **answer: Any) -> Side:
        said = json.dumps(answer) if answer else ""
        started.append(Side(Build(name, worker=[sys.executable, "-c", ANSWERING, said])))
        return started[-1]

    yield start
    for side in started:
        side.end()


def hung(*sides: Side, limit: float) -> Failed:
    with pytest.raises(Failed) as caught:
        replies(sides, limit, "conversing", stop_after=0.1)
    assert not caught.value.usable
    return caught.value


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", ["error", "unsupported"])
def test_the_failure_of_one_is_told_though_the_other_does_not_stop(
    start: Start, first: bool, kind: str
) -> None:
    failing = start("failing", failed={"kind": kind, "text": "OSError: a defect"})
    other = start("other")
    failed = hung(*([failing, other] if first else [other, failing]), limit=30.0)
    assert failed.outcome == kind
    assert str(failed) == "failing: OSError: a defect; other did not answer while conversing"


def test_one_that_only_waited_too_long_is_not_the_cause(start: Start) -> None:
    failed = hung(start("late", done={"timeout": "the time is over"}), start("other"), limit=30.0)
    assert failed.outcome == "hung"
    assert str(failed) == "other did not answer while conversing"


def test_of_two_that_do_not_answer_both_are_told(start: Start) -> None:
    failed = hung(start("one"), start("other"), limit=0.1)
    assert failed.outcome == "hung"
    assert str(failed) == (
        "one did not answer while conversing; other did not answer while conversing"
    )
