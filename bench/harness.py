"""Measures contestants against one another: two processes each, in turns, medians with spread.

A contestant is a pair of programs (see `c/bench.h` for what they print): one receives and takes the
time, the other sends. Contestants of one race take turns, A B C A B C, so that whatever else the
machine does falls on all of them alike; a ratio is taken within each turn, and the median of those
with its extremes is what is reported. Before it counts, each pair of processes is checked to have
mapped the library file that the race is about, and no other one of its kind.
"""

from __future__ import annotations

import os
import random
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Contestant",
    "Program",
    "Race",
    "build_c",
    "c_program",
    "free_port",
    "python_program",
]

FOLDER = Path(__file__).resolve().parent
BUILD = FOLDER / "build"
LIMIT = 60.0
"""Seconds after which a program that has not answered counts as hung."""


@dataclass(frozen=True)
class Contestant:
    """`command(library, role, url, count, size)` is the program to run as `recv` or `send`."""

    name: str
    command: Callable[[str, str, str, int, int], list[str]]


@dataclass
class Race:
    """Contestants on one library file; `kinds` begin the names of files that must not be mapped
    beside it."""

    title: str
    library: str
    contestants: Sequence[Contestant]
    kind: str
    size: int = 100
    rates: dict[str, list[float]] = field(default_factory=dict)

    def run(
        self, rounds: int, seconds: float, progress: Callable[[str], None], start: int = 20_000
    ) -> None:
        """Measure every contestant `rounds` times for about `seconds` each.

        `start` is how many messages the first run of each counts, to find out how fast it is.
        """
        counts = {}
        for contestant in self.contestants:
            rate = self._measure(contestant, start)
            rate = self._measure(contestant, max(start, int(rate * 0.2)))
            counts[contestant.name] = max(1000, int(rate * seconds))
            self.rates[contestant.name] = []
        for turn in range(rounds):
            for contestant in self.contestants:
                rate = self._measure(contestant, counts[contestant.name])
                self.rates[contestant.name].append(rate)
                progress(f"{self.title} {turn + 1}/{rounds} {contestant.name}: {rate:,.0f}/s")

    def median(self, name: str) -> float:
        """Messages a second."""
        return statistics.median(self.rates[name])

    def ratio(self, name: str, other: str) -> tuple[float, float, float]:
        """Median, lowest and highest ratio of two contestants, turn by turn."""
        pairs = zip(self.rates[name], self.rates[other], strict=True)
        ratios = [one / two for one, two in pairs]
        return statistics.median(ratios), min(ratios), max(ratios)

    def _measure(self, contestant: Contestant, count: int) -> float:
        """Messages a second in one run."""
        url = f"tcp://127.0.0.1:{free_port()}"
        arguments = (url, count, self.size)
        with Program(contestant.command(self.library, "recv", *arguments)) as receiver:
            receiver.expect("ready")
            with Program(contestant.command(self.library, "send", *arguments)) as sender:
                sender.expect("ready")
                for program in (receiver, sender):
                    program.check_mapped(self.library, self.kind)
                _, received, took = receiver.expect("measured").split()
                return int(received) / float(took)


class Program:
    """A process that is talked to in lines, and is ended by the end of its input."""

    def __init__(self, command: list[str]) -> None:
        self._name = " ".join(command)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._buffer = b""

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        """End it by a signal: one that does not read its input."""
        self._process.terminate()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    def expect(self, word: str) -> str:
        """The next line, which must begin with `word`."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(LIMIT):
                    raise RuntimeError(f"no answer within {LIMIT:g} s: {self._name}")
                chunk = os.read(self._process.stdout.fileno(), 4096)
                if not chunk:
                    raise RuntimeError(f"ended with {self._process.wait(10)}: {self._name}")
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        text = line.decode()
        if not text.startswith(word):
            raise RuntimeError(f"unexpected {text!r} from {self._name}")
        return text

    def check_mapped(self, library: str, kind: str) -> None:
        """Fail unless this process runs on `library`, and on no other file named after `kind`."""
        maps = Path(f"/proc/{self._process.pid}/maps").read_text()
        files = {line.split(None, 5)[5] for line in maps.splitlines() if line.count("/")}
        wanted = os.path.realpath(library)
        if wanted not in files:
            raise RuntimeError(f"{wanted} is not what this runs on: {self._name}")
        for file in files - {wanted}:
            if Path(file).name.startswith(kind):
                raise RuntimeError(f"{file} is mapped besides {wanted}: {self._name}")


def python_program(script: str, *more: str) -> Callable[[str, str, str, int, int], list[str]]:
    """A script of `peers/` under this interpreter; `more` follows the usual arguments."""

    def command(library: str, role: str, url: str, count: int, size: int) -> list[str]:
        path = str(FOLDER / "peers" / script)
        return [sys.executable, path, library, role, url, str(count), str(size), *more]

    return command


def c_program(name: str) -> Callable[[str, str, str, int, int], list[str]]:
    """A program of `c/`, compiled by `build_c`."""

    def command(library: str, role: str, url: str, count: int, size: int) -> list[str]:
        return [str(BUILD / name), library, role, url, str(count), str(size)]

    return command


def build_c(name: str) -> None:
    """Compile `c/NAME.c`; no header of the library is needed."""
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    BUILD.mkdir(exist_ok=True)
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11"]
    source = str(FOLDER / "c" / f"{name}.c")
    subprocess.run([compiler, *flags, "-o", str(BUILD / name), source, "-ldl"], check=True)


def free_port() -> int:
    """A free port below those that the system gives out, as one of those may be taken again."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
