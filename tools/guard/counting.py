"""Runs the fixed work under callgrind and gathers what each part of it cost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from console import Failure

from guard.profile import Cost, read_profile

__all__ = ["Counted", "count"]

WORK = Path(__file__).with_name("work.py")
HANDED_ON = re.compile("PATH|LD_LIBRARY_PATH|PYTHONHOME|ANYMQ_[A-Z]+_LIBRARY")
LIMIT = 400.0
"""Seconds; it takes about 20 on a machine that has nothing else to do."""


@dataclass(frozen=True)
class Counted:
    """What each part cost, and on which versions of the libraries."""

    costs: dict[str, Cost]
    libraries: dict[str, str]


def count(*program: str | Path) -> Counted:
    """Run the work, or another program, with this interpreter; takes half a minute.

    Raises:
        Failure: valgrind is missing, or the work came to nothing; the text holds what it said.
    """
    command = [sys.executable, "-S", "-P", *(program or (WORK,))]
    with TemporaryDirectory() as folder:
        # Once without counting, which leaves the bytecode of all modules in the folder.
        _run(command, folder)
        said = json.loads(_run([*_callgrind(folder), *command], folder))
        paths = {os.path.realpath(path) for path, _ in said["libraries"].values()}
        costs: dict[str, Cost] = {}
        for number, part in enumerate(said["parts"], 1):
            if part is not None:
                title, calls = part
                cost = read_profile(Path(folder, f"profile.{number}-01"), calls, paths)
                costs[title] = cost.least(costs.get(title, cost))
    return Counted(costs, {name: version for name, (_, version) in said["libraries"].items()})


def _callgrind(folder: str) -> list[str | Path]:
    """The main thread's profile of part N goes to `profile.N-01`."""
    return [
        "valgrind",
        "--tool=callgrind",
        "--separate-threads=yes",
        "--dump-before=getpgrp",
        f"--callgrind-out-file={folder}/profile",
    ]


def _run(command: Sequence[str | Path], folder: str) -> str:
    """What it wrote to its standard output.

    The environment holds what finds programs, modules and libraries, and nothing else: anymq reads
    all of it. Modules are found by PYTHONPATH alone (so `-S`), for what an environment's own
    start-up files import would be missing from what is counted. With the same seed each time, sets
    of texts are alike.
    """
    words = [str(word) for word in command]
    environment = {name: value for name, value in os.environ.items() if HANDED_ON.fullmatch(name)}
    modules = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), sysconfig.get_path("purelib")]
    environment |= {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(each) for each in modules if each),
        "PYTHONHASHSEED": "0",
        "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
    }
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise Failure(f"{words[0]} is missing; on Debian: apt-get install valgrind") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"not done within {LIMIT:g} s: {' '.join(words)}") from None
    if done.returncode != 0:
        raise Failure(f"exit status {done.returncode}: {' '.join(words)}\n{done.stderr}")
    return done.stdout
