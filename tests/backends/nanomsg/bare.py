"""The adapter's C operations without the engine: one attempt at a time."""

from __future__ import annotations

from typing import Any

from anymq_nanomsg._nanomsg import ffi, lib
from anymq_nanomsg.backend import NanomsgBackend
from tests.conformance.support import eventually

AGAIN, UNKNOWN = -1, -3
READABLE, WRITABLE = 1, 2

ops = lib.anymq_nn_table()


class Bare:
    """A socket on which nothing is called but what a test calls."""

    def __init__(self, backend: NanomsgBackend, protocol: str, *, raw: bool = False) -> None:
        self.library = backend.native
        error = ffi.new("int *")
        kind = self.library.constants[f"NN_{protocol.upper()}"]
        self.c: Any = lib.anymq_nn_socket_new(self.library.functions, kind, raw, error)
        assert self.c != ffi.NULL, self.library.text(error[0])
        self.set("NN_RCVMAXSIZE", 2**31 - 1)

    def set(self, name: str, value: int | bytes) -> None:
        self.library.set_option(self.c.s, self.library.options[name], value)

    def listen(self, url: str) -> None:
        self.library.check(self.library.functions.nn_bind(self.c.s, url.encode()))

    def dial(self, url: str) -> None:
        self.library.check(self.library.functions.nn_connect(self.c.s, url.encode()))

    def try_send(self, body: bytes, header: bytes = b"") -> int:
        message = ffi.new("anymq_msg *")
        result = ops.msg_init(self.c, message, header, len(header), body, len(body))
        if result == 0:
            result = ops.try_send(self.c, message)
            ops.msg_release(self.c, message)
        return int(result)

    def send(self, body: bytes, header: bytes = b"") -> None:
        assert eventually(lambda: self.try_send(body, header) + 1) == 1

    def try_recv(self) -> int | tuple[bytes, bytes]:
        """The result where it is not 0, else (header, body)."""
        message = ffi.new("anymq_msg *")
        result = ops.try_recv(self.c, message)
        if result != 0:
            return int(result)
        header = bytes(ffi.buffer(message.header, message.header_size))
        body = bytes(ffi.buffer(message.data, message.size))
        ops.msg_release(self.c, message)
        return header, body

    def recv(self) -> tuple[bytes, bytes]:
        def attempt() -> Any:
            result = self.try_recv()
            return None if result == AGAIN else result

        result = eventually(attempt)
        assert isinstance(result, tuple), self.library.errors.get(result)
        return result

    @property
    def peers(self) -> int:
        return int(ops.peers(self.c, 0))

    def drained(self) -> int:
        return int(ops.drained(self.c))

    def wait_fd(self, direction: int) -> int:
        return int(ops.wait_fd(self.c, direction))

    def events(self) -> list[int]:
        """The kinds of all events that are waiting."""
        event = ffi.new("anymq_event *")
        kinds = []
        while ops.next_event(self.c, event) == 1:
            kinds.append(int(event.kind))
        return kinds

    def close(self) -> None:
        if self.c is not None:
            assert ops.close(self.c, 0) == 0
            self.c = None

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(one: Bare, other: Bare, url: str) -> None:
    """`other` listens, `one` dials; return when both know."""
    other.listen(url)
    one.dial(url)
    eventually(lambda: one.peers and other.peers)
