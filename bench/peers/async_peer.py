"""asyncio: LIBRARY recv|send URL COUNT SIZE PACKAGE WORK, of one package at a time (see c/bench.h).

PACKAGE is anymq:BACKEND, blocking:BACKEND (anymq without a loop), zmq, pynng or nng. WORK is
`stream` (PUSH to PULL) or `trips` (REQ to REP and back; the side that receives asks).
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

library, role, url, count_text, size_text, package, work = sys.argv[1:]
count, size = int(count_text), int(size_text)
asks = role == "recv"
PROTOCOLS = {("stream", True): "pull", ("stream", False): "push"}
protocol = PROTOCOLS.get((work, asks), "req" if asks else "rep")
body = bytes(size)

Calls = tuple[Callable[[bytes], Awaitable[Any]], Callable[[], Awaitable[Any]], Callable[[], None]]


def open_anymq(backend: str) -> Calls:
    import anymq

    socket = anymq.Socket(protocol, backend=anymq.get_backend(backend, library=library))
    socket.listen(url) if asks else socket.dial(url)
    return socket.asend, socket.arecv, socket.close


def open_zmq() -> Calls:
    import zmq
    import zmq.asyncio

    context = zmq.asyncio.Context()
    socket = context.socket(getattr(zmq, protocol.upper()))
    socket.bind(url) if asks else socket.connect(url)
    return socket.send, socket.recv, lambda: context.destroy(0)


def open_pynng() -> Calls:
    import pynng

    kind = {"pull": pynng.Pull0, "push": pynng.Push0, "req": pynng.Req0, "rep": pynng.Rep0}
    socket = kind[protocol](listen=url) if asks else kind[protocol](dial=url)
    return socket.asend, socket.arecv, socket.close


def open_nng() -> Calls:
    import nng

    kind = {
        "pull": nng.PullSocket,
        "push": nng.PushSocket,
        "req": nng.ReqSocket,
        "rep": nng.RepSocket,
    }
    socket = kind[protocol]()
    if asks:
        socket.add_listener(url).start()
    else:
        socket.add_dialer(url).start(block=True)
    return socket.asend, socket.arecv, socket.close


async def main() -> None:
    name, _, backend = package.partition(":")
    openers = {"zmq": open_zmq, "pynng": open_pynng, "nng": open_nng}
    send, recv, close = open_anymq(backend) if name == "anymq" else openers[name]()
    print("ready", flush=True)
    if work == "stream" and asks:
        await recv()
        started = time.perf_counter()
        for _ in range(count):
            await recv()
        print("measured", count, time.perf_counter() - started, flush=True)
    elif work == "stream":
        for _ in range(count + 1):
            await send(body)
    elif asks:
        for turn in range(count + 1):
            if turn == 1:
                started = time.perf_counter()
            await send(body)
            await recv()
        print("measured", count, time.perf_counter() - started, flush=True)
    else:
        for _ in range(count + 1):
            await recv()
            await send(body)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    close()


def blocking(backend: str) -> None:
    import anymq

    with anymq.Socket(protocol, backend=anymq.get_backend(backend, library=library)) as socket:
        socket.listen(url) if asks else socket.dial(url)
        print("ready", flush=True)
        if work == "stream" and asks:
            socket.recv()
            started = time.perf_counter()
            for _ in range(count):
                socket.recv()
            print("measured", count, time.perf_counter() - started, flush=True)
        elif work == "stream":
            for _ in range(count + 1):
                socket.send(body)
        elif asks:
            for turn in range(count + 1):
                if turn == 1:
                    started = time.perf_counter()
                socket.send(body)
                socket.recv()
            print("measured", count, time.perf_counter() - started, flush=True)
        else:
            for _ in range(count + 1):
                socket.recv()
                socket.send(body)
        sys.stdin.read()


if package.startswith("blocking:"):
    blocking(package.partition(":")[2])
else:
    asyncio.run(main())
