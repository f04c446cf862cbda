"""`anymq` as a program whose output is read by the line."""

from __future__ import annotations

import signal
import sys

from anymq.abc import Backend
from tests.conformance.support import LIMIT
from tests.interop.processes import Program


class Anymq(Program):
    """The command, errors among its output."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "anymq", *arguments]
        super().__init__(["sh", "-c", 'exec "$@" 2>&1', "sh", *command])

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def end_of_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def status(self) -> int:
        """How it ended by itself."""
        return self._process.wait(LIMIT)


class Cat(Anymq):
    """`anymq cat` on the very library of a backend."""

    def __init__(self, backend: Backend, protocol: str, *arguments: str) -> None:
        library = ["--backend", backend.name, "--library", backend.library.path]
        super().__init__("cat", protocol, *library, *arguments)
