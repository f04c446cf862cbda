"""How a wait is driven: one module for each kind of event loop.

A socket that is awaited on has one `Waits` for each loop that uses it. `waits_of` finds it, told
apart by what is running: asyncio (uvloop is an asyncio loop) or trio. trio is imported only where a
program has done so.
"""

from __future__ import annotations

import sys
from asyncio import get_running_loop
from typing import TYPE_CHECKING, Any

from .waits import Waits

if TYPE_CHECKING:
    from anymq._engine import Handle

__all__ = ["Waits", "current_loop", "make_waits"]


def current_loop() -> Any:
    """The event loop that runs here: an asyncio loop, or trio's token.

    Raises:
        RuntimeError: none does.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_trio_token()
    try:
        return get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "this call must be awaited in asyncio or trio, and no event loop runs here; "
            "the same call without the leading 'a' blocks instead"
        ) from None


def make_waits(handle: Handle, loop: Any) -> Waits:
    """The waits of a socket in the loop that runs here, which is `loop`."""
    trio = sys.modules.get("trio")
    if trio is not None and isinstance(loop, trio.lowlevel.TrioToken):
        from .with_trio import TrioWaits

        return TrioWaits(handle, loop)
    from .with_asyncio import AsyncioWaits

    return AsyncioWaits(handle, loop)
