"""What the tasks of `soak.py` do, each until it is cancelled.

Senders and receivers share two PUSH and two PULL sockets, each connected to each. Requests go from
contexts of one REQ to contexts of one REP where the library has contexts, else from a few REQ
sockets to one REP. Load is bounded by pauses, and in turns those who send and those who receive are
the slower ones: so receivers wait for messages, then senders for room.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from ledger import Ledger
from loops import Tasks

import anymq

__all__ = ["Site"]

LIMIT = 10.0
"""Seconds that anything may take that ought to happen at once."""

PIPES = 2
REQ_SOCKETS = 20
BUFFER = 16
SHARES = {
    "send": 0.34,
    "send_many": 0.06,
    "recv": 0.30,
    "recv_many": 0.05,
    "recv_message": 0.03,
    "recv_into": 0.02,
    "request": 0.15,
    "reply": 0.05,
}
"""Which part of all tasks does what."""

Work = Callable[[], Awaitable[None]]


class Site:
    """The sockets, what is known of the messages, and the work to be done."""

    def __init__(
        self, backend: anymq.abc.Backend, count: int, tasks: Tasks, chance: random.Random
    ) -> None:
        self.backend = backend
        self.tasks = tasks
        self.chance = chance
        self.ledger = Ledger(chance)
        self.requests = Ledger(chance)
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.inside = 0
        """Tasks that await a socket at this moment."""
        self.send_pause = self.receive_pause = 0.0
        self._dropped: set[bytes] = set()
        self._opened: list[anymq.Socket] = []
        self.shares = {name: max(1, int(share * count)) for name, share in SHARES.items()}

    async def open(self) -> None:
        self.pulls = [self._socket("pull", "recv_buffer") for _ in range(PIPES)]
        self.pushes = [self._socket("push", "send_buffer") for _ in range(PIPES)]
        for pull in self.pulls:
            url = pull.listen("tcp://127.0.0.1:0").url
            for push in self.pushes:
                await push.adial(url, timeout=LIMIT)
        for pull in self.pulls:
            await pull.await_peers(PIPES, timeout=LIMIT)
        self.askers: list[Any] = []
        self.repliers: list[Any] = []
        if self.backend.supports("protocol.req"):
            await self._open_requests()
        self._share_out("request", len(self.askers), "recv")
        self._share_out("reply", len(self.repliers), "send")

    async def _open_requests(self) -> None:
        rep = self._socket("rep")
        if self.backend.supports("contexts"):
            req = self._socket("req")
            self.repliers = [rep.open_context() for _ in range(self.shares["reply"])]
            self.askers = [req.open_context() for _ in range(self.shares["request"])]
            await req.adial(rep.listen("tcp://127.0.0.1:0").url, timeout=LIMIT)
        else:
            self.repliers = [rep]
            url = rep.listen("tcp://127.0.0.1:0").url
            self.askers = [self._socket("req") for _ in range(REQ_SOCKETS)]
            for socket in self.askers:
                await socket.adial(url, timeout=LIMIT)

    def _share_out(self, name: str, most: int, to: str) -> None:
        """There is no more work of this kind than `most`; the rest of its tasks do another."""
        self.shares[to] += max(0, self.shares[name] - most)
        self.shares[name] = most

    def _socket(self, protocol: str, buffer: str = "") -> anymq.Socket:
        """`buffer` is an option that makes buffers small, where the library counts messages."""
        socket = anymq.Socket(protocol, backend=self.backend, linger=1.0)
        self._opened.append(socket)
        if buffer and self.backend.supports(f"option.{buffer}"):
            setattr(socket, buffer, BUFFER)
        return socket

    async def close(self) -> None:
        for socket in reversed(self._opened):
            await socket.aclose()

    def work(self, name: str, number: int) -> Work:
        """The work of one of the tasks that share a kind."""
        pull = self.pulls[number % PIPES]
        push = self.pushes[number % PIPES]
        kinds: dict[str, Work] = {
            "send": lambda: self._send(push),
            "send_many": lambda: self._send_many(push),
            "recv": lambda: self._receive(pull),
            "recv_many": lambda: self._receive_many(pull),
            "recv_message": lambda: self._receive_message(pull),
            "recv_into": lambda: self._receive_into(pull),
            "request": lambda: self._request(self.askers[number]),
            "reply": lambda: self._reply(self.repliers[number]),
        }
        return kinds[name]

    # Pauses and time limits

    async def _pause(self, mean: float) -> None:
        await self.tasks.sleep(self.chance.uniform(0, 2 * mean) if mean else 0)

    def _limit(self) -> float | None:
        """None as a rule, now and then one that is soon over."""
        return self.chance.uniform(0.001, 0.5) if self.chance.random() < 0.1 else None

    @contextmanager
    def _awaits(self, name: str) -> Iterator[None]:
        """Around each call; says how often which was cancelled, late or done."""
        self.inside += 1
        outcome = "cancelled"
        try:
            yield
            outcome = "done"
        except anymq.Timeout:
            outcome = "late"
            raise
        finally:
            self.inside -= 1
            self.counts[f"{name} {outcome}"] += 1

    # Pipeline

    async def _send(self, push: anymq.Socket) -> None:
        while True:
            message = self.ledger.make()
            try:
                with self._awaits("send"):
                    await push.asend(message, timeout=self._limit())
            except anymq.Timeout:
                self.ledger.was_not_sent(message)
            except BaseException:
                self.ledger.was_not_sent(message)
                raise
            else:
                self.ledger.was_sent(message)
            await self._pause(self.send_pause)

    async def _send_many(self, push: anymq.Socket) -> None:
        while True:
            messages = [self.ledger.make() for _ in range(self.chance.randrange(1, 20))]
            sent = 0
            try:
                with self._awaits("send_many"):
                    sent = await push.asend_many(messages, timeout=self._limit())
            except anymq.Timeout as error:
                sent = error.sent
            except BaseException as error:
                sent = error.sent  # type: ignore[attr-defined]
                raise
            finally:
                for message in messages[:sent]:
                    self.ledger.was_sent(message)
                for message in messages[sent:]:
                    self.ledger.was_not_sent(message)
            await self._pause(self.send_pause)

    async def _receive(self, pull: anymq.Socket) -> None:
        while True:
            try:
                with self._awaits("recv"):
                    message = await pull.arecv(timeout=self._limit())
            except anymq.Timeout:
                continue
            self.ledger.was_received(message)
            await self._pause(self.receive_pause)

    async def _receive_many(self, pull: anymq.Socket) -> None:
        while True:
            try:
                with self._awaits("recv_many"):
                    messages = await pull.arecv_many(
                        self.chance.randrange(1, 20), timeout=self._limit()
                    )
            except anymq.Timeout:
                continue
            for message in messages:
                self.ledger.was_received(message)
            await self._pause(self.receive_pause)

    async def _receive_message(self, pull: anymq.Socket) -> None:
        while True:
            with self._awaits("recv_message"):
                message = await pull.arecv_message()
            self.ledger.was_received(bytes(message.body))
            await self._pause(self.receive_pause)

    async def _receive_into(self, pull: anymq.Socket) -> None:
        buffer = bytearray(1000)  # too small for every other message
        while True:
            try:
                with self._awaits("recv_into"):
                    size = await pull.arecv_into(buffer)
            except anymq.MessageTooLarge:
                self.counts["recv_into too large"] += 1
            else:
                self.ledger.was_received(memoryview(buffer)[:size])
            await self._pause(self.receive_pause)

    # Requests

    async def _request(self, asker: Any) -> None:
        while True:
            message = self.requests.make()
            began = monotonic()
            try:
                with self._awaits("request"):
                    reply = await asker.arequest(message, timeout=LIMIT)
            except anymq.Timeout:
                if message not in self._dropped:
                    took = monotonic() - began
                    times = self.requests.receipts(message)
                    self.faults.append(
                        f"a request, received {times} times, had no reply after {took:.1f} s"
                    )
            else:
                if reply != b"re:" + message:
                    self.faults.append("a request had the reply to another, or a damaged one")
            self._dropped.discard(message)
            await self._pause(0.5)

    async def _reply(self, replier: Any) -> None:
        while True:
            with self._awaits("reply"):
                message = await replier.arecv(timeout=None)
            self.requests.was_received(message)
            try:
                await self._pause(0.04)
                await replier.asend(b"re:" + message, timeout=LIMIT)
            except BaseException:  # who asked will wait in vain
                self._dropped.add(message)
                raise
