"""The laboratory's own code, and the builds that it has here."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from lab.collection import Collection, Found
from lab.manifest import read_manifest

EXPECTED = os.environ.get("ANYMQ_LAB_EXPECT", "")
"""`ci`: the builds of CI must be here; `all`: every build must."""

LIMIT = 120.0
"""Seconds for a program; those of other builds may run beside it."""


@pytest.fixture(scope="session")
def lab() -> Collection:
    return Collection(read_manifest())


BuildOf = Callable[[str], Found]


@pytest.fixture(scope="session")
def build_of(lab: Collection) -> BuildOf:
    """`build_of(name)`: a build that is here; the test is skipped where it need not be."""

    def get(name: str) -> Found:
        found = lab.find(lab.manifest.builds[name])
        if found.library is None:
            expected = EXPECTED == "all" or (EXPECTED == "ci" and found.build.ci)
            say = pytest.fail if expected else pytest.skip
            say(f"{name} is not here: {found.reason}")
        return found

    return get


def run_with(builds: list[Found], source: str, python: Path, *arguments: str) -> str:
    """What a program wrote that can load all of these builds; fails unless it succeeds.

    `python` is for builds of which some needs another C library than this machine's.
    """
    settings: dict[str, list[str]] = {}
    for found in builds:
        for name, value in found.env.items():
            settings.setdefault(name, []).append(value)
    plain = all(found.runtime is None for found in builds)
    program = str(builds[0].python if plain else python)
    done = subprocess.run(
        [program, "-P", "-c", textwrap.dedent(source), *arguments],
        env={**os.environ, **{name: os.pathsep.join(v) for name, v in settings.items()}},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"the program ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout
