"""Cancelling a wait: nothing is lost, nothing is sent twice, no cancellation is swallowed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

import anymq

from .loops import Loop
from .support import LIMIT, Sockets, afill

ROUNDS = 200


def recording(log: list[Any], call: Callable[[], Awaitable[Any]]) -> Any:
    """A coroutine that logs what the call returned, or that it was cancelled."""

    async def run() -> None:
        try:
            log.append(await call())
        except BaseException as error:
            log.append(type(error))
            raise

    return run()


def test_a_cancelled_receive_takes_nothing(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    log: list[Any] = []

    async def main() -> None:
        async with loop.group() as group:
            task = group.start(recording(log, pull.arecv))
            await loop.settle()
            task.cancel()
        await push.asend(b"kept")
        assert await pull.arecv() == b"kept"

    loop.run(main)
    assert log == [loop.cancelled]


def test_a_cancellation_that_meets_its_message(sockets: Sockets, loop: Loop) -> None:
    """Message and cancellation at about the same time: either the task has it or the next does."""
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        for number in range(ROUNDS):
            log: list[Any] = []
            async with loop.group() as group:
                task = group.start(recording(log, pull.arecv))
                await loop.settle()
                push.send(b"%d" % number)
                for _ in range(number % 4):
                    await loop.sleep(0)
                task.cancel()
            if log == [loop.cancelled]:
                log = [await pull.arecv()]
            assert log == [b"%d" % number]

    loop.run(main)


def test_the_next_in_line_is_served(sockets: Sockets, loop: Loop) -> None:
    """The first of those who wait is cancelled as its message comes: the second has it."""
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        for number in range(ROUNDS):
            first: list[Any] = []
            second: list[Any] = []
            async with loop.group() as group:
                one = group.start(recording(first, pull.arecv))
                await loop.settle()
                other = group.start(recording(second, pull.arecv))
                await loop.settle()
                push.send(b"%d" % number)
                for _ in range(number % 3):
                    await loop.sleep(0)
                one.cancel()
                if number % 3 == 0:
                    await loop.sleep(0)
                while not second and first in ([], [loop.cancelled]):
                    await loop.sleep(0)
                other.cancel()
            assert sorted([*first, *second], key=str) == sorted(
                [loop.cancelled, b"%d" % number], key=str
            )

    loop.run(main)


def test_those_who_were_served_and_are_cancelled_together(sockets: Sockets, loop: Loop) -> None:
    """What they would have had is received next, in its order."""
    push, pull = sockets.pair("push", "pull")
    messages = [b"%d" % number for number in range(8)]

    async def main() -> None:
        for _ in range(20):
            log: list[Any] = []
            tasks: list[Any] = []

            async def first(log: list[Any] = log, tasks: list[Any] = tasks) -> None:
                log.append(await pull.arecv())
                for task in tasks[1:]:
                    task.cancel()

            async with loop.group() as group:
                tasks.append(group.start(first()))
                await loop.settle()
                for _ in messages[1:]:
                    tasks.append(group.start(recording(log, pull.arecv)))
                    await loop.settle()
                assert push.send_many(messages) == len(messages)
            received = [each for each in log if each is not loop.cancelled]
            rest = [await pull.arecv() for _ in messages[len(received) :]]
            assert rest == sorted(rest)
            assert sorted(received + rest) == messages

    loop.run(main)


def test_a_cancelled_send_has_not_sent(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    log: list[Any] = []

    async def main() -> None:
        count = await afill(push)
        async with loop.group() as group:
            tasks = [
                group.start(recording(log, lambda n=n: push.asend(b"no %d" % n))) for n in range(10)
            ]
            await loop.settle()
            for task in tasks:
                task.cancel()
        assert log == [loop.cancelled] * 10
        for _ in range(count):
            assert len(await pull.arecv()) == 100_000
        await push.asend(b"last")
        assert await pull.arecv() == b"last"

    loop.run(main)


def test_a_cancelled_batch_tells_how_many_were_sent(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    told: list[int] = []

    async def send() -> None:
        try:
            await push.asend_many([b"x" * 100_000] * 100_000)
        except BaseException as error:
            told.append(error.sent)  # type: ignore[attr-defined]
            raise

    async def main() -> None:
        async with loop.group() as group:
            task = group.start(send())
            await loop.sleep(0.3)
            task.cancel()
        for _ in range(told[0]):
            await pull.arecv()
        with pytest.raises(anymq.Timeout):
            await pull.arecv(timeout=0.1)

    loop.run(main)


@pytest.mark.differs("D32")
def test_a_cancelled_request_is_forgotten(sockets: Sockets, loop: Loop) -> None:
    """The reply to a request that was cancelled never passes for that to a later one."""
    req, rep = sockets.pair("req", "rep")

    async def serve() -> None:
        async for message in rep:
            await rep.asend(message)

    async def main() -> None:
        async with loop.group() as group:
            server = group.start(serve())
            for number in range(ROUNDS):
                log: list[Any] = []
                ask = b"early %d" % number
                async with loop.group() as inner:
                    task = inner.start(recording(log, lambda ask=ask: req.arequest(ask)))
                    for _ in range(number % 5):
                        await loop.sleep(0)
                    task.cancel()
                assert log in ([], [ask], [loop.cancelled])
                late = b"late %d" % number
                assert await req.arequest(late, timeout=LIMIT) == late
            server.cancel()

    loop.run(main)


def test_every_message_is_accounted_for(sockets: Sockets, loop: Loop) -> None:
    """Tasks are cancelled at random, on both sides; what was sent is received, once and whole.

    `bench/soak.py` does the same with a thousand tasks, and for as long as one likes.
    """
    push, pull = sockets.pair("push", "pull")
    chance = random.Random(7)
    numbers = itertools.count()
    sent: list[bytes] = []
    got: list[bytes] = []

    def message() -> bytes:
        return b"%d:" % next(numbers) + chance.randbytes(chance.randrange(2000))

    def limit() -> float:
        return chance.uniform(0.0001, 0.02) if chance.random() < 0.2 else LIMIT

    async def send() -> None:
        one = message()
        with suppress(anymq.Timeout):
            await push.asend(one, timeout=limit())
            sent.append(one)

    async def send_many() -> None:
        many = [message() for _ in range(chance.randrange(1, 20))]
        told = 0
        try:
            told = await push.asend_many(many, timeout=limit())
        except BaseException as error:
            told = error.sent  # type: ignore[attr-defined]
            if not isinstance(error, anymq.Timeout):
                raise
        finally:
            sent.extend(many[:told])

    async def receive() -> None:
        with suppress(anymq.Timeout):
            got.append(await pull.arecv(timeout=limit()))

    async def receive_many() -> None:
        with suppress(anymq.Timeout):
            got.extend(await pull.arecv_many(chance.randrange(1, 20), timeout=limit()))

    async def main() -> None:
        for turn in range(40):
            calls = [send] * (40, 10)[turn % 2] + [send_many] * 4
            calls += [receive] * (10, 40)[turn % 2] + [receive_many] * 4
            chance.shuffle(calls)
            async with loop.group() as group:
                tasks = [group.start(call()) for call in calls]
                chance.shuffle(tasks)
                for task in tasks:
                    if chance.random() < 0.3:
                        await loop.sleep(0)
                    if chance.random() < 0.5:
                        task.cancel()
                await loop.sleep(0.01)
                for task in tasks:
                    task.cancel()
        # The end is received only once all has come that was sent.
        await push.asend(b"end")
        while (one := await pull.arecv()) != b"end":
            got.append(one)

    loop.run(main)
    assert sorted(got) == sorted(sent)
    assert len(sent) > 100
