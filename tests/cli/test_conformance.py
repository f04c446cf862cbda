"""`anymq conformance` over the real libraries: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from anymq.abc import Backend
from tests.conformance.support import BACKENDS

LIMIT = 90.0
ANY = next(iter(BACKENDS.values()))
"""For what does not depend on the library."""


def conformance(*arguments: object, program: str = "") -> subprocess.CompletedProcess[str]:
    """The command as one types it; `program` is run before it, in the same interpreter."""
    code = f"import sys\n{program}\nfrom anymq.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "conformance", *map(str, arguments)],
        env={k: v for k, v in os.environ.items() if not k.startswith("ANYMQ_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.timeout(LIMIT)
def test_a_library_file(backend: Backend, tmp_path: Path) -> None:
    """A file that was copied somewhere is tested, and told in each of the forms."""
    copy = shutil.copy(os.path.realpath(backend.library.path), tmp_path / "libcopy.so")
    done = conformance(
        *(backend.name, "--test", "test_libraries_under_test.py", "--test", "test_discovery.py"),
        *("--library", copy),
        *("--json", tmp_path / "r.json", "--junit", tmp_path / "r.xml"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["outcome"] == "passed"
    assert result["library"]["path"] == str(copy)
    assert result["library"]["version"] == list(backend.library.version)
    assert result["passed"] > 20
    assert result["failed"] == []
    assert result["command"].endswith("--library libcopy.so")
    assert str(copy) in done.stdout
    assert f"conforms: {result['passed']} tests passed" in done.stdout
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()[0]
    assert suite.tag == "testsuite"
    assert int(suite.attrib["tests"]) == len(suite)
    assert int(suite.attrib["tests"]) - int(suite.attrib["skipped"]) == result["passed"]
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
    names = {(case.attrib["classname"], case.attrib["name"]) for case in suite}
    assert any(file == "test_discovery" and "test_library[" in name for file, name in names)


@pytest.mark.timeout(LIMIT)
def test_documented_differences_are_no_failures(backend: Backend, tmp_path: Path) -> None:
    done = conformance(backend.name, "--test", "test_options.py", "-k", "gathered", "--json", "-")
    result = json.loads(done.stdout)
    assert done.returncode == (0 if result["passed"] else 1)
    assert result["failed"] == []
    told = {(difference["id"], bool(difference["reason"])) for difference in result["differences"]}
    assert told == ({("D2", True)} if backend.wire == "zmtp" else set())


@pytest.mark.timeout(LIMIT)
def test_list(backend: Backend) -> None:
    """The tests that this library gets, and none is run."""
    done = conformance(backend.name, "--list", "--test", "test_patterns.py", "-k", "delivers")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) > 10
    assert all(line.startswith("test_patterns.py::test_delivers[") for line in lines)
    assert all(backend.name in line for line in lines)


@pytest.mark.timeout(LIMIT)
def test_nothing_chosen_is_no_success() -> None:
    for more in ((), ("--list",)):
        nothing = ("--test", "test_options.py", "-k", "no_test_is_called_so")
        done = conformance(ANY.name, *nothing, *more)
        assert done.returncode == 1, done.stdout
        assert "conforms:" not in done.stdout


@pytest.mark.timeout(LIMIT)
def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("I am no library\n")
    report = tmp_path / "r.xml"
    done = conformance(
        ANY.name, "--test", "test_discovery.py", "--library", path, "--junit", report
    )
    assert done.returncode == 1
    assert "does not conform: the library is not usable" in done.stdout
    suite = ElementTree.parse(report).getroot()[0]
    assert int(suite.attrib["failures"]) + int(suite.attrib["errors"]) > 0


def test_wrong_command_lines(tmp_path: Path) -> None:
    missing = conformance(ANY.name, "--library", tmp_path / "missing.so")
    assert missing.returncode == 2
    assert "missing.so" in missing.stderr
    unknown = conformance("telepathy")
    assert unknown.returncode == 2
    assert ANY.name in unknown.stderr


def test_without_pytest_it_says_what_to_install() -> None:
    done = conformance(ANY.name, program="sys.modules['pytest'] = None")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'anymq[conformance]'" in done.stderr


def test_help_tells_about_the_exit_status() -> None:
    done = conformance("--help")
    assert done.returncode == 0
    assert "exit status" in done.stdout
