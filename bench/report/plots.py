"""Which charts there are, made from the cases in which C took part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from .chart import Chart, Panel, draw, styles_of
from .results import AWAITING, Case, Results, Spread
from .tables import counted, size

__all__ = ["OVERVIEW", "plot_name", "plots"]

OVERVIEW = "overview.svg"
FASTER = "Times as fast as C on the same library file"
OVERVIEW_SIZE = 100
ONE_THREAD = " one thread"
"""How the names of those end that show what four threads are to one."""

Group = Callable[[Case], str]


def plots(results: Results) -> Mapping[str, str]:
    """Every chart by the name of its file."""
    rounds = counted(results.rounds, "round")
    explained = f"{FASTER}; medians and extremes of up to {rounds}, logarithmic scale."
    charts = {
        OVERVIEW: Chart(
            f"{OVERVIEW_SIZE}-byte messages over tcp, by library",
            explained,
            _shown(
                [
                    Panel("throughput, PUSH to PULL", _by_library(results, "throughput")),
                    Panel("round trip, REQ to REP and back", _by_library(results, "round_trip")),
                ]
            ),
        )
    }
    for library in results.libraries:
        for measure, (what, panels) in _of_library(results.of(library)).items():
            title = f"{results.title(library)}: {what}"
            charts[plot_name(measure, library)] = Chart(title, explained, _shown(panels))
    styles = styles_of(charts.values())
    return {name: draw(chart, styles) for name, chart in charts.items() if chart.panels}


def plot_name(measure: str, library: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{measure} {library}".lower())
    return f"{words.strip('-')}.svg"


def _of_library(cases: Sequence[Case]) -> Mapping[str, tuple[str, list[Panel]]]:
    def panels(measure: str, panel: Group, group: Group, *, awaited: bool = False) -> list[Panel]:
        chosen = [c for c in cases if c.measure == measure and (c.mode in AWAITING) == awaited]
        titles = dict.fromkeys(map(panel, chosen))
        return [Panel(t, _grouped((c for c in chosen if panel(c) == t), group)) for t in titles]

    def over(case: Case) -> str:
        return f"over {case.transport}" if case.transport else ""

    def what(case: Case) -> str:
        return ", ".join(filter(None, [over(case), _size(case)]))

    def subscribers(case: Case) -> str:
        return counted(case.peers, "subscriber")

    def sockets(case: Case) -> str:
        return counted(case.peers, "socket")

    awaited = {"throughput": "throughput", "round_trip": "round trip"}
    return {
        "throughput": ("throughput, PUSH to PULL", panels("throughput", over, _size)),
        "round_trip": ("round trips, REQ to REP and back", panels("round_trip", over, _size)),
        "publish": ("publishing, PUB to SUB", panels("publish", what, subscribers)),
        "threads": ("four threads that send, PUSH to PULL", panels("threads", what, sockets)),
        "awaiting": (
            "awaited calls against C that blocks",
            [
                Panel(f"{words} {panel.title}", panel.groups)
                for measure, words in awaited.items()
                for panel in panels(measure, what, lambda c: c.mode or "", awaited=True)
            ],
        ),
    }


def _grouped(cases: Iterable[Case], group: Group) -> Mapping[str, Mapping[str, Spread]]:
    """Distances from C, by group and series; batches are a series of anymq's own."""
    found: dict[str, dict[str, Spread]] = {}
    for case in cases:
        for name in case.results:
            spread = case.as_fast_as(name, "C")
            if name == "C" or name.endswith(ONE_THREAD) or spread is None:
                continue
            if case.mode == "batch":
                if not name.startswith("anymq"):
                    continue
                name += ", batches"
            found.setdefault(group(case), {})[name] = spread
    return found


def _by_library(results: Results, measure: str) -> Mapping[str, Mapping[str, Spread]]:
    chosen = [
        case
        for case in results.cases
        if (case.measure, case.transport, case.size) == (measure, "tcp", OVERVIEW_SIZE)
        and case.mode not in AWAITING
    ]
    return _grouped(chosen, lambda case: results.title(case.library))


def _size(case: Case) -> str:
    return "" if case.size is None else size(case.size)


def _shown(panels: Iterable[Panel]) -> list[Panel]:
    return [panel for panel in panels if panel.groups]
