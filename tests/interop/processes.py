"""Foreign programs as peers: read by the line, each with a time limit, and always killed."""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.conformance.support import LIMIT

FOREIGN = Path(__file__).parent / "foreign"


class Program:
    """A program whose standard output is read by the line, each with a time limit."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the program)
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
        )
        self._buffer = b""

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def line(self, limit: float = LIMIT) -> str:
        """The next line of output; fails the test when there is none within `limit` seconds."""
        line = self.line_or_none(limit)
        if line is None:
            pytest.fail(f"no output within {limit:g} s from {self}")
        return line

    def line_or_none(self, limit: float) -> str | None:
        """The next line of output, or None when there is none within `limit` seconds."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(self._process.stdout.fileno(), 65536)
                if not chunk:
                    self._process.wait(LIMIT)
                    pytest.fail(f"ended with status {self._process.returncode}: {self}")
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="backslashreplace")

    def __str__(self) -> str:
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace").strip()
        return " ".join(self.command) + (f"\n{errors}" if errors else "")

    def close(self) -> None:
        """End it and all that it started, now."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(LIMIT)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Peer(Program):
    """A socket of another Python package in a process of its own (see `foreign/commands.py`)."""

    def __init__(self, package: str, protocol: str, action: str, url: str) -> None:
        script = str(FOREIGN / f"{package}_peer.py")
        super().__init__([sys.executable, script, protocol, action, url])

    def ready(self) -> None:
        """Return once the socket listens or has been dialled."""
        assert self.line() == "ready"

    def send(self, *parts: bytes) -> None:
        """Have it send a message, of several parts where several are given."""
        self.write(" ".join(["send" if len(parts) == 1 else "sendparts", *map(_word, parts)]))
        assert self.line() == "sent"

    def recv(self) -> bytes:
        """Have it receive one message."""
        self.ask_recv()
        return self.received()

    def ask_recv(self) -> None:
        """Have it begin to receive; `received` is what it got."""
        self.write("recv")

    def received(self) -> bytes:
        return _parts(self.line())[0]

    def received_or_none(self, limit: float) -> bytes | None:
        line = self.line_or_none(limit)
        return None if line is None else _parts(line)[0]

    def recv_parts(self) -> list[bytes]:
        self.write("recvparts")
        return _parts(self.line())


def _word(part: bytes) -> str:
    return part.hex() or "-"


def _parts(line: str) -> list[bytes]:
    word, *words = line.split()
    assert word == "got", line
    return [b"" if word == "-" else bytes.fromhex(word) for word in words]


def free_port() -> int:
    """A TCP port for programs that cannot tell which one they bound.

    It lies outside the range from which the system gives ports to connections and to listeners at
    port 0: one from that range may be taken again before the program binds it.
    """
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _outside_ephemeral() -> tuple[int, int]:
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        low, high = (int(word) for word in text.split())
    except OSError:
        low, high = 49152, 65535
    return (10000, low) if low > 12000 else (high + 1, 65536)


PORTS = _outside_ephemeral()


def foreign_url(transport: str, folder: Path) -> str:
    """An address that a foreign program can listen at, in every library's grammar."""
    if transport == "ipc":
        return f"ipc://{folder / 'peer'}"
    return f"{transport}://127.0.0.1:{free_port()}"


def as_foreign(url: str) -> str:
    """An address that anymq listens at, as nanomsg and nng alike take it (no path for ws)."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if scheme == "ws" else url
