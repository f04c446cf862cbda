"""What happens to open sockets when the process forks or ends.

At exit every open socket is closed in the background, all of them together within the longest
linger; a Ctrl-C ends the wait. In a forked child the parent's sockets are only forgotten.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

from . import _engine
from .registry import opened_backends

if TYPE_CHECKING:
    from .socket import Socket

__all__ = ["note_linger", "watch"]

_open: weakref.WeakSet[Socket] = weakref.WeakSet()
_longest: float | None = 0.0
"""The longest linger that any socket of this process has had; those closed may still linger."""


def watch(socket: Socket) -> None:
    """Have `socket` closed at exit, unless it was before."""
    _open.add(socket)


def note_linger(seconds: float | None) -> None:
    """Remember how long exit may have to wait."""
    global _longest
    _longest = None if seconds is None or _longest is None else max(_longest, seconds)


def _at_exit() -> None:
    end = None if _longest is None else time.monotonic() + _longest
    for socket in list(_open):
        socket._abandon()
    # Closing takes a moment even where nothing lingers.
    _engine.pending_closes(None if _longest is None else _longest + 1.0)
    for backend in opened_backends():
        backend.shutdown(None if end is None else max(1.0, end - time.monotonic()))


def _in_child() -> None:
    _open.clear()
    _engine.setup(threading.get_ident())


_engine.setup(threading.main_thread().ident or 0)
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_child)
