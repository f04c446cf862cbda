"""However a run ends: no process of it remains, and no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from anymq.interop import Build, Plan, run
from tests.conformance.support import LIMIT, eventually

BROKEN = Path(__file__).parent / "broken_side.py"

RUN = """
import sys
from anymq.interop import Build, Plan, run
worker = [sys.executable, "-P", sys.argv[1], sys.argv[2], "nng"]
plan = Plan(
    [Build("good", "nng"), Build("broken", worker=worker)],
    ["push-pull"], ["ipc"], [100], timeout=300, pairs=[("good", "broken"), ("broken", "good")],
)
run(plan, lambda result: print(result.outcome, flush=True))
"""


def children(pid: int) -> set[int]:
    """Processes that it started, and theirs."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found |= {int(entry.name)} | children(int(entry.name))
    return found


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("defect", "how"),
    [("sleep", signal.SIGKILL), ("sleep", signal.SIGINT), ("stop", signal.SIGINT)],
)
def test_nothing_remains(defect: str, how: signal.Signals, tmp_path: Path) -> None:
    """The broken side sleeps or is stopped in the midst of an exchange; the others wait for it."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(BROKEN), defect],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ok\n"
            assert process.stdout.readline() == "ok\n"
            eventually(lambda: len(children(process.pid)) >= 2)
            sides = children(process.pid)
            process.send_signal(how)
            assert process.wait(LIMIT) != 0
            eventually(lambda: not any(map(runs, sides)))
        finally:
            process.kill()
    if how is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


def test_a_program_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended in the midst of its work: nngcat can only wait for what a broken side holds back."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker = [sys.executable, "-P", str(BROKEN), "stop", "nng"]
    sides = [Build("broken", worker=worker), Build("nngcat", foreign="nngcat")]
    plan = Plan(
        sides, ["push-pull"], ["ipc"], [1, 2, 3, 4], timeout=1, pairs=[("broken", "nngcat")]
    )
    assert [result.outcome for result in run(plan).runs] == ["hung"] * 2
    assert list(tmp_path.iterdir()) == []
