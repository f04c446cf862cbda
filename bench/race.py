"""Running one race: entrants in turns, and the cases that come of it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from figures import Case, make_case
from harness import (
    FOLDER,
    Failed,
    Program,
    c_program,
    free_port,
    memory,
    processor_time,
    python_program,
)
from plan import LOOPS, SMALL, Entrant, Library, Race

__all__ = ["Turns", "count_all", "estimate", "rivals_of"]

START = 0.3
"""Seconds that starting two processes takes, about."""
A_MILLION = 1_000_000
LONG = 240.0
"""Seconds that a million messages may take."""
MILLION_TAKES = {"zmq": 2.0, "nng": 25.0, "nanomsg": 4.0}
"""About."""
KINDS = {"zmq": "libzmq", "nng": "libnng.", "nanomsg": "libnanomsg"}
"""How names of rival files begin."""


@dataclass
class Turn:
    """What one run of one entrant told."""

    count: int
    seconds: float
    processor: float
    """Seconds, of both sides, while it was measured."""
    before: float
    grown: float
    """MiB: what the process had that the memory is asked of, and what it rose by at its highest."""


@dataclass
class Turns:
    """A race and what its entrants did; `failed` says why one has no figures."""

    race: Race
    rivals: tuple[str, ...] = ()
    """Other files of the same library that this run is about."""
    stubs: str | None = None
    turns: dict[Entrant, list[Turn]] = field(default_factory=dict)
    failed: dict[Entrant, str] = field(default_factory=dict)

    def run(self, rounds: int, seconds: float, tell: Callable[[str], None]) -> None:
        """Let every entrant run `rounds` times for about `seconds` each."""
        if self.race.measure == "memory":
            rounds = min(rounds, 2)
        self.turns = {entrant: [] for entrant in self.race.entrants}
        if self.race.measure == "import":
            self._fill_caches(tell)
        for turn in range(rounds):
            for entrant in self.race.entrants:
                if entrant in self.failed:
                    continue
                tell(f"{self.race.title}, {turn + 1} of {rounds}: {entrant.label} {entrant.mode}")
                try:
                    self.turns[entrant].append(self._measure(entrant, seconds))
                except Failed as failure:
                    self.failed[entrant] = f"{failure}"
                    self.turns[entrant] = []

    def _fill_caches(self, tell: Callable[[str], None]) -> None:
        """The system's, and those of compiled modules, as whoever imports first fills them."""
        for entrant in self.race.entrants:
            tell(f"{self.race.title}, first: {entrant.label}")
            with contextlib.suppress(Failed):  # what fails now fails in its first turn, and is told
                self._measure(entrant, 0.0)

    def _measure(self, entrant: Entrant, seconds: float) -> Turn:
        race = self.race
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            url, acks = self._urls(Path(folder))
            env = {"BENCH_ACKS": acks}
            if race.mark:
                env["BENCH_MARK"] = str(race.mark)
            if race.measure == "threads":
                env["BENCH_THREADS"] = str(entrant.threads)
            if self.stubs and entrant.package == "C":
                env["BENCH_STUBS"] = self.stubs
            with contextlib.ExitStack() as stack:

                def start(role: str) -> Program:
                    program = Program(self._command(entrant, role, url, seconds), env)
                    stack.enter_context(_killed(program))
                    program.expect("ready")
                    kind = KINDS[race.library.backend]
                    program.check_mapped(race.library.file, kind, self.rivals)
                    return program

                measurer, feeder = self._start(start)
                try:
                    return self._watch(measurer, feeder)
                except (Failed, OSError) as failure:
                    # Where the feeder has ended, that is why; the other has just waited for it.
                    raise Failed(feeder.last_words() or f"{failure}") from None

    def _start(self, start: Callable[[str], Program]) -> tuple[Program, Program]:
        """The program that measures and the one that feeds it, which may be one."""
        race = self.race
        if race.transport in (None, "inproc"):
            both = start("both")
            return both, both
        if race.measure == "publish":
            feeder = start("feed")
            return start("measure"), feeder
        measurer = start("measure")
        return measurer, start("feed")

    def _watch(self, measurer: Program, feeder: Program) -> Turn:
        """Wait for the figures, and look at the processes when they begin and end to count."""
        pids = {measurer.pid, feeder.pid}
        weighed = feeder.pid if self.race.work == "single" else measurer.pid
        long = LONG if self.race.measure == "memory" else 60.0
        measurer.expect("started", long)
        before, _ = memory(weighed)
        if self.race.work == "single":
            feeder.tell("go")
        used = sum(map(processor_time, pids))
        _, count, took = measurer.expect("measured", long).split()
        used = sum(map(processor_time, pids)) - used
        if self.race.measure == "threads":
            count_all(measurer, feeder)
        _, highest = memory(weighed)
        return Turn(int(count), float(took), used, before, max(0.0, highest - before))

    def _command(self, entrant: Entrant, role: str, url: str, seconds: float) -> list[str]:
        race = self.race
        library, size = race.library.file, race.size or 0
        if race.measure == "import":
            script = str(FOLDER / "peers" / "first_socket.py")
            return [sys.executable, script, library, entrant.package, race.library.backend]
        least = 1
        if race.measure == "memory":
            seconds = 0.0
            least = A_MILLION if race.size == SMALL else 1
        more = [race.work, str(seconds), str(race.peers)]
        if entrant.package == "C":
            return c_program(race.library.backend, *more)(library, role, url, least, size)
        more += [entrant.package, race.library.backend, entrant.how]
        return python_program("peer.py", *more)(library, role, url, least, size)

    def _urls(self, folder: Path) -> tuple[str, str]:
        """For the work, and for the acknowledgements of what was published."""
        race = self.race
        transport = race.transport
        if transport in ("tcp", "ws"):
            # nanomsg takes no path where it listens.
            path = "/bench" if transport == "ws" and race.library.backend != "nanomsg" else ""
            one, other = free_port(), free_port()
            return f"{transport}://127.0.0.1:{one}{path}", f"{transport}://127.0.0.1:{other}{path}"
        if transport == "ipc":
            return f"ipc://{folder}/work", f"ipc://{folder}/acks"
        return "inproc://work", "inproc://acks"

    # What comes of it

    def cases(self, measures: Callable[[str], bool]) -> Iterator[Case]:
        """A record for each mode that was asked for, and each measure that came of the race."""
        race = self.race
        by_measure = {race.measure: self._value}
        if race.measure == "throughput" and race.size == SMALL:
            by_measure["cpu"] = self._processor
        for measure, value in by_measure.items():
            if not measures(measure):
                continue
            for mode, absent in race.absent.items():
                yield self._case(measure, mode, absent, value)

    def _case(
        self, measure: str, mode: str, absent: dict[str, str], value: Callable[[Turn], float]
    ) -> Case:
        race = self.race
        values: dict[str, list[float]] = {}
        skipped = dict(absent)
        for entrant, turns in self.turns.items():
            label = self._label(entrant, mode)
            if label is None:
                continue
            if turns:
                values[label] = [value(turn) for turn in turns]
            else:
                skipped[label] = self.failed.get(entrant, "was not run")
        values = dict(sorted(values.items(), key=lambda item: item[0] != "anymq"))
        case = make_case(
            {
                "library": race.library.id,
                "measure": measure,
                "transport": race.transport,
                "size": race.size,
                "mode": mode,
                "peers": race.peers,
            },
            values,
            skipped,
            UNITS[measure],
        )
        if measure == "memory":
            case["before"] = {
                entrant.label: [turn.before for turn in turns]
                for entrant, turns in self.turns.items()
                if turns
            }
            case["side"] = "sender" if race.work == "single" else "receiver"
        return case

    @staticmethod
    def _label(entrant: Entrant, mode: str) -> str | None:
        """Under what name an entrant stands in the case of a mode, if it does."""
        if entrant.mode == mode:
            return entrant.label
        if entrant.package == "C":
            return "C"
        if entrant == Entrant("anymq", "anymq", "one", "one") and mode in LOOPS:
            return "anymq blocking"
        return None

    def _value(self, turn: Turn) -> float:
        measure = self.race.measure
        if measure in ("throughput", "publish", "threads"):
            return turn.count / turn.seconds
        if measure == "memory":
            return turn.grown
        if measure == "import":
            return turn.seconds * 1e3
        return turn.seconds / turn.count * 1e6

    @staticmethod
    def _processor(turn: Turn) -> float:
        return turn.processor / turn.count * 1e6


