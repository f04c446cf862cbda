"""Waiting for several sockets and file descriptors at once, whatever library each socket is of."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from enum import IntFlag
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias

from ._engine import READABLE, WRITABLE, Watch
from .errors import OptionError, StateError
from .options import check_option
from .socket import Socket

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["PollEvents", "Pollable", "Poller"]

SLICE: Final = 0.05
"""Seconds between looks for signals: the system may have given one to another thread."""

RETRY: Final = 0.005
"""Seconds between looks at a socket whose library has nothing to watch."""


class PollEvents(IntFlag):
    """What to wait for; the same numbers as `selectors.EVENT_READ` and `EVENT_WRITE`."""

    READ = READABLE
    WRITE = WRITABLE


class HasFileno(Protocol):
    def fileno(self) -> int: ...


Pollable: TypeAlias = Socket | HasFileno | int
"""A socket of anymq, a file descriptor, or an object that has one."""


class Poller:
    """Tells which of the registered sockets and descriptors are ready.

    Readiness is a level: what is ready and is not used is told again by the next `poll`, on
    libraries with edge-triggered descriptors too. Any thread may register; one at a time polls.
    """

    def __init__(self) -> None:
        self._sockets: dict[Socket, tuple[int, Watch]] = {}
        self._files: dict[int, tuple[Any, int]] = {}
        self._changing = threading.Lock()

    def register(self, what: Pollable, events: int = PollEvents.READ) -> None:
        """Wait for `events` of a socket or descriptor; registering again changes them.

        Raises:
            Closed: the socket is.
            StateError: its protocol does not go that way.
            OptionError: not a combination of `PollEvents`.
        """
        if isinstance(events, bool) or events not in (1, 2, 3):
            raise OptionError(
                f"events are PollEvents.READ, WRITE or both (1, 2 or 3), not {events!r}"
            )
        if isinstance(what, Socket):
            self._register_socket(what, int(events))
            return
        number = _fileno(what)
        with self._changing:
            self._files[number] = (what, int(events))

    def _register_socket(self, socket: Socket, events: int) -> None:
        able = READABLE * socket.protocol.can_recv | WRITABLE * socket.protocol.can_send
        if events & ~able:
            only = "sends" if events & READABLE & ~able else "receives"
            raise StateError(
                f"a {socket.protocol} socket only {only}: it cannot be polled for the other",
                backend=socket.backend.name,
            )
        with self._changing:
            known = self._sockets.get(socket)
            watch = known[1] if known else Watch(socket._handle)
            self._sockets[socket] = (events, watch)

    def unregister(self, what: Pollable) -> None:
        """Forget a socket or descriptor; a closed one too.

        Raises:
            KeyError: it is not registered.
        """
        with self._changing:
            if isinstance(what, Socket):
                _, watch = self._sockets.pop(what)
                watch.close()
                return
            for number, (known, _) in self._files.items():
                if known is what or (isinstance(what, int) and number == what):
                    del self._files[number]
                    return
        raise KeyError(what)

    def __contains__(self, what: object) -> bool:
        if isinstance(what, Socket):
            return what in self._sockets
        return any(known is what or known == what for known, _ in self._files.values())

    def __len__(self) -> int:
        return len(self._sockets) + len(self._files)

    def poll(self, timeout: float | None = None) -> list[tuple[Pollable, PollEvents]]:
        """Wait until something is ready: what is, and for what; nothing when the time is over.

        A descriptor that is hung up or broken counts as ready for what it was registered for.

        Raises:
            Closed: a registered socket is, or is closed meanwhile.
        """
        if timeout is not None:
            check_option("recv_timeout", timeout)
        end = None if timeout is None else monotonic() + timeout
        while True:
            with self._changing:
                sockets = dict(self._sockets)
                files = dict(self._files)
            for _, watch in sockets.values():
                watch.poll()  # old news: the socket is looked at after it
            ready: list[tuple[Pollable, PollEvents]] = list(_ready_sockets(sockets))
            ready += _poll_files(files, 0 if ready else self._patience(sockets, end), sockets)
            if ready or (end is not None and monotonic() >= end):
                return ready

    def _patience(self, sockets: dict[Socket, tuple[int, Watch]], end: float | None) -> float:
        """Seconds to sleep, after every socket was found not ready."""
        seconds = SLICE if end is None else min(SLICE, max(0.0, end - monotonic()))
        for events, watch in sockets.values():
            for direction in (READABLE, WRITABLE):
                if events & direction:
                    again = watch.want(direction)
                    if again:
                        seconds = 0
                    elif again is None:
                        seconds = min(seconds, RETRY)
        return seconds

    def close(self) -> None:
        """Forget everything; sockets stay open."""
        with self._changing:
            for _, watch in self._sockets.values():
                watch.close()
            self._sockets.clear()
            self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _fileno(what: HasFileno | int) -> int:
    if isinstance(what, bool) or not (isinstance(what, int) or hasattr(what, "fileno")):
        raise TypeError(f"a poller takes sockets and file descriptors, not {what!r}")
    number = what if isinstance(what, int) else what.fileno()
    if number < 0:
        raise OptionError(f"{what!r} has no file descriptor")
    return number


def _ready_sockets(
    sockets: dict[Socket, tuple[int, Watch]],
) -> Iterator[tuple[Pollable, PollEvents]]:
    for socket, (events, _) in sockets.items():
        ready = socket._handle.ready(events)
        if ready:
            yield socket, PollEvents(ready)


def _poll_files(
    files: dict[int, tuple[Any, int]],
    seconds: float,
    sockets: dict[Socket, tuple[int, Watch]],
) -> list[tuple[Pollable, PollEvents]]:
    """The descriptors that are ready, within `seconds`, or as soon as a socket may be."""
    poll = select.poll()
    for number, (_, events) in files.items():
        poll.register(
            number,
            (select.POLLIN if events & READABLE else 0)
            | (select.POLLOUT if events & WRITABLE else 0),
        )
    for _, watch in sockets.values():
        poll.register(watch.fd, select.POLLIN)
    ready: list[tuple[Pollable, PollEvents]] = []
    for number, flags in poll.poll(seconds * 1000):
        if number in files:
            what, events = files[number]
            got = 0
            if flags & ~select.POLLOUT:
                got |= READABLE
            if flags & ~select.POLLIN:
                got |= WRITABLE
            if got & events:
                ready.append((what, PollEvents(got & events)))
    return ready
