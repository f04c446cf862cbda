"""Measures libraries against one another, for `anymq bench`.

Each library has two processes (`measured.py`), or for inproc one with two threads, which stay for
all rounds of a case. The libraries take turns, A B C A B C, so that whatever else the machine does
falls on all of them alike; a ratio is taken within each turn.
"""

from __future__ import annotations

import selectors
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anymq.interop.builds import Build
from anymq.interop.process import Failed, Side, failure

if TYPE_CHECKING:
    from anymq.abc import Backend

__all__ = ["Case", "Entrant", "Spread", "Taken", "ratio", "size_in_words", "take"]

PROGRAM = ("-m", "anymq.cli.measured")
PROTOCOLS = {"throughput": ("push", "pull"), "round_trip": ("req", "rep")}
FIRST_BYTES = 4 * 2**20
"""Most bytes of the first trial, which finds out how many messages a round has."""
GROWTH = 10
"""How much larger the next trial is, at most."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A library under the name that it has in the results."""

    name: str
    backend: Backend


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: `throughput` or `round_trip`; `one` message a call or a `batch`."""

    measure: str
    transport: str
    size: int
    mode: str

    @property
    def title(self) -> str:
        what = {"throughput": "throughput", "round_trip": "round trips"}[self.measure]
        calls = ", in batches" if self.mode == "batch" else ""
        return f"{what} over {self.transport}, {size_in_words(self.size)}{calls}"

    @property
    def higher_is_better(self) -> bool:
        return self.measure == "throughput"

    @property
    def unit(self) -> str:
        return "messages/s" if self.higher_is_better else "us"

    def lacks(self, backend: Backend) -> str:
        """The feature that a backend would need and has not; empty when it can take part."""
        needed = [f"transport.{self.transport}"]
        needed += [f"protocol.{protocol}" for protocol in PROTOCOLS[self.measure]]
        return next((feature for feature in needed if not backend.supports(feature)), "")


@dataclass(frozen=True, slots=True)
class Spread:
    """Middle and extremes of several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(slots=True)
class Taken:
    """What came of one library in one case: values by round, or why there are none."""

    values: list[float] = field(default_factory=list)
    skipped: str = ""
    failure: str = ""

    @property
    def spread(self) -> Spread | None:
        return Spread.of(self.values) if self.values and not self.failure else None


def ratio(one: Taken, other: Taken) -> Spread | None:
    """One to the other, turn by turn; None where one of them has no values."""
    if one.spread is None or other.spread is None:
        return None
    return Spread.of([a / b for a, b in zip(one.values, other.values, strict=True)])


def take(
    case: Case,
    entrants: Sequence[Entrant],
    *,
    rounds: int,
    seconds: float,
    time_limit: float,
    folder: str,
    on_turn: Callable[[str, int], None],
) -> Mapping[str, Taken]:
    """Measure one case, by the entrants' names.

    Args:
        rounds: values that each gets.
        seconds: about how long a round lasts.
        time_limit: seconds after which a round, or the connecting before it, counts as hung.
        folder: where sockets of ipc are made; it must be new.
        on_turn: told the entrant's name and the number of the round, 0 while it is prepared.
    """
    results = {entrant.name: Taken() for entrant in entrants}
    with ExitStack() as stack:
        ready: dict[str, tuple[_Pair, int]] = {}
        for number, entrant in enumerate(entrants):
            if feature := case.lacks(entrant.backend):
                results[entrant.name].skipped = f"the library has no {feature}"
                continue
            on_turn(entrant.name, 0)
            pair = stack.enter_context(_Pair(case, entrant, time_limit, f"{folder}/{number}"))
            try:
                pair.connect()
                ready[entrant.name] = pair, pair.find_count(seconds)
            except Failed as error:
                results[entrant.name].failure = str(error)
                pair.end()
        for turn in range(rounds):
            for name, (pair, count) in list(ready.items()):
                on_turn(name, turn + 1)
                try:
                    measured, took = pair.measure(count)
                except Failed as error:
                    results[name].failure = str(error)
                    pair.end()
                    del ready[name]
                    continue
                value = measured / took if case.higher_is_better else took / measured * 1e6
                results[name].values.append(value)
    return results


class _Pair:
    """The processes of one library; none of them outlives the block."""

    def __init__(self, case: Case, entrant: Entrant, time_limit: float, path: str) -> None:
        self.case = case
        self.entrant = entrant
        self.limit = time_limit
        self.path = path
        self.sides: list[Side] = []

    def __enter__(self) -> _Pair:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        while self.sides:
            self.sides.pop().end()

    def connect(self) -> None:
        """Start them, and wait until they are connected.

        Raises:
            Failed: one of them did not get so far.
        """
        transport = self.case.transport
        url = {"inproc": "inproc://bench", "ipc": f"ipc://{self.path}"}.get(
            transport, f"{transport}://127.0.0.1:0"
        )
        bound = self._start("both" if transport == "inproc" else "listen", url)
        if transport != "inproc":
            self._start("dial", bound)

    def _start(self, role: str, url: str) -> str:
        """The URL that it says it listens at."""
        case, backend = self.case, self.entrant.backend
        arguments = {
            "backend": backend.name,
            "library": backend.library.path,
            "measure": case.measure,
            "mode": case.mode,
            "size": case.size,
            "url": url,
            "time-limit": self.limit,
        }
        # "=" holds a value that begins with a dash to its option.
        options = [f"--{name}={value}" for name, value in arguments.items()]
        command = [sys.executable, *PROGRAM, role, *options]
        side = Side(Build(f"{self.entrant.name} ({role})", worker=command))
        self.sides.append(side)
        return str(self._await("ready", [side], "connecting")[0])

    def find_count(self, seconds: float) -> int:
        """How many messages a round has that lasts about so long; warms everything up."""
        trips = self.case.measure == "round_trip"
        count = max(1, min(50 if trips else 1000, FIRST_BYTES // max(1, self.case.size)))
        while True:
            measured, took = self.measure(count)
            rate = measured / took
            if took >= seconds / 4:
                return max(1, int(rate * seconds))
            count = max(count + 1, min(count * GROWTH, int(rate * seconds / 3)))

    def measure(self, count: int) -> tuple[float, float]:
        """How many were measured in one round, and the seconds that they took."""
        for side in self.sides:
            side.tell(count=count)
            if side is not self.sides[-1]:
                self._await("begun", [side], "measuring")
        told: dict[str, float] = {}
        for done in self._await("done", self.sides, "measuring"):
            told |= done
        return told["count"], max(told["seconds"], 1e-9)

    def _await(self, word: str, sides: Sequence[Side], doing: str) -> list[Any]:
        """What these say under a word, each once.

        Raises:
            Failed: one of them failed, ended, or says nothing; all are to be ended then.
        """
        said: list[Any] = []
        end = time.monotonic() + self.limit
        with selectors.DefaultSelector() as selector:
            for side in sides:
                selector.register(side, selectors.EVENT_READ, side)
            while len(said) < len(sides):
                ready = selector.select(max(0.0, end - time.monotonic()))
                if not ready:
                    text = (
                        f"{self.entrant.name} hangs: not done with {doing} after {self.limit:g} s"
                    )
                    raise Failed("hung", text + sides[0].said(), usable=False)
                for key, _ in ready:
                    for message in key.data.read(doing):
                        if word not in message:
                            raise failure(key.data, message)
                        said.append(message[word])
        return said


def size_in_words(size: int) -> str:
    for factor, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"
