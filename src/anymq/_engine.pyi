"""The C engine: one `Handle` drives one native socket, whatever the library (see engine/)."""

from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, final, overload

from typing_extensions import Buffer

from ._limits import TimeLimit

READABLE: int
WRITABLE: int
TURN: int
"""Calls in a row that may succeed at once before the loop gets a turn."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Event = tuple[int, str, int, int, int, int]
"""(kind, address, peer, time_ns, native, code)"""

def setup(main_thread: int) -> None:
    """Tell which thread runs Python's signal handlers."""

def look_for(seconds: float | None) -> None:
    """How long a receive looks for an answer before its thread sleeps, and what counts as soon."""

def pending_closes(timeout: float | None) -> int:
    """Wait for closes that collection left to the background; how many are still not done."""

@final
class Body:
    """A large message as it was received, in the library's memory."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...

@final
class Handle:
    """Owns one native socket from construction on.

    `ops` and `socket` are addresses: the backend's `anymq_ops` and its C socket. `error(code,
    doing)` makes an exception from a native error number; `backend` is the name put on the engine's
    own errors. `can_send` and `can_recv` are what the protocol allows. `owner` is kept alive as
    long as the handle (the opened library).
    """

    def __new__(
        cls,
        ops: int,
        socket: int,
        error: Callable[[int, str], BaseException],
        backend: str,
        protocol: str,
        can_send: bool,
        can_recv: bool,
        owner: object,
    ) -> Handle: ...
    answers: bool
    """Whether what is received answers what was sent last (REQ, SURVEYOR)."""
    send_timeout: float | None
    recv_timeout: float | None
    linger: float | None
    sent: int
    received: int
    @property
    def closed(self) -> bool: ...
    def send(self, data: Buffer, timeout: float | None = ..., /) -> None: ...
    def recv(self, timeout: float | None = ..., /) -> bytes: ...
    def send_nowait(self, data: Buffer, /) -> bool: ...
    def recv_nowait(self) -> bytes | None: ...
    def recv_some(self, max: int, /) -> list[bytes]: ...
    def ready(self, mask: int, /) -> int: ...
    def fileno(self, direction: int, /) -> int: ...
    def give_back(self, data: bytes, /) -> None: ...
    def recv_into(self, buffer: Buffer, timeout: float | None = ..., /) -> int: ...
    def send_many(self, items: Iterable[Buffer], timeout: float | None = ..., /) -> int: ...
    def recv_many(self, max: int, timeout: float | None = ..., /) -> list[bytes]: ...
    def send_parts(self, parts: Sequence[Buffer], timeout: float | None = ..., /) -> None: ...
    def recv_parts(self, timeout: float | None = ..., /) -> list[bytes]: ...
    def send_message(
        self, header: Buffer, body: Buffer, timeout: float | None = ..., /
    ) -> None: ...
    def recv_message(self, timeout: float | None = ..., /) -> tuple[bytes, bytes | Body, int]: ...
    def peers(self, endpoint: int = 0, /) -> int: ...
    def wait_peers(self, n: int, endpoint: int, timeout: float | None, /) -> bool: ...
    @overload
    def next_event(self, timeout: float | None, /) -> Event | None: ...
    @overload
    def next_event(self, timeout: float | None, make: Callable[[Event], T], /) -> T | None:
        """What `make` makes of the next event, or None when the time is over.

        Where it raises, the event is kept for the next call.
        """
    def flush(self, timeout: float | None, /) -> bool: ...
    def branch(self, asks: bool, state_error: int, /) -> tuple[int, int]:
        """A context that the engine itself makes: `ops` and `socket` of a handle for it.

        For an edge-triggered socket that shows envelopes as parts; from then on it is its contexts'
        alone. `asks`: for requests, not answers. `state_error`: the library's number of it.
        """
    def close(self) -> None: ...
    def abandon(self) -> None:
        """Close in the background, within the linger; for finalisers."""
    def __enter__(self) -> int: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...

@final
class Watch:
    """What one event loop knows of one socket: `fd` is readable when `poll` has something to say.

    The order that loses nothing: attempt; when that would block, `want`; sleep on `fd`; `poll`.
    """

    def __new__(cls, handle: Handle, /) -> Watch: ...
    @property
    def fd(self) -> int: ...
    def want(self, direction: int, /) -> bool | None:
        """Begin to wait. True: attempt again at once. None: nothing to watch, ask again."""
    def leave(self, direction: int, /) -> None: ...
    def poll(self) -> int:
        """What may be ready of what is wanted, which then is wanted no longer."""
    def close(self) -> None: ...

class Turns:
    """The waits of one socket in one loop, as far as a call that need not wait has to know them."""

    loop: Any
    senders: Any
    receivers: Any
    turn: int
    """Calls that are left before the loop gets its turn."""

class Calls:
    """Makes the awaiting calls of one socket.

    What their coroutines leave to Python are calls of `send`, `recv`, `wait_to_send` and
    `wait_to_recv` of a derived class; `framed` makes a coroutine with a frame of one of them.
    """

    def __new__(cls, handle: Handle, /) -> Self: ...
    @property
    def handle(self) -> Handle: ...
    here: Any
    """The `Turns` of the loop of the last call, set in the thread of that loop; at first None."""
    def asend(
        self, owner: object, data: Buffer, limit: float | None = ..., /
    ) -> Coroutine[Any, Any, None]:
        """A coroutine that keeps `owner` from being collected."""
    def arecv(self, owner: object, limit: float | None = ..., /) -> Coroutine[Any, Any, bytes]: ...

@final
class Call(Coroutine[Any, Any, T_co]):
    """A coroutine that sends or receives one message; nothing happens before it is driven."""

    __name__: str
    __qualname__: str
    def __await__(self) -> Generator[Any, Any, T_co]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, *raised: Any) -> Any: ...
    def close(self) -> None: ...

class Direct:
    """The base of sockets and contexts: the two calls that are made once a message."""

    _handle: Handle
    def send(self, data: Buffer, *, timeout: TimeLimit = ...) -> None:
        """Send one message, whole or not at all.

        Raises:
            Timeout: no peer took it in time (`WouldBlock` for `timeout=0`); nothing was sent.
            StateError: the protocol does not allow it, or not now.
            TypeError: not bytes-like.
        """
    def recv(self, *, timeout: TimeLimit = ...) -> bytes:
        """Receive one message.

        Raises:
            Timeout: none came in time (`WouldBlock` for `timeout=0`).
            StateError: the protocol does not allow it, or not now; or the message has several
                parts, and stays receivable with `recv_parts`.
        """
