"""How two sides converse: one function for each part, whatever the library.

- `stream`: one sends all, the other receives all.
- `turns`: the same, and then the other way.
- `paced`: each message is sent once the one before was heard, as the coordinator passes on:
  publishers drop what a slow peer does not take, which would be no fault of theirs.
- `dialogue`: each message is answered by another before the next is sent.

Where a library drops what nobody hears yet, the first side sends marks until one was heard
(`marks`). No side sleeps, and none waits beyond its limit.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from .channel import Channel, Stopped
from .payload import Messages, Received, mark, mark_number

__all__ = ["STOPPED", "Endpoint", "Talk"]

SLICE = 0.25
"""Seconds between looks at whether the coordinator still wants the exchange."""

STOPPED = "stopped, as the other side was"
"""What a side says whose conversation the coordinator ended; the other one says why."""

STRAGGLERS = 1.0
"""Seconds that are waited for messages that are missing when the last one has come."""


class Endpoint(ABC):
    """A socket of any library, as the conversations need it."""

    sliced = True
    """Whether a receive that timed out can simply be called again."""

    @abstractmethod
    def send(self, data: bytes, timeout: float) -> None:
        """Send one message; TimeoutError if it was not sent."""

    @abstractmethod
    def recv(self, timeout: float) -> bytes:
        """Receive one message; TimeoutError if none came."""

    @abstractmethod
    def peers(self) -> int | None:
        """How many peers are connected; None where the library does not tell."""

    @abstractmethod
    def close(self) -> None:
        """Close; what was sent to another side has been received."""

    def talk(self, talk: Talk) -> dict[str, Any]:
        """Converse with another side; for what is no socket to do in its own way."""
        return talk.run()

    def alone(self, command: dict[str, Any]) -> dict[str, Any]:
        """Converse with a peer that is no side."""
        raise NotImplementedError("only anymq talks to peers that are no sides")


@dataclass
class Talk:
    """One side of one conversation.

    `script` and `part` ("first" speaks first) say what happens; `out` is what this side sends and
    `into` what it receives.
    """

    endpoint: Endpoint
    channel: Channel
    script: str
    part: str
    marks: bool
    limit: float
    out: Messages
    into: Received
    sent: int = 0
    connected: bool | None = False
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.limit

    def run(self) -> dict[str, Any]:
        """Converse; what came of it, for the coordinator."""
        problem = ""
        try:
            getattr(self, f"_{self.script}_{self.part}")()
        except TimeoutError as error:
            problem = str(error) or "the time is over"
        except Stopped:
            problem = STOPPED
        finally:
            self._note_peers()
        order = self.into.order
        return {
            "sent": self.sent,
            "order": order if order != list(range(len(order))) else len(order),
            "wrong": self.into.wrong,
            "connected": self.connected,
            "timeout": problem,
        }

    def _note_peers(self) -> None:
        if not self.connected:
            count = self.endpoint.peers()
            self.connected = None if count is None else count > 0
        if self.into.order:
            self.connected = True

    def left(self) -> float:
        """Seconds until the limit."""
        return self._end - time.monotonic()

    def _send(self, data: bytes) -> None:
        while True:
            left = self.left()
            if left <= 0:
                raise TimeoutError("the time to send is over")
            try:
                return self.endpoint.send(data, min(left, SLICE))
            except TimeoutError:
                self.channel.check()

    def _recv(self, limit: float | None = None) -> bytes:
        end = self._end if limit is None else min(self._end, time.monotonic() + limit)
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the time to receive is over")
            try:
                return self.endpoint.recv(min(left, SLICE) if self.endpoint.sliced else left)
            except TimeoutError:
                self.channel.check()

    def _say(self, number: int) -> None:
        self._send(self.out[number])
        self.sent += 1

    def _say_all(self) -> None:
        for number in range(len(self.out)):
            self._say(number)

    def _hear_all(self) -> None:
        while not self.into.complete:
            try:
                self._hear(STRAGGLERS if self.into.last_came else None)
            except TimeoutError:
                if self.into.last_came:
                    return
                raise

    def _hear(self, limit: float | None = None) -> int:
        """Receive one message, note it, and tell which it is; marks are passed over."""
        while True:
            data = self._recv(limit)
            number = mark_number(data, self.into.expected.key)
            if number is None:
                number = self.into.add(data)
                if self.script == "paced":
                    self.channel.tell(heard=number + 1)
                return number
            if number > 0:
                self.connected = True
                if self.script == "paced":
                    self.channel.tell(heard=-number)

    # One way

    def _stream_first(self) -> None:
        self._say_all()

    def _stream_second(self) -> None:
        self._hear_all()

    def _turns_first(self) -> None:
        self._say_all()
        self._hear_all()

    def _turns_second(self) -> None:
        self._hear_all()
        self._say_all()

    # One way, where what is not taken at once is dropped

    def _paced_first(self) -> None:
        if self.marks:
            self._mark_until_told()
        for number in range(len(self.out)):
            self._say(number)
            self.channel.wait_heard(number + 1, max(0.2, self.limit / 5))

    def _mark_until_told(self) -> None:
        """Until the very last one was heard, so that none is on its way any more."""
        patience = 0.005
        for number in range(1, 1_000_000):
            self._send(mark(self.out.key, number))
            if self.channel.wait_heard(-number, min(patience, max(self.left(), 0))):
                self.connected = True
                return
            if self.left() <= 0:
                raise TimeoutError("none of the marks was heard")
            patience = min(patience * 1.5, 1.0)

    def _paced_second(self) -> None:
        """Tells of what it heard: a message by its number from 1 on, a mark by a negative one."""
        self._hear_all()

    # Question and answer

    def _dialogue_first(self) -> None:
        if self.marks:
            self._mark_until_answered()
        for number in range(len(self.out)):
            self._say(number)
            self._hear()

    def _mark_until_answered(self) -> None:
        """Until the very last one was answered, so that no answer is on its way any more."""
        patience = 0.01
        for number in range(1, 1_000_000):
            self._send(mark(self.out.key, number))
            try:
                while not self._answers(self._recv(patience), number):
                    continue
            except TimeoutError:
                if self.left() <= 0:
                    raise TimeoutError("none of the marks was answered") from None
                patience = min(patience * 1.5, 1.0)
                continue
            self.connected = True
            return

    def _answers(self, data: bytes, number: int) -> bool:
        """Whether this is the answer to a mark; to any, where the other side knows one answer."""
        return self.into.expected.constant or mark_number(data, self.into.expected.key) == number

    def _dialogue_second(self) -> None:
        while self.sent < len(self.out):
            data = self._recv()
            marked = mark_number(data, self.into.expected.key)
            if marked is not None:
                if marked > 0:
                    self._send(mark(self.out.key, marked))
            elif self.into.is_repeated(data):
                self._send(self.out[self.sent - 1])
            else:
                self.into.add(data)
                self._say(self.sent)
