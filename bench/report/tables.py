"""Tables of cases, in Markdown: a row a case, a column a contestant, then anymq's ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from .results import Case, Spread, contestants

__all__ = [
    "cases_table",
    "counted",
    "number",
    "place",
    "ratio",
    "size",
    "skipped",
    "spread",
    "table",
    "unit",
]

CALLS = {"one": "one a call", "batch": "batches"}
UNSAID = {
    "over": {""},
    "size": {""},
    "calls": {"", CALLS["one"]},
    "peers": {"1"},
    "subscribers": {""},
    "sockets": {""},
}
"""A column of which every row says the same and usual is left out."""
PEERS = {"publish": "subscribers", "threads": "sockets"}
UNITS = {"us": "µs", "s/million": "s per million messages", "messages/s": "messages a second"}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> Iterator[str]:
    """Lines; the columns from number `right` on are aligned to the right, where that is not 0."""
    marks = ["---:" if right and index >= right else "---" for index in range(len(columns))]
    for cells in (columns, marks, *rows):
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def cases_table(cases: Sequence[Case]) -> Iterator[str]:
    """Lines: what the cases differ in, every contestant's median, and anymq's ratio to each."""
    names = contestants(cases)
    others = [name for name in names if any(name in case.ratios for case in cases)]
    keys = {
        "over": [case.transport or "" for case in cases],
        "size": ["" if case.size is None else size(case.size) for case in cases],
        "calls": [calls(case) for case in cases],
        peers_title(cases): [str(case.peers) for case in cases],
    }
    keys = {title: cells for title, cells in keys.items() if not set(cells) <= UNSAID[title]}
    rows = [
        [
            *(cells[index] for cells in keys.values()),
            *(number(case.results[name].median) if name in case.results else "" for name in names),
            *(spread(case.ratios[name]) if name in case.ratios else "" for name in others),
        ]
        for index, case in enumerate(cases)
    ]
    columns = [*keys, *names, *(f"anymq / {name}" for name in others)]
    yield from table(columns, rows, right=len(keys))


def peers_title(cases: Sequence[Case]) -> str:
    """What the peers of these cases are, if they are the same in all."""
    measures = {case.measure for case in cases}
    return PEERS.get(measures.pop(), "peers") if len(measures) == 1 else "peers"


def calls(case: Case) -> str:
    return CALLS.get(case.mode or "", case.mode or "")


def unit(case: Case) -> str:
    return UNITS.get(case.unit, case.unit)


def skipped(cases: Sequence[Case]) -> Iterator[str]:
    """A line for each contestant and reason: where it was not measured, and why."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        for name, reason in case.skipped.items():
            found.setdefault((name, reason), []).append(case)
    for (name, reason), missing in found.items():
        modes = {case.mode for case in missing}
        if len(missing) == len(cases):
            places = []
        elif len(missing) == sum(case.mode in modes for case in cases):
            places = [calls(case) for case in missing]  # in all that there is of these modes
        else:
            places = [place(case) for case in missing]
        told = "; ".join(dict.fromkeys(filter(None, places)))
        yield f"- {name}{f' ({told})' if told else ''}: {reason}"


def place(case: Case) -> str:
    """Where in a measure a case stands."""
    words = [
        case.transport or "",
        "" if case.size is None else size(case.size),
        calls(case),
        f"to {case.peers}" if case.measure == "publish" and case.peers > 1 else "",
        counted(case.peers, "socket") if case.measure == "threads" else "",
    ]
    return " ".join(filter(None, words))


def number(value: float) -> str:
    """Three digits that count, thousands apart: 1234567 is 1,230,000."""
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"


def ratio(value: float) -> str:
    """Two places behind the point; more for small ones, less for large ones."""
    if value < 0.095:
        return f"{value:.2g}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def spread(value: Spread) -> str:
    return f"{ratio(value.median)} ({ratio(value.low)}–{ratio(value.high)})"


def counted(count: float, what: str) -> str:
    return f"{count:.0f} {what}{'' if round(count) == 1 else 's'}"


def size(count: int) -> str:
    for factor, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= factor and count % factor == 0:
            return f"{count // factor} {name}"
    return f"{count} B"
