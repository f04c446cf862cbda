"""What tests share: the libraries under test, sockets that close themselves, programs in processes.

Tests wait for events. Where an event cannot be waited for, `eventually` asks again until a limit;
nothing sleeps for a time that was guessed. Every socket made here has time-outs, so that a defect
shows as a failure and not as a hang.
"""

from __future__ import annotations

import inspect
import itertools
import os
import random
import re
import signal
import socket as socket_of_python
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import anymq
from anymq.abc import Backend
from anymq.errors import AnymqError, BackendUnavailable, Timeout, WouldBlock

from .timing import TRIES, timely

ONLY = bool(os.environ.get("ANYMQ_TEST_ONLY"))
"""Whether nothing but the libraries that are named is under test."""

LIMIT = 10.0
"""Seconds that anything may take that ought to happen at once."""

TRANSPORTS = ("tcp", "ipc", "inproc", "ws", "abstract")
"""Transports that tests run over, where the library has them."""


@dataclass(frozen=True)
class Pattern:
    """Two protocols that talk: what the first sends, the second receives."""

    sender: str
    receiver: str

    def __str__(self) -> str:
        return f"{self.sender}-{self.receiver}"

    @property
    def features(self) -> tuple[str, str]:
        return f"protocol.{self.sender}", f"protocol.{self.receiver}"


PATTERNS = tuple(
    Pattern(*pair.split())
    for pair in (
        "pair pair",
        "pair1 pair1",
        "push pull",
        "pub sub",
        "bus bus",
        "req rep",
        "surveyor respondent",
        "dealer dealer",
        "scatter gather",
        "channel channel",
    )
)
"""Patterns whose sender needs no envelope of the program's making."""


# The libraries under test


@dataclass(frozen=True)
class UnderTest:
    """A library under test: the backend, or why there is none."""

    name: str
    id: str
    backend: Backend | None
    error: BackendUnavailable | None = None


def libraries_under_test() -> list[UnderTest]:
    """Every backend's default library, then what ANYMQ_TEST_LIBRARIES names: "nng=/a,zmq=/b".

    With ANYMQ_TEST_ONLY set, just what ANYMQ_TEST_LIBRARIES names; "nng" is nng's default.
    """
    wanted: list[tuple[str, str | None]] = []
    if not ONLY:
        wanted += [(name, None) for name in anymq.backends()]
    for entry in filter(None, os.environ.get("ANYMQ_TEST_LIBRARIES", "").split(",")):
        name, _, file = entry.strip().partition("=")
        wanted.append((name, file or None))
    found: list[UnderTest] = []
    for name, path in wanted:
        try:
            backend = anymq.get_backend(name, library=path)
        except BackendUnavailable as error:
            found.append(UnderTest(name, f"{name}-missing", None, error))
            continue
        version = ".".join(map(str, backend.library.version))
        ident = f"{name}-{version}"
        if any(other.id == ident for other in found):
            ident += f"-{len(found)}"
        found.append(UnderTest(name, ident, backend))
    return found


LIBRARIES = libraries_under_test()
BACKENDS: dict[str, Backend] = {u.id: u.backend for u in LIBRARIES if u.backend is not None}
"""The backends under test by the name that test ids show."""


# Waiting