UNITS = {
    "throughput": "messages/s",
    "publish": "messages/s",
    "threads": "messages/s",
    "round_trip": "us",
    "open_close": "us",
    "cpu": "s/million",
    "memory": "MiB",
    "import": "ms",
}


def rivals_of(library: Library, all_here: list[Library]) -> tuple[str, ...]:
    return tuple(
        other.file
        for other in all_here
        if other.backend == library.backend
        and os.path.realpath(other.file) != os.path.realpath(library.file)
    )


def estimate(race: Race, rounds: int, seconds: float) -> float:
    """Seconds that a race will take, about."""
    each = START + seconds * 1.2
    if race.measure == "import":
        each = 0.3
    if race.measure == "memory":
        rounds = min(rounds, 2)
        each = MILLION_TAKES[race.library.backend] if race.size == SMALL else 2.0
    return each * rounds * len(race.entrants)


def count_all(measurer: Program, feeder: Program) -> None:
    """Have the threads stop, and fail unless what they sent is what was received."""
    feeder.tell("stop")
    sent = feeder.expect("sent").split()[1]
    received = measurer.expect("received").split()[1]
    if received != sent:
        raise Failed(f"{sent} messages were sent and {received} received")


@contextlib.contextmanager
def _killed(program: Program) -> Iterator[None]:
    with program:
        try:
            yield
        finally:
            program.kill()
