"""What the matrix shows, before it is Markdown or HTML: sections, notes, and sums of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from anymq.features import CAPABILITIES, TRANSPORTS
from anymq.options import OPTIONS
from anymq.protocols import Protocol

from .results import Build, Interop, Results, Run

__all__ = [
    "LISTENERS",
    "NOT_RUN",
    "SECTIONS",
    "Note",
    "Row",
    "Section",
    "Tally",
    "WireRuns",
    "differences",
    "notes",
    "quirks",
    "wires",
]

NOT_RUN = "not run"
LISTENERS = ("sender", "receiver")


# Features


@dataclass(frozen=True)
class Row:
    """One feature: what the rows of a section are, and what else is said of it."""

    feature: str
    name: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Features of one kind."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def _default(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return '""' if value == "" else str(value)


SECTIONS = (
    Section("Protocols", ("protocol",), tuple(Row(f"protocol.{p}", str(p)) for p in Protocol)),
    Section("Transports", ("scheme",), tuple(Row(f"transport.{t}", f"{t}://") for t in TRANSPORTS)),
    Section(
        "Options",
        ("option", "unit or type", "default"),
        tuple(
            Row(f"option.{name}", name, (spec.unit or spec.kind, _default(spec.default)))
            for name, spec in OPTIONS.items()
        ),
    ),
    Section(
        "Capabilities",
        ("capability", "meaning"),
        tuple(Row(name, name, (meaning,)) for name, meaning in CAPABILITIES.items()),
    ),
)


@dataclass(frozen=True)
class Note:
    """Why features are absent, or how they are emulated, in builds of one library.

    `where` says which builds; it is empty where it holds for every build.
    """

    text: str
    features: tuple[str, ...]
    where: str


def notes(results: Results, rows: Iterable[Row], builds: Sequence[Build]) -> list[Note]:
    """The notes to these rows, each text once for the same builds."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        of_row: dict[str, list[str]] = {}
        for build in builds:
            record = results.record(build.name, row.feature)
            if record and record.note:
                of_row.setdefault(record.note, []).append(build.short)
        for text, names in of_row.items():
            grouped.setdefault((text, _where(names, builds)), []).append(row.name)
    return [Note(text, tuple(names), where) for (text, where), names in grouped.items()]


def _where(names: Sequence[str], builds: Sequence[Build]) -> str:
    """Which builds, in the fewest words."""
    others = [build.short for build in builds if build.short not in names]
    if not others:
        return ""
    return f"in {', '.join(names)}" if len(names) <= len(others) else f"not in {', '.join(others)}"


# Interoperation


@dataclass(frozen=True)
class Tally:
    """The sum of some runs that ought to be there."""

    outcomes: Counter[str]
    not_run: int

    @property
    def ran(self) -> int:
        """Runs that could show something: what a build lacks cannot work and cannot fail."""
        return sum(self.outcomes.values()) - self.outcomes["unsupported"]

    @property
    def failed(self) -> int:
        return self.ran - self.outcomes["ok"]

    @property
    def text(self) -> str:
        """`"84/84"`: how many of those that ran were ok; `"–"`: a build lacks what is needed."""
        if not self.outcomes.total():
            return NOT_RUN
        text = f"{self.outcomes['ok']}/{self.ran}" if self.ran else "–"
        return f"{text}, {self.not_run} {NOT_RUN}" if self.not_run else text


Lane = tuple[str, str]
"""A protocol and a transport."""


@dataclass(frozen=True)
class WireRuns:
    """The runs between the builds of one wire.

    Every pair of builds that load is expected to run in every lane with each side listening;
    what did not run is counted as such, and is never taken for a success.
    """

    wire: str
    builds: tuple[Build, ...]
    recorded: Interop

    @cached_property
    def lanes(self) -> list[Lane]:
        """In the order in which they ran."""
        return list(dict.fromkeys((run.protocol, run.transport) for run in self.recorded.runs))

    @cached_property
    def runs(self) -> dict[tuple[str, str, str, str, str], Run]:
        return {run.key: run for run in self.recorded.runs}

    def run(self, lane: Lane, sender: str, receiver: str, listener: str) -> Run | None:
        return self.runs.get((*lane, sender, receiver, listener))

    def tally(
        self,
        *,
        lanes: Iterable[Lane] | None = None,
        senders: Iterable[str] | None = None,
        receivers: Iterable[str] | None = None,
    ) -> Tally:
        """The sum over these lanes and pairs; by default over all."""
        names = [build.name for build in self.builds]
        lanes = self.lanes if lanes is None else list(lanes)
        senders = names if senders is None else list(senders)
        receivers = names if receivers is None else list(receivers)
        expected = [
            self.run(lane, sender, receiver, listener)
            for lane in lanes
            for sender in senders
            for receiver in receivers
            for listener in LISTENERS
        ]
        outcomes: Counter[str] = Counter(run.outcome for run in expected if run)
        return Tally(outcomes, expected.count(None))

    def failures(self, lane: Lane) -> list[Run]:
        return [
            run
            for run in self.recorded.runs
            if (run.protocol, run.transport) == lane and run.outcome not in ("ok", "unsupported")
        ]


def wires(results: Results) -> list[WireRuns]:
    """The runs of every wire that has builds, in the order of the wires' names."""
    return [
        WireRuns(wire, tuple(b for b in results.loadable if b.wire == wire), interop)
        for wire, interop in sorted(results.interop.items())
    ]


# Behaviour


@dataclass(frozen=True)
class DifferenceRow:
    """An expected difference: its id, why, and for each build the tests that show it."""

    id: str
    reason: str
    tests: dict[str, list[str]]


def differences(results: Results) -> list[DifferenceRow]:
    """Every difference that some build showed, by id."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for build in results.builds:
        conformance = results.conformance.get(build.name)
        for difference in conformance.differences if conformance else ():
            tests = found.setdefault((difference.id, difference.reason), {})
            tests.setdefault(build.name, []).append(difference.test)
    ordered = sorted(found.items(), key=lambda item: (_number(item[0][0]), item[0]))
    return [DifferenceRow(ident, reason, tests) for (ident, reason), tests in ordered]


@dataclass(frozen=True)
class QuirkRow:
    """What builds do otherwise, by their own account: its name, a sentence, and the builds."""

    name: str
    text: str
    builds: tuple[str, ...]


def quirks(results: Results) -> list[QuirkRow]:
    """Every quirk that some build told of."""
    found: dict[tuple[str, str], list[str]] = {}
    for build in results.loadable:
        said = results.features.get(build.name)
        for quirk in said.quirks.items() if said else ():
            found.setdefault(quirk, []).append(build.name)
    return [QuirkRow(name, text, tuple(builds)) for (name, text), builds in found.items()]


def _number(ident: str) -> int:
    digits = "".join(filter(str.isdigit, ident))
    return int(digits) if digits else 0
