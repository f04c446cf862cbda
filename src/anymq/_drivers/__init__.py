"""How a wait is driven: one module for each kind of event loop.

A socket that is awaited on has one `Waits` for each loop that uses it; what runs, asyncio (uvloop
is an asyncio loop) or trio, is told apart when it is awaited on. trio is imported only where a
program has done so, and asyncio, which takes longer to import than all of anymq, when something
is first awaited.
"""

from __future__ import annotations

import sys
from typing import Any

from .waits import Waits

__all__ = ["Waits", "current_loop", "waits_class"]


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
