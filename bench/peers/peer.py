"""A contestant in Python; arguments and output are those of c/works.h.

    peer.py LIBRARY measure|feed|both URL LEAST SIZE WORK SECONDS PEERS PACKAGE BACKEND MODE

It ends with the process that started it, which kills it when it has the figures.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
from typing import Any, NoReturn

from packages import AWAITING, opener
from works import AwaitedWork, BatchWork, Work, ameasure, measure

PR_SET_PDEATHSIG = 1


def give_up(error: BaseException | None) -> NoReturn:
    """End the process, whichever thread fails; one line is what the parent shows of it."""
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def open_work(role: str, work: Work) -> None:
    publishes = work.name == "publish"
    if role != "measure" and publishes:
        work.open_feeder()
    if role != "feed":
        work.open_measurer()
    if role != "measure" and not publishes:
        work.open_feeder()
    print("ready", flush=True)


def run(role: str, work: Work, seconds: float, least: int) -> None:
    open_work(role, work)
    if role == "both" and work.name != "open_close":
        threading.Thread(target=work.feed, daemon=True).start()
    if role == "feed":
        work.feed()
    else:
        measure(work, seconds, least)


async def run_asyncio(role: str, work: AwaitedWork, seconds: float, least: int) -> None:
    open_work(role, work)
    if role == "feed":
        await work.afeed()
        return
    feeder = asyncio.create_task(work.afeed()) if role == "both" else None
    await ameasure(work, seconds, least)
    del feeder


async def run_trio(role: str, work: AwaitedWork, seconds: float, least: int) -> None:
    import trio

    open_work(role, work)
    if role == "feed":
        await work.afeed()
        return
    async with trio.open_nursery() as nursery:
        if role == "both":
            nursery.start_soon(work.afeed)
        await ameasure(work, seconds, least)


def main() -> None:
    library, role, url, least, size, name, seconds, peers, package, backend, mode = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    acks = os.environ.get("BENCH_ACKS", "")
    kind = AwaitedWork if mode in AWAITING else BatchWork if mode == "batch" else Work
    open_port = opener(package, library, backend, mode)
    work: Any = kind(name, open_port, url, acks, int(size), int(peers))
    arguments = (role, work, float(seconds), int(least))
    if mode == "trio":
        import trio

        trio.run(run_trio, *arguments)
    elif mode == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_asyncio(*arguments))
    elif mode == "asyncio":
        asyncio.run(run_asyncio(*arguments))
    else:
        run(*arguments)


threading.excepthook = lambda failure: give_up(failure.exc_value)
try:
    main()
except BaseException as error:
    give_up(error)
# The measured process is looked at before it ends, and need not close what it has.
sys.stdin.read()
os._exit(0)
