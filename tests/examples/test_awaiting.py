"""The examples of awaiting calls, each run over every library that has what it needs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.support import LIMIT, Sockets

FOLDER = Path(__file__).parents[2] / "examples" / "awaiting"
TESTED = {"survey.py", "fan_out.py", "either_loop.py"}


def run(name: str, *arguments: str) -> list[str]:
    """The lines that the example wrote."""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", str(FOLDER / name), *arguments],
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_each_example_is_tested() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == TESTED


@pytest.mark.requires("protocol.surveyor", "protocol.respondent")
def test_a_survey_with_a_late_answer(sockets: Sockets) -> None:
    assert run("survey.py", sockets.backend.name) == [
        "first: quick to first, slow to first",
        "second: late to second, quick to second, slow to second",
    ]


def test_a_fan_out_with_back_pressure(sockets: Sockets) -> None:
    done, ahead, workers = run("fan_out.py", sockets.backend.name)
    assert done == "400 of 400 jobs done, each once"
    lead = re.fullmatch(r"the source was at most (\d+) jobs ahead", ahead)
    assert lead, ahead
    assert 0 < int(lead[1]) < 200, "the source waits for its workers"
    assert {"quick", "slow"} == set(re.findall(r"(\w+) \d+", workers))


@pytest.mark.requires("protocol.req", "protocol.rep")
@pytest.mark.parametrize("loop_name", ["asyncio", "trio"])
def test_one_program_in_either_loop(sockets: Sockets, loop_name: str) -> None:
    for package in {"anyio", loop_name}:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    lines = run("either_loop.py", loop_name, sockets.backend.name)
    assert lines == ["ONE", "slow: no answer within 0.1 s", "TWO"]
