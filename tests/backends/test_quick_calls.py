"""In asyncio a call asks Python which loop runs only where the engine cannot know."""

from __future__ import annotations

import asyncio
import sys

import pytest

from anymq._drivers import Loops
from tests.conformance.loops import TURN, acquaint, run_in_asyncio
from tests.conformance.support import Sockets, can_send


@pytest.mark.parametrize("with_trio", [True, False])
def test_the_loop_of_the_last_call(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch, with_trio: bool
) -> None:
    push, pull = sockets.pair("push", "pull")
    if with_trio:
        pytest.importorskip("trio")
    else:
        monkeypatch.delitem(sys.modules, "trio", raising=False)
    asked: list[str] = []
    send, recv = Loops.send, Loops.recv

    async def main() -> None:
        await acquaint(push, pull)
        asked.clear()
        for _ in range(3 * TURN):
            await push.asend(b"x")
            assert await pull.arecv() == b"x"
        assert asked == []

    async def called_back() -> None:
        """Where no task of the loop is in a step, as in a callback, it is asked."""
        await acquaint(push, pull)
        asked.clear()
        can_send(push)  # or it would not be done when it has been driven once
        call = push.asend(b"x")
        done = asyncio.get_running_loop().create_future()

        def drive() -> None:
            try:
                call.send(None)
            except StopIteration:
                done.set_result(None)

        asyncio.get_running_loop().call_soon(drive)
        await done
        assert asked == ["send"]
        assert await pull.arecv() == b"x"

    monkeypatch.setattr(Loops, "send", lambda *args: asked.append("send") or send(*args))
    monkeypatch.setattr(Loops, "recv", lambda *args: asked.append("recv") or recv(*args))
    run_in_asyncio(main)
    run_in_asyncio(called_back)