def eventually(condition: Callable[[], Any], *, limit: float = LIMIT, pause: float = 0.005) -> Any:
    """The first true value of `condition()`, asked again and again; fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"still not true after {limit} s: {value!r}")
        time.sleep(pause)


def can_send(socket: anymq.Socket) -> None:
    """Return when the next send need not wait: what was sent before may still be on its way."""
    with anymq.Poller() as poller:
        poller.register(socket, anymq.PollEvents.WRITE)
        assert poller.poll(LIMIT), "it still cannot send"


def no_more(socket: anymq.Socket, *, within: float = 0.1) -> None:
    """Nothing more arrives on `socket`; fails with what did."""
    with pytest.raises(Timeout):
        pytest.fail(f"unexpected message {socket.recv(timeout=within)[:80]!r}")


def drain(socket: anymq.Socket, *, quiet: float = 0.1) -> list[bytes]:
    """What arrives until nothing has arrived for `quiet` seconds."""
    messages: list[bytes] = []
    while True:
        try:
            messages.append(socket.recv(timeout=quiet))
        except Timeout:
            return messages


def fill(sender: anymq.Socket, *, patience: float = 0.5) -> int:
    """Send until a peer that does not read lets no more be sent; how many messages that took.

    The system enlarges the buffers of a connection now and then: that is to be waited for.
    """
    for count in range(100_000):
        try:
            sender.send(b"x" * 100_000, timeout=patience)
        except Timeout:
            return count
    pytest.fail("there is no end to what this socket takes")


async def afill(sender: anymq.Socket, *, patience: float = 0.5) -> int:
    """`fill`, awaited: a library may take more of what is sent by event loops."""
    for count in range(100_000):
        try:
            await sender.asend(b"x" * 100_000, timeout=patience)
        except Timeout:
            return count
    pytest.fail("there is no end to what this socket takes")


_marks = itertools.count()


def subscriptions_settled(pub: anymq.Socket, *subs: anymq.Socket) -> None:
    """Return when the publisher knows every subscription that `subs` made or ended until now.

    Where the publisher filters, a subscription travels to it; one that is made last arrives last.
    """
    for sub in subs:
        mark = b"\0settled-%d-" % next(_marks)
        sub.subscribe(mark)
        sequence = itertools.count()
        got = None
        deadline = time.monotonic() + LIMIT
        while got is None:
            assert time.monotonic() < deadline, "the subscription never reached the publisher"
            pub.send(mark + b"%d" % next(sequence))
            try:
                got = sub.recv(timeout=0.02)
            except Timeout:
                continue
        pub.send(mark + b"end")
        while got != mark + b"end":
            got = sub.recv(timeout=LIMIT)
        sub.unsubscribe(mark)


# Sockets


class Sockets:
    """Makes sockets of one backend and addresses for them; closes them all at the end."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend = backend
        self._folder = folder
        self._open: list[anymq.Socket] = []
        self._taken: list[socket_of_python.socket] = []
        self._count = itertools.count()

    def open(self, protocol: str, **options: Any) -> anymq.Socket:
        """A socket whose calls are limited to `LIMIT` seconds unless `options` say otherwise."""
        options.setdefault("send_timeout", LIMIT)
        options.setdefault("recv_timeout", LIMIT)
        options.setdefault("linger", 1.0)
        socket = anymq.Socket(protocol, backend=self.backend, **options)
        self._open.append(socket)
        return socket

    @property
    def ordinary(self) -> str:
        """The protocol of a socket that may be any: a PAIR where the library has it."""
        protocols = self.backend.protocols
        return "pair" if "pair" in protocols else protocols[0].value

    def url(self, transport: str = "tcp") -> str:
        """An address to listen at that nobody else uses."""
        number = next(self._count)
        if transport == "ipc":
            path = self._folder / f"s{number}"
            if len(os.fsencode(path)) > 100:
                self._folder = Path(tempfile.mkdtemp(prefix="mq"))
                path = self._folder / f"s{number}"
            return f"ipc://{path}"
        if transport in ("inproc", "abstract"):
            return f"{transport}://anymq-{os.getpid()}-{id(self):x}-{number}"
        if transport == "ws":
            return "ws://127.0.0.1:0/anymq"
        return f"{transport}://127.0.0.1:0"

    def unused(self, transport: str = "tcp") -> str:
        """An address at which nobody listens, to be dialled before somebody does.

        Its port is none of those that the system gives away, to whoever asks for any.
        """
        url = self.url(transport)
        while ":0" in url:
            port = random.randrange(10_000, 32_000)
            with socket_of_python.socket() as probe, suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return url.replace(":0", f":{port}")
        return url

    def refusing(self) -> str:
        """A tcp address that is taken, and where nobody listens until the test has ended."""
        taken = socket_of_python.socket()
        self._taken.append(taken)
        taken.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{taken.getsockname()[1]}"

    def pair(
        self,
        first: str,
        second: str,
        transport: str = "tcp",
        *,
        a: dict[str, Any] | None = None,
        b: dict[str, Any] | None = None,
    ) -> tuple[anymq.Socket, anymq.Socket]:
        """Two connected sockets; the second listens, the first dials."""
        other = self.open(second, **self._with_topic(second, b))
        one = self.open(first, **self._with_topic(first, a))
        one.dial(other.listen(self.url(transport)).url)
        self.connected(one, other)
        if (first, second) == ("pub", "sub"):
            subscriptions_settled(one, other)
        return one, other

    @staticmethod
    def _with_topic(protocol: str, options: dict[str, Any] | None) -> dict[str, Any]:
        options = dict(options or {})
        if protocol == "sub":
            options.setdefault("subscribe", b"")
        return options

    @staticmethod
    def connected(*sockets: anymq.Socket, n: int = 1) -> None:
        """Return when each socket has at least `n` peers."""
        for socket in sockets:
            socket.wait_for_peers(n, timeout=LIMIT)

    def close(self) -> None:
        for socket in reversed(self._open):
            if not socket.closed:
                socket.linger = 0
            socket.close()
        for taken in self._taken:
            taken.close()


