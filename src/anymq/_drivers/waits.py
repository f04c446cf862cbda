"""What one event loop has waiting on one socket.

The calls that wait stand in two queues, one to receive and one to send, and are served in the order
of their arrival. The loop watches one descriptor (`anymq._engine.Watch`), registered once; when it
is readable, `serve` makes the attempts of those who wait, as many as succeed.

Nothing is lost when a wait is cancelled. A send is attempted by its own task, after which it does
not wait again: a cancelled send has sent nothing. A message that was received for a task which is
cancelled before it could take it goes back to the socket, to be received next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from os import sched_yield
from time import monotonic
from typing import Any, ClassVar, Generic, TypeVar

from anymq._engine import READABLE, TURN, WRITABLE, Handle, Turns, Watch
from anymq.errors import AnymqError, Timeout, WouldBlock

__all__ = ["Queue", "Waiter", "Waits"]

RETRY = 0.005
"""Seconds between attempts where the library has nothing to watch."""

SOON = 0.0003
"""Seconds; when the last answer took less, the next is looked for so long before a task sleeps."""

_looking: set[Any] = set()
"""Loops in which a task looks: one at a time, for where more of them wait there is other work."""

T = TypeVar("T")


class Waiter(Generic[T]):
    """One call that waits.

    Attributes:
        attempt: None for a plain receive, which is served from the batch; else the call's own
            attempt is made by its task when it is woken.
        signal: what its task sleeps on; the loop's own.
    """

    __slots__ = ("attempt", "error", "settled", "signal", "value")

    def __init__(self, attempt: Callable[[], T] | None) -> None:
        self.attempt = attempt
        self.settled = False
        self.value: T | None = None
        self.error: BaseException | None = None
        self.signal: Any = None


class Queue(deque[Waiter[Any]]):
    """Those who wait in one direction."""

    __slots__ = ("direction",)

    def __init__(self, direction: int) -> None:
        super().__init__()
        self.direction = direction


class Waits(Turns, ABC):
    """The waits of one socket in one loop; used by that loop's thread alone."""

    __slots__ = ("__weakref__", "_answers_soon", "_sent", "handle", "watch")

    receivers: Queue
    senders: Queue

    checks: ClassVar[bool] = False
    """Whether every call must look for a cancellation, though it need not wait."""

    def __init__(self, handle: Handle, loop: Any) -> None:
        self.handle = handle
        self.loop = loop
        self.watch = Watch(handle)
        self.receivers = Queue(READABLE)
        self.senders = Queue(WRITABLE)
        self.turn = TURN
        self._sent = 0  # messages, when a receive waited last
        self._answers_soon = False

    # What each kind of loop does its own way

    @abstractmethod
    async def sleep(self, waiter: Waiter[Any], queue: Queue, timeout: float | None) -> bool:
        """Sleep until the waiter is woken; False when the time is over.

        When it is cancelled, it calls `forsake` and lets the cancellation through.
        """

    @abstractmethod
    def wake(self, waiter: Waiter[Any]) -> None:
        """Let the waiter's task go on. Waking twice is once."""

    @abstractmethod
    def soon(self, call: Callable[[], object]) -> None:
        """Call it in the loop's next turn."""

    @abstractmethod
    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call it after a while."""

    @abstractmethod
    async def pause(self, seconds: float = 0) -> None:
        """Let others run; where the loop knows cancellation, it may come here."""

    async def take_turn(self) -> None:
        """Before a call that may succeed at once: let others run now and then."""
        self.turn = TURN
        await self.pause()

    @staticmethod
    @abstractmethod
    async def in_thread(call: Callable[[], T]) -> T:
        """Run what may block beside the loop; it is not abandoned when it is cancelled."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether the loop is no more."""

    def close(self) -> None:
        """Give back the descriptors; whoever still waits is told that the socket is closed."""
        self.serve()
        self.watch.close()

    # The calls

    async def receive(self, timeout: float | None) -> bytes:
        """The next message, behind those who wait already."""
        queue = self.receivers
        if timeout == 0:
            if queue:
                raise self._late(0, "receive")
            return self.handle.recv(0)  # which makes sure that there is none
        waiter: Waiter[bytes] = Waiter(None)
        queue.append(waiter)
        clock = Clock(timeout)
        asked = self._sent != self.handle.sent
        soon = asked and self._answers_soon and self.loop not in _looking
        self._answers_soon, self._sent = False, self.handle.sent
        if len(queue) == 1 and not (soon and await self._look(waiter, queue, clock)):
            self._want(queue)
        if not await self.sleep(waiter, queue, clock.left()):
            raise self._late(timeout, "receive")
        self._answers_soon = asked and monotonic() - clock.began < SOON
        if waiter.error is not None:
            raise waiter.error
        assert waiter.value is not None
        return waiter.value

    async def call(
        self, queue: Queue, attempt: Callable[[], T], timeout: float | None, doing: str
    ) -> T:
        """`attempt()` as soon as it does not raise `WouldBlock`, behind those who wait already."""
        if not queue:
            try:
                return attempt()
            except WouldBlock:
                if timeout == 0:
                    raise
        waiter = Waiter(attempt)
        left = timeout
        clock = Clock(timeout)
        while True:
            await self._wait(waiter, queue, left, doing, limit=timeout)
            try:
                result = attempt()
            except WouldBlock:
                left = clock.left()
                waiter.settled = False
                queue.appendleft(waiter)  # another thread was quicker: it is still the first
                self._want(queue)
                continue
            finally:
                if not (queue and queue[0] is waiter):
                    self.rouse(queue)
            return result

    async def _wait(
        self,
        waiter: Waiter[Any],
        queue: Queue,
        timeout: float | None,
        doing: str,
        *,
        limit: float | None = None,
    ) -> None:
        if timeout == 0:
            raise self._late(0, doing)
        if not (queue and queue[0] is waiter):
            queue.append(waiter)
            if len(queue) == 1:
                self._want(queue)
        if not await self.sleep(waiter, queue, timeout):
            raise self._late(limit if limit is not None else timeout, doing)

    def _late(self, timeout: float | None, doing: str) -> Timeout:
        if timeout == 0:
            return WouldBlock(f"{doing} would have to wait")
        return Timeout(f"{doing} did not succeed within {timeout:g} s")

    # Serving those who wait

    async def _look(self, waiter: Waiter[Any], queue: Queue, clock: Clock) -> bool:
        """Attempt a plain receive for a short while, once in each turn of the loop.

        To sleep and to be woken takes a thread longer than many an answer. Returns whether the
        waiter is settled; whoever settled it has seen to the rest of the queue.
        """
        until = clock.began + SOON
        if clock.end is not None and clock.end < until:
            until = clock.end
        _looking.add(self.loop)
        try:
            while monotonic() < until:
                sched_yield()  # whoever works at the answer comes first
                await self.pause()
                if waiter.settled:
                    return True
                if queue[0] is waiter and self._deliver_one(queue):
                    if queue:
                        self.rouse(queue)
                    return True
        except BaseException:  # a cancellation, or the coroutine is closed
            if not self.ended:
                self.forsake(waiter, queue)
            raise
        finally:
            _looking.discard(self.loop)
        return False

    def _want(self, queue: Queue) -> None:
        """Have the loop told when the queue's direction may be ready; the first did not succeed."""
        try:
            again = self.watch.want(queue.direction)
        except AnymqError:
            self.soon(self.serve)  # closed: tell everyone
            return
        if again:
            self.soon(lambda: self.rouse(queue))
        elif again is None:
            self.later(RETRY, lambda: self.rouse(queue))

    def serve(self) -> None:
        """The descriptor is readable: serve those whose direction is ready."""
        ready = READABLE | WRITABLE if self.handle.closed else self.watch.poll()
        if ready & WRITABLE:
            self.rouse(self.senders)
        if ready & READABLE:
            self.rouse(self.receivers)

    def rouse(self, queue: Queue) -> None:
        """Serve as many of a queue as can be, and see to it that the rest is heard of."""
        while queue and queue[0].attempt is None:
            if not self._deliver(queue):
                self._want(queue)
                return
        if queue:  # its own task makes the attempt, and rouses the rest
            waiter = queue.popleft()
            waiter.settled = True
            self.wake(waiter)

    def _deliver(self, queue: Queue) -> bool:
        """Give messages to the plain receives that are first in the queue; False: all are taken."""
        if len(queue) == 1:
            return self._deliver_one(queue)
        count = 0
        for waiter in queue:
            if waiter.attempt is not None or count == TURN:
                break
            count += 1
        try:
            messages = self.handle.recv_some(count)
        except AnymqError as error:  # of the first: the next attempt is the next one's
            self._settle(queue.popleft(), error=error)
            return True
        for message in messages:
            self._settle(queue.popleft(), value=message)
        return len(messages) == count

    def _deliver_one(self, queue: Queue) -> bool:
        """The same for one alone, as it mostly is."""
        try:
            message = self.handle.recv_nowait()
        except AnymqError as error:
            self._settle(queue.popleft(), error=error)
            return True
        if message is None:
            return False
        self._settle(queue.popleft(), value=message)
        return True

    def _settle(
        self,
        waiter: Waiter[Any],
        *,
        value: bytes | None = None,
        error: BaseException | None = None,
    ) -> None:
        waiter.value, waiter.error, waiter.settled = value, error, True
        self.wake(waiter)

    def forsake(self, waiter: Waiter[Any], queue: Queue) -> None:
        """A wait is over before its task could take what it waited for."""
        if not waiter.settled:
            first = queue[0] is waiter
            queue.remove(waiter)
            if not queue:
                self.watch.leave(queue.direction)
            elif first:
                self.rouse(queue)
            return
        if waiter.value is not None:
            self.handle.give_back(waiter.value)
            waiter.value = None
        self.rouse(queue)


class Clock:
    """Time that is left of a limit."""

    __slots__ = ("began", "end")

    def __init__(self, limit: float | None) -> None:
        self.began = monotonic()
        self.end = None if limit is None else self.began + limit

    def left(self) -> float | None:
        """Seconds, never 0: a wait that has begun is ended by its own limit."""
        return None if self.end is None else max(1e-6, self.end - monotonic())
