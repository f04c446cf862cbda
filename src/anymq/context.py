"""Contexts: many requests, surveys, subscriptions or answers at once on one socket.

A socket of REQ, REP, SURVEYOR, RESPONDENT or SUB has one state: the request that waits for its
reply, the one that is being answered. A context is such a state of its own, on the same
connections. To anymq's engine it is one more handle, so everything that holds for a socket's calls
holds for a context's: time limits, cancelling, closing, signals, threads and forks.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Final

from ._awaiting import AwaitingExchange
from ._drivers import Loops
from ._exchange import Exchange
from .options import Option, check_option, inapplicable
from .protocols import Protocol

if TYPE_CHECKING:
    from ._engine import Handle
    from .abc import Backend, NativeContext
    from .socket import Socket

__all__ = ["CONTEXTUAL", "Context", "Contexts"]

CONTEXTUAL: Final = frozenset(
    {Protocol.REQ, Protocol.REP, Protocol.SURVEYOR, Protocol.RESPONDENT, Protocol.SUB}
)
"""Protocols with a state that a context can be."""

TIME_LIMITS: Final = ("send_timeout", "recv_timeout")


class Context(Exchange, AwaitingExchange):
    """An independent request, survey, subscription or answer; made by `Socket.open_context`.

    Its time limits are those of its socket when it is opened, and its own from then on. On REP and
    RESPONDENT an answer goes to whomever the context's last message came from. On SUB it has
    subscriptions of its own, none at first.

    A context keeps its socket from being collected; closing the socket closes it.
    """

    __slots__ = (
        "__weakref__",
        "_backend",
        "_native",
        "_pid",
        "_protocol",
        "_raw",
        "_socket",
        "_topics",
        "_topics_lock",
    )

    send_timeout = Option[float | None]("send_timeout")
    recv_timeout = Option[float | None]("recv_timeout")
    resend_interval = Option[float]("resend_interval")
    survey_time = Option[float]("survey_time")

    def __init__(self, socket: Socket, native: NativeContext) -> None:
        self._socket = socket
        self._native = native
        self._backend: Backend = socket.backend
        self._protocol = socket.protocol
        self._raw = False
        self._pid = os.getpid()
        self._topics: set[bytes] = set()
        self._topics_lock = threading.Lock()
        self._handle = native.handle
        self._loops = Loops(self._handle)
        self._handle.answers = socket._handle.answers
        for name in (*TIME_LIMITS, "linger"):
            setattr(self._handle, name, getattr(socket._handle, name))
        for name in native.option_mapping:
            self._native.set_option(name, socket._get_option(name))

    @property
    def socket(self) -> Socket:
        """The socket that it is a context of."""
        return self._socket

    @property
    def backend(self) -> Backend:
        return self._backend

    @property
    def protocol(self) -> Protocol:
        return self._protocol

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def __repr__(self) -> str:
        state = " (closed)" if self.closed else ""
        return f"<{self._protocol} context on {self._backend.name}{state}>"

    def _set_option(self, name: str, value: Any) -> None:
        value = check_option(name, value)
        if name in TIME_LIMITS:
            with self._handle:
                setattr(self._handle, name, value)
        elif name in self._native.option_mapping:
            self._native.set_option(name, value)
        else:
            raise self._lacks(name)

    def _get_option(self, name: str) -> Any:
        if name in TIME_LIMITS:
            with self._handle:
                return getattr(self._handle, name)
        if name in self._native.option_mapping:
            return self._native.get_option(name)
        raise self._lacks(name)

    def _lacks(self, name: str) -> Exception:
        reason = inapplicable(name, self._protocol, self._raw)
        return self._backend.unsupported(
            f"option.{name}", reason or "a context has none of its own"
        )

    def close(self) -> None:
        """Close it; everyone who waits on it gets `Closed`. The socket stays open.

        An answer that is on its way is given up to the socket's `linger` to leave; a request or
        survey that is under way is given up.
        """
        self._handle.close()

    def __del__(self, _warn: Any = warnings.warn, _getpid: Any = os.getpid) -> None:
        handle = getattr(self, "_handle", None)
        if handle is None or handle.closed:
            return
        if self._pid == _getpid():
            _warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        handle.abandon()

    def __reduce__(self) -> Any:
        raise TypeError("a context cannot be pickled: open one on a socket of the other process")


class Contexts:
    """The contexts of one socket, which it closes before itself and does not keep alive."""

    __slots__ = ("_all", "_lock")

    def __init__(self) -> None:
        self._all: weakref.WeakSet[Context] = weakref.WeakSet()
        self._lock = threading.Lock()

    def add(self, context: Context) -> None:
        with self._lock:
            self._all.add(context)

    def _handles(self) -> list[Handle]:
        if not self._all:
            return []
        with self._lock:
            return [context._handle for context in self._all]

    def close(self, socket: Handle) -> None:
        """Close all; they and their socket have its linger together.

        What a signal's handler raises, as on Ctrl-C, ends the wait for each of them.
        """
        handles = self._handles()
        if not handles:
            return
        left = socket.linger
        end = None if left is None else time.monotonic() + left
        try:
            for handle in handles:
                _linger_until(handle, end)
                handle.close()
        except BaseException:
            for handle in (*handles, socket):
                handle.linger = 0.0
                handle.close()
            raise
        _linger_until(socket, end)

    def abandon(self) -> None:
        for handle in self._handles():
            handle.abandon()


def _linger_until(handle: Handle, end: float | None) -> None:
    if end is not None:
        handle.linger = max(0.0, end - time.monotonic())