def small_buffers(sockets: Sockets, protocol: str) -> dict[str, int]:
    """Options that keep buffers small, as far as sockets of this protocol have them."""
    with anymq.Socket(protocol, backend=sockets.backend) as socket:
        options = socket.options
    return {n: 2 for n in ("send_buffer", "recv_buffer") if options[n].mapping is not None}


def open_contexts(socket: anymq.Socket, count: int = 1) -> list[anymq.Context]:
    """So many contexts of a socket; where this library has none for its protocol the test ends."""
    try:
        return [socket.open_context() for _ in range(count)]
    except anymq.UnsupportedFeature as error:
        if error.feature != "contexts":
            raise
        pytest.skip(str(error))


# Programs in processes of their own


class ProgramRefused(Exception):
    """A program ended because its library lacks `feature`."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"the program needs {feature}")
        self.feature = feature


REFUSED = "the library under test lacks "
"""What a program says on standard error where that is so; the feature follows."""

_PRELUDE = """\
import faulthandler, os, signal, sys, threading, time
faulthandler.register(signal.SIGUSR1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import anymq
backend = anymq.get_backend(sys.argv[1], library=sys.argv[2])
LIMIT = {limit}
def end_refused(kind, error, trace):
    sys.__excepthook__(kind, error, trace)
    if isinstance(error, anymq.UnsupportedFeature) and error.backend == backend.name:
        print({refused!r} + error.feature, file=sys.stderr)
sys.excepthook = end_refused
def open_socket(protocol, **options):
    options.setdefault("send_timeout", LIMIT)
    options.setdefault("recv_timeout", LIMIT)
    return anymq.Socket(protocol, backend=backend, **options)
"""
_TIMELY = f"from collections.abc import Callable\nTRIES = {TRIES}\n{inspect.getsource(timely)}"


def start_program(
    backend: Backend, source: str, *args: str, **options: Any
) -> subprocess.Popen[str]:
    """Start `source` as a program whose `backend` and `open_socket` are those of this library.

    `sys.argv[3:]` is `args`.
    """
    prelude = _PRELUDE.format(limit=LIMIT, refused=REFUSED) + _TIMELY
    program = prelude + textwrap.dedent(source)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    command = [sys.executable, "-c", program, backend.name, backend.library.path, *args]
    return subprocess.Popen(command, text=True, **options)


def finish_program(process: subprocess.Popen[str], *, limit: float = 30.0) -> tuple[str, float]:
    """What the program wrote, and how long it took to end; fails unless it succeeds.

    A program that hangs shows where each of its threads is.
    """
    begin = time.monotonic()
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"the program hung\n{out}\n{err}")
    if process.returncode != 0:
        refused = re.search(rf"^{REFUSED}(\S+)$", err, re.MULTILINE)
        if refused:
            raise ProgramRefused(refused[1])
        pytest.fail(f"the program ended with {process.returncode}\n{out}\n{err}")
    return out, time.monotonic() - begin


def run_program(
    backend: Backend, source: str, *args: str, limit: float = 30.0, **options: Any
) -> str:
    """What a program wrote (see `start_program`); fails unless it succeeds."""
    out, _ = finish_program(start_program(backend, source, *args, **options), limit=limit)
    return out


# Resources of this process


def descriptors() -> int:
    """How many file descriptors are open."""
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    """How many threads there are, the libraries' own included."""
    return len(os.listdir("/proc/self/task"))


def mapped(path: str) -> bool:
    """Whether the loader has mapped `path` into this process."""
    real = os.path.realpath(path)
    with open("/proc/self/maps") as maps:
        return any(line.rstrip("\n").endswith(real) for line in maps)


def missing(backend: Backend, features: Iterable[str]) -> list[str]:
    """Those of `features` that the backend lacks."""
    return [feature for feature in features if not backend.supports(feature)]


__all__ = [
    "BACKENDS",
    "LIBRARIES",
    "LIMIT",
    "ONLY",
    "PATTERNS",
    "TRANSPORTS",
    "AnymqError",
    "Pattern",
    "ProgramRefused",
    "Sockets",
    "Timeout",
    "UnderTest",
    "WouldBlock",
    "afill",
    "can_send",
    "descriptors",
    "drain",
    "eventually",
    "fill",
    "finish_program",
    "mapped",
    "missing",
    "no_more",
    "open_contexts",
    "run_program",
    "small_buffers",
    "start_program",
    "subscriptions_settled",
    "threads",
]
