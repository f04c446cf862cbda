"""The awaiting calls of one socket, over all the loops that use it.

`asend` and `arecv` of the engine's `Calls` make coroutines that mostly find what they need there.
What they leave to Python is here: to find out which loop runs, and to wait.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from anymq._engine import Calls

from .waits import Waits

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from anymq._engine import Handle

__all__ = ["Loops", "current_loop", "makes_coroutines", "waits_class"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])

_lock = threading.Lock()


class Loops(Calls):
    """What waits on one socket, by the loop in which it does."""

    __slots__ = ("known",)

    def __init__(self, handle: Handle) -> None:
        self.known: list[Waits] = []

    def current(self) -> Waits:
        """What waits in the loop that runs here."""
        loop = current_loop()
        waits: Waits | None = self.here
        if waits is not None and waits.loop is loop and not waits.ended:
            self.here = waits  # it may run in another thread than before
            return waits
        with _lock:
            self.known[:] = [each for each in self.known if not each.ended]
            for waits in self.known:
                if waits.loop is loop:
                    break
            else:
                waits = waits_class(loop)(self.handle, loop)
                self.known.append(waits)
            self.here = waits
        return waits

    @staticmethod
    async def framed(call: Coroutine[Any, Any, T]) -> T:
        """The call as a coroutine of Python's own, for those who take nothing else."""
        return await call

    # What the engine's coroutines call, with the time limit in seconds or None

    async def send(self, limit: float | None, data: Buffer) -> None:
        """The whole call."""
        waits = self.current()
        waits.turn -= 1
        if waits.turn <= 0 or waits.checks:
            await waits.take_turn()
        if waits.senders or not self.handle.send_nowait(data):
            await self.wait_to_send(limit, data)

    async def recv(self, limit: float | None) -> bytes:
        """The whole call."""
        waits = self.current()
        waits.turn -= 1
        if waits.turn <= 0 or waits.checks:
            await waits.take_turn()
        message = None if waits.receivers else self.handle.recv_nowait()
        return await self.wait_to_recv(limit) if message is None else message

    def wait_to_send(self, limit: float | None, data: Buffer) -> Coroutine[Any, Any, None]:
        """The rest of the call, when an attempt would block."""
        waits = self.current()
        return waits.call(waits.senders, lambda: self.handle.send(data, 0), limit, "send")

    def wait_to_recv(self, limit: float | None) -> Coroutine[Any, Any, bytes]:
        """The rest of the call, when an attempt would block."""
        return self.current().receive(limit)


def makes_coroutines(function: F) -> F:
    """Mark a plain function that returns a coroutine, for `inspect.iscoroutinefunction`.

    Python 3.11 has no such mark but asyncio's own, and asyncio takes longer to import than anymq.
    """
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)
    return function


def current_loop() -> Any:
    """The event loop that runs here: an asyncio loop, or trio's token.

    Raises:
        RuntimeError: none does.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_trio_token()
    asyncio = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    if loop is None:
        raise RuntimeError(
            "this call must be awaited in asyncio or trio, and no event loop runs here; "
            "the same call without the leading 'a' blocks instead"
        )
    return loop


def waits_class(loop: Any) -> type[Waits]:
    """How waits are driven in the loop that runs here, which is `loop`."""
    trio = sys.modules.get("trio")
    if trio is not None and isinstance(loop, trio.lowlevel.TrioToken):
        from .with_trio import TrioWaits

        return TrioWaits
    from .with_asyncio import AsyncioWaits

    return AsyncioWaits
