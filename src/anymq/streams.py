"""Sockets as anyio's object streams: code written for streams of messages takes a socket.

Needs anyio (`pip install "anymq[streams]"`). A stream owns its socket, and closing it closes that.
It raises anyio's own errors, as its users expect: `EndOfStream` and `ClosedResourceError` when the
socket is closed; never `BusyResourceError`, since any number of tasks may wait on one socket.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from anyio import ClosedResourceError, EndOfStream
from anyio.abc import ObjectReceiveStream, ObjectSendStream, ObjectStream

from .errors import Closed, StateError
from .socket import Socket

__all__ = ["MessageReceiveStream", "MessageSendStream", "MessageStream"]

S = TypeVar("S", bound=Socket)


class _Wrapper(Generic[S]):
    """What all streams share: the socket, and closing it."""

    def __init__(self, socket: S) -> None:
        self.socket = socket
        """The socket, with everything that streams do not know: options, peers, statistics."""
        self._ended = False

    async def aclose(self) -> None:
        """Close the socket within its `linger`; others who wait on it get `EndOfStream`."""
        self._ended = True
        await self.socket.aclose()


class MessageReceiveStream(_Wrapper[Socket], ObjectReceiveStream[bytes]):
    """Messages that a socket receives.

    Raises:
        StateError: a socket of this protocol does not receive.
    """

    def __init__(self, socket: Socket) -> None:
        if not socket.protocol.can_recv:
            raise StateError(f"a {socket.protocol} socket only sends: use MessageSendStream")
        super().__init__(socket)

    async def receive(self) -> bytes:
        """The next message, without a time limit.

        Raises:
            EndOfStream: the socket was closed meanwhile, or by another part of the program.
            ClosedResourceError: this stream was closed.
        """
        if self._ended:
            raise ClosedResourceError
        try:
            return await self.socket.arecv(timeout=None)
        except Closed:
            raise EndOfStream from None


class MessageSendStream(_Wrapper[Socket], ObjectSendStream[bytes]):
    """Messages that a socket sends.

    Raises:
        StateError: a socket of this protocol does not send.
    """

    def __init__(self, socket: Socket) -> None:
        if not socket.protocol.can_send:
            raise StateError(f"a {socket.protocol} socket only receives: use MessageReceiveStream")
        super().__init__(socket)

    async def send(self, item: bytes) -> None:
        """Send one message, waiting as long as it takes for a peer to take it.

        Raises:
            ClosedResourceError: the socket is closed.
        """
        try:
            await self.socket.asend(item, timeout=None)
        except Closed:
            raise ClosedResourceError from None


class MessageStream(MessageReceiveStream, MessageSendStream, ObjectStream[bytes]):
    """Both ways: PAIR, REQ, REP, BUS and their like.

    Raises:
        StateError: a socket of this protocol goes one way only.
    """

    def __init__(self, socket: Socket) -> None:
        if not socket.protocol.can_recv or not socket.protocol.can_send:
            one = "MessageReceiveStream" if socket.protocol.can_recv else "MessageSendStream"
            raise StateError(f"a {socket.protocol} socket goes one way: use {one}")
        _Wrapper.__init__(self, socket)

    async def send_eof(self) -> None:
        """There is no such thing as the end of what one peer sends: nothing would hear of it.

        Raises:
            StateError: always; close the stream instead.
        """
        raise StateError("messages have no end of file: close the stream instead")
