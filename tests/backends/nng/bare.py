"""The adapter's C operations without the engine: one call at a time."""

from __future__ import annotations

from typing import Any

from cffi import FFI

from anymq.protocols import Protocol
from anymq_nng._nng import ffi as adapter
from anymq_nng._nng import lib
from anymq_nng.backend import NngBackend
from anymq_nng.errors import NUMBERS
from anymq_nng.options import set_typed
from anymq_nng.protocols import flags_for, opener
from tests.conformance.support import eventually

OK, AGAIN, INTERRUPTED, UNKNOWN = 0, -1, -2, -3

ffi = FFI()
ffi.cdef(
    """
    typedef struct {
        union { void *ptr; uint64_t words[8]; } native;
        const void *data; size_t size;
        const void *header; size_t header_size;
        uint32_t flags; uint32_t peer;
    } message;
    typedef struct {
        int32_t kind, native, code; uint32_t peer; int64_t time_ns; char address[256];
    } event;
    typedef struct {
        uint32_t abi, size, traits;
        int (*msg_init)(void *, message *, const char *, size_t, const char *, size_t);
        void (*msg_release)(void *, message *);
        int (*msg_lend)(void *, message *, char *, size_t, void *, void *);
        void (*msg_free)(void *, message *);
        int (*try_send)(void *, message *);
        int (*try_recv)(void *, message *);
        int (*try_send_copy)(void *, const char *, size_t);
        int (*wait_fd)(void *, int);
        int (*events)(void *);
        int (*wait_send)(void *, message *, int);
        int (*wait_recv)(void *, message *, int);
        void (*interrupt)(void *);
        void (*ask)(void *, int, void *, void *);
        void (*forgo)(void *, int);
        int (*drained)(void *);
        int (*peers)(void *, uint32_t);
        int (*peer_fd)(void *);
        int (*next_event)(void *, event *);
        int (*close)(void *, int64_t);
    } ops;
    """
)


class Bare:
    """A socket on which nothing is called but what a test calls."""

    def __init__(self, backend: NngBackend, protocol: str, *, raw: bool = False) -> None:
        self.backend = backend
        self.library = backend.native
        self.ops: Any = ffi.cast("ops *", self.library.ops)
        kind = Protocol(protocol)
        name, flags = opener(kind, raw=raw), flags_for(kind, raw=raw)
        error = adapter.new("int *")
        self.c = lib.anymq_nng_open(self.library.pointer, name.encode(), flags, error)
        assert self.c != adapter.NULL, self.library.text(error[0])
        self.s = ffi.cast("void *", int(adapter.cast("uintptr_t", self.c)))

    def set_ms(self, option: str, ms: int) -> None:
        number = lib.anymq_nng_id(self.c)
        code = set_typed(self.library, lib.NNG_SOCKET, number, option, "ms", ms)
        assert code == 0, self.library.text(code)

    def listen(self, url: str) -> str:
        """The URL to dial."""
        number = adapter.new("uint32_t *")
        assert lib.anymq_nng_listener_create(self.c, url.encode(), number) == 0
        counted = not url.startswith(("ws", "inproc"))
        tagged = number[0] | 0x80000000
        assert lib.anymq_nng_add_endpoint(self.c, tagged, counted, url.encode()) == 0
        assert lib.anymq_nng_listener_start(self.c, number[0]) == 0
        port = lib.anymq_nng_listener_port(self.c, number[0])
        return url.replace(":0", f":{port}")

    def dial(self, url: str) -> None:
        number = adapter.new("uint32_t *")
        assert lib.anymq_nng_dialer_create(self.c, url.encode(), number) == 0
        counted = not url.startswith(("ws", "inproc"))
        assert lib.anymq_nng_add_endpoint(self.c, number[0], counted, url.encode()) == 0
        assert lib.anymq_nng_dialer_start(self.c, number[0]) == 0

    @property
    def peers(self) -> int:
        return int(self.ops.peers(self.s, 0))

    def send(self, body: bytes, *, wait: int | None = None, header: bytes = b"") -> int:
        """Try, or wait for `wait` milliseconds."""
        message = ffi.new("message *")
        size = len(header)
        assert self.ops.msg_init(self.s, message, header, size, body, len(body)) == OK
        if wait is None:
            result = self.ops.try_send(self.s, message)
        else:
            result = self.ops.wait_send(self.s, message, wait)
        if result == OK:
            assert message.native.ptr == ffi.NULL, "a sent message is the library's"
        else:
            assert bytes(ffi.buffer(message.data, message.size)) == body, "it stays the caller's"
        self.ops.msg_release(self.s, message)
        return int(result)

    def recv(self, *, wait: int | None = None) -> int | bytes:
        """The result where it is not OK, else the body."""
        message = ffi.new("message *")
        if wait is None:
            result = self.ops.try_recv(self.s, message)
        else:
            result = self.ops.wait_recv(self.s, message, wait)
        if result != OK:
            return int(result)
        body = bytes(ffi.buffer(message.data, message.size))
        self.ops.msg_release(self.s, message)
        return body

    def recv_in_slices(self, ms: int, most: int = 1000) -> int | bytes:
        """Wait as the engine does: again and again for a few milliseconds."""
        for _ in range(most):
            result = self.recv(wait=ms)
            if result != AGAIN:
                return result
        return AGAIN

    @property
    def drained(self) -> int:
        return int(self.ops.drained(self.s))

    def interrupt(self) -> None:
        self.ops.interrupt(self.s)

    def close(self) -> None:
        if self.c is not None:
            self.c = None
            assert self.ops.close(self.s, 0) == OK

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(listener: Bare, dialer: Bare, url: str = "tcp://127.0.0.1:0") -> None:
    """Connect two sockets and wait until both know."""
    before = listener.peers
    dialer.dial(listener.listen(url))
    eventually(lambda: listener.peers > before and dialer.peers > 0)


def number(name: str) -> int:
    return NUMBERS[name]
