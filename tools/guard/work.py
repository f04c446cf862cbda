"""The fixed work whose instructions are counted: one process, the same calls in the same order.

It runs under callgrind, told to write down its counts and begin anew whenever the process calls
`getpgrp`, which nothing else here does. What lies between two such calls is a *part*. On its
standard output the program names the parts in their order, as JSON: `null`, or a title and how many
calls it was; and for each library its file and version. The same title comes several times; the
least of its counts is the one to compare, as the first rounds find caches empty and Python's
bytecode not yet adapted.

All is done in the main thread and nothing waits: a message is sent to a queue that has room, and
received from one that holds it. So what the main thread executes does not depend on when other
threads, the libraries', run.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

parts: list[tuple[str, int] | None] = []
mark = os.getpgrp

ROUNDS = 4
MESSAGES = 500
LARGE_MESSAGES = 50
SOCKETS = 10
SMALL = bytes(100)
LARGE = bytes(64 * 1024)
BATCH = [SMALL] * 50  # longer lists are large to malloc, whose work then depends on all the heap
BATCHES = MESSAGES // len(BATCH)
END = b"end"


def part(title: str, calls: int, action: Callable[[], object]) -> None:
    """Have `action`, which makes that many calls, counted by itself."""
    mark()
    action()
    mark()
    parts.extend([None, (title, calls)])


def import_anymq() -> None:
    import anymq  # noqa: F401


class Line:
    """Two sockets: what `sender` was given can be received from `receiver` after `arrive`."""

    def __init__(self, library: str, name: str, stack: ExitStack) -> None:
        import anymq

        self.receiver = stack.enter_context(
            anymq.Socket("pull", backend=library, listen=f"inproc://{name}")
        )
        if library == "nanomsg":
            self.receiver.recv_buffer_bytes = 2 * LARGE_MESSAGES * len(LARGE)
        self.sender = stack.enter_context(
            anymq.Socket("push", backend=library, dial=f"inproc://{name}")
        )
        self.sender.wait_for_peers(timeout=60)

    def arrive(self, data: bytes, times: int) -> None:
        """They are there already: within a process these libraries hand over at once."""


class NngLine(Line):
    """nng's PULL takes a message only when somebody receives it, so the receiver is a SUB.

    The sender is a PUB without subscribers, for with one it shares its work with nng's threads;
    what is received comes from a third socket. A context of the SUB is given messages at the same
    moment as the SUB itself, and so tells by the last one that all have come.
    """

    def __init__(self, library: str, name: str, stack: ExitStack) -> None:
        import anymq

        self.receiver = stack.enter_context(
            anymq.Socket(
                "sub",
                backend=library,
                listen=f"inproc://{name}",
                recv_buffer=2 * MESSAGES,
                subscribe=SMALL[:1],
            )
        )
        self.context = stack.enter_context(self.receiver.open_context())
        self.context.subscribe(END)
        self.source = stack.enter_context(
            anymq.Socket("pub", backend=library, dial=f"inproc://{name}", send_buffer=2 * MESSAGES)
        )
        self.source.wait_for_peers(timeout=60)
        self.sender = stack.enter_context(anymq.Socket("pub", backend=library))

    def arrive(self, data: bytes, times: int) -> None:
        for _ in range(times):
            self.source.send(data)
        self.source.send(END)
        self.context.recv(timeout=60)


LINES: dict[str, type[Line]] = {"nanomsg": Line, "nng": NngLine, "zmq": Line}


def repeated(call: Callable[..., object], times: int, *arguments: object) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            call(*arguments)

    return run


def awaited(
    runner: asyncio.Runner, call: Callable[..., Any], times: int, *arguments: object
) -> Callable[[], None]:
    async def run() -> None:
        for _ in range(times):
            await call(*arguments)

    return lambda: runner.run(run())


def open_and_close(library: str) -> None:
    import anymq

    anymq.Socket("pull", backend=library).close()


def describe(library: str) -> tuple[str, str]:
    import anymq

    info = anymq.get_backend(library).library
    return info.path, info.version_text


def work_on(library: str, stack: ExitStack, runner: asyncio.Runner) -> None:
    """All parts that are done on each library."""
    part(f"{library}, the first socket", 1, lambda: open_and_close(library))
    kind = LINES[library]
    line = kind(library, f"{library}-blocking", stack)
    sender, receiver = line.sender, line.receiver
    for _ in range(ROUNDS):
        part(f"{library}, open and close", SOCKETS, repeated(open_and_close, SOCKETS, library))
        for size, data, times in (
            ("100 B", SMALL, MESSAGES),
            ("64 KiB", LARGE, LARGE_MESSAGES),
        ):
            part(f"{library}, send {size}", times, repeated(sender.send, times, data))
            line.arrive(data, times)
            part(f"{library}, recv {size}", times, repeated(receiver.recv, times))
        part(f"{library}, send_many", MESSAGES, repeated(sender.send_many, BATCHES, BATCH))
        line.arrive(SMALL, MESSAGES)
        part(f"{library}, recv_many", MESSAGES, repeated(receiver.recv_many, BATCHES, len(BATCH)))
    line = kind(library, f"{library}-awaiting", stack)
    for _ in range(ROUNDS):
        send = awaited(runner, line.sender.asend, MESSAGES, SMALL)
        part(f"{library}, asend", MESSAGES, send)
        line.arrive(SMALL, MESSAGES)
        part(f"{library}, arecv", MESSAGES, awaited(runner, line.receiver.arecv, MESSAGES))


def main() -> None:
    gc.disable()
    part("import anymq", 1, import_anymq)
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        for library in LINES:
            work_on(library, stack, runner)
        libraries = {library: describe(library) for library in LINES}
    json.dump({"parts": parts, "libraries": libraries}, sys.stdout)


if __name__ == "__main__":
    main()
