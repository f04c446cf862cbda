"""The figures that the project aims at, filled from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from figures import Case, best, ratio
from plan import KIB, MIB, SIZES

__all__ = ["AIMS", "Aim", "fill", "serves"]


@dataclass(frozen=True)
class Aim:
    """anymq's value over the other's is to be at least or at most what is wanted.

    `against` is a contestant; "pyzmq's best" compares the best of each side; "before" is the memory
    that the process had, and "the message" the message's size.
    """

    name: str
    library: str
    measure: str
    transport: str | None
    size: int | None
    mode: str
    against: str
    sense: str
    wanted: float

    def is_about(self, case: Case) -> bool:
        return all(
            case[name] == getattr(self, name)
            for name in ("library", "measure", "transport", "size", "mode")
        )

    def found(self, case: Case) -> dict[str, float] | None:
        """Median, low and high of the ratio; None where one side has no figures."""
        ours = case["results"].get("anymq", {}).get("values", [])
        if self.against == "pyzmq's best":
            return ratio(best(case, "anymq"), best(case, "pyzmq"))
        if self.against == "before":
            before = case["before"].get("anymq", [])
            after = [old + grown for old, grown in zip(before, ours, strict=True)]
            return ratio(after, before)
        if self.against == "the message":
            assert self.size is not None
            return ratio(ours, [self.size / MIB] * len(ours))
        found: dict[str, float] | None = case["ratios"].get(self.against)
        return found

    def record(self, case: Case) -> dict[str, Any] | None:
        found = self.found(case)
        if found is None:
            return None
        reached = (
            found["median"] >= self.wanted if self.sense == ">=" else found["median"] <= self.wanted
        )
        return {
            "name": self.name,
            "library": self.library,
            "against": self.against,
            "ratio": found["median"],
            "low": found["low"],
            "high": found["high"],
            "wanted": self.wanted,
            "sense": self.sense,
            "reached": reached,
        }


def size_text(size: int) -> str:
    if size and size % MIB == 0:
        return f"{size // MIB} MiB"
    if size and size % KIB == 0:
        return f"{size // KIB} KiB"
    return f"{size} B"


def _throughput(
    library: str, transport: str, size: int, mode: str, against: str, wanted: float
) -> Aim:
    how = {"one": "one message a call", "batch": "in batches", "asyncio": "in asyncio"}[mode]
    name = f"PUSH/PULL, {size_text(size)}, {transport}, {how}"
    return Aim(name, library, "throughput", transport, size, mode, against, ">=", wanted)


def _round_trip(library: str, transport: str, mode: str, against: str, wanted: float) -> Aim:
    how = "one message a call" if mode == "one" else f"in {mode}"
    name = f"REQ/REP round trip, 100 B, {transport}, {how}"
    return Aim(name, library, "round_trip", transport, 100, mode, against, "<=", wanted)


def _all() -> Iterator[Aim]:
    for transport in ("tcp", "ipc"):
        yield _throughput("zmq", transport, 100, "one", "pyzmq", 1.2)
        yield _throughput("zmq", transport, 100, "batch", "C", 1.0)
        yield _throughput("zmq", transport, MIB, "one", "pyzmq's best", 1.0)
        yield _round_trip("zmq", transport, "one", "pyzmq", 1.0)
    for library in ("nng", "nng (pynng's)", "nng (package's)"):
        yield _throughput(library, "tcp", 100, "one", "C", 0.95)
        yield _round_trip(library, "tcp", "one", "C", 1.1)
    for library, package in (("nng (pynng's)", "pynng"), ("nng (package's)", "nng")):
        for size in SIZES:
            yield _throughput(library, "tcp", size, "one", package, 1.0)
    yield _throughput("nanomsg", "tcp", 100, "one", "C", 0.8)
    yield _throughput("nanomsg", "tcp", 100, "batch", "C", 0.95)
    for library in ("zmq", "nng", "nanomsg"):
        name = "a million messages of 100 B received: memory at its highest"
        yield Aim(name, library, "memory", "tcp", 100, "one", "before", "<=", 1.01)
        name = "one message of 256 MiB sent: memory beyond the caller's own"
        yield Aim(name, library, "memory", "tcp", 256 * MIB, "one", "the message", "<=", 1.01)
    name = "import and the first socket"
    yield Aim(name, "zmq", "import", None, None, "one", "pyzmq", "<=", 2.0)
    yield _throughput("zmq", "tcp", 100, "asyncio", "pyzmq", 10.0)
    yield _round_trip("zmq", "tcp", "asyncio", "pyzmq", 0.5)
    yield _throughput("nng (pynng's)", "tcp", 100, "asyncio", "pynng", 5.0)
    yield _throughput("nng (package's)", "tcp", 100, "asyncio", "nng", 1.3)
    yield _round_trip("nng (package's)", "tcp", "asyncio", "nng", 0.8)
    yield _throughput("nanomsg", "tcp", 100, "asyncio", "anymq blocking", 0.6)


AIMS = tuple(_all())


def fill(cases: Iterable[Case]) -> list[dict[str, Any]]:
    """A record of each aim that was measured."""
    measured = list(cases)
    found = (aim.record(case) for aim in AIMS for case in measured if aim.is_about(case))
    return [record for record in found if record is not None]


def serves(case_like: Case) -> bool:
    """Whether an aim is about such a case."""
    return any(aim.is_about(case_like) for aim in AIMS)
