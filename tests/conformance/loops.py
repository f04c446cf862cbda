"""Event loops that tests run over: asyncio, and uvloop and trio where they are installed."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anymq

from .support import LIMIT

__all__ = ["LOOPS", "TURN", "Loop", "acquaint", "run_in_asyncio"]

TURN = 64
"""Calls in a row that need not wait before others have their turn."""


class Group:
    """Tasks that run beside a test; what one raises, the group raises."""

    def __init__(self, start: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.start = start
        """Start a coroutine; what it returns has `cancel()`."""


class Loop:
    """What tests need of a kind of loop, in one form for all."""

    name = "asyncio"

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        """Run `main`, which may take three times as long as anything in it."""

        async def limited() -> Any:
            async with asyncio.timeout(3 * LIMIT):
                return await main()

        with asyncio.Runner(debug=True) as runner:
            return runner.run(limited())

    cancelled: type[BaseException] = asyncio.CancelledError

    async def sleep(self, seconds: float = 0) -> None:
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Group]:
        async with asyncio.TaskGroup() as tasks:
            yield Group(tasks.create_task)

    async def settle(self) -> None:
        """Let every task that can run do so until it waits."""
        for _ in range(20):
            await asyncio.sleep(0)


class UvLoop(Loop):
    name = "uvloop"

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        import uvloop

        async def limited() -> Any:
            async with asyncio.timeout(3 * LIMIT):
                return await main()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(limited())


class Trio(Loop):
    name = "trio"

    def __init__(self) -> None:
        import trio
        import trio.testing

        self._trio = trio
        self.cancelled = trio.Cancelled

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            with self._trio.fail_after(3 * LIMIT):
                return await main()

        return self._trio.run(limited)

    async def sleep(self, seconds: float = 0) -> None:
        await self._trio.sleep(seconds)

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Group]:
        trio = self._trio

        def start(coroutine: Coroutine[Any, Any, Any]) -> Any:
            scope = trio.CancelScope()

            async def run() -> None:
                with scope:
                    await coroutine

            nursery.start_soon(run)
            return scope

        async with trio.open_nursery() as nursery:
            yield Group(start)

    async def settle(self) -> None:
        await self._trio.testing.wait_all_tasks_blocked(0.001)


def run_in_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run it in asyncio, without the debug mode of `Loop`."""

    async def limited() -> Any:
        async with asyncio.timeout(3 * LIMIT):
            return await main()

    return asyncio.run(limited())


async def acquaint(push: anymq.Socket, pull: anymq.Socket) -> None:
    """Have both sockets used by the loop that runs; what they do next is the start of a turn."""
    for _ in range(TURN):
        await push.asend(b"first")
        assert await pull.arecv() == b"first"


def _libuv_is_replaced() -> bool:
    """Whether empty functions of libuv's names were loaded first: uvloop would call those.

    A library under test that is an extension of another program may need them, see docs/lab.md.
    """
    return hasattr(ctypes.CDLL(None), "uv_close")


LOOPS: dict[str, Callable[[], Loop]] = {"asyncio": Loop}
if importlib.util.find_spec("uvloop") and not _libuv_is_replaced():
    LOOPS["uvloop"] = UvLoop
if importlib.util.find_spec("trio"):
    LOOPS["trio"] = Trio
