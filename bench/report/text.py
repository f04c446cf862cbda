"""The page itself: what was wanted, what came of it, and every number, by library."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from .behind import AHEAD, behind, behind_table
from .notes import Notes, note_of
from .plots import OVERVIEW, plot_name
from .results import AWAITING, Aim, Case, Results
from .tables import cases_table, counted, ratio, skipped, table, unit

__all__ = ["page"]

Picks = Callable[[Case], bool]

BUSY = 0.25
"""Load of a core above which numbers mean little."""

SECTIONS: Sequence[tuple[str, str, Sequence[str]]] = (
    ("Throughput", "throughput", ("throughput",)),
    ("Round trips", "round_trip", ("round_trip",)),
    ("Publishing", "publish", ("publish",)),
    ("Threads", "threads", ("threads",)),
    ("Awaiting", "awaiting", ("throughput", "round_trip", "publish")),
    ("Processor time and memory", "cost", ("cpu", "memory")),
    ("Opening and closing", "open_close", ("open_close",)),
    ("Importing", "import", ("import",)),
)
"""Heading, the name of its plot, and what is measured in it."""

TITLES = {
    "throughput": "Messages from PUSH to PULL",
    "round_trip": "From a request to its reply, REQ and REP",
    "publish": "Messages from one PUB to all its subscribers",
    "threads": "Messages from four threads to one PULL, by the PUSH that they share",
    "cpu": "Processor time of both sides",
    "memory": "Memory at its highest, beyond what the process had before",
    "open_close": "Opening and closing a socket",
    "import": "From nothing to the first socket",
}


def page(
    results: Results, notes: Notes, plots: Collection[str], source: str, folder: str, method: str
) -> str:
    """The whole page.

    Args:
        results: what was measured.
        notes: hand-written prose; see `notes.py`.
        plots: names of the charts that there are.
        source: a link to the file of results.
        folder: a link to the folder of the charts.
        method: a link to the description of how it is measured.
    """

    def plot(name: str, words: str) -> Iterator[str]:
        if name in plots:
            yield from (f"![{words}]({folder}/{name})", "")

    lines = [
        "# Performance",
        "",
        f"<!-- Made by bench/page.py from {source}, with the prose of bench/notes.md: "
        "edit those, not this. -->",
        "",
        f"What anymq costs and gains against C and against the other Python packages, measured "
        f"{_when(results)} on one machine, each comparison on one and the same library "
        f"file. Ratios say more than rates: rates are those of this machine.",
        "",
        *plot(OVERVIEW, "100-byte messages over tcp: how far each binding is from C"),
        *_aims(results, notes),
        *_behind(results),
        *_machine(results),
        *_method(results, source, method),
    ]
    for library in results.libraries:
        lines += [f"## {results.title(library)}", ""]
        if prose := notes.get((library, "")):
            lines += [prose, ""]
        cases = results.of(library)
        for heading, name, measures in SECTIONS:
            chosen = [c for c in cases if c.measure in measures and _is_in(c, name)]
            if chosen:
                title = f"{results.title(library)}: {heading.lower()}, distance from C"
                lines += [f"### {heading}", "", *plot(plot_name(name, library), title)]
                lines += _tables(chosen)
        known = {measure for _, _, measures in SECTIONS for measure in measures}
        others = [case for case in cases if case.measure not in known]
        if others:
            lines += ["### Other", "", *_tables(others)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _is_in(case: Case, section: str) -> bool:
    """Whether a case belongs there by the way its calls wait."""
    if case.measure not in ("throughput", "round_trip", "publish"):
        return True
    return (case.mode in AWAITING) == (section == "awaiting")


def _tables(cases: Sequence[Case]) -> Iterator[str]:
    """A table for each thing measured, in its unit, and what was not measured."""
    for measure, kind in dict.fromkeys((case.measure, unit(case)) for case in cases):
        chosen = [case for case in cases if (case.measure, unit(case)) == (measure, kind)]
        better = "more" if chosen[0].higher_is_better else "less"
        title = TITLES.get(measure, measure.replace("_", " ").capitalize())
        yield from (f"{title}, {kind}; {better} is better.", "")
        if any(case.results for case in chosen):
            yield from (*cases_table([case for case in chosen if case.results]), "")
        if missing := list(skipped(chosen)):
            yield from ("Not measured:", "", *missing, "")


def _aims(results: Results, notes: Notes) -> Iterator[str]:
    """What was wanted, as a table, then those that were missed, in words."""
    if not results.aims:
        return
    missed = [aim for aim in results.aims if not aim.reached]
    count = len(results.aims)
    yield from ("## What was aimed at", "")
    if missed:
        yield f"{count - len(missed)} of {count} aims were reached, {len(missed)} were not."
    else:
        yield f"All {count} aims were reached."
    yield from (
        "Ratios are anymq's to the other's, medians with the extremes of the rounds; those of "
        "times and memory are to be small.",
        "",
        *table(
            ("library", "aim", "against", "wanted", "measured", "reached"),
            [
                (
                    results.title(aim.library),
                    aim.name,
                    aim.against,
                    f"{'≥' if aim.sense == '>=' else '≤'} {aim.wanted:g}",
                    _measured(aim),
                    "yes" if aim.reached else "**no**",
                )
                for aim in results.aims
            ],
        ),
        "",
    )
    if missed:
        yield from ("### Not reached", "")
    for aim in missed:
        limit = "at least" if aim.sense == ">=" else "at most"
        yield (
            f"**{results.title(aim.library)}, {aim.name}**: {_short(aim)} × {aim.against}, "
            f"where {limit} {aim.wanted:g} was wanted."
        )
        yield from (note_of(notes, aim) or "It is not explained yet.", "")
    told = [aim for aim in results.aims if aim.reached and note_of(notes, aim)]
    if told:
        yield from ("### Remarks", "")
    for aim in told:
        yield f"**{results.title(aim.library)}, {aim.name}, to {aim.against}** (reached):"
        yield from (note_of(notes, aim), "")


def _behind(results: Results) -> Iterator[str]:
    """Where anymq is not the best choice, whether or not an aim is about it."""
    found = list(behind(results))
    yield from ("## Where another package is faster", "")
    if not found:
        yield from (f"Nowhere by more than {AHEAD:g} times, of all that was measured.", "")
        return
    yield (
        f"All cases in which another package on the same library file was more than {AHEAD:g} "
        f"times as good as anymq by the median of the rounds; by library, the furthest ahead "
        f"first. Marked "
        f"with ? are those in which the extremes reach over 1: a round or more went the other way. "
        f"To a memory that did not rise at all there is no ratio."
    )
    yield from ("", *behind_table(found, results), "")


def _when(results: Results) -> str:
    """On which days, and in how many parts, as far as the file says."""
    dates = sorted({part.date for part in results.parts} or {results.date})
    days = f"on {dates[0]}" if len(dates) == 1 else f"from {dates[0]} to {dates[-1]}"
    if not results.parts:
        return days
    return (
        f"{days} in one run" if len(results.parts) == 1 else f"{days} in {len(results.parts)} parts"
    )


def _load(results: Results) -> tuple[str, float]:
    """The load before each part, in words, and the highest."""
    loads = [part.load_before for part in results.parts]
    if len(loads) < 2:
        only = loads[0] if loads else results.machine.load_before
        return f"load {only:.2f} before the run", only
    rest = f"{min(loads[1:]):.2f} to {max(loads[1:]):.2f}"
    return f"load {loads[0]:.2f} before the first part, {rest} before the others", max(loads)


def _rounds(results: Results) -> str:
    """How many turns each contestant had in the parts; the memory's are fewer."""
    counts = sorted({part.rounds for part in results.parts})
    if len(counts) < 2:
        return f"up to {counted(results.rounds, 'round')}"
    fewer = ", ".join(map(str, counts[:-1]))
    return f"up to {fewer} or {counts[-1]} rounds, depending on the part"


