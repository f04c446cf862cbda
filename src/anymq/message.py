"""A message as an object: a header and a body that can be taken apart and put together.

Raw sockets and devices need it; a plain `send` or `recv` does not. Numbers are unsigned and in
network byte order, as the protocols' headers are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ._engine import Body

__all__ = ["Message"]


class Message:
    """A mutable message.

    `body` is what a receiver gets. `header` is the protocol's on raw sockets, whom a message came
    from or goes to on SERVER and PEER, its group on RADIO and DISH; others neither send nor receive
    one. `insert` and `trim` work at the front of the body, `append` and `chop` at its end.
    A message that was sent is given away: using it raises `StateError`. A send that failed leaves
    it as it was.

    A message that was received is copied only when it is changed, or its `body` asked for: `view`,
    `len` and `bytes` look at what the library gave, which for a large one is its own memory. One
    that is sent on unchanged is not copied either (`docs/semantics.md`).
    """

    __slots__ = ("_content", "_header", "_peer")

    def __init__(self, data: Buffer = b"", *, header: Buffer = b"") -> None:
        if isinstance(data, str) or isinstance(header, str):
            raise TypeError("a message is bytes, not str: pass text.encode() instead")
        # Through a view, because bytearray() also takes numbers and lists of them.
        self._content: bytearray | bytes | Body | None = bytearray(memoryview(data))
        self._header: bytearray | bytes = bytearray(memoryview(header))
        self._peer: int | None = None

    @classmethod
    def _received(
        cls, receive: Callable[..., tuple[bytes, bytes | Body, int]], *limit: float | None
    ) -> Message:
        """What `receive(*limit)` returns; made before, so that no lack of memory loses it."""
        message = cls.__new__(cls)
        received = receive(*limit)
        message._header = received[0]  # to unpack a tuple may take memory
        message._content = received[1]
        message._peer = received[2] or None
        return message

    def _give_away(self) -> None:
        self._content = None

    def _whole(self) -> bytearray | bytes | Body:
        """The body, as it is held."""
        if self._content is None:
            raise StateError("the message was sent: it is no longer yours; make a copy() before")
        return self._content

    @property
    def body(self) -> bytearray:
        """The body itself, not a copy."""
        body = self._whole()
        if not isinstance(body, bytearray):
            body = self._content = bytearray(body)
        return body

    @body.setter
    def body(self, data: Buffer) -> None:
        self.body[:] = memoryview(data).tobytes()

    @property
    def header(self) -> bytearray:
        """The protocol header itself, not a copy."""
        self._whole()
        if not isinstance(self._header, bytearray):
            self._header = bytearray(self._header)
        return self._header

    @header.setter
    def header(self, data: Buffer) -> None:
        self.header[:] = memoryview(data).tobytes()

    @property
    def view(self) -> memoryview:
        """The body's memory, read-only as long as it is what was received.

        While there is a view of what can be written to, the body cannot change its size.
        """
        return memoryview(self._whole())

    @property
    def peer(self) -> int | None:
        """The library's number of the peer that it came from, None where it does not tell."""
        return self._peer

    def copy(self) -> Message:
        """An independent message with the same header, body and peer."""
        other = Message(self._whole(), header=self._header)
        other._peer = self._peer
        return other

    def append(self, data: Buffer) -> None:
        """Put `data` after the body."""
        self.body.extend(memoryview(data))

    def insert(self, data: Buffer) -> None:
        """Put `data` before the body."""
        self.body[:0] = memoryview(data).tobytes()

    def trim(self, size: int) -> bytes:
        """Take `size` bytes from the front of the body.

        Raises:
            ValueError: the body has fewer; it is unchanged.
        """
        return self._take(slice(0, size), size)

    def chop(self, size: int) -> bytes:
        """Take `size` bytes from the end of the body.

        Raises:
            ValueError: the body has fewer; it is unchanged.
        """
        return self._take(slice(len(self.body) - size, None), size)

    def _take(self, where: slice, size: int) -> bytes:
        body = self.body
        if not 0 <= size <= len(body):
            raise ValueError(f"cannot take {size} bytes from a body of {len(body)}")
        taken = bytes(body[where])
        del body[where]
        return taken

    def append_u16(self, value: int) -> None:
        self.append(value.to_bytes(2, "big"))

    def append_u32(self, value: int) -> None:
        self.append(value.to_bytes(4, "big"))

    def append_u64(self, value: int) -> None:
        self.append(value.to_bytes(8, "big"))

    def insert_u16(self, value: int) -> None:
        self.insert(value.to_bytes(2, "big"))

    def insert_u32(self, value: int) -> None:
        self.insert(value.to_bytes(4, "big"))

    def insert_u64(self, value: int) -> None:
        self.insert(value.to_bytes(8, "big"))

    def trim_u16(self) -> int:
        return int.from_bytes(self.trim(2), "big")

    def trim_u32(self) -> int:
        return int.from_bytes(self.trim(4), "big")

    def trim_u64(self) -> int:
        return int.from_bytes(self.trim(8), "big")

    def chop_u16(self) -> int:
        return int.from_bytes(self.chop(2), "big")

    def chop_u32(self) -> int:
        return int.from_bytes(self.chop(4), "big")

    def chop_u64(self) -> int:
        return int.from_bytes(self.chop(8), "big")

    def __len__(self) -> int:
        return len(self._whole())

    def __bytes__(self) -> bytes:
        return bytes(self._whole())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return bytes(self) == bytes(other) and self._header == other._header

    def __repr__(self) -> str:
        if self._content is None:
            return "<Message, sent>"
        return f"<Message of {len(self._content)} bytes, header {len(self._header)}>"
