"""A report of `anymq interop` as a table for people, as JUnit XML and as an HTML page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from anymq import __version__

from ._html import Cell, Table, page
from ._output import print_table

if TYPE_CHECKING:
    from anymq.interop import Report, Run

__all__ = ["html", "junit", "print_report"]

UNSUPPORTED = "–"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all."""


def _names(report: Report) -> dict[str, str]:
    """Each build and what it is, for people."""
    return {
        name: build.get("url")
        or build.get("reason")
        or " ".join(filter(None, (build["library"], build["version_text"])))
        for name, build in report.builds.items()
    }


def _grids(report: Report) -> Iterable[tuple[str, list[Run]]]:
    """The runs of each protocol and transport."""
    runs = sorted(report.runs, key=lambda run: (run.protocol, run.transport))
    for (protocol, transport), some in groupby(runs, key=lambda r: (r.protocol, r.transport)):
        yield f"{protocol} over {transport}", list(some)


def _both(runs: Sequence[Run]) -> str:
    """One cell: the runs of two builds with either of them listening."""
    outcomes = list(dict.fromkeys(run.outcome for run in runs))
    if outcomes == ["unsupported"]:
        return UNSUPPORTED
    if outcomes == ["ok"]:
        return f"ok {1000 * max(run.seconds for run in runs):.0f} ms"
    return ", ".join(
        f"{run.outcome} ({run.listener} listens)" for run in runs if run.outcome != "ok"
    )


def _cells(runs: Sequence[Run]) -> Mapping[tuple[str, str], list[Run]]:
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.sender, run.receiver), []).append(run)
    return found


def print_report(report: Report, require_all: bool) -> None:
    """A matrix for each protocol and transport, then what failed, then a summary."""
    print_table(("build", "what it is"), _names(report).items())
    names = list(report.builds)
    for title, runs in _grids(report):
        if all(run.outcome == "unsupported" for run in runs):
            continue
        cells = _cells(runs)
        senders = [name for name in names if any(name == sender for sender, _ in cells)]
        receivers = [name for name in names if any(name == receiver for _, receiver in cells)]
        rows = [
            (sender, *(_both(cells[sender, r]) if (sender, r) in cells else "" for r in receivers))
            for sender in senders
        ]
        print_table(("from \\ to", *receivers), rows, title=title)
    failed = [(run.id, run.outcome, run.detail) for run in report.failures]
    if failed:
        print_table(("failed", "outcome", "detail"), failed)
    if require_all:
        lacking = [(run.id, run.detail) for run in report.runs if run.outcome == "unsupported"]
        print_table(("unsupported", "why"), lacking)
    else:
        _print_reasons(report)
    print(", ".join(f"{count} {outcome}" for outcome, count in report.counts.items()))


def _print_reasons(report: Report) -> None:
    """Why what is unsupported is, and what else must be known of what is not, each once."""
    for outcome, word in (("unsupported", "unsupported"), ("ok", "note")):
        runs = [run for run in report.runs if run.outcome == outcome and run.detail]
        for detail in dict.fromkeys(run.detail for run in runs):
            print(f"{word}: {detail}")


def junit(report: Report, require_all: bool) -> str:
    """JUnit XML: a suite for each protocol and transport, a case for each run."""
    root = ET.Element("testsuites", name="anymq interop")
    for title, runs in _grids(report):
        suite = ET.SubElement(root, "testsuite", name=title)
        counts = {"tests": len(runs), "failures": 0, "errors": 0, "skipped": 0}
        for run in runs:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{run.protocol}.{run.transport}",
                name=f"{run.sender} to {run.receiver}, {run.listener} listens",
                time=f"{run.seconds:.4f}",
            )
            kind = _junit_kind(run, require_all)
            if kind:
                counts[{"failure": "failures", "error": "errors"}.get(kind, kind)] += 1
                told = ET.SubElement(case, kind, message=_clean(f"{run.outcome}: {run.detail}"))
                if kind != "skipped":
                    told.set("type", run.outcome)
                    told.text = f"sent {run.sent}, delivered {run.delivered}"
        suite.attrib.update({name: str(count) for name, count in counts.items()})
        suite.set("time", f"{sum(run.seconds for run in runs):.4f}")
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def _junit_kind(run: Run, require_all: bool) -> str:
    if run.outcome == "ok":
        return ""
    if run.outcome == "unsupported":
        return "failure" if require_all else "skipped"
    return "error" if run.outcome in ("error", "crashed", "hung") else "failure"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def html(report: Report) -> str:
    """A page: who took part, a matrix for each protocol and transport, and every run."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    parameters = ", ".join(f"{name}: {value}" for name, value in report.parameters.items())
    what = [[name, text] for name, text in _names(report).items()]
    tables = [Table("Builds", ["build", "what it is"], what)]
    if report.failures:
        tables.append(
            Table(
                "Failures",
                ["run", "outcome", "detail"],
                [[r.id, Cell(r.outcome, "bad"), r.detail] for r in report.failures],
            )
        )
    tables += [_html_grid(report, title, runs) for title, runs in _grids(report)]
    columns = ["protocol", "transport", "from", "to", "listens", "outcome", "sent", "delivered"]
    rows = [_html_run(run) for run in report.runs]
    tables.append(Table("Every run", [*columns, "intact", "ordered", "ms", "detail"], rows))
    return page(
        "Interoperation of messaging libraries",
        [
            f"{counts}. Rows send (or speak first), columns receive; a cell holds both runs, with "
            "either of the two listening, and the time of the slower one. "
            f"Messages: {parameters} s.",
        ],
        tables,
        footer=f"made by anymq {__version__}",
    )


def _html_grid(report: Report, title: str, runs: Sequence[Run]) -> Table:
    cells = _cells(runs)
    receivers = [name for name in report.builds if any(name == to for _, to in cells)]
    rows = []
    for sender in dict.fromkeys(sender for sender, _ in cells):
        row: list[str | Cell] = [sender]
        for receiver in receivers:
            some = cells.get((sender, receiver), [])
            row.append(_html_cell(some) if some else "")
        rows.append(row)
    return Table(title, ["from \\ to", *receivers], rows)


def _html_cell(runs: Sequence[Run]) -> Cell:
    text = _both(runs)
    detail = "; ".join(dict.fromkeys(run.detail for run in runs if run.detail))
    kind = "dim" if text == UNSUPPORTED else "good" if text.startswith("ok") else "bad"
    return Cell(text, kind, detail)


_KINDS = {"ok": "good", "unsupported": "dim"}


def _html_run(run: Run) -> list[str | Cell]:
    yes = {True: "yes", False: "no", None: "unknown"}
    tried = run.outcome != "unsupported"
    return [
        run.protocol,
        run.transport,
        run.sender,
        run.receiver,
        run.listener,
        Cell(run.outcome, _KINDS.get(run.outcome, "bad")),
        str(run.sent) if tried else "",
        ("unknown" if run.delivered is None else str(run.delivered)) if tried else "",
        yes[run.intact] if tried else "",
        yes[run.ordered] if tried else "",
        f"{1000 * run.seconds:.1f}" if tried else "",
        run.detail,
    ]
