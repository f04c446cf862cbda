"""What is made of counts: compared with the baseline of the same setting, or with none."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import guard.baseline
import guard.counting
import pytest
from console import Failure
from guard.baseline import changes, load, save
from guard.counting import Counted
from guard.profile import Cost
from tasks import Report

SEND = "zmq, send 100 B"
BEFORE = Cost(2000.0, 3.0, 2600.0)
MAIN = Path(guard.baseline.__file__).with_name("__main__.py")
HERE = {"python": "CPython 3.11.7", "machine": "x86_64"}


def changed(now: Cost) -> list[str]:
    return list(changes({SEND: BEFORE}, {SEND: now}))


@pytest.mark.parametrize("now", [BEFORE, Cost(2020.0, 3.0, 2700.0), Cost(1950.0, 2.0, 1900.0)])
def test_little_more_is_noise_and_less_is_welcome(now: Cost) -> None:
    assert changed(now) == []


def test_a_twentieth_more_is_named_with_its_amount() -> None:
    assert changed(Cost(2100.0, 3.0, 2700.0)) == [
        f"{SEND}: 2,000.0 -> 2,100.0 instructions of anymq (+5.0%; 3% allowed)"
    ]


def test_one_more_call_into_the_library_is_named() -> None:
    (line,) = changed(Cost(2000.0, 4.0, 2600.0))
    assert "3.0 -> 4.0 calls into the library" in line


def test_a_library_that_works_more_is_named() -> None:
    (line,) = changed(Cost(2000.0, 3.0, 2900.0))
    assert "2,600.0 -> 2,900.0 instructions in all" in line


def test_calls_where_there_were_none_are_named() -> None:
    (line,) = changes({SEND: Cost(5.0, 0.0, 5.0)}, {SEND: Cost(5.0, 1.0, 5.0)})
    assert "from none" in line


def test_a_large_gain_asks_for_a_new_baseline() -> None:
    (line,) = changed(Cost(1800.0, 3.0, 2400.0))
    assert "-10.0%" in line
    assert "the baseline should hold that" in line


def test_parts_that_come_or_go_are_named() -> None:
    assert len(list(changes({"old": BEFORE}, {"new": BEFORE}))) == 2


def test_saving_replaces_the_same_setting_alone(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    other = {**HERE, "python": "CPython 3.12.1"}
    save(Counted({SEND: BEFORE}, {}), HERE, file)
    save(Counted({SEND: BEFORE}, {}), other, file)
    save(Counted({SEND: Cost(1.04, 2.0, 3.0)}, {}), HERE, file)
    held = {each.setting["python"]: each.costs[SEND] for each in load(file)}
    assert held == {"CPython 3.11.7": Cost(1.0, 2.0, 3.0), "CPython 3.12.1": BEFORE}


Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`run(cost, setting, *arguments)`: the exit status of `python tools/guard`, had it counted
    that in that setting."""
    file = tmp_path / "baseline.json"

    def run(cost: Cost, setting: dict[str, str], *arguments: str) -> int:
        monkeypatch.setattr(guard.counting, "count", lambda: Counted({SEND: cost}, {}))
        monkeypatch.setattr(guard.baseline, "setting", lambda libraries: setting)
        monkeypatch.setattr(guard.baseline, "load", lambda *_: load(file))
        monkeypatch.setattr(guard.baseline, "save", lambda *what: save(*what, file))
        monkeypatch.setattr(sys, "argv", ["guard", *arguments])
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(MAIN), run_name="__main__")
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


def test_without_a_baseline_it_does_not_pass(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(BEFORE, HERE) == 3
    assert run(BEFORE, {**HERE, "machine": "aarch64"}, "--update") == 0
    assert run(BEFORE, HERE) == 3
    assert "NOT COMPARED: no baseline for" in capsys.readouterr().out


def test_it_compares_with_the_baseline_that_it_wrote(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(BEFORE, HERE, "--update") == 0
    assert run(BEFORE, HERE) == 0
    assert run(Cost(2100.0, 3.0, 2700.0), HERE) == 1
    assert f"CHANGED {SEND}" in capsys.readouterr().out


def test_a_step_that_compared_nothing_is_shown_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = Report()
    report.step("compared", lambda: None)
    report.step("not compared", lambda: "NOT COMPARED")
    report.close()
    shown = capsys.readouterr().out
    assert re.search("^  compared +ok +0.0 s$", shown, re.M)
    assert re.search("^  not compared +NOT COMPARED +0.0 s$", shown, re.M)
    report.step("failed", fail)
    with pytest.raises(Failure, match="failed: failed"):
        report.close()


def fail() -> None:
    raise Failure("of course")
