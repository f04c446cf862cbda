"""Awaiting forms where they are refused: closed, without a loop, after fork, in a closed loop."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

import anymq

from .loops import LOOPS, Loop
from .support import LIMIT, Sockets, run_program

# The forms


def forms() -> dict[str, tuple[str, Callable[[Any], Coroutine[Any, Any, object]]]]:
    """By name: a protocol whose sockets have it, and the call; programs get this source, too.

    Each call waits while nobody is there: on a socket that listens, and is alone.
    """

    async def exhaust(iterator: AsyncIterator[object]) -> None:
        async for _ in iterator:
            pass

    def message() -> anymq.Message:
        return anymq.Message(b"x")

    return {
        "asend": ("push", lambda socket: socket.asend(b"x")),
        "asend_many": ("push", lambda socket: socket.asend_many([b"x"])),
        "asend_message": ("push", lambda socket: socket.asend_message(message())),
        "asend_parts": ("push", lambda socket: socket.asend_parts([b"x"])),
        "arecv": ("pull", lambda socket: socket.arecv()),
        "arecv_many": ("pull", lambda socket: socket.arecv_many()),
        "arecv_message": ("pull", lambda socket: socket.arecv_message()),
        "arecv_parts": ("pull", lambda socket: socket.arecv_parts()),
        "arecv_into": ("pull", lambda socket: socket.arecv_into(bytearray(9))),
        "arequest": ("req", lambda socket: socket.arequest(b"x")),
        "asurvey": ("surveyor", lambda socket: socket.asurvey(b"x")),
        "adial": ("pull", lambda socket: socket.adial("tcp://127.0.0.1:9")),
        "await_peers": ("pull", lambda socket: socket.await_peers()),
        "aevents": ("pull", lambda socket: exhaust(socket.aevents())),
        "async for": ("pull", exhaust),
        "aclose": ("pull", lambda socket: socket.aclose()),
    }


FORMS = forms()
FEATURES = {"asend_parts": "multipart", "arecv_parts": "multipart", "aevents": "peer_events"}
"""What a form needs beside its protocol."""

JUST_END = {"async for", "aclose"}
"""Forms that are not refused on a closed socket: there is nothing more, and nothing to do."""


def forms_of(sockets: Sockets) -> list[str]:
    """The forms that this library has; that it refuses the others is tested elsewhere."""
    supports = sockets.backend.supports
    return [
        name
        for name, (protocol, _) in FORMS.items()
        if supports(f"protocol.{protocol}") and (name not in FEATURES or supports(FEATURES[name]))
    ]


def opened(sockets: Sockets, name: str) -> anymq.Socket:
    """A socket for a form, which listens."""
    options = {"survey_time": LIMIT} if name == "asurvey" else {}
    socket = sockets.open(FORMS[name][0], linger=0, **options)
    socket.listen(sockets.url())
    return socket


async def outcome(name: str, socket: anymq.Socket) -> str:
    """How a form ended: the name of the error, or "ended"."""
    try:
        await FORMS[name][1](socket)
    except anymq.AnymqError as error:
        return type(error).__name__
    return "ended"


def test_every_form_is_here() -> None:
    """Of `Socket`: what begins with "a" and has a blocking form without it."""
    public = {name for name in dir(anymq.Socket) if not name.startswith("_")}
    awaiting = {name for name in public if name[0] == "a" and name[1:] in public}
    assert awaiting | {"await_peers", "async for"} == FORMS.keys()


# Closed


def test_on_a_closed_socket(sockets: Sockets, loop: Loop) -> None:
    got = {}
    for name in forms_of(sockets):
        socket = opened(sockets, name)
        socket.close()
        got[name] = loop.run(functools.partial(outcome, name, socket))
    assert got == {name: "ended" if name in JUST_END else "Closed" for name in got}


@pytest.mark.parametrize("how", ["close", "aclose", "thread"])
def test_closed_while_it_waits(sockets: Sockets, loop: Loop, how: str) -> None:
    """By the loop itself, beside it, and by another thread; what iterates just ends."""
    names = [name for name in forms_of(sockets) if name != "aclose"]
    waiting = {name: opened(sockets, name) for name in names}
    got: dict[str, str] = {}

    async def wait(name: str) -> None:
        got[name] = await outcome(name, waiting[name])

    def close_all() -> None:
        for socket in waiting.values():
            socket.close()

    thread = threading.Thread(target=close_all)

    async def main() -> None:
        async with loop.group() as group:
            for name in names:
                group.start(wait(name))
            await loop.settle()
            assert got == {}, "it did not wait"
            if how == "close":
                close_all()
            elif how == "thread":
                thread.start()
            else:
                for socket in waiting.values():
                    await socket.aclose()
                    await socket.aclose()  # twice is once

    loop.run(main)
    if how == "thread":
        thread.join(LIMIT)
    assert got == {
        name: "ended" if name in ("async for", "aevents") else "Closed" for name in names
    }


# No loop


def test_awaited_where_no_loop_runs(sockets: Sockets) -> None:
    """Nothing is done: not half of the call either, and not the closing."""
    for name in forms_of(sockets):
        socket = opened(sockets, name)
        call = FORMS[name][1](socket)
        with pytest.raises(RuntimeError, match=r"no event loop .* without the leading 'a' blocks"):
            call.send(None)
        assert not socket.closed, name


# A forked child

CHILD = """
import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
FORMS = forms()
names = sys.argv[3].split(",")
kind = sys.argv[4]
if kind == "trio":
    import trio
