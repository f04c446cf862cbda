"""Self-contained HTML pages of tables that a person can search, filter and sort.

One file, no network, no library: style and script are in the page. Without scripts the tables are
still all there; with them comes a search over all tables, a filter for each column and sorting.
Everything works from the keyboard, and colours follow the reader's light or dark setting.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["STYLE", "Cell", "Table", "page"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell with more than text.

    Attributes:
        text: what is shown, searched and filtered by.
        kind: its colour: `"good"`, `"bad"`, `"fair"`, `"dim"`, or `""` for none.
        title: shown on hovering and read to screen readers; searched too.
        link: where a click leads, a URL or `"#anchor"`; `""` for nowhere.
    """

    text: str
    kind: str = ""
    title: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a page.

    Attributes:
        title: its heading, which is also in the page's contents.
        columns: headings of the columns.
        rows: cells, as many as there are columns; the first one of a row is its heading.
        note: a paragraph below the heading.
        anchor: its `id`, for links; made of the title where empty.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    note: str = ""
    anchor: str = ""

    @property
    def id(self) -> str:
        return self.anchor or re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def page(title: str, intro: Sequence[str], tables: Sequence[Table], *, footer: str = "") -> str:
    """A page: a heading, paragraphs of plain text, and tables with a search over all of them.

    Every text is escaped. The result is the same for the same arguments.
    """
    paragraphs = "\n".join(f"<p>{escape(text)}</p>" for text in intro)
    contents = "\n".join(
        f'<li><a href="#{escape(table.id)}">{escape(table.title)}</a></li>' for table in tables
    )
    return _PAGE.format(
        title=escape(title),
        style=STYLE,
        script=_SCRIPT,
        intro=paragraphs,
        contents=contents,
        tables="\n".join(map(_table, tables)),
        footer=f"<footer>{escape(footer)}</footer>" if footer else "",
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "\n".join(f"<tr>{_row(row)}</tr>" for row in table.rows)
    note = f"<p>{escape(table.note)}</p>\n" if table.note else ""
    return (
        f'<section id="{escape(table.id)}" aria-labelledby="{escape(table.id)}-title">\n'
        f'<h2 id="{escape(table.id)}-title">{escape(table.title)}</h2>\n{note}'
        f'<p class="count" role="status"></p>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">\n'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n</section>"
    )


def _row(row: Sequence[str | Cell]) -> str:
    cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
    return "".join(_cell(cell, "th" if index == 0 else "td") for index, cell in enumerate(cells))


def _cell(cell: Cell, tag: str) -> str:
    scope = ' scope="row"' if tag == "th" else ""
    kind = f' class="{escape(cell.kind)}"' if cell.kind else ""
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    text = escape(cell.text)
    if cell.link:
        text = f'<a href="{escape(cell.link)}">{text}</a>'
    return f"<{tag}{scope}{kind}{title}>{text}</{tag}>"


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#tables">Skip to the tables</a>
<header>
<h1>{title}</h1>
{intro}
<nav aria-label="Contents"><ul>
{contents}
</ul></nav>
</header>
<form role="search" class="search" hidden>
<label for="search">Search all tables</label>
<input id="search" type="search" autocomplete="off" placeholder="several words: rows that have all">
<button type="reset">Clear all filters</button>
</form>
<main id="tables">
{tables}
</main>
{footer}
<script>
{script}</script>
</body>
</html>
"""

STYLE = """\
:root { --ink: #1c2430; --paper: #fff; --soft: #f3f5f8; --line: #d5dae2; --link: #0b57b0;
  --good: #0a6b35; --good-bg: #e3f5ea; --bad: #a3161f; --bad-bg: #fde8e8;
  --fair: #7a4d00; --fair-bg: #fdf1d8; --dim: #657080; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --paper: #14181f; --soft: #1e242d; --line: #38414e; --link: #8abaff;
    --good: #7fdca2; --good-bg: #143323; --bad: #ff9c9c; --bad-bg: #451a1d;
    --fair: #f2c46d; --fair-bg: #3a2c10; --dim: #98a3b3; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.5rem 3rem; max-width: 120rem; color: var(--ink);
  background: var(--paper); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; scroll-margin-top: 4rem; }
p { margin: .3rem 0; max-width: 75ch; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .3rem .6rem; z-index: 9; }
.search { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; gap: .6rem;
  align-items: center; padding: .6rem 0; background: var(--paper);
  border-bottom: 1px solid var(--line); }
.search[hidden] { display: none; }
.search input { flex: 1 1 16rem; max-width: 36rem; }
input, select, button { font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: .3rem; padding: .25rem .45rem; }
button { background: var(--soft); cursor: pointer; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
.count { color: var(--dim); font-size: .85rem; min-height: 1.3em; }
.scroll { overflow: auto; max-height: 80vh; border: 1px solid var(--line); border-radius: .3rem; }
table { border-collapse: separate; border-spacing: 0; font-size: .87rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); background: var(--paper); }
tbody th { font-weight: 600; position: sticky; left: 0; z-index: 1; }
thead { position: sticky; top: 0; z-index: 2; }
thead th { background: var(--soft); white-space: nowrap; }
thead th button { border: 0; padding: 0; font-weight: 600; background: none; }
thead th[aria-sort=ascending] button::after { content: " \\2191"; }
thead th[aria-sort=descending] button::after { content: " \\2193"; }
thead input, thead select { width: 100%; min-width: 5.5rem; font-size: .8rem;
  font-weight: normal; }
tbody tr:hover > * { background: var(--soft); }
tbody .good { color: var(--good); background: var(--good-bg); }
tbody .bad { color: var(--bad); background: var(--bad-bg); font-weight: 600; }
tbody .fair { color: var(--fair); background: var(--fair-bg); }
tbody .dim { color: var(--dim); }
tr[hidden] { display: none; }
footer { margin-top: 2rem; color: var(--dim); font-size: .85rem; }
@media print { .search, .skip, nav, thead tr + tr { display: none; }
  .scroll { max-height: none; overflow: visible; } }
"""

_SCRIPT = """\
"use strict";
(() => {
  const FEW = 14;  // a column with at most that many different texts is filtered by choosing one
  const form = document.querySelector(".search");
  const search = document.getElementById("search");
  const textOf = (cell) => cell.textContent.trim();
  const tables = [...document.querySelectorAll("main section")].map(prepare);

  function prepare(section) {
    const head = section.querySelector("thead");
    const body = section.querySelector("tbody");
    const rows = [...body.rows].map((row) => ({
      row,
      texts: [...row.cells].map(textOf),
      all: [...row.cells].map((cell) => textOf(cell) + " " + cell.title).join(" ").toLowerCase(),
    }));
    const filters = document.createElement("tr");
    [...head.rows[0].cells].forEach((th, column) => {
      makeSortable(th, column, head, body, rows);
      const cell = document.createElement("th");
      cell.append(filterFor(th.textContent, column, rows));
      filters.append(cell);
    });
    head.append(filters);
    return { section, rows, filters: [...filters.querySelectorAll("input, select")] };
  }

  function filterFor(name, column, rows) {
    const values = [...new Set(rows.map((row) => row.texts[column] ?? ""))].sort(compare);
    const choose = values.length <= FEW;
    const filter = document.createElement(choose ? "select" : "input");
    filter.setAttribute("aria-label", "Filter " + name);
    if (choose) {
      filter.append(new Option("all", "\\u0000"));
      values.forEach((value) => filter.append(new Option(value || "(empty)", value)));
    } else {
      filter.placeholder = "filter";
    }
    filter.addEventListener("input", apply);
    return filter;
  }

  function makeSortable(th, column, head, body, rows) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = th.textContent;
    button.title = "Sort by " + th.textContent;
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = th.getAttribute("aria-sort") === "ascending";
      [...head.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((a, b) => compare(a.texts[column], b.texts[column]) * (down ? -1 : 1));
      body.append(...rows.map((row) => row.row));
    });
  }

  function compare(a, b) {
    return a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
  }

  function passes(filter, text) {
    if (filter.tagName === "SELECT") return filter.value === "\\u0000" || filter.value === text;
    return text.toLowerCase().includes(filter.value.trim().toLowerCase());
  }

  function apply() {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const { section, rows, filters } of tables) {
      let shown = 0;
      for (const { row, texts, all } of rows) {
        row.hidden = !(words.every((word) => all.includes(word)) &&
          filters.every((filter, column) => passes(filter, texts[column] ?? "")));
        shown += !row.hidden;
      }
      section.querySelector(".count").textContent = shown === rows.length
        ? rows.length + " rows" : shown + " of " + rows.length + " rows";
    }
  }

  search.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    for (const { filters } of tables) {
      for (const filter of filters) filter.value = filter.tagName === "SELECT" ? "\\u0000" : "";
    }
    setTimeout(apply);
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); }
  });
  form.hidden = false;
  apply();
})();
"""
