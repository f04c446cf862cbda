"""What `asend` and `arecv` return is a coroutine, though mostly without a frame behind it.

A call that need not wait is quicker in an asyncio loop that it was used in before, so tests do that
first. Whether the program has imported trio makes a difference there.
"""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import inspect
import sys
import warnings
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import pytest

import anymq

from .loops import TURN, Loop, acquaint
from .loops import run_in_asyncio as run
from .support import LIMIT, Sockets, can_send

Call = Coroutine[Any, Any, Any]


@pytest.fixture(params=["with trio", "without trio"], autouse=True)
def trio(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType | None:
    """trio, or None in a program that has not imported it."""
    if request.param == "with trio":
        pytest.importorskip("trio.testing")
        return pytest.importorskip("trio")
    if "loop" in request.fixturenames and request.getfixturevalue("loop").name == "trio":
        pytest.skip("it runs in trio")
    monkeypatch.delitem(sys.modules, "trio", raising=False)
    return None


def test_its_kind(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")
    for call in (push.asend(b"x"), pull.arecv(), pull.arecv(timeout=1)):
        assert inspect.isawaitable(call)
        assert asyncio.iscoroutine(call)
        assert isinstance(call, collections.abc.Coroutine)
        assert call.__qualname__ in ("asend", "arecv")
        call.close()
    for method in (anymq.Socket.asend, push.asend, anymq.Context.arecv):
        assert inspect.iscoroutinefunction(method) or sys.version_info < (3, 12)
    assert list(inspect.signature(push.asend).parameters) == ["data", "timeout"]
    assert "cancelled" in (inspect.getdoc(push.asend) or "")


def test_whatever_runs_a_coroutine_runs_it(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    loop.run(lambda: push.asend(b"by itself"))
    assert loop.run(pull.arecv) == b"by itself"

    async def main() -> None:
        for _ in range(3):
            async with loop.group() as group:
                group.start(pull.arecv())  # has to wait
                await loop.settle()
                group.start(push.asend(b"x"))

    loop.run(main)


def test_whatever_asyncio_has_for_coroutines(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        for _ in range(2 * TURN):
            sent = asyncio.create_task(push.asend(b"task"))
            got = asyncio.create_task(pull.arecv())
            assert await asyncio.gather(sent, got) == [None, b"task"]
            assert await asyncio.gather(push.asend(b"a"), pull.arecv()) == [None, b"a"]
            await asyncio.wait_for(push.asend(b"b"), LIMIT)
            assert await asyncio.wait_for(pull.arecv(), LIMIT) == b"b"
            assert await asyncio.shield(asyncio.gather(pull.arecv(), push.asend(b"c"))) == [
                b"c",
                None,
            ]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pull.arecv(), 0.01)
        assert "arecv" in repr(asyncio.current_task().get_loop().create_task(pull.arecv()))

    run(main)


def test_task_groups_of_others(sockets: Sockets, trio: ModuleType | None) -> None:
    """Those of trio, and of anyio in asyncio and trio; cancelled they are, too."""
    if trio is None:
        pytest.skip("they come with trio")
    anyio = pytest.importorskip("anyio")
    push, pull = sockets.pair("push", "pull")

    async def in_trio() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(push.asend, b"trio's")
            assert await pull.arecv() == b"trio's"
            nursery.start_soon(pull.arecv)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    async def in_anyio() -> None:
        for _ in range(3):
            async with anyio.create_task_group() as group:
                group.start_soon(push.asend, b"anyio's")
                assert await pull.arecv() == b"anyio's"
                group.start_soon(pull.arecv)
                await anyio.wait_all_tasks_blocked()
                group.start_soon(pull.arecv)
                group.cancel_scope.cancel()

    trio.run(in_trio)
    for backend in ("asyncio", "trio"):
        anyio.run(in_anyio, backend=backend)


def test_anyio_that_takes_no_others(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its former releases ask for a coroutine in the sense of `inspect.iscoroutine`."""
    push, pull = sockets.pair("push", "pull")
    monkeypatch.setitem(sys.modules, "anyio", ModuleType("anyio"))

    async def main() -> None:
        for _ in range(2):
            send, receive = push.asend(b"x"), pull.arecv()
            assert inspect.iscoroutine(send)
            assert inspect.iscoroutine(receive)
            await send
            assert await receive == b"x"

    run(main)


def test_nothing_happens_before_it_is_awaited(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await acquaint(push, pull)
        early = push.asend(b"second")
        receive = pull.arecv()
        await push.asend(b"one")
        await early
        assert [await receive, await pull.arecv()] == [b"one", b"second"]
        push.asend(b"never").close()
        pull.arecv().close()
        with pytest.raises(anymq.WouldBlock):
            await pull.arecv(timeout=0)

    run(main)


@pytest.mark.parametrize("name", ["asend", "arecv"])
def test_one_that_is_never_awaited_warns(sockets: Sockets, name: str) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await acquaint(push, pull)
        with pytest.warns(RuntimeWarning, match=f"coroutine '{name}' was never awaited"):
            push.asend(b"x") if name == "asend" else pull.arecv()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            push.asend(b"x").close()
            gc.collect()

    run(main)


def test_it_keeps_its_socket(sockets: Sockets) -> None:
    """Nobody else has it, before the call is awaited and while it waits."""
    push, url = sockets.open("push"), sockets.url()

    def receive() -> Call:
        pull = anymq.Socket("pull", backend=push.backend)
        pull.recv_timeout = LIMIT
        push.dial(pull.listen(url).url)
        return pull.arecv()

    async def main() -> None:
        call = receive()
        gc.collect()
        task = asyncio.create_task(call)
        del call
        await asyncio.sleep(0)
        gc.collect()
        await push.asend(b"x")
        assert await task == b"x"

    with pytest.warns(ResourceWarning, match="unclosed"):  # then it is let go
        run(main)


def test_it_is_awaited_once(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await acquaint(push, pull)
        call = push.asend(b"x")
        await call
        receive = pull.arecv()
        assert await receive == b"x"
        for over in (call, receive):
            with pytest.raises(RuntimeError, match="already awaited"):
                await over
        waiting = pull.arecv()
        task = asyncio.create_task(waiting)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="being awaited already"):
            await waiting
        await push.asend(b"y")
        assert await task == b"y"

    run(main)


def driven(call: Call, by: Callable[[Call], object]) -> object:
    """What `by` raised, or the value of the StopIteration that it did."""
    try:
        return by(call)
    except StopIteration as stop:
        return stop.value
    except BaseException as error:
        return error


def test_driven_by_hand(sockets: Sockets) -> None:
    """As far as that can go within a task."""
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await acquaint(push, pull)
        assert isinstance(driven(push.asend(b"x"), lambda call: call.send(1)), TypeError)
        push.asend(b"").close()
        error = KeyError("mine")
        call = push.asend(b"not sent")
        assert driven(call, lambda call: call.throw(error)) is error
        assert isinstance(driven(call, lambda call: call.send(None)), RuntimeError)
        assert isinstance(driven(pull.arecv(), lambda call: call.throw(KeyError)), KeyError)
        assert isinstance(driven(pull.arecv(), lambda call: call.throw(1)), TypeError)
        can_send(push)
        assert driven(push.asend(b"sent"), lambda call: call.send(None)) is None
        assert await pull.arecv() == b"sent"
        waiting = pull.arecv()
        assert driven(waiting, lambda call: call.send(None)) is not None
        waiting.close()
        await push.asend(b"kept")
        assert await pull.arecv() == b"kept"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the one that was sent a value first
        run(main)


def test_who_waits_already_comes_first(sockets: Sockets) -> None:
    """A call that would find a message does not pass those who wait for one."""
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await acquaint(push, pull)
        first = asyncio.create_task(pull.arecv())
        await asyncio.sleep(0)
        push.send(b"1")
        push.send(b"2")
        with anymq.Poller() as poller:
            poller.register(pull)
            assert poller.poll(LIMIT)  # the message is there, and the loop has not seen it
        assert [await pull.arecv(), await first] == [b"2", b"1"]

    run(main)


def test_cancelled_while_others_have_their_turn(sockets: Sockets) -> None:
    """In the middle of many that need not wait: what was told as sent was sent, and no more."""
    push, pull = sockets.pair("push", "pull")
    sent: list[bytes] = []

    async def send() -> None:
        for number in range(10 * TURN):
            await push.asend(b"%d" % number)
            sent.append(b"%d" % number)

    async def main() -> None:
        await acquaint(push, pull)
        for turns in range(3):
            can_send(push)
            task = asyncio.create_task(send())
            for _ in range(turns + 1):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert 0 < len(sent) < 10 * TURN
            await push.asend(b"end")
            assert [await pull.arecv() for _ in sent] == sent
            assert await pull.arecv() == b"end"
            sent.clear()

    run(main)


def test_without_a_loop(sockets: Sockets) -> None:
    """Also where one has run before."""
    push, pull = sockets.pair("push", "pull")
    for _ in range(2):
        error = driven(push.asend(b"x"), lambda call: call.send(None))
        assert isinstance(error, RuntimeError)
        assert "no event loop" in str(error)
        run(lambda: acquaint(push, pull))
