"""On a machine with none of the three libraries the package installs, imports, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .hiding import Auditor, Hiding, Namespace

LIBRARIES = {"nng": "libnng1", "nanomsg": "libnanomsg", "zmq": "libzmq5"}
"""Names of the backends, and what the hint for Debian must mention."""


@pytest.fixture(scope="module", params=[Namespace, Auditor], ids=["namespace", "auditor"])
def hiding(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hiding:
    kind: type[Namespace | Auditor] = request.param
    if kind is Namespace:
        reason = Namespace.why_not()
        if reason is not None:
            pytest.skip(reason)
    return kind(tmp_path_factory.mktemp("hiding"))


@pytest.fixture(scope="module")
def clean(hiding: Hiding, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment into which the wheel was installed without the libraries."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    done = hiding.run(folder / "bin" / "pip", "install", "--quiet", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin"


@pytest.mark.timeout(400)
def test_libraries_are_hidden(hiding: Hiding, clean: Path) -> None:
    """The loader finds none of them here, by name or by path: else the rest proves nothing."""
    program = """
import ctypes, glob, sys
names = ["libnng.so.1", "libnanomsg.so.5", "libnanomsg.so.6", "libzmq.so.5"]
for name in names + [p for n in names for p in glob.glob("/usr/lib/*/" + n)]:
    try:
        ctypes.CDLL(name)
    except OSError as error:
        assert "cannot open shared object file" in str(error), error
    else:
        sys.exit("loaded " + name)
"""
    done = hiding.run(clean / "python", "-c", program)
    assert done.returncode == 0, done.stderr


def test_import(hiding: Hiding, clean: Path) -> None:
    program = """
import anymq
found = anymq.backends()
assert sorted(found) == ["nanomsg", "nng", "zmq"], found
for name in found:
    try:
        anymq.get_backend(name)
    except anymq.BackendUnavailable as error:
        assert error.tried, error
        for path, said in error.tried:
            assert path in str(error), (path, error)
            assert "cannot open shared object file" in said, (path, said)
    else:
        raise SystemExit(name + " is not hidden")
try:
    anymq.Socket("push")
except anymq.BackendUnavailable as error:
    print(error)
else:
    raise SystemExit("a socket without a library")
"""
    done = hiding.run(clean / "python", "-W", "error", "-c", program)
    assert done.returncode == 0, done.stderr
    for name in LIBRARIES:
        assert name in done.stdout


def test_doctor_tells_what_to_install(hiding: Hiding, clean: Path) -> None:
    done = hiding.run(clean / "anymq", "doctor")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for name, package in LIBRARIES.items():
        assert name in done.stdout
        assert package in done.stdout


def test_doctor_for_programs(hiding: Hiding, clean: Path) -> None:
    done = hiding.run(clean / "anymq", "doctor", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.dumps(json.loads(done.stdout))
    for name, package in LIBRARIES.items():
        assert name in report
        assert package in report


def test_other_commands_fail_in_words(hiding: Hiding, clean: Path) -> None:
    """No traceback where a library is needed and none is there."""
    for arguments in (["features"], ["demo"], ["cat", "pull", "--listen", "tcp://127.0.0.1:0"]):
        done = hiding.run(clean / "anymq", *arguments)
        assert "Traceback" not in done.stderr, done.stderr
        if arguments != ["features"]:
            assert done.returncode != 0
            assert done.stderr.strip() or done.stdout.strip()
