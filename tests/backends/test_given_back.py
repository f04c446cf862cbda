"""A message that goes back to be received again is there for whoever waits already."""

from __future__ import annotations

import asyncio

import pytest

from anymq._drivers.waits import Queue, Waits
from tests.conformance.support import LIMIT, Sockets


def test_a_loop_that_waits_gets_it(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")
    push.send(b"once")
    message = pull.recv()

    async def main() -> None:
        waiting = asyncio.create_task(pull.arecv())
        while not pull._loops.current().receivers:
            await asyncio.sleep(0)
        pull._handle.give_back(message)
        assert await asyncio.wait_for(waiting, LIMIT) == b"once"

    asyncio.run(main())


def test_a_loop_that_is_about_to_wait_gets_it(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given back after the loop's attempt and before its wait begins."""
    push, pull = sockets.pair("push", "pull")
    push.send(b"once")
    message = pull.recv()

    def give_back_and_want(waits: Waits, queue: Queue) -> None:
        monkeypatch.undo()
        pull._handle.give_back(message)
        waits._want(queue)

    async def main() -> None:
        monkeypatch.setattr(Waits, "_want", give_back_and_want)
        assert await asyncio.wait_for(pull.arecv(), LIMIT) == b"once"

    asyncio.run(main())
