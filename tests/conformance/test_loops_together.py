"""One socket in several loops: in turns, in several threads, and in one inside the other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from .loops import TURN, acquaint
from .loops import run_in_asyncio as run
from .support import LIMIT, Sockets


def test_one_loop_after_another_and_beside_it(sockets: Sockets) -> None:
    """Each loop has its own turns and its own line, in whichever thread it runs."""
    push, pull = sockets.pair("push", "pull")

    async def exchange() -> None:
        await acquaint(push, pull)
        task = asyncio.create_task(pull.arecv())
        await asyncio.sleep(0)
        for number in range(2 * TURN):
            await push.asend(b"%d" % number)
            assert await task == b"%d" % number
            task = asyncio.create_task(pull.arecv())
        await push.asend(b"last")
        assert await task == b"last"

    for _ in range(2):
        run(exchange)
    thread = threading.Thread(target=run, args=[exchange])
    thread.start()
    thread.join(4 * LIMIT)
    assert not thread.is_alive()
    with asyncio.Runner() as one, asyncio.Runner() as other:
        for _ in range(2):
            one.run(exchange())
            other.run(exchange())
        thread = threading.Thread(target=one.get_loop().run_until_complete, args=[exchange()])
        thread.start()
        thread.join(4 * LIMIT)
        assert not thread.is_alive()
        one.run(exchange())


def test_trio_within_a_task_of_asyncio(sockets: Sockets) -> None:
    """`trio.run` in the middle of a step: its tasks wait in trio, and later ones in asyncio."""
    trio = pytest.importorskip("trio")
    push, pull = sockets.pair("push", "pull")

    async def inner() -> None:
        for number in range(2 * TURN):
            await push.asend(b"%d" % number)
            assert await pull.arecv() == b"%d" % number
        with trio.move_on_after(0.01):
            await pull.arecv()

    async def main() -> None:
        for _ in range(2):
            await acquaint(push, pull)
            trio.run(inner)

    run(main)


def test_trio_as_a_guest_of_asyncio(sockets: Sockets) -> None:
    """Both use the sockets at the same time, in one thread."""
    trio = pytest.importorskip("trio")
    push, pull = sockets.pair("push", "pull")
    other_push, other_pull = sockets.pair("push", "pull")

    async def guest() -> str:
        for number in range(3 * TURN):
            await push.asend(b"guest")
            assert await pull.arecv() == b"guest"
            await other_push.asend(b"%d" % number)
        with trio.move_on_after(0.01):
            await pull.arecv()
        return "done"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await acquaint(push, pull)
        await acquaint(other_push, other_pull)
        ended = loop.create_future()
        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=ended.set_result,
        )
        for number in range(3 * TURN):
            assert await other_pull.arecv() == b"%d" % number
        assert (await ended).unwrap() == "done"
        await acquaint(push, pull)

    run(main)
