"""The matrix as one self-contained HTML page, to filter and search.

Everything but the single runs is in the page as tables, so that it can be read without scripts.
The runs are in it as data, and `page.js` draws those that the filters leave. Every cell tells the
run or the file that filled it: as its title, and in a panel when it is focused or clicked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from anymq.cli._html import STYLE

from .results import Build, Conformance, Results, Run
from .tables import LISTENERS, NOT_RUN, SECTIONS, Row, Section, WireRuns, differences, quirks, wires

__all__ = ["render"]

SEMANTICS = "docs/semantics.md#where-the-libraries-remain-different"


@dataclass(frozen=True)
class Part:
    """A section of the page: where links find it, its heading, and itself."""

    ident: str
    title: str
    html: str


def render(results: Results, folder: str = "") -> str:
    """The page; `folder` is where links reach the results, `""` if nothing was recorded."""
    runs = wires(results)
    parts = [_builds(results, folder)]
    parts += [_features(results, section, folder) for section in SECTIONS]
    parts += [_interop(wire, f"{folder}/interop/{wire.wire}.json") for wire in runs]
    if folder:
        parts += [_differences(results, folder), _quirks(results, folder)]
        parts.append(_conformance(results, folder))
    own = files(__package__)
    return _PAGE.format(
        style=STYLE + own.joinpath("page.css").read_text(encoding="utf-8"),
        script=own.joinpath("page.js").read_text(encoding="utf-8"),
        intro=_intro(results, folder),
        contents="\n".join(f"<li>{_link(f'#{part.ident}', part.title)}</li>" for part in parts),
        filters=_filters(results, runs),
        parts="\n".join(part.html for part in parts),
        data="\n".join(map(_data, runs)),
    )


def _intro(results: Results, folder: str) -> str:
    if not folder:
        return "<p>What the libraries of one machine say at run time. Made by anymq matrix.</p>"
    loadable = len(results.loadable)
    return (
        f"<p>{loadable} builds of {len(results.libraries)} libraries, recorded with anymq "
        f"{escape(results.anymq)}. Made by <code>anymq matrix</code> from the results in "
        f'<a href="{escape(folder)}/">{escape(folder)}/</a>, and from nothing else.</p>'
    )


# Filters


def _filters(results: Results, runs: Sequence[WireRuns]) -> str:
    records = [r for said in results.features.values() for r in said.features.values()]
    statuses = [s for s in ("native", "emulated", "absent") if any(r.status == s for r in records)]
    protocols = [row.name for row in SECTIONS[0].rows]
    transports = [row.name.removesuffix("://") for row in SECTIONS[1].rows]
    endings = dict.fromkeys(c.outcome for c in results.conformance.values())
    outcomes = dict.fromkeys(run.outcome for wire in runs for run in wire.recorded.runs)
    libraries = {build.name: build.library for build in results.builds}
    choices: list[tuple[str, str, Iterable[str]]] = [
        ("library", "Library", dict.fromkeys(libraries.values())),
        ("build", "Build", libraries),
        ("status", "Status", [*statuses, NOT_RUN]),
        ("protocol", "Protocol", protocols),
        ("transport", "Transport", transports),
    ]
    if endings or outcomes:
        found = sorted({*endings, *outcomes} - {"ok", "passed"})
        choices.append(("outcome", "Outcome", ["good", "not good", *found]))
    return "\n".join(
        f'<label>{title} <select name="{name}"><option value="">all</option>'
        + "".join(_option(value, libraries.get(value, "")) for value in values)
        + "</select></label>"
        for name, title, values in choices
    )


def _option(value: str, library: str) -> str:
    of = f' data-library="{escape(library)}"' if library else ""
    return f"<option{of}>{escape(value)}</option>"


# Builds and features


def _part(ident: str, title: str, text: str, table: str, *, runs: str = "", data: str = "") -> Part:
    html = (
        f'<section id="{ident}"{data}>\n<h2>{escape(title)}</h2>\n<p>{text}</p>\n'
        f'<p class="count" role="status"></p>\n{_scrolled(title, table)}\n'
        f"{runs}</section>"
    )
    return Part(ident, title, html)


def _scrolled(label: str, table: str) -> str:
    """A table that is wider or longer than the window scrolls by itself, by keyboard too."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">\n'
        f"{table}\n</div>"
    )


