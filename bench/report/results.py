"""What a run of the benchmark wrote, read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

__all__ = [
    "AWAITING",
    "Aim",
    "Case",
    "Library",
    "Part",
    "Results",
    "ResultsError",
    "Spread",
    "contestants",
    "read",
]

AWAITING = ("asyncio", "uvloop", "trio")
"""Modes in which calls are awaited."""


class ResultsError(ValueError):
    """A file of results cannot be read, or contradicts itself."""


class Spread(msgspec.Struct, frozen=True):
    """Middle and extremes of several rounds."""

    median: float
    low: float
    high: float


class Values(msgspec.Struct, frozen=True):
    """What one contestant reached: by round, and their spread."""

    values: list[float]
    median: float
    low: float
    high: float


class Machine(msgspec.Struct, frozen=True):
    """What the run was on; `load_before` is the system's load of the minute before."""

    cpu: str
    cores: int
    kernel: str
    python: str
    load_before: float


class Library(msgspec.Struct, frozen=True):
    """The library file that all contestants of a case used."""

    name: str
    version: str
    file: str
    sha256: str


class Case(msgspec.Struct, frozen=True):
    """One thing measured of all contestants; `ratios` are anymq's to theirs, turn by turn."""

    library: str
    measure: str
    transport: str | None
    size: int | None
    mode: str | None
    peers: int
    unit: str
    higher_is_better: bool
    results: dict[str, Values]
    ratios: dict[str, Spread]
    skipped: dict[str, str] = {}

    def as_fast_as(self, name: str, other: str) -> Spread | None:
        """How many times as fast one is as another, whether rates or times were measured.

        Turn by turn, as `ratios` are; None where one of them was not measured.
        """
        if name not in self.results or other not in self.results:
            return None
        one, two = self.results[name].values, self.results[other].values
        if not self.higher_is_better:
            one, two = two, one
        turns = list(zip(one, two, strict=False))
        if not all(min(turn) > 0 for turn in turns):
            return None
        ratios = [a / b for a, b in turns]
        return Spread(median(ratios), min(ratios), max(ratios))


class Aim(msgspec.Struct, frozen=True):
    """What was wanted of anymq's ratio to something else, and what came of it."""

    name: str
    library: str
    against: str
    ratio: float
    low: float
    high: float
    wanted: float
    sense: Literal[">=", "<="]
    reached: bool


class Part(msgspec.Struct, frozen=True):
    """One start of the benchmark, of those that wrote the file: `load_before` it, in processors."""

    date: str
    load_before: float
    rounds: int
    seconds: float


class Results(msgspec.Struct, frozen=True):
    """A whole run; `seconds` is how long all of it took, `rounds` the most of any part.

    Files that were begun before `parts` were written have none.
    """

    schema: Literal[1]
    date: str
    machine: Machine
    rounds: int
    seconds: float
    libraries: dict[str, Library]
    contestants: dict[str, str]
    cases: list[Case]
    aims: list[Aim]
    parts: list[Part] = []

    def title(self, library: str) -> str:
        """What a library file is called in headings: its name, and whose it is."""
        _, of, whose = library.partition(" (")
        return self.libraries[library].name + of + whose

    def of(self, library: str) -> list[Case]:
        return [case for case in self.cases if case.library == library]


def contestants(cases: Iterable[Case]) -> list[str]:
    """All that have results: anymq in its ways, C, the others in the order in which they appear."""
    names = dict.fromkeys(name for case in cases for name in case.results)
    return sorted(names, key=lambda n: 0 if n == "anymq" else 1 if "anymq" in n else 2 + (n != "C"))


def read(path: Path) -> Results:
    """Read a file of results.

    Raises:
        ResultsError: it is not what the benchmark writes.
    """
    try:
        results = msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.DecodeError as error:
        raise ResultsError(f"{path}: {error}") from None
    for problem in _problems(results):
        raise ResultsError(f"{path}: {problem}")
    return results


def _problems(results: Results) -> Iterator[str]:
    known: Sequence[str] = list(results.libraries)
    for number, case in enumerate(results.cases):
        where = f"cases[{number}] ({case.library}, {case.measure})"
        if case.library not in known:
            yield f"{where}: there is no library {case.library!r}"
        if unknown := [name for name in case.ratios if name not in case.results]:
            yield f"{where}: ratios to {', '.join(unknown)}, of which there are no results"
        for name, result in case.results.items():
            if not result.values:
                yield f"{where}: {name}: there are no values"
    for aim in results.aims:
        if aim.library not in known:
            yield f"aim {aim.name!r}: there is no library {aim.library!r}"
        if aim.reached != (
            aim.ratio >= aim.wanted if aim.sense == ">=" else aim.ratio <= aim.wanted
        ):
            yield f"aim {aim.name!r} of {aim.library}: reached is not what its numbers say"
