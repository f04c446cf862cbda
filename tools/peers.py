"""The benchmark's own environment: anymq's wheel, and the packages that it is measured against.

nnpy and nanomsg-python are published as sources that do not say what their build needs, so it is
installed before them. One that cannot be had is left out; the benchmark's results then say why.
"""

from __future__ import annotations

import json
import sys

from console import Failure, say
from environments import FOLDER, Environment
from system import BENCH_HEADERS, ensure_programs
from wheel import build_wheel

__all__ = ["bench_environment"]

SOURCES = {"nnpy": "nnpy", "nanomsg-python": "nanomsg"}
"""By package the name under which it is published."""
MISSING = "peers-missing.json"
"""In the environment: why a package is not there (`bench/plan.py` reads it)."""


def bench_environment() -> Environment:
    environment = Environment(FOLDER / "bench", sys.executable)
    environment.create()
    environment.install_tools("build", "bench")
    environment.install_wheel(build_wheel(environment.python))
    note = environment.path / MISSING
    if not note.exists() or json.loads(note.read_text()):
        note.write_text(json.dumps(_install_sources(environment)))
    return environment


def _install_sources(environment: Environment) -> dict[str, str]:
    """Build what comes as sources; why that failed, by package."""
    missing = {}
    try:
        ensure_programs(BENCH_HEADERS)
    except Failure as failure:  # they may be where the compiler finds them all the same
        say(f"{failure}")
    for package, name in SOURCES.items():
        try:
            environment.pip("install", "--no-build-isolation", "--no-deps", name)
        except Failure as failure:
            told = next((line for line in failure.told if "rror" in line), "see its log")
            missing[package] = f"cannot be built here: {told.strip()}"
            say(f"{package} {missing[package]}")
    return missing
