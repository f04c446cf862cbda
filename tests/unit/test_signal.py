"""What tasks await in asyncio (`anymq._drivers.with_asyncio.Signal`) is as good as a future."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from anymq._drivers.with_asyncio import Signal

Main = Callable[[asyncio.AbstractEventLoop], Awaitable[Any]]


def run(main: Main) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await main(asyncio.get_running_loop())

    asyncio.run(limited())


async def wait(signal: Signal, log: list[object]) -> None:
    try:
        log.append(await signal)
    except asyncio.CancelledError as error:
        log.append(error.args)
        raise


def wake(signal: Signal) -> None:
    signal.woken = True
    signal.fire()


def test_its_task_goes_on_at_once() -> None:
    log: list[object] = []

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        signal = Signal(loop)
        assert asyncio.isfuture(signal)
        task = asyncio.ensure_future(wait(signal, log))
        await asyncio.sleep(0)
        loop.call_soon(wake, signal)
        loop.call_soon(log.append, "what was in line behind it")
        await task

    run(main)
    assert log == [True, "what was in line behind it"]


def test_one_that_fired_before_it_was_awaited() -> None:
    log: list[object] = []

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        signal = Signal(loop)
        wake(signal)
        await wait(signal, log)

    run(main)
    assert log == [True]


@pytest.mark.parametrize("words", [(), ("why",)])
def test_cancelling(words: tuple[str, ...]) -> None:
    log: list[object] = []

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.ensure_future(wait(Signal(loop), log))
        await asyncio.sleep(0)
        task.cancel(*words)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main)
    assert log == [words]


def test_a_task_that_is_woken_and_cancelled_is_cancelled() -> None:
    log: list[object] = []

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        signal = Signal(loop)
        task = asyncio.ensure_future(wait(signal, log))
        await asyncio.sleep(0)
        signal.woken = True
        task.cancel()
        assert not signal.cancel()
        loop.call_soon(signal.fire)
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert log == [()]


def test_a_task_goes_on_in_its_own_context() -> None:
    name = contextvars.ContextVar("name", default="nobody's")
    seen: list[object] = []

    async def own(signal: Signal) -> None:
        name.set("the task's")
        await signal
        seen.append(name.get())

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        signal = Signal(loop)
        task = asyncio.ensure_future(own(signal))
        await asyncio.sleep(0)
        loop.call_soon(wake, signal)
        await task
        assert name.get() == "nobody's"

    run(main)
    assert seen == ["the task's"]