def _table(kind: str, heads: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table>"
    )


def _link(target: str, text: str) -> str:
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def _builds(results: Results, folder: str) -> Part:
    heads = ["build", "says it is", "wire", "from", "loads"]
    if folder:
        heads += ["identified by", "run with", "conformance", "in CI", "file and package checksum"]
    text = f"From {_link(f'{folder}/builds.json', f'{folder}/builds.json')}." if folder else ""
    return _part(
        "builds",
        "Builds",
        text,
        _table("list", heads, (_build(results, build, folder) for build in results.builds)),
    )


def _build(results: Results, build: Build, folder: str) -> str:
    origin = ", ".join(filter(None, [build.origin, build.built]))
    shown = [f"<td>{escape(cell or '')}</td>" for cell in (build.version_text, build.wire, origin)]
    if build.loads:
        shown.append('<td class="good">yes</td>')
    else:
        shown.append(f'<td class="bad">no: {escape(build.reason or "")}</td>')
    if folder:
        shown += [f"<td>{escape(cell or '')}</td>" for cell in (build.identified_by, build.runtime)]
        shown.append(_ending(results.conformance.get(build.name), build, folder))
        shown.append(f"<td>{'yes' if build.in_ci else 'no'}</td>")
        where = " ".join(filter(None, [build.file, build.sha256 and f"sha256 {build.sha256}"]))
        shown.append(f'<td class="dim long">{escape(where)}</td>')
    return _row_of([build.name], f'<th scope="row">{escape(build.name)}</th>', *shown)


def _row_of(builds: Iterable[str], *cells: str, more: str = "") -> str:
    """A row that the filters by build and library know."""
    return f'<tr data-builds="{escape(" ".join(builds))}"{more}>{"".join(cells)}</tr>'


def _ending(found: Conformance | None, build: Build, folder: str) -> str:
    if found is None:
        return f'<td class="dim">{NOT_RUN if build.loads else ""}</td>'
    kind = "good" if found.outcome == "passed" else "bad"
    link = _link(f"{folder}/conformance/{build.name}.json", found.outcome)
    return f'<td class="{kind}">{link}</td>'


