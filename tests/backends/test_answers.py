"""An answer that is expected soon is looked for before its task sleeps; nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import anymq
from anymq._drivers import waits
from tests.conformance.loops import Loop
from tests.conformance.support import LIMIT, Sockets

SOON = 3600.0
"""Seconds; longer than any test."""


class Watched:
    """What the waits do: how often they looked, and in which directions they slept."""

    def __init__(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = loop
        self.looks = 0
        self.sleeps = 0
        self.each_look = 0.0
        """Seconds that pass with each look."""
        self.passed = 0.0
        want = waits.Waits._want
        monotonic = waits.monotonic

        def look() -> None:
            self.looks += 1
            self.passed += self.each_look

        def sleep(self_: waits.Waits, queue: waits.Queue) -> None:
            self.sleeps += queue is self_.receivers
            want(self_, queue)

        monkeypatch.setattr(waits, "SOON", SOON)
        monkeypatch.setattr(waits, "monotonic", lambda: monotonic() + self.passed)
        monkeypatch.setattr(waits, "sched_yield", look)
        monkeypatch.setattr(waits.Waits, "_want", sleep)

    def forget(self) -> None:
        self.looks = self.sleeps = 0

    async def until(self, done: Callable[[], object]) -> None:
        while not done():
            await self.loop.sleep()

    async def looking(self) -> None:
        await self.until(lambda: self.looks)


@pytest.fixture
def watched(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(loop, monkeypatch)


async def ask(asker: anymq.Socket, other: anymq.Socket) -> None:
    await asker.asend(b"question")
    assert other.recv(timeout=LIMIT) == b"question"


async def exchange(watched: Watched, asker: anymq.Socket, other: anymq.Socket) -> None:
    """A first question, whose answer is waited for, and soon there."""
    log: list[Any] = []
    await ask(asker, other)
    async with watched.loop.group() as group:
        group.start(note(log, asker.arecv))
        await watched.until(lambda: watched.sleeps)
        other.send(b"answer", timeout=LIMIT)
    assert log == [b"answer"]
    watched.forget()


def note(log: list[Any], receive: Callable[[], Any]) -> Any:
    async def run() -> None:
        try:
            log.append(await receive())
        except anymq.AnymqError as error:
            log.append(type(error))

    return run()


def test_the_next_answer_is_looked_for(sockets: Sockets, loop: Loop, watched: Watched) -> None:
    req, rep = sockets.pair("req", "rep")
    log: list[Any] = []

    async def main() -> None:
        await exchange(watched, req, rep)
        await ask(req, rep)
        async with loop.group() as group:
            group.start(note(log, req.arecv))
            await watched.looking()
            rep.send(b"soon", timeout=LIMIT)

    loop.run(main)
    assert log == [b"soon"]
    assert watched.sleeps == 0


def test_a_late_answer_is_slept_for(sockets: Sockets, loop: Loop, watched: Watched) -> None:
    req, rep = sockets.pair("req", "rep")
    log: list[Any] = []

    async def late() -> None:
        """An exchange whose answer is sent when nobody looks for it."""
        watched.forget()
        await ask(req, rep)
        async with loop.group() as group:
            group.start(note(log, lambda: req.arecv(timeout=None)))
            await watched.until(lambda: watched.sleeps)
            rep.send(b"late", timeout=LIMIT)

    async def main() -> None:
        await exchange(watched, req, rep)
        watched.each_look = SOON
        await late()
        assert watched.looks == 1
        await late()
        assert watched.looks == 0

    loop.run(main)
    assert log == [b"late"] * 2


def test_what_answers_nothing_is_not_looked_for(
    sockets: Sockets, loop: Loop, watched: Watched
) -> None:
    push, pull = sockets.pair("push", "pull")
    log: list[Any] = []

    async def main() -> None:
        for number in range(3):
            watched.forget()
            async with loop.group() as group:
                group.start(note(log, pull.arecv))
                await watched.until(lambda: watched.sleeps)
                await push.asend(b"%d" % number)

    loop.run(main)
    assert log == [b"0", b"1", b"2"]
    assert watched.looks == 0


def test_what_was_not_asked_for_is_not_looked_for(
    sockets: Sockets, loop: Loop, watched: Watched
) -> None:
    one, other = sockets.pair("pair", "pair")
    log: list[Any] = []

    async def main() -> None:
        await exchange(watched, one, other)
        async with loop.group() as group:
            group.start(note(log, one.arecv))
            await watched.until(lambda: watched.sleeps)
            await other.asend(b"more")

    loop.run(main)
    assert log == [b"more"]
    assert watched.looks == 0


def test_cancelled_while_it_looks(sockets: Sockets, loop: Loop, watched: Watched) -> None:
    req, rep = sockets.pair("req", "rep")
    log: list[Any] = []

    async def main() -> None:
        await exchange(watched, req, rep)
        await ask(req, rep)
        async with loop.group() as group:
            task = group.start(note(log, req.arecv))
            await watched.looking()
            task.cancel()
        rep.send(b"kept", timeout=LIMIT)
        assert await req.arecv() == b"kept"

    loop.run(main)
    assert log == []


def test_the_limit_ends_it(sockets: Sockets, loop: Loop, watched: Watched) -> None:
    req, rep = sockets.pair("req", "rep")

    async def main() -> None:
        await exchange(watched, req, rep)
        await req.asend(b"question")
        watched.each_look = LIMIT
        with pytest.raises(anymq.Timeout):
            await req.arecv(timeout=LIMIT)

    loop.run(main)
    assert watched.looks == 1


def test_closed_while_it_looks(sockets: Sockets, loop: Loop, watched: Watched) -> None:
    req, rep = sockets.pair("req", "rep")
    log: list[Any] = []

    async def main() -> None:
        await exchange(watched, req, rep)
        await req.asend(b"question")
        async with loop.group() as group:
            group.start(note(log, req.arecv))
            await watched.looking()
            req.close()

    loop.run(main)
    assert log == [anymq.Closed]


@pytest.mark.parametrize("second", ["arecv", "arecv_many"])
def test_those_behind_it_are_served_in_their_order(
    sockets: Sockets,
    loop: Loop,
    watched: Watched,
    second: str,
) -> None:
    one, other = sockets.pair("pair", "pair")
    log: list[Any] = []

    async def main() -> None:
        await exchange(watched, one, other)
        await ask(one, other)
        async with loop.group() as group:
            group.start(note(log, one.arecv))
            await watched.looking()
            group.start(note(log, getattr(one, second)))
            await loop.sleep()
            other.send(b"first", timeout=LIMIT)
            await watched.until(lambda: log)
            other.send(b"second", timeout=LIMIT)

    loop.run(main)
    assert log == [b"first", b"second" if second == "arecv" else [b"second"]]


def test_one_that_is_put_before_it(sockets: Sockets, loop: Loop, watched: Watched) -> None:
    """As a call is that was woken and found nothing: it makes its attempt itself."""
    one, other = sockets.pair("pair", "pair")
    log: list[Any] = []

    async def main() -> None:
        await exchange(watched, one, other)
        await ask(one, other)
        here: waits.Waits = one._loops.here
        before = waits.Waiter(lambda: one.recv(timeout=0))
        watched.forget()
        async with loop.group() as group:
            group.start(note(log, one.arecv))
            await watched.looking()
            here.receivers.appendleft(before)
            other.send(b"first", timeout=LIMIT)
            watched.forget()
            await watched.until(lambda: watched.looks > 5)
            assert before.value is None
            assert log == []
            here.forsake(before, here.receivers)

    loop.run(main)
    assert log == [b"first"]
