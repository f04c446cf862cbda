"""The example of a fourth backend: built as its author would, found by its entry point, conforming.

It is compiled against the headers of the anymq that is installed here, into a folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "anymq_loopback"
GENERATED = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "*.so")
LIMIT = 170.0

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, since building writes into the sources."""
    return shutil.copytree(
        EXAMPLE, tmp_path_factory.mktemp("loopback") / "sources", ignore=GENERATED
    )


@pytest.fixture(scope="module")
def site(sources: Path) -> Path:
    """The folder that the package was installed into, without any network."""
    folder = sources.parent / "site"
    command = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(folder)]
    done = subprocess.run(
        [*command, str(sources)],
        env={**os.environ, "CFLAGS": "-Wall -Wextra -Werror -Wno-unused-function"},
        cwd=sources.parent,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def anymq(site: Path) -> Run:
    """Runs the command `anymq` where the example is installed."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ANYMQ_")}
        paths = [str(site), *filter(None, [kept.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, "-P", "-m", "anymq", *map(str, arguments)],
            env={
                **kept,
                "PYTHONPATH": os.pathsep.join(paths),
                "ANYMQ_TEST_LEAK_ROUNDS": "2",
            },
            cwd=site.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    return run


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["failed"] == [], done.stderr
    assert (done.returncode, result["outcome"]) == (0, "passed"), result["detail"]
    return result


@pytest.mark.timeout(LIMIT)
def test_it_is_found_beside_the_others(anymq: Run, site: Path) -> None:
    found = json.loads(anymq("doctor", "--json").stdout)
    text = json.dumps(found)
    assert str(site / "anymq_loopback") in text
    for name in ("loopback", "nanomsg", "nng", "zmq"):
        assert name in text


def test_it_says_what_it_can_do(anymq: Run) -> None:
    done = anymq("features", "loopback", "--json")
    assert done.returncode == 0, done.stderr
    features = json.loads(done.stdout)["loopback"]["features"]
    assert features["protocol.pair"]["status"] == "native"
    assert features["protocol.pair"]["evidence"] == 'lb_number("kind.pair") = 1'
    assert features["protocol.req"]["status"] == "absent"


@pytest.mark.timeout(LIMIT)
def test_it_conforms(anymq: Run) -> None:
    """All but what takes long; hundreds of tests, of messages among them."""
    selection = "not test_256_mib and not test_leaks and not test_ctrl_c_ends_a_wait"
    result = result_of(anymq("conformance", "loopback", "-k", selection, "--json", "-"))
    assert result["passed"] > 500
    assert result["differences"] == []
    assert result["library"]["version"] == [1, 0, 0]
    assert len(result["skipped"]) < result["passed"] / 4, "little of the suite is not for it"


@pytest.mark.timeout(LIMIT)
def test_another_build_of_its_library_has_less(anymq: Run, sources: Path) -> None:
    """A library file without pairs and tcp: found out when it is opened, and still conforming."""
    library = sources.parent / "libless.so"
    command = ["cc", "-std=gnu11", "-shared", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror"]
    command += ["-DLB_WITHOUT_PAIR", "-DLB_WITHOUT_TCP", "-o", str(library)]
    parts = sorted(str(file) for file in (sources / "library").glob("*.c"))
    subprocess.run([*command, *parts], check=True, timeout=60)
    lacks = anymq("features", "loopback", "--library", library, "--require", "protocol.pair")
    assert lacks.returncode == 1
    assert "this build leaves it out" in lacks.stderr
    files = ("test_discovery.py", "test_refusals.py", "test_options.py", "test_patterns.py")
    chosen = [word for file in files for word in ("--test", file)]
    done = anymq("conformance", "loopback", *chosen, "--library", library, "--json", "-")
    result = result_of(done)
    assert result["passed"] > 100
    reasons = {skipped["reason"] for skipped in result["skipped"]}
    assert "it uses transport.tcp, which loopback lacks" in reasons
