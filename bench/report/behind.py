"""Where another package did better than anymq, of everything that was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .results import Case, Results, Spread
from .tables import number, place, spread, table, unit

__all__ = ["AHEAD", "Behind", "behind", "behind_table"]

AHEAD = 1.1
"""How many times as good the other has to be, by the median of the rounds, to be named."""


@dataclass(frozen=True)
class Behind:
    """A case in which `package` was `times` as good as `ours`: anymq, in one of its ways."""

    case: Case
    package: str
    ours: str
    times: Spread


def behind(results: Results) -> Iterator[Behind]:
    """All of them: by library as the results have these, the furthest ahead first.

    Of C nothing is told here: the page is about that as a whole. Nor where either has a figure
    of 0, to which there is no ratio.
    """
    for library in results.libraries:
        found = [one for case in results.of(library) for one in _of_case(case)]
        yield from sorted(found, key=lambda one: -one.times.median)


def _of_case(case: Case) -> Iterator[Behind]:
    for name in case.results:
        if name.split()[0] in ("anymq", "C"):
            continue
        ours = "anymq"
        if name.endswith(" copy=False") and "anymq recv_message" in case.results:
            ours = "anymq recv_message"  # which copies no more than that
        times = case.as_fast_as(name, ours)
        if times is not None and times.median > AHEAD:
            yield Behind(case, name, ours, times)


def behind_table(found: list[Behind], results: Results) -> Iterator[str]:
    """Lines: what was measured, both figures, and how many times as good the other's is."""
    rows = [
        (
            results.title(one.case.library),
            _what(one.case),
            one.package if one.ours == "anymq" else f"{one.package}, to {one.ours}",
            unit(one.case),
            number(one.case.results[one.package].median),
            number(one.case.results[one.ours].median),
            spread(one.times) + ("" if one.times.low > 1 else " ?"),
        )
        for one in found
    ]
    yield from table(
        ("library", "what", "package", "unit", "its figure", "anymq's", "times as good"),
        rows,
        right=4,
    )


def _what(case: Case) -> str:
    words = case.measure.replace("_", " ")
    return f"{words}, {place(case)}" if case.transport else words
