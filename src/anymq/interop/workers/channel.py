"""The line to the coordinator: JSON lines, commands on standard input, answers on standard output.

A thread reads the commands, so that a side notices at any time that it shall stop, and that the
coordinator is gone: then the process ends at once, even while its library waits.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Channel", "Stopped"]


class Stopped(Exception):
    """The coordinator wants no more of this exchange."""


class Channel:
    """Reads commands and hints, and tells what happened.

    `at_end` is called before the process ends because the coordinator is gone.
    """

    def __init__(self) -> None:
        self.at_end: Callable[[], None] = lambda: None
        self._commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self._hints: queue.Queue[int] = queue.Queue()
        self._stop = threading.Event()
        # Standard output is the line itself: what a library prints there must not disturb it.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "heard" in message:
                self._hints.put(message["heard"])
            elif message.get("do") == "stop":
                self._stop.set()
            else:
                self._commands.put(message)
        self.at_end()
        os._exit(0)

    def tell(self, **message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def command(self) -> dict[str, Any]:
        return self._commands.get()

    def begin(self) -> None:
        """An exchange begins: what was said about the one before is forgotten."""
        self._stop.clear()
        while not self._hints.empty():
            self._hints.get_nowait()

    def check(self) -> None:
        """Raise `Stopped` if the coordinator said so."""
        if self._stop.is_set():
            raise Stopped

    def wait_heard(self, number: int, limit: float) -> bool:
        """Whether the other side tells within `limit` seconds that it heard just that."""
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            self.check()
            try:
                if self._hints.get(timeout=min(left, 0.1)) == number:
                    return True
            except queue.Empty:
                continue
        return False
