"""Waits in asyncio, whichever loop it runs on."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from .waits import Queue, Waiter, Waits

if TYPE_CHECKING:
    from anymq._engine import Handle

T = TypeVar("T")


class Signal:
    """What a waiting task awaits: a future whose task goes on at once, not in the loop's next turn.

    The loop's own futures put their tasks in line behind another look at all descriptors, which is
    a good part of what a short wait costs. This one is a future in the sense of `asyncio.isfuture`:
    a task needs no more of what it awaits.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_cancelled",
        "_context",
        "_loop",
        "woken",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callback: Callable[[Signal], object] | None = None
        self._cancelled: asyncio.CancelledError | None = None
        self.woken: bool | None = None
        """Whether it was woken, or the wait is over otherwise; None: it goes on."""

    def __await__(self) -> Generator[Signal, None, bool]:
        if self.woken is None:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def done(self) -> bool:
        return self.woken is not None

    def result(self) -> bool:
        if self._cancelled is not None:
            raise self._cancelled
        assert self.woken is not None, "a task goes on after its signal"
        return self.woken

    def add_done_callback(
        self, callback: Callable[[Signal], object], *, context: contextvars.Context | None = None
    ) -> None:
        self._callback = callback
        self._context = contextvars.copy_context() if context is None else context
        if self.woken is not None:
            self._loop.call_soon(self.fire)

    def cancel(self, msg: object = None) -> bool:
        if self.woken is not None:
            return False
        self.woken = False
        self._cancelled = asyncio.CancelledError(*([] if msg is None else [msg]))
        self._loop.call_soon(self.fire)
        return True

    def fire(self) -> None:
        """Let the task go on, once `woken` is set; while no other runs in this loop."""
        callback, self._callback = self._callback, None
        if callback is not None:
            self._context.run(callback, self)


class AsyncioWaits(Waits):
    """`signal` of a waiter is a `Signal`."""

    __slots__ = ("_due", "_fd")

    loop: asyncio.AbstractEventLoop

    def __init__(self, handle: Handle, loop: Any) -> None:
        super().__init__(handle, loop)
        self._due: list[Signal] | None = None
        """Those woken while the descriptor is served, which fire after that."""
        self._fd = self.watch.fd
        self.loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        self._due = []
        try:
            self.serve()
            if self.handle.closed:
                self.close()
        finally:
            due, self._due = iter(self._due), None
            try:
                for signal in due:
                    signal.fire()
            finally:
                for signal in due:  # the one before has ended the loop, as Ctrl-C does
                    self.loop.call_soon(signal.fire)

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
        if waiter.settled:
            return True
        waiter.signal = signal = Signal(self.loop)
        timer = None if timeout is None else self.loop.call_later(timeout, self._late_for, signal)
        try:
            woken = await signal
        except BaseException:  # a cancellation, or the coroutine is closed
            if not self.ended:
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
    def _late_for(signal: Signal) -> None:
        if signal.woken is None:
            signal.woken = False
            signal.fire()

    def wake(self, waiter: Waiter[Any]) -> None:
        signal: Signal | None = waiter.signal  # None while its task looks
        if signal is not None and signal.woken is None:
            signal.woken = True
            if self._due is None:
                self.loop.call_soon(signal.fire)
            else:
                self._due.append(signal)

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