def _measured(aim: Aim) -> str:
    return f"{_short(aim)} ({ratio(aim.low)}–{ratio(aim.high)})"


def _short(aim: Aim) -> str:
    """The ratio, with as many digits as tell it from what was wanted."""
    text = ratio(aim.ratio)
    return text if aim.reached or float(text) != aim.wanted else f"{aim.ratio:.3f}"


def _machine(results: Results) -> Iterator[str]:
    machine = results.machine
    compiler = results.contestants.get("C")
    load, highest = _load(results)
    yield from ("## Machine, libraries and packages", "")
    yield (
        f"{machine.cpu}, {machine.cores} cores, Linux {machine.kernel}, Python {machine.python}; "
        f"{load}."
    )
    if highest > BUSY * machine.cores:
        yield (
            "**That is much: either a part of this benchmark had just ended, or other work ran, "
            "and then the numbers mean little.**"
        )
    yield from (
        "",
        *table(
            ("library", "version", "file", "SHA-256"),
            [
                (results.title(id_), library.version, f"`{library.file}`", f"`{library.sha256}`")
                for id_, library in results.libraries.items()
            ],
        ),
        "",
        f"Packages: {', '.join(f'{n} {v}' for n, v in results.contestants.items() if n != 'C')}."
        + (f" The C programs were compiled by {compiler}." if compiler else ""),
        "",
    )


def _method(results: Results, source: str, method: str) -> Iterator[str]:
    yield from (
        "## How it was measured",
        "",
        f"Sender and receiver are two processes; all contestants of a comparison use the same "
        f"library file, and take turns, {_rounds(results)}; all of it took "
        f"{counted(results.seconds / 60, 'minute')}. A number is the median of its rounds. A "
        f"ratio is taken within each round, so that whatever else the machine did falls on both; "
        f"its median stands before its extremes: 1.20 (1.15–1.26). In the plots C is the line at "
        f"1, and higher is faster, for times too. More is in [the benchmark's description]"
        f"({method}); `make bench` runs it anew, and [the file of results]({source}) has every "
        f"value.",
        "",
    )
