"""A thousand tasks that wait on sockets and are cancelled at random; every message accounted for.

    python bench/soak.py [--loop asyncio] [--seconds 60] [--tasks 2400] [--seed N] [LIBRARY ...]

LIBRARY is nanomsg, nng or zmq, or names a file as well: nng=/path/to/libnng.so. What the tasks do
is in `workers.py`. Every few milliseconds some are cancelled, and others take their places. At the
end nothing is sent any more, and what is under way is received. Then these must hold:

- each message that was sent, by what its sender was told, was received once and undamaged; none
  that was not sent was received (`ledger.py`); every reply belongs to its request;
- every task ended within a limit after it was cancelled, and raised nothing else;
- closing the sockets gave back all descriptors and threads, and memory did not grow on the way.

The exit status is 0 only if they do. The same seed makes the same choices; when which task runs is
another matter.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

from crowd import chosen
from harness import progress
from loops import LOOPS, Cancellable, Tasks
from workers import LIMIT, Site

import anymq

TURN = 2.0
"""Seconds until those who send are the slower ones, or those who receive, as before."""

GROWTH = 16 * 2**20
"""Bytes that memory may grow from the second to the last quarter of the time."""

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Worker:
    """One task; when it has ended, another takes its place."""

    kind: str
    number: int
    task: Cancellable | None = None
    cancelled: float | None = None
    ended: bool = True


@dataclass
class Result:
    library: str
    version: str
    loop: str
    seed: int
    seconds: float
    tasks: int
    cancelled: int = 0
    slowest_end: float = 0.0
    """Seconds from cancelling a task to its end."""
    waiting: tuple[int, int] = (0, 0)
    """Tasks that waited for a socket at a time: median and most."""
    sent: int = 0
    received: int = 0
    not_sent: int = 0
    megabytes: float = 0.0
    requests: int = 0
    memory_growth: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Soak:
    """One run over one library in the loop that runs."""

    def __init__(self, site: Site, seconds: float) -> None:
        self.site = site
        self.seconds = seconds
        self.chance = site.chance
        self.workers = [
            Worker(kind, number) for kind, count in site.shares.items() for number in range(count)
        ]
        self.cancelled = 0
        self.slowest_end = 0.0
        self.waiting: list[int] = []
        self.memory: list[int] = []

    async def run(self, tell: Callable[[float], None]) -> None:
        """Cancel at random until the time is over, then let everything come to its end."""
        started = monotonic()
        told = 0.0
        while (passed := monotonic() - started) < self.seconds:
            self._set_pace(int(passed / TURN) % 2 == 1)
            for worker in self.workers:
                if worker.ended:
                    self._start(worker)
            for worker in self.chance.choices(self.workers, k=self.chance.randrange(6)):
                self._cancel(worker)
            if passed - told >= 0.25:
                told = passed
                self.waiting.append(self.site.inside)
                self.memory.append(resident())
                self._look_for_hung()
                tell(passed)
            await self.site.tasks.sleep(self.chance.uniform(0, 0.01))
        self.site.receive_pause = 0
        await self._end(lambda worker: not worker.kind.startswith("recv"))
        await self._receive_the_rest()
        await self._end(lambda worker: True)
        for pull in self.site.pulls:
            try:
                self.site.ledger.was_received(await pull.arecv(timeout=0.2))
            except anymq.Timeout:
                continue

    def _set_pace(self, receivers_are_slow: bool) -> None:
        self.site.send_pause = 0.04 if receivers_are_slow else 0.5
        self.site.receive_pause = 0.4 if receivers_are_slow else 0.0

    def _start(self, worker: Worker) -> None:
        work = self.site.work(worker.kind, worker.number)

        async def live() -> None:
            try:
                await work()
            except Exception as error:
                self.site.faults.append(f"{worker.kind} raised {error!r}")

        def ended() -> None:
            worker.ended = True
            if worker.cancelled is not None:
                took = monotonic() - worker.cancelled
                self.slowest_end = max(self.slowest_end, took)

        worker.ended, worker.cancelled = False, None
        worker.task = self.site.tasks.start(live, ended)

    def _cancel(self, worker: Worker) -> None:
        if not worker.ended and worker.cancelled is None and worker.task is not None:
            worker.cancelled = monotonic()
            self.cancelled += 1
            worker.task.cancel()

    def _look_for_hung(self) -> None:
        now = monotonic()
        hung = Counter(
            worker.kind
            for worker in self.workers
            if not worker.ended and worker.cancelled is not None and now - worker.cancelled > LIMIT
        )
        if hung:
            raise Hung(f"tasks that live on {LIMIT:g} s after they were cancelled: {dict(hung)}")

    async def _end(self, which: Callable[[Worker], bool]) -> None:
        ending = [worker for worker in self.workers if which(worker)]
        for worker in ending:
            self._cancel(worker)
        while not all(worker.ended for worker in ending):
            self._look_for_hung()
            await self.site.tasks.sleep(0.01)

    async def _receive_the_rest(self) -> None:
        ledger = self.site.ledger
        before, since = -1, monotonic()
        while ledger.received < ledger.sent and monotonic() - since < LIMIT:
            for worker in self.workers:
                if worker.ended and worker.kind.startswith("recv"):
                    self._start(worker)
            if ledger.received != before:
                before, since = ledger.received, monotonic()
            await self.site.tasks.sleep(0.01)


class Hung(Exception):
    """Tasks do not end: neither will the loop."""


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def held() -> Counter[str]:
    """Descriptors and threads of this process."""
    return Counter(
        descriptors=len(os.listdir("/proc/self/fd")), threads=len(os.listdir("/proc/self/task"))
    )


def growth(memory: list[int]) -> int:
    """From the most of the second quarter to the most of the last."""
    quarter = len(memory) // 4
    return max(memory[-quarter:]) - max(memory[quarter : 2 * quarter]) if quarter else 0


async def soak(result: Result, backend: anymq.abc.Backend, tasks: Tasks) -> None:
    chance = random.Random(result.seed)
    warm_up = Site(backend, 60, tasks, chance)  # what a library keeps for good is there after it
    await warm_up.open()
    await Soak(warm_up, min(1.0, result.seconds)).run(lambda passed: None)
    await warm_up.close()
    await settled(Counter(), tasks)
    before = held()

    site = Site(backend, result.tasks, tasks, chance)
    await site.open()
    run = Soak(site, result.seconds)
    where = f"{result.library} {result.version} in {result.loop}"

    def tell(passed: float) -> None:
        ledger = site.ledger
        progress(f"{where}: {passed:.0f} s, {ledger.sent:,} sent, {ledger.received:,} received")

    try:
        await run.run(tell)
    finally:
        ledger = site.ledger
        result.faults += site.faults
        result.tasks = len(run.workers)
        result.cancelled, result.slowest_end = run.cancelled, run.slowest_end
        result.waiting = sorted(run.waiting)[len(run.waiting) // 2], max(run.waiting)
        result.sent, result.received, result.not_sent = (
            ledger.sent,
            ledger.received,
            ledger.not_sent,
        )
        result.megabytes = ledger.bytes / 1e6
        result.requests = site.counts["request done"]
        result.memory_growth = growth(run.memory)
        result.counts = dict(sorted(site.counts.items()))
    result.faults += ledger.faults()
    if site.requests.damaged:
        result.faults.append(f"{site.requests.damaged} requests damaged")
    if result.memory_growth > GROWTH:
        result.faults.append(f"memory grew by {result.memory_growth / 2**20:.1f} MiB")
    await site.close()
    if left := await settled(before, tasks):
        result.faults.append(f"not given back: {dict(left)}")


async def settled(before: Counter[str], tasks: Tasks) -> Counter[str]:
    """What is held more than before; what is given back in the background has some time."""
    deadline = monotonic() + (LIMIT if before else 1)
    while (left := held() - before) and monotonic() < deadline:
        await tasks.sleep(0.05)
    return left


def report(result: Result) -> None:
    usual, most = result.waiting
    print(
        f"{result.library} {result.version}, {result.loop}, {result.seconds:g} s: "
        f"{result.tasks} tasks, {usual} waiting at a time ({most} at most), "
        f"{result.cancelled:,} cancelled, each ended within {result.slowest_end:.2f} s\n"
        f"  {result.sent:,} messages sent and {result.received:,} received "
        f"({result.megabytes:,.0f} MB), {result.not_sent:,} not sent; {result.requests:,} requests "
        f"answered; memory {result.memory_growth / 2**20:+.1f} MiB"
    )
    for fault in result.faults:
        print(f"  FAULT: {fault}")
    print("  failed" if result.faults else "  all accounted for", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "libraries", nargs="*", metavar="library", help="nanomsg, nng, zmq, nng=FILE"
    )
    parser.add_argument("--loop", choices=list(LOOPS), default="asyncio")
    parser.add_argument("--seconds", type=float, default=60, help="of each (default: 60)")
    parser.add_argument(
        "--tasks",
        type=int,
        default=2400,
        help="of which about half wait for a socket at a time (default: 2400)",
    )
    parser.add_argument("--seed", type=int, help="of all choices (default: another each time)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, seed {seed}", flush=True)
    results: list[Result] = []

    def write() -> None:
        if options.json:
            records = [asdict(result) for result in results]
            Path(options.json).write_text(json.dumps(records, indent=1) + "\n")

    for backend in chosen(options.libraries):
        library = backend.library
        result = Result(
            backend.name, library.version_text, options.loop, seed, options.seconds, options.tasks
        )
        results.append(result)

        async def work(
            tasks: Tasks, result: Result = result, backend: anymq.abc.Backend = backend
        ) -> None:
            try:
                await soak(result, backend, tasks)
            except Hung as error:
                result.faults.append(str(error))
                report(result)
                write()
                os._exit(1)  # the loop would wait for them

        faulthandler.dump_traceback_later(options.seconds * 2 + 120, exit=True)
        LOOPS[options.loop](work)
        faulthandler.cancel_dump_traceback_later()
        progress("")
        report(result)
    write()
    return 1 if any(result.faults for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
