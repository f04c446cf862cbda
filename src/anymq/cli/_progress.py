"""How far a run is: a bar on a terminal that rich can draw on, else a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import IO, Any

__all__ = ["Progress"]

LINE_EVERY = 2.0
"""Seconds between lines where there is no terminal."""


class Progress:
    """Follows several runs of the same size one after the other.

    `stream` is where it shows; a bar only if that is a terminal.
    """

    def __init__(self, total: int, runs: int, stream: IO[str]) -> None:
        self.total = total
        self.runs = runs
        self.stream = stream
        self.number = 0
        self.title = ""
        self.told = 0.0
        self.bar = _bar(stream)
        self.task: Any = None

    def __enter__(self) -> Progress:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("", total=self.total)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar:
            self.bar.remove_task(self.task)
            self.bar.stop()

    def begin(self, title: str) -> None:
        self.number += 1
        self.title = f"[{self.number}/{self.runs}] {title}"
        self.told = time.monotonic()
        if self.bar:
            from rich.markup import escape

            self.bar.reset(self.task, description=escape(self.title))

    def update(self, done: int) -> None:
        if self.bar:
            self.bar.update(self.task, completed=done)
        elif time.monotonic() - self.told >= LINE_EVERY:
            self.told = time.monotonic()
            share = done / self.total if self.total else 1
            self._line(f"{self.title}: {share:.0%}, {done / 1e6:.1f} MB")

    def end(self, title: str, failure: str) -> None:
        text = f"{self.title}: failed: {failure}" if failure else f"{self.title}: ok"
        if self.bar:
            self.bar.print(text, markup=False, highlight=False)
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


def _bar(stream: IO[str]) -> Any:
    if not stream.isatty():
        return None
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bar
    except ImportError:
        return None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return Bar(*columns, console=Console(file=stream), transient=True)
