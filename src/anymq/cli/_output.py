"""What commands print: tables for people, JSON for programs.

A table is drawn by rich where that is installed and standard output is a terminal, and is plain
aligned text otherwise, so that pipes and logs get text that can be searched and cut.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anymq.abc import Backend

__all__ = ["print_json", "print_quirks", "print_table", "use_rich"]


def use_rich() -> bool:
    """Whether standard output is a terminal and rich is there to draw on it."""
    if not sys.stdout.isatty():
        return False
    try:
        import rich.table  # noqa: F401
    except ImportError:
        return False
    return True


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """Print rows under their columns; those named in `right` are numbers."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if use_rich():
        _rich_table(columns, cells, title, right)
    else:
        _plain_table(columns, cells, title, right)


def _rich_table(
    columns: Sequence[str], rows: list[list[str]], title: str, right: Sequence[str]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=index == 0,
        )
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)


_STYLES = {
    "native": "green",
    "usable": "green",
    "ok": "green",
    "emulated": "yellow",
    "absent": "dim",
    "missing": "red",
    "failed": "bold red",
}


def _plain_table(
    columns: Sequence[str], rows: list[list[str]], title: str, right: Sequence[str]
) -> None:
    lines = [list(columns), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    if title:
        print(title)
    for line in lines:
        padded = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        print("  ".join(padded).rstrip())
    print()


def print_json(value: Any) -> None:
    """One document; keys in the order in which they were put in."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_quirks(backends: Mapping[str, Backend]) -> None:
    """What these do otherwise than the common behaviour; nothing where none says so."""
    rows = [
        (name, quirk, text)
        for name, backend in backends.items()
        for quirk, text in backend.quirks.items()
    ]
    if rows:
        print_table(("library", "quirk", "what it does otherwise"), rows)