def run(main):
    if kind == "trio":
        return trio.run(main)
    factory = None
    if kind == "uvloop":
        import uvloop
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())
async def exchange():
    for number in range(20):
        await push.asend(b"%d" % number)
        assert await pull.arecv() == b"%d" % number
inherited = {name: open_socket(FORMS[name][0], linger=0) for name in names}
pull, push = open_socket("pull"), open_socket("push")
push.dial(pull.listen("tcp://127.0.0.1:0").url, wait=True, timeout=LIMIT)
run(exchange)
pid = os.fork()
if pid == 0:
    for name, socket in {**inherited, "push": push, "pull": pull}.items():
        call = FORMS["asend" if name == "push" else "arecv" if name == "pull" else name][1]
        async def main():
            await call(socket)
            print(name, "ended", flush=True)
        try:
            run(main)
        except BaseException as error:
            print(name, type(error).__name__, flush=True)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
run(exchange)
for socket in (push, pull, *inherited.values()):
    assert not socket.closed
    socket.close()
"""


def test_inherited_by_a_forked_child(sockets: Sockets, loop: Loop) -> None:
    """In a loop of the child's own, also sockets that a loop of the parent has used."""
    names = forms_of(sockets)
    source = inspect.getsource(forms)
    imports, rest = CHILD.split("FORMS", 1)
    program = imports + source + "FORMS" + rest
    said = run_program(sockets.backend, program, ",".join(names), loop.name)
    got = dict(line.split() for line in said.replace("async for", "async-for").splitlines())
    wanted = dict.fromkeys([*names, "push", "pull"], "ForkedError") | {"aclose": "ended"}
    assert got == {name.replace(" ", "-"): end for name, end in wanted.items()}


# A loop that is closed

LOOPS_OF_ASYNCIO = [name for name in LOOPS if name != "trio"]  # trio's ends with its tasks


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """One that does not complain of tasks which are dropped while they wait."""
    if name == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    return loop


def turns(loop: asyncio.AbstractEventLoop, count: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


@pytest.mark.loops(*LOOPS_OF_ASYNCIO)
@pytest.mark.parametrize("dropped", [True, False], ids=["dropped", "kept"])
def test_a_loop_is_closed_with_every_form_waiting(
    sockets: Sockets, loop: Loop, dropped: bool
) -> None:
    """Whether the tasks are collected or not, their sockets serve the next loop, or close."""
    names = [name for name in forms_of(sockets) if name != "aclose"]
    waiting = {name: opened(sockets, name) for name in names}
    pull, push = sockets.open("pull"), sockets.open("push")
    url = push.listen(sockets.url()).url
    ended: list[str] = []

    async def wait(name: str) -> None:
        await FORMS[name][1](waiting[name])
        ended.append(name)

    async def send_early() -> None:
        await push.asend(b"early")
        ended.append("early")

    first = new_loop(loop.name)
    tasks: list[asyncio.Task[Any]] = [first.create_task(wait(name)) for name in names]
    tasks += [first.create_task(send_early())]
    tasks += [first.create_task(pull.arecv()) for _ in range(3)]
    turns(first, 20)
    assert not any(task.done() for task in tasks)
    first.close()
    if dropped:
        tasks.clear()
        gc.collect()

    async def main() -> None:
        pull.dial(url)
        for number in range(20):
            await push.asend(b"%d" % number)
            assert await pull.arecv() == b"%d" % number
        for name, socket in waiting.items():
            await socket.aclose()
            assert await outcome(name, socket) == ("ended" if name == "async for" else "Closed")

    loop.run(main)
    assert ended == []


@pytest.mark.requires("poll_fd")
@pytest.mark.loops(*LOOPS_OF_ASYNCIO)
def test_a_loop_is_closed_when_a_message_has_come(sockets: Sockets, loop: Loop) -> None:
    """However far it was on its way to a task, it is received once: there, or by the next."""
    push, pull = sockets.pair("push", "pull")
    with anymq.Poller() as poller:
        poller.register(pull)
        for number in range(8):
            first = new_loop(loop.name)
            tasks = [first.create_task(pull.arecv()) for _ in range(2)]
            turns(first, 3)
            push.send(b"%d" % number)
            assert poller.poll(LIMIT)
            turns(first, number % 4)
            got = [task.result() for task in tasks if task.done()]
            first.close()
            del tasks, first
            gc.collect()
            if not got:
                got = [pull.recv()]
            assert got == [b"%d" % number]
            with pytest.raises(anymq.WouldBlock):
                pull.recv(timeout=0)
