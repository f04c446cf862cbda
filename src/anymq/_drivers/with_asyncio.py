"""Waits in asyncio, whichever loop it runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .waits import Queue, Waiter, Waits

if TYPE_CHECKING:
    from anymq._engine import Handle

T = TypeVar("T")


class AsyncioWaits(Waits):
    """`signal` of a waiter is a future; its result is True when it was woken, False when late."""

    __slots__ = ("_fd",)

    loop: asyncio.AbstractEventLoop

    def __init__(self, handle: Handle, loop: Any) -> None:
        super().__init__(handle, loop)
        self._fd = self.watch.fd
        self.loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        self.serve()
        if self.handle.closed:
            self.close()

    def close(self) -> None:
        if self._fd >= 0:
            if not self.loop.is_closed():
                self.loop.remove_reader(self._fd)
            self._fd = -1
            super().close()

    @property
    def ended(self) -> bool:
        return self.loop.is_closed()

    async def sleep(self, waiter: Waiter[Any], queue: Queue, timeout: float | None) -> bool:
        waiter.signal = future = self.loop.create_future()
        timer = None if timeout is None else self.loop.call_later(timeout, self._late_for, waiter)
        try:
            woken: bool = await future
        except asyncio.CancelledError:
            self.forsake(waiter, queue)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if not woken and not waiter.settled:
            self.forsake(waiter, queue)
            return False
        return True

    @staticmethod
    def _late_for(waiter: Waiter[Any]) -> None:
        if not waiter.signal.done():
            waiter.signal.set_result(False)

    def wake(self, waiter: Waiter[Any]) -> None:
        if not waiter.signal.done():
            waiter.signal.set_result(True)

    def soon(self, call: Callable[[], object]) -> None:
        self.loop.call_soon(call)

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        self.loop.call_later(seconds, call)

    async def pause(self, seconds: float = 0) -> None:
        await asyncio.sleep(seconds)

    @staticmethod
    async def in_thread(call: Callable[[], T]) -> T:
        task = asyncio.ensure_future(asyncio.to_thread(call))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise
