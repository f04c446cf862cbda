"""The awaiting forms of a socket's calls, for asyncio and trio.

Each makes its attempt first, and waits (`anymq._drivers`) only where that would block. Those that
wait are served in the order in which they came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ._drivers import Loops, Waits, current_loop, makes_coroutines, waits_class
from ._engine import READABLE, WRITABLE, Direct
from ._events import peer_event
from ._limits import DEFAULT, TimeLimit
from .endpoints import Dialer
from .errors import Closed, OptionError, StateError, Timeout
from .message import Message
from .options import check_option
from .protocols import Protocol
from .url import parse

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .abc import Backend, NativeSocket, PeerEvent

__all__ = ["AwaitingCalls", "AwaitingExchange"]

PEERS_PERIOD = 0.005
"""Seconds between looks at what no descriptor tells a loop."""

T = TypeVar("T")


class AwaitingExchange(Direct):
    """What sockets and contexts offer to event loops: one message, request or survey after another.

    Every call may be cancelled. A cancelled send has sent nothing; a message that a cancelled
    receive would have returned is received next.
    """

    __slots__ = ("_loops",)

    _loops: Loops

    if TYPE_CHECKING:
        _backend: Backend
        _protocol: Protocol
        _headed: bool

        @property
        def survey_time(self) -> float: ...
        def close(self) -> None: ...
        def _must_be(self, protocol: Protocol, call: str) -> None: ...

    # Messages

    @makes_coroutines
    def asend(self, data: Buffer, *, timeout: TimeLimit = DEFAULT) -> Coroutine[Any, Any, None]:
        """`send`, awaited; cancelled, it has not sent. `data` must not change until it returns."""
        if timeout is DEFAULT:
            return self._loops.asend(self, data)
        return self._loops.asend(self, data, _checked(timeout))

    @makes_coroutines
    def arecv(self, *, timeout: TimeLimit = DEFAULT) -> Coroutine[Any, Any, bytes]:
        """`recv`, awaited; cancelled, the message stays receivable."""
        if timeout is DEFAULT:
            return self._loops.arecv(self)
        return self._loops.arecv(self, _checked(timeout))

    async def arequest(self, data: Buffer, *, timeout: TimeLimit = DEFAULT) -> bytes:
        """`request`, awaited: send, then the reply to that request."""
        self._must_be(Protocol.REQ, "arequest")
        if timeout is DEFAULT or timeout is None or timeout == 0:
            await self.asend(data, timeout=timeout)
            return await self.arecv(timeout=timeout)
        end = monotonic() + timeout
        await self.asend(data, timeout=timeout)
        return await self.arecv(timeout=max(0.001, end - monotonic()))

    async def asurvey(self, data: Buffer, *, timeout: TimeLimit = DEFAULT) -> list[bytes]:
        """`survey`, awaited: ask, and gather the answers until the deadline."""
        self._must_be(Protocol.SURVEYOR, "asurvey")
        limit = self.survey_time
        if timeout is not DEFAULT and timeout is not None:
            limit = min(limit, check_option("recv_timeout", timeout))
        await self.asend(data)
        end = monotonic() + limit
        answers: list[bytes] = []
        while (left := end - monotonic()) > 0:
            try:
                answers.append(await self.arecv(timeout=left))
            except (Timeout, StateError):
                break
        return answers

    # Closing

    async def aclose(self) -> None:
        """`close`, with the wait for what lingers beside the loop."""
        await waits_class(current_loop()).in_thread(self.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class AwaitingCalls(AwaitingExchange):
    """What `Socket` offers to event loops besides.

    Of a cancelled batch, `.sent` of the cancellation says how many were sent.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        _native: NativeSocket

        @property
        def peers(self) -> int: ...

    # Messages

    async def asend_many(self, items: Iterable[Buffer], *, timeout: TimeLimit = DEFAULT) -> int:
        """`send_many`, awaited.

        Whatever ends it early, a cancellation too, has `.sent`: how many were sent.
        """
        if isinstance(items, (str, bytes, bytearray)):
            return self._handle.send_many(items, 0)  # which says what is wrong
        left = list(items)
        sent = 0

        def attempt() -> None:
            nonlocal sent
            try:
                sent += self._handle.send_many(left[sent:], 0)
            except Exception as error:
                sent += getattr(error, "sent", 0)
                raise

        waits = self._loops.current()
        limit = self._handle.send_timeout if timeout is DEFAULT else _checked(timeout)
        try:
            await waits.take_turn()
            await waits.call(waits.senders, attempt, limit, "send")
        except BaseException as error:
            error.sent = sent  # type: ignore[attr-defined]
            raise
        return sent

    async def arecv_many(self, max: int = 1024, *, timeout: TimeLimit = DEFAULT) -> list[bytes]:
        """`recv_many`, awaited."""
        return await self._receive(lambda: self._handle.recv_many(max, 0), timeout)

    async def asend_message(self, message: Message, *, timeout: TimeLimit = DEFAULT) -> None:
        """`send_message`, awaited; cancelled, the message is still the caller's."""
        if not isinstance(message, Message):
            raise TypeError(f"asend_message takes a Message, not {type(message).__name__}")
        header = message.header if self._headed else b""
        body = message._whole()
        await self._send(lambda: self._handle.send_message(header, body, 0), timeout)
        message._give_away()

    async def arecv_message(self, *, timeout: TimeLimit = DEFAULT) -> Message:
        """`recv_message`, awaited."""
        return await self._receive(lambda: Message._received(self._handle.recv_message, 0), timeout)

    async def asend_parts(self, parts: Sequence[Buffer], *, timeout: TimeLimit = DEFAULT) -> None:
        """`send_parts`, awaited."""
        self._backend.require("multipart")
        await self._send(lambda: self._handle.send_parts(parts, 0), timeout)

    async def arecv_parts(self, *, timeout: TimeLimit = DEFAULT) -> list[bytes]:
        """`recv_parts`, awaited."""
        self._backend.require("multipart")
        return await self._receive(lambda: self._handle.recv_parts(0), timeout)

    async def arecv_into(self, buffer: Buffer, *, timeout: TimeLimit = DEFAULT) -> int:
        """`recv_into`, awaited."""
        return await self._receive(lambda: self._handle.recv_into(buffer, 0), timeout)

    async def _send(self, attempt: Callable[[], T], timeout: TimeLimit) -> T:
        waits = self._loops.current()
        limit = self._handle.send_timeout if timeout is DEFAULT else _checked(timeout)
        await waits.take_turn()
        return await waits.call(waits.senders, attempt, limit, "send")

    async def _receive(self, attempt: Callable[[], T], timeout: TimeLimit) -> T:
        waits = self._loops.current()
        limit = self._handle.recv_timeout if timeout is DEFAULT else _checked(timeout)
        await waits.take_turn()
        return await waits.call(waits.receivers, attempt, limit, "receive")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Messages until the socket is closed."""
        while True:
            try:
                message = await self.arecv(timeout=None)
            except Closed:
                return
            yield message

    # Peers

    async def adial(self, url: str, *, wait: bool = True, timeout: float | None = None) -> Dialer:
        """`dial`, awaited until it is connected (`wait=False`: not at all).

        Raises:
            Timeout: not connected in time; the dialer is closed again, as it is when cancelled.
        """
        address = parse(url, listen=False)
        self._backend.require(f"transport.{address.scheme}")
        waits = self._loops.current()
        before = self.peers if wait else 0
        dialer = Dialer(self, self._native.dial(address))  # type: ignore[arg-type]
        if not wait:
            return dialer
        number = dialer._native.number
        wanted = 1 if number else before + 1
        try:
            await self._until(waits, lambda: self._handle.peers(number) >= wanted, timeout, url)
        except BaseException:
            dialer.close()
            raise
        return dialer

    async def await_peers(self, n: int = 1, *, timeout: float | None = None) -> None:
        """`wait_for_peers`, awaited."""
        self._backend.require("peers")
        if n < 0:
            raise OptionError(f"a number of peers is 0 or more, not {n}")
        await self._until(
            self._loops.current(),
            lambda: self._handle.peers() >= n,
            timeout,
            f"number {n} of the peers",
        )

    async def _until(
        self, waits: Waits, holds: Callable[[], bool], timeout: float | None, what: str
    ) -> None:
        if timeout is not None:
            check_option("recv_timeout", timeout)
        end = None if timeout is None else monotonic() + timeout
        await waits.take_turn()
        while not holds():
            if end is not None and monotonic() >= end:
                raise Timeout(
                    f"{what} did not connect within {timeout:g} s", backend=self._backend.name
                )
            await waits.pause(PEERS_PERIOD)

    async def aevents(self, *, timeout: float | None = None) -> AsyncIterator[PeerEvent]:
        """`events`, awaited: what happens to peers, until the socket is closed."""
        self._backend.require("peer_events")
        waits = self._loops.current()
        quiet_since = monotonic()
        while True:
            try:
                event = self._handle.next_event(0, peer_event)
            except Closed:
                return
            if event is not None:
                yield event
                quiet_since = monotonic()
            elif timeout is not None and monotonic() - quiet_since >= timeout:
                return
            else:
                await waits.pause(PEERS_PERIOD)

    # Foreign loops

    @property
    def recv_fd(self) -> int:
        """A descriptor for a foreign event loop: readable when there may be something to receive.

        It belongs to the library: poll it, never read from it or close it. On libzmq it is
        edge-triggered and tells of both directions; so after it was readable, and after every send,
        receive with `timeout=0` until `WouldBlock` (`docs/event-loops.md` has the recipe).

        Raises:
            StateError: this socket does not receive.
            UnsupportedFeature: the library has no such descriptor for it.
        """
        return self._fileno(READABLE, self._protocol.can_recv, "recv_fd")

    @property
    def send_fd(self) -> int:
        """As `recv_fd`, to send; it too is to be polled for *reading*."""
        return self._fileno(WRITABLE, self._protocol.can_send, "send_fd")

    def _fileno(self, direction: int, able: bool, name: str) -> int:
        if not able:
            raise StateError(
                f"a {self._protocol} socket has no {name}: it does not go that way",
                backend=self._backend.name,
            )
        fd = self._handle.fileno(direction)
        if fd < 0:
            raise self._backend.unsupported(
                "poll_fd", f"the library has no descriptor for this {self._protocol} socket"
            )
        return fd


def _checked(timeout: Any) -> float | None:
    if timeout is None:
        return None
    checked: float = check_option("recv_timeout", timeout)
    return checked
