"""Sockets behind anyio's interface for streams of objects."""

from __future__ import annotations

from typing import Any

import pytest

import anymq

from .loops import Loop
from .support import Sockets

anyio = pytest.importorskip("anyio", reason="anyio is not installed")
streams: Any = pytest.importorskip("anymq.streams")


def test_code_for_streams_takes_sockets(sockets: Sockets, loop: Loop) -> None:
    one, other = sockets.pair("pair", "pair")

    async def echo(stream: Any) -> None:
        async for item in stream:
            await stream.send(item[::-1])

    async def main() -> None:
        near, far = streams.MessageStream(one), streams.MessageStream(other)
        assert isinstance(near, anyio.abc.ObjectStream)
        async with anyio.create_task_group() as tasks, near:
            tasks.start_soon(echo, far)
            for item in (b"abc", b"", b"x" * 100_000):
                await near.send(item)
                assert await near.receive() == item[::-1]
            await far.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await near.receive()
        with pytest.raises(anyio.ClosedResourceError):
            await near.send(b"x")
        assert one.closed
        assert other.closed

    loop.run(main)


def test_one_way(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        sink, source = streams.MessageSendStream(push), streams.MessageReceiveStream(pull)
        await sink.send(b"x")
        assert await source.receive() == b"x"
        with anyio.move_on_after(0.05) as scope:
            await source.receive()
        assert scope.cancelled_caught
        await sink.send(b"y")
        assert await source.receive() == b"y"
        pull.close()
        with pytest.raises(anyio.EndOfStream):
            await source.receive()

    loop.run(main)


def test_what_does_not_fit(sockets: Sockets, loop: Loop) -> None:
    push, pull, pair = sockets.open("push"), sockets.open("pull"), sockets.open("pair")
    for kind, socket in (
        (streams.MessageReceiveStream, push),
        (streams.MessageStream, push),
        (streams.MessageSendStream, pull),
        (streams.MessageStream, pull),
    ):
        with pytest.raises(anymq.StateError, match="Stream"):
            kind(socket)

    async def main() -> None:
        with pytest.raises(anymq.StateError, match="close"):
            await streams.MessageStream(pair).send_eof()

    loop.run(main)
