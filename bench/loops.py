"""asyncio, uvloop and trio in one form, with tasks that can be cancelled one by one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

__all__ = ["LOOPS", "Cancellable", "Tasks"]


class Cancellable(Protocol):
    def cancel(self) -> object: ...


class Tasks(ABC):
    """Starts tasks in the loop that runs; they end before `run` returns."""

    @abstractmethod
    def start(self, call: Callable[[], Awaitable[None]], ended: Callable[[], None]) -> Cancellable:
        """Have a task make the call; `ended` is called at its end, though it never began."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None: ...


Main = Callable[[Tasks], Awaitable[None]]


class _AsyncioTasks(Tasks):
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, call: Callable[[], Awaitable[None]], ended: Callable[[], None]) -> Cancellable:
        async def run() -> None:
            await call()

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            ended()

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(done)
        return task

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _run_asyncio(main: Main) -> None:
    asyncio.run(_main(main))


def _run_uvloop(main: Main) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(main))


async def _main(main: Main) -> None:
    # One thread for what blocks: how many there are is then not a matter of chance.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await main(_AsyncioTasks())


def _run_trio(main: Main) -> None:
    import trio

    class TrioTasks(Tasks):
        def __init__(self, nursery: Any) -> None:
            self._nursery = nursery

        def start(
            self, call: Callable[[], Awaitable[None]], ended: Callable[[], None]
        ) -> Cancellable:
            scope = trio.CancelScope()

            async def run() -> None:
                try:
                    with scope:
                        await call()
                finally:
                    ended()

            self._nursery.start_soon(run)
            return scope

        async def sleep(self, seconds: float) -> None:
            await trio.sleep(seconds)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await main(TrioTasks(nursery))

    trio.run(run)


LOOPS: dict[str, Callable[[Main], None]] = {
    "asyncio": _run_asyncio,
    "uvloop": _run_uvloop,
    "trio": _run_trio,
}
"""By name what runs a program in such a loop."""
