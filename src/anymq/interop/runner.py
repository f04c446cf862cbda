"""Runs a plan: processes that live over many exchanges, and results as they come."""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from itertools import count, groupby
from pathlib import Path
from typing import Any

from .builds import Build
from .exchange import exchange
from .plan import Cell, Plan
from .process import Failed, Side, greet
from .report import Report, Run

__all__ = ["run"]

ALIVE = 12
"""How many processes one worker keeps; the one that was not used for longest goes first."""

OnResult = Callable[[Run], None]


def run(plan: Plan, on_result: OnResult | None = None) -> Report:
    """Try everything in the plan.

    `on_result` is called with each run as it ends, from several threads but never by two at once.
    Whatever ends this call, Ctrl-C included, ends every process and removes every file it made.
    """
    with _Laboratory(plan, on_result or (lambda _: None)) as laboratory:
        return laboratory.run()


class _Laboratory:
    """All that a running plan has: its folder, its workers, its results."""

    def __init__(self, plan: Plan, on_result: OnResult) -> None:
        self.plan = plan
        self.on_result = on_result
        self.folder = Path(tempfile.mkdtemp(prefix="anymq-interop-"))
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.sides: set[Side] = set()
        self.hellos: dict[str, dict[str, Any]] = {}
        self.unusable: dict[str, Failed] = {}
        self.runs: dict[str, Run] = {}
        self.errors: list[BaseException] = []
        self.threads: list[threading.Thread] = []

    def __enter__(self) -> _Laboratory:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with self.lock:
            for side in self.sides:
                side.kill()
        for thread in self.threads:
            thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self) -> Report:
        self._in_threads(self._meet, [[build] for build in self.plan.builds])
        cells = list(self.plan.cells(self.hellos))
        rows = [list(row) for _, row in groupby(cells, key=lambda cell: cell.sender)]
        self._in_threads(self._try_row, rows)
        builds = {build.name: self._describe(build) for build in self.plan.builds}
        parameters = {
            "sizes": list(self.plan.sizes),
            "count": self.plan.count,
            "timeout": self.plan.timeout,
        }
        place = {build.name: number for number, build in enumerate(self.plan.builds)}
        cells.sort(key=lambda cell: (place[cell.sender], place[cell.receiver]))
        return Report(builds, parameters, [self.runs[cell.id] for cell in cells])

    def _describe(self, build: Build) -> Mapping[str, Any]:
        hello = self.hellos.get(build.name)
        if hello:
            return {key: hello[key] for key in ("library", "version_text", "wire")}
        library = build.backend or build.foreign or build.name
        reason = str(self.unusable[build.name])
        return {"library": library, "version_text": "", "wire": "", "reason": reason}

    def _in_threads(self, work: Callable[[_Sides, Any], None], items: list[Any]) -> None:
        """Do work on each item, several at a time; the first error of any is raised here."""
        todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for item in items:
            todo.put(item)

        def loop() -> None:
            with _Sides(self) as sides:
                while not self.stopping.is_set():
                    try:
                        work(sides, todo.get_nowait())
                    except queue.Empty:
                        return
                    except BaseException as error:
                        if not self.stopping.is_set():
                            self.errors.append(error)
                            self.stopping.set()
                        return

        self.threads = [
            threading.Thread(target=loop, daemon=True)
            for _ in range(min(self.plan.workers, len(items)))
        ]
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            while thread.is_alive():  # a wait with a limit, so that Ctrl-C is noticed
                thread.join(0.2)
        if self.errors:
            raise self.errors[0]

    def _meet(self, sides: _Sides, builds: list[Build]) -> None:
        """Start each build once and hear what it is; or note why it cannot be used."""
        for build in builds:
            try:
                sides.get(build, "receiver")
            except Failed as failure:
                self.unusable[build.name] = failure

    def _try_row(self, sides: _Sides, cells: list[Cell]) -> None:
        builds = {build.name: build for build in self.plan.builds}
        for cell in cells:
            if self.stopping.is_set():
                return
            run = self._try(sides, cell, builds[cell.sender], builds[cell.receiver])
            if run.failed and self.plan.again:
                second = self._try(sides, cell, builds[cell.sender], builds[cell.receiver])
                run = run.followed_by(second)
            with self.lock:
                self.runs[cell.id] = run
                self.on_result(run)

    def _try(self, sides: _Sides, cell: Cell, sender: Build, receiver: Build) -> Run:
        for build in (sender, receiver):
            if build.name in self.unusable:
                failure = self.unusable[build.name]
                return _without(cell, failure.outcome, str(failure))
        if cell.reason:
            return _without(cell, "unsupported", cell.reason)
        try:
            first, second = sides.get(sender, "sender"), sides.get(receiver, "receiver")
            return exchange(self.plan, cell, first, second, sides.url(cell.transport))
        except Failed as failure:
            if not failure.usable:
                sides.drop(sender, "sender")
                sides.drop(receiver, "receiver")
            return _without(cell, failure.outcome, str(failure))


def _without(cell: Cell, outcome: str, detail: str) -> Run:
    """The result where no conversation came about."""
    where = (cell.pattern.name, cell.transport, cell.sender, cell.receiver, cell.listener)
    return Run(cell.id, *where, outcome, detail=detail)


class _Sides:
    """The processes of one worker, by build and part: a build may talk to itself."""

    _numbers = count(1)

    def __init__(self, laboratory: _Laboratory) -> None:
        self.laboratory = laboratory
        self.alive: dict[tuple[str, str], Side] = {}

    def __enter__(self) -> _Sides:
        return self

    def __exit__(self, *_: object) -> None:
        for side in list(self.alive.values()):
            self._end(side)

    def url(self, transport: str) -> str:
        """An address to listen at that nobody else has."""
        if transport == "ipc":
            return f"ipc://{self.laboratory.folder}/{next(self._numbers)}"
        return f"{transport}://127.0.0.1:0"

    def get(self, build: Build, part: str) -> tuple[Side, dict[str, Any]]:
        """A live process of the build and what it said of itself.

        Raises:
            Failed: it does not start, or says that it is of no use.
        """
        key = (build.name, part)
        side = self.alive.pop(key, None)
        if side is None:
            if len(self.alive) >= ALIVE:
                self._end(self.alive.pop(next(iter(self.alive))))
            side = self._start(build)
        self.alive[key] = side  # last again
        return side, self.laboratory.hellos[build.name]

    def drop(self, build: Build, part: str) -> None:
        side = self.alive.pop((build.name, part), None)
        if side is not None:
            self._end(side)

    def _end(self, side: Side) -> None:
        with self.laboratory.lock:
            self.laboratory.sides.discard(side)
            side.end()

    def _start(self, build: Build) -> Side:
        laboratory = self.laboratory
        with laboratory.lock:
            if laboratory.stopping.is_set():
                raise Failed("error", "the run was ended")
            try:
                side = Side(build, str(self.laboratory.folder))
            except OSError as error:
                raise Failed("error", f"{build.name} does not start: {error}") from error
            laboratory.sides.add(side)
        try:
            hello = greet(side, laboratory.plan.start)
        except Failed:
            self._end(side)
            raise
        laboratory.hellos.setdefault(build.name, hello)
        return side
