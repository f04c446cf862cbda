"""How a wait is driven: one module for each kind of event loop.

A socket that is awaited on has one `Waits` for each loop that uses it; what runs, asyncio (uvloop
is an asyncio loop) or trio, is told apart when it is awaited on. trio is imported only where a
program has done so, and asyncio, which takes longer to import than all of anymq, when something
is first awaited.
"""

from __future__ import annotations

from .loops import Loops, current_loop, makes_coroutines, waits_class
from .waits import Waits

__all__ = ["Loops", "Waits", "current_loop", "makes_coroutines", "waits_class"]
