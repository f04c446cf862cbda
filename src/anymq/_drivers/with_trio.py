"""Waits in trio; the only module that imports it.

trio lets one task at a time wait for a descriptor: a system task does so for all who wait on the
socket, for as long as the socket or the run lasts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from trio.lowlevel import Abort

from .waits import Queue, Waiter, Waits

if TYPE_CHECKING:
    from anymq._engine import Handle

T = TypeVar("T")


class TrioWaits(Waits):
    """`signal` of a waiter is its task while that sleeps."""

    __slots__ = ("_ended",)

    checks = True

    def __init__(self, handle: Handle, loop: Any) -> None:
        super().__init__(handle, loop)
        self._ended = False
        trio.lowlevel.spawn_system_task(self._watch, name="anymq waits")

    async def _watch(self) -> None:
        fd = self.watch.fd
        try:
            while not self.handle.closed:
                await trio.lowlevel.wait_readable(fd)
                self.serve()
        finally:
            self._ended = True
            self.close()

    @property
    def ended(self) -> bool:
        return self._ended

    async def sleep(self, waiter: Waiter[Any], queue: Queue, timeout: float | None) -> bool:
        if waiter.settled:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return True
        waiter.signal = trio.lowlevel.current_task()

        def abort(raise_cancel: object) -> Abort:
            waiter.signal = None
            self.forsake(waiter, queue)
            return Abort.SUCCEEDED

        with trio.move_on_after(math.inf if timeout is None else timeout):
            await trio.lowlevel.wait_task_rescheduled(abort)
            return True
        return False

    def wake(self, waiter: Waiter[Any]) -> None:
        task, waiter.signal = waiter.signal, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def soon(self, call: Callable[[], object]) -> None:
        self.loop.run_sync_soon(call)

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        async def wait() -> None:
            await trio.sleep(seconds)
            call()

        trio.lowlevel.spawn_system_task(wait)

    async def take_turn(self) -> None:
        self.turn -= 1
        if self.turn > 0:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await super().take_turn()

    async def pause(self, seconds: float = 0) -> None:
        await trio.sleep(seconds)

    @staticmethod
    async def in_thread(call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, abandon_on_cancel=False)
