"""The program that `anymq bench` runs: one side of a measurement, or both sides as two threads.

It opens its socket, tells that it is ready, and then does what it is told, one round for each line
on standard input: `{"count": N}` is N messages, or N round trips. Answers are lines of JSON on
standard output. The side that listens tells `begun` before it waits for the first message, so that
nothing is under way before anybody waits for it. Of a throughput the receiver is the clock, which
starts with the first message: N more follow. Of round trips it is the side that asks.

It ends when the coordinator does, even in the middle of a round.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from time import perf_counter

import anymq
from anymq.errors import AnymqError, UnsupportedFeature
from anymq.interop.workers.channel import Channel

BATCH = 1000
"""Most messages in one call."""
BATCH_BYTES = 2**20
"""Most bytes in one call: with more, large messages are all cold when the program comes to them."""
UNDER_WAY = 64 * 2**20
"""Bytes that a socket's buffer may hold: with large messages the library's own limit, which counts
messages, would take more memory than a machine has."""

FAILURES = (AnymqError, OSError, MemoryError)

Work = Callable[[int], dict[str, float]]
"""Does one round of so many messages; says how many were measured, and the seconds they took."""


def receive(socket: anymq.Socket, mode: str, size: int) -> Work:
    def one(count: int) -> dict[str, float]:
        recv = socket.recv
        recv()
        started = perf_counter()
        for _ in range(count):
            recv()
        return {"count": count, "seconds": perf_counter() - started}

    def batch(count: int) -> dict[str, float]:
        recv_many, most = socket.recv_many, batch_of(count, size)
        left = total = count + 1 - len(recv_many(1))
        started = perf_counter()
        while left:
            left -= len(recv_many(min(most, left)))
        return {"count": total, "seconds": perf_counter() - started}

    return one if mode == "one" else batch


def send(socket: anymq.Socket, mode: str, body: bytes) -> Work:
    def one(count: int) -> dict[str, float]:
        send = socket.send
        for _ in range(count + 1):
            send(body)
        return {}

    def batch(count: int) -> dict[str, float]:
        messages = [body] * batch_of(count, len(body))
        left = count + 1
        while left:
            left -= socket.send_many(messages[:left])
        return {}

    return one if mode == "one" else batch


def batch_of(count: int, size: int) -> int:
    """Messages in a call, so that a round has several calls."""
    return max(1, min(BATCH, BATCH_BYTES // max(1, size), count // 8))


def ask(socket: anymq.Socket, body: bytes) -> Work:
    def work(count: int) -> dict[str, float]:
        request = socket.request
        started = perf_counter()
        for _ in range(count):
            request(body)
        return {"count": count, "seconds": perf_counter() - started}

    return work


def answer(socket: anymq.Socket) -> Work:
    def work(count: int) -> dict[str, float]:
        send, recv = socket.send, socket.recv
        for _ in range(count):
            send(recv())
        return {}

    return work


def listener(options: argparse.Namespace, stack: ExitStack) -> tuple[str, Work]:
    """The bound address, and what the side that listens does."""
    trips = options.measure == "round_trip"
    socket = open_socket("rep" if trips else "pull", options, stack)
    url = socket.listen(options.url).url
    return url, answer(socket) if trips else receive(socket, options.mode, options.size)


def dialer(url: str, options: argparse.Namespace, stack: ExitStack) -> Work:
    """What the side that dials does, connected."""
    trips = options.measure == "round_trip"
    socket = open_socket("req" if trips else "push", options, stack)
    socket.dial(url, wait=True, timeout=options.time_limit)
    body = bytes(options.size)
    return ask(socket, body) if trips else send(socket, options.mode, body)


def open_socket(protocol: str, options: argparse.Namespace, stack: ExitStack) -> anymq.Socket:
    backend = anymq.get_backend(options.backend, library=options.library)
    socket = stack.enter_context(anymq.Socket(protocol, backend=backend, linger=0))
    most = max(1, UNDER_WAY // max(1, options.size))
    for option in ("send_buffer", "recv_buffer"):
        with suppress(UnsupportedFeature):  # one that sends has no buffer to receive
            if (getattr(socket, option) or 0) > most:
                setattr(socket, option, most)
    return socket


def serve(options: argparse.Namespace, channel: Channel) -> None:
    """Open what the role has and do rounds, until an error or the coordinator's end."""
    with ExitStack() as stack:
        url = options.url
        if options.role == "dial":
            work = dialer(url, options, stack)
        else:
            url, work = listener(options, stack)
            if options.role == "both":
                work = together(work, dialer(url, options, stack), channel)
        channel.tell(ready=url)
        while True:
            count = channel.command()["count"]
            if options.role == "listen":
                channel.tell(begun=True)
            channel.tell(done=work(count))


def together(listening: Work, dialing: Work, channel: Channel) -> Work:
    """Both sides of one round, as two threads."""

    def work(count: int) -> dict[str, float]:
        told: dict[str, float] = {}

        def listen() -> None:
            try:
                told.update(listening(count))
            except FAILURES as error:
                tell_failure(channel, error)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        told.update(dialing(count))
        thread.join()
        return told

    return work


def tell_failure(channel: Channel, error: BaseException) -> None:
    channel.tell(failed={"kind": "error", "text": f"{type(error).__name__}: {error}"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("listen", "dial", "both"))
    parser.add_argument("--backend", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--measure", choices=("throughput", "round_trip"), required=True)
    parser.add_argument("--mode", choices=("one", "batch"), required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--time-limit", type=float, required=True)
    options = parser.parse_args()
    channel = Channel()
    try:
        serve(options, channel)
    except FAILURES as error:
        tell_failure(channel, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