def _features(results: Results, section: Section, folder: str) -> Part:
    builds = results.loadable
    first = "".join(f'<th scope="col" rowspan="2">{escape(c)}</th>' for c in section.columns)
    groups = "".join(
        f'<th scope="colgroup" colspan="{len(own)}" data-library="{escape(library)}">'
        f"{escape(library)}</th>"
        for library, own in results.libraries.items()
    )
    columns = "".join(
        f'<th scope="col" data-build="{escape(build.name)}"><span>'
        + (_link(_file(results, build, folder), build.short) if folder else escape(build.short))
        + "</span></th>"
        for build in builds
    )
    rows = "\n".join(_feature(results, section, row, folder) for row in section.rows)
    table = (
        f'<table class="features grid">\n<thead><tr>{first}{groups}</tr>\n'
        f"<tr>{columns}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )
    text = _LEGEND
    if folder:
        link = _link(f"{folder}/features/", f"{folder}/features/")
        text = f"From {link}, one file for each build. {_LEGEND}"
    return _part(section.title.lower(), section.title, text, table)


def _file(results: Results, build: Build, folder: str) -> str:
    part = f"features/{build.name}.json" if build.name in results.features else "builds.json"
    return f"{folder}/{part}"


def _feature(results: Results, section: Section, row: Row, folder: str) -> str:
    more = "".join(f"<td>{escape(text)}</td>" for text in row.more)
    axis = {"Protocols": "protocol", "Transports": "transport"}.get(section.title)
    key = f' data-{axis}="{escape(row.name.removesuffix("://"))}"' if axis else ""
    cells = "".join(_support(results, build, row, folder) for build in results.loadable)
    return f'<tr{key}><th scope="row">{escape(row.name)}</th>{more}{cells}</tr>'


def _support(results: Results, build: Build, row: Row, folder: str) -> str:
    record = results.record(build.name, row.feature)
    if record is None:
        return f'<td class="none" title="no run has told">{NOT_RUN}</td>'
    told = [
        record.reason,
        record.needed and f"needs {record.needed}",
        record.evidence and f"evidence: {record.evidence}",
        folder and f"from {folder}/features/{build.name}.json",
    ]
    title = "&#10;".join(escape(text) for text in told if text)
    return f'<td class="{record.status}" title="{title}">{record.status}</td>'


# Interoperation


def _interop(wire: WireRuns, file: str) -> Part:
    asked = wire.recorded.parameters
    text = (
        f"From {_link(file, file)}. One run for each pair of builds, protocol, transport and "
        f"direction of connecting: up to {asked.count} messages of each of "
        f"{', '.join(map(str, asked.sizes))} bytes within {asked.timeout:g} s. A cell says "
        "how many of the runs were ok; <b>–</b>: one of the builds lacks what is needed. "
        "Choose a cell to see its runs."
    )
    numbers = "".join(
        f'<th scope="col" data-build="{escape(build.name)}"><span>{escape(build.name)}</span></th>'
        for build in wire.builds
    )
    rows = "\n".join(
        f'<tr data-build="{escape(sender.name)}"><th scope="row">{escape(sender.name)}</th>'
        + "".join(_pair(wire, sender, receiver) for receiver in wire.builds)
        + "</tr>"
        for sender in wire.builds
    )
    table = (
        f'<table class="pairs grid"><thead><tr><th scope="col">sender ↓ receiver →</th>{numbers}'
        f"</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )
    runs = (
        '<div class="runs" hidden>\n<p class="chosen"><span></span> '
        '<button type="button">All pairs</button></p>\n'
        + _scrolled(f"Runs over {wire.wire.upper()}", _table("list", _RUN_HEADS, []))
        + '\n<p><button type="button" class="more">More runs</button></p></div>\n'
    )
    return _part(
        f"interop-{wire.wire}",
        f"Interoperation over {wire.wire.upper()}",
        text,
        table,
        runs=runs,
        data=f' data-wire="{escape(wire.wire)}" data-file="{escape(file)}"',
    )


_RUN_HEADS = (
    "outcome", "protocol", "transport", "sender", "receiver", "who listens", "delivered", "sent",
    "intact", "in order", "seconds", "detail", "run",
)  # fmt: skip


def _pair(wire: WireRuns, sender: Build, receiver: Build) -> str:
    tally = wire.tally(senders=[sender.name], receivers=[receiver.name])
    if tally.failed:
        kind = "bad"
    elif tally.not_run:
        kind = "fair" if tally.ran else "none"
    else:
        kind = "good" if tally.ran else "absent"
    return f'<td class="{kind}">{tally.text}</td>'


def _data(wire: WireRuns) -> str:
    """The runs, one a line; words that come often are told once and then by their number.

    An id that is made of the run's key, as most are, is left to the script.
    """
    words: dict[str, int] = {}

    def number(word: str) -> int:
        return words.setdefault(word, len(words))

    def line(run: Run) -> str:
        fields = [
            "" if run.id == "/".join(run.key) else run.id,
            *map(number, (run.protocol, run.transport, run.sender, run.receiver)),
            LISTENERS.index(run.listener),
            number(run.outcome),
            run.delivered,
            run.sent,
            run.intact,
            run.ordered,
            run.seconds,
            number(run.detail),
        ]
        return json.dumps(fields, separators=(",", ":"))

    runs = ",\n".join(line(run) for run in wire.recorded.runs)
    text = f'{{"words":{json.dumps(list(words))},\n"runs":[\n{runs}\n]}}'.replace("</", "<\\/")
    return f'<script type="application/json" id="runs-{escape(wire.wire)}">{text}</script>'


# Behaviour


def _differences(results: Results, folder: str) -> Part:
    rows = [
        _row_of(
            row.tests,
            f'<th scope="row">{_link(SEMANTICS, row.id)}</th>',
            f"<td>{escape(row.reason)}</td>",
            f"<td>{escape(', '.join(row.tests))}</td>",
            "<td>"
            + _folded(
                f"{sum(map(len, row.tests.values()))} tests",
                [f"{build}: {test}" for build, tests in row.tests.items() for test in tests],
            )
            + "</td>",
        )
        for row in differences(results)
    ]
    source = _link(f"{folder}/conformance/", f"{folder}/conformance/")
    text = (
        f"From {source}, one file for each build: what the suite expects to differ, and saw "
        f"differ, on these builds. {_link(SEMANTICS, 'docs/semantics.md')} explains each."
    )
    table = _table("list", ["id", "what differs", "builds", "tests"], rows)
    return _part("differences", "Differences in behaviour", text, table)


def _quirks(results: Results, folder: str) -> Part:
    rows = [
        _row_of(
            row.builds,
            f'<th scope="row">{escape(row.name)}</th>',
            f"<td>{escape(row.text)}</td>",
            f"<td>{escape(', '.join(row.builds))}</td>",
        )
        for row in quirks(results)
    ]
    source = _link(f"{folder}/features/", f"{folder}/features/")
    text = (
        f"From {source}, one file for each build: what the library that was loaded does otherwise "
        "than the common behaviour, as <code>anymq features</code> tells of yours too."
    )
    table = _table("list", ["quirk", "what it does", "builds"], rows)
    return _part("quirks", "What libraries do otherwise, by their own account", text, table)


def _conformance(results: Results, folder: str) -> Part:
    heads = ["build", "outcome", "passed", "failed", "differ", "skipped", "Python", "seconds"]
    rows = [
        _conformance_row(build, results.conformance.get(build.name), folder)
        for build in results.loadable
    ]
    source = _link(f"{folder}/conformance/", f"{folder}/conformance/")
    text = (
        f"From {source}, one file for each build. <b>differ</b>: tests that failed as they must "
        "there, by the differences above."
    )
    table = _table("list", [*heads, "command", "detail"], rows)
    return _part("conformance", "Conformance", text, table)


def _conformance_row(build: Build, found: Conformance | None, folder: str) -> str:
    head = f'<th scope="row">{escape(build.name)}</th>'
    if found is None:
        more = ' data-outcome=""'
        return _row_of([build.name], head, _ending(None, build, folder), "<td></td>" * 8, more=more)
    failed = [f"{failure.test}: {failure.message}" for failure in found.failed]
    differ = [f"{difference.id}: {difference.test}" for difference in found.differences]
    skipped = Counter(skip.reason for skip in found.skipped)
    reasons = [f"{count}: {reason}" for reason, count in sorted(skipped.items())]
    cells = [
        str(found.passed),
        _folded(str(len(failed)), failed),
        _folded(str(len(differ)), differ),
        _folded(str(len(found.skipped)), reasons),
        escape(found.python),
        f"{found.seconds:g}",
        escape(found.command),
        escape(found.detail),
    ]
    return _row_of(
        [build.name],
        head,
        _ending(found, build, folder),
        *(f"<td>{cell}</td>" for cell in cells),
        more=f' data-outcome="{escape(found.outcome)}"',
    )


def _folded(summary: str, lines: Sequence[str]) -> str:
    if not lines:
        return escape(summary)
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<details><summary>{escape(summary)}</summary><ul>{items}</ul></details>"


_LEGEND = (
    '<span class="key native">native</span> the library does it; '
    '<span class="key emulated">emulated</span> anymq does it, on top of the library; '
    '<span class="key absent">absent</span>; '
    f'<span class="key none">{NOT_RUN}</span> no run has told.'
)

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>anymq: compatibility matrix</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#tables">Skip to the tables</a>
<header>
<h1>Compatibility matrix</h1>
{intro}
<nav aria-label="Contents"><ul>
{contents}
</ul></nav>
<noscript><p>Filters, search and the single runs need scripts; all else is below.</p></noscript>
</header>
<form role="search" class="search" hidden>
<label for="search">Search</label>
<input id="search" name="words" type="search" autocomplete="off"
 placeholder="words that a row has">
<button type="button" class="open" aria-expanded="false" aria-controls="filters">Filters</button>
<div id="filters">
{filters}
<button type="reset">Clear</button>
</div>
</form>
<main id="tables">
{parts}
</main>
<aside id="told" role="status" hidden></aside>
{data}
<script>
{script}</script>
</body>
</html>
"""
