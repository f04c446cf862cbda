"""Listeners and dialers: one bound or dialled address of a socket."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from .errors import Closed

if TYPE_CHECKING:
    from .abc import NativeEndpoint
    from .socket import Socket

__all__ = ["Dialer", "Endpoint", "Listener"]


class Endpoint:
    """What listeners and dialers share. A context manager that closes the endpoint."""

    __slots__ = ("_closed", "_native", "_socket")

    def __init__(self, socket: Socket, native: NativeEndpoint) -> None:
        self._socket = socket
        self._native = native
        self._closed = False

    @property
    def url(self) -> str:
        """The address; for a listener with the real port where 0 or `*` was asked for."""
        return self._native.url

    @property
    def closed(self) -> bool:
        """Whether this endpoint or its socket is closed."""
        return self._closed or self._socket.closed

    def close(self) -> None:
        """Unbind or disconnect; the socket stays open. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._socket._close_endpoint(self._native)
        except Closed:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " (closed)" if self.closed else ""
        return f"<{type(self).__name__} {self.url}{state}>"


class Listener(Endpoint):
    """An address at which a socket accepts peers."""

    __slots__ = ()


class Dialer(Endpoint):
    """An address that a socket connects to, again whenever the connection is lost."""

    __slots__ = ()

    @property
    def peers(self) -> int:
        """How many peers are connected through this dialer, where the library can tell apart."""
        return self._socket._handle.peers(self._native.number)

    @property
    def peer(self) -> int | None:
        """The library's number of who is there, as `Message.peer`; None where it tells none."""
        return self._native.peer or None
