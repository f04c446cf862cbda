"""The suite's runner lives through what a library under test may do to the process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import anymq
from tests.conformance.runner import run_suite

NAME = next(iter(anymq.backends()))

GOOD = "def test_first():\n    pass\ndef test_last():\n    pass\n"
CRASH = """\
import ctypes
def test_before():
    pass
def test_crash():
    ctypes.string_at(0)
def test_after():
    pass
"""
ENDS = "import os\ndef test_ends():\n    os._exit(0)\ndef test_after_the_end():\n    pass\n"
HANG = """\
import ctypes, threading
def test_hang():
    threading.Event().wait()
def test_hang_with_the_interpreter_lock_held():
    libc = ctypes.PyDLL(None)
    while True:
        libc.pause()
def test_after_the_hang():
    pass
"""
FAIL = """\
import pytest
def test_fail():
    assert 1 == 2, "as made"
def test_skip():
    pytest.skip("no need")
@pytest.mark.xfail(reason="D99: made different", strict=True)
def test_differs():
    assert False
@pytest.mark.xfail(reason="D98: made different", strict=True)
def test_does_not_differ():
    pass
@pytest.fixture
def broken():
    yield
    raise RuntimeError("left undone")
def test_torn_down_badly(broken):
    pass
"""


def suite(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    return folder


def run(folder: Path, **options: Any) -> dict[str, Any]:
    options.setdefault("test_timeout", 20.0)
    result = run_suite(None, NAME, build="made", folder=folder, **options)
    assert json.loads(json.dumps(result)) == result
    assert result["build"] == "made"
    return result


def failures(result: dict[str, Any]) -> dict[str, str]:
    return {entry["test"]: entry["message"] for entry in result["failed"]}


def test_all_passes(tmp_path: Path) -> None:
    result = run(suite(tmp_path, good=GOOD))
    assert (result["outcome"], result["passed"], result["failed"]) == ("passed", 2, [])
    assert result["python"].startswith("3.")
    assert result["detail"] == ""
    assert result["library"]["name"] == NAME


def test_a_crash_loses_one_test(tmp_path: Path) -> None:
    result = run(suite(tmp_path, crash=CRASH, good=GOOD))
    assert result["outcome"] == "crashed"
    assert failures(result) == {"test_crash.py::test_crash": "crashed: SIGSEGV"}
    assert result["passed"] == 4
    assert "Segmentation fault" in result["detail"]
    assert "string_at" in result["detail"], "where it was"


def test_an_exit_loses_one_test(tmp_path: Path) -> None:
    result = run(suite(tmp_path, ends=ENDS))
    assert result["outcome"] == "crashed"
    assert failures(result) == {
        "test_ends.py::test_ends": "crashed: the process ended with status 0"
    }
    assert result["passed"] == 1


def test_a_hang_loses_one_test(tmp_path: Path) -> None:
    result = run(suite(tmp_path, hang=HANG, good=GOOD), test_timeout=1.0)
    assert result["outcome"] == "hung"
    assert failures(result) == {
        "test_hang.py::test_hang": "hung: no end after 1 s",
        "test_hang.py::test_hang_with_the_interpreter_lock_held": "hung: no end after 1 s",
    }
    assert result["passed"] == 3
    assert "in test_hang" in result["detail"], "where it was"


def test_failures_skips_and_differences(tmp_path: Path) -> None:
    result = run(suite(tmp_path, fail=FAIL))
    assert result["outcome"] == "failed"
    assert set(failures(result)) == {
        "test_fail.py::test_fail",
        "test_fail.py::test_does_not_differ",
        "test_fail.py::test_torn_down_badly",
    }
    assert "as made" in failures(result)["test_fail.py::test_fail"]
    assert result["skipped"] == [{"test": "test_fail.py::test_skip", "reason": "no need"}]
    assert result["differences"] == [
        {"test": "test_fail.py::test_differs", "id": "D99", "reason": "made different"}
    ]
    assert result["passed"] == 0


def test_a_file_that_cannot_be_imported_is_a_failure(tmp_path: Path) -> None:
    result = run(suite(tmp_path, good=GOOD, broken="import no_such_module\n"))
    assert result["outcome"] == "failed"
    assert "no_such_module" in failures(result)["test_broken.py"]


def test_a_crash_outside_of_any_test(tmp_path: Path) -> None:
    result = run(suite(tmp_path, crash="import ctypes\nctypes.string_at(0)\n"))
    assert result["outcome"] == "crashed"
    assert "outside of any test: crashed: SIGSEGV" in result["detail"]


def test_nothing_to_run_is_not_a_success(tmp_path: Path) -> None:
    assert run(suite(tmp_path, good=GOOD), keyword="nothing")["outcome"] == "failed"


def test_a_library_that_does_not_load(tmp_path: Path) -> None:
    library = tmp_path / "libnothing.so"
    library.write_text("I am no library")
    result = run_suite(
        library, NAME, build="bad", selection=["test_libraries_under_test.py"], test_timeout=20.0
    )
    assert result["outcome"] == "failed"
    assert "<bad>" in result["detail"]
    assert str(tmp_path) not in json.dumps({**result, "library": None})


def test_the_whole_has_a_limit(tmp_path: Path) -> None:
    result = run(suite(tmp_path, hang=HANG), timeout=4.0, test_timeout=600.0)
    assert result["outcome"] == "hung"
    assert "the time for the whole run is over" in result["detail"]
    assert result["seconds"] < 30


def test_selection(tmp_path: Path) -> None:
    folder = suite(tmp_path, good=GOOD, fail=FAIL)
    assert run(folder, selection=["test_good.py"])["passed"] == 2
    assert run(folder, selection=["test_good.py::test_last"])["passed"] == 1
    assert run(folder, keyword="test_last")["passed"] == 1


@pytest.mark.parametrize("variable", ["ANYMQ_TEST_LIBRARIES", "ANYMQ_TEST_ONLY"])
def test_what_is_set_outside_does_not_change_what_is_tested(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "")
    result = run(suite(tmp_path, good=GOOD))
    assert (result["passed"], result["library"]["name"]) == (2, NAME)
