"""The work that is measured, as c/works.h does it in C: blocking, and awaited.

`feed` sends, answers or publishes for ever. `work(count)` receives `count` messages or a few more,
makes as many round trips, or opens and closes as many sockets, and returns how many it were.
Threads feed until they are told to stop, and every message of theirs is counted.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from packages import Port

__all__ = ["AwaitedWork", "Work"]

WINDOW = 100
PROBE, BODY, END = b"p", b"m", b"e"
PAUSE = 0.02
THREADS = int(os.environ.get("BENCH_THREADS", "1"))
BURST = 100
"""Messages that a thread sends before it looks whether it is to stop."""


class Work:
    """One of the works, on blocking calls, one message each or in batches."""

    def __init__(
        self,
        name: str,
        open_port: Callable[[str], Port],
        url: str,
        acks: str,
        size: int,
        peers: int,
    ) -> None:
        self.name = name
        self.open_port = open_port
        self.url, self.acks = url, acks
        self.body = b"\1" * size
        self.size = size
        self.peers = peers

    # Opening; of a publisher and its subscribers the publisher listens, else who measures does.

    def open_feeder(self) -> None:
        if self.name == "publish":
            self.theirs = self._listening("pub", self.url)
            self.acks_in = self._listening("pull", self.acks)
        elif self.name == "threads":
            self.shared = [self._dialing("push", self.url) for _ in range(self.peers)]
        elif self.name != "open_close":
            self.theirs = self._dialing("rep" if self.name == "trips" else "push", self.url)

    def open_measurer(self) -> None:
        if self.name == "publish":
            self.subscribers = [self._dialing("sub", self.url) for _ in range(self.peers)]
            self.acks_out = self._dialing("push", self.acks)
        elif self.name != "open_close":
            self.mine = self._listening("req" if self.name == "trips" else "pull", self.url)

    def _listening(self, protocol: str, url: str) -> Port:
        port = self.open_port(protocol)
        port.listen(url)
        return port

    def _dialing(self, protocol: str, url: str) -> Port:
        port = self.open_port(protocol)
        port.dial(url)
        return port

    # One message a call

    def feed(self) -> None:
        if self.name == "publish":
            self._publish()
        if self.name == "threads":
            self._feed_from_threads()
        send, recv, body = self.theirs.send, self.theirs.recv, self.body
        if self.name == "single":
            sys.stdin.readline()
            send(body)
            signal.pause()
        if self.name == "trips":
            while True:
                recv()
                send(body)
        while True:
            send(body)

    def prepare(self) -> None:
        """Before the warm-up: everybody has subscribed when everybody has a probe."""
        self._probing = True
        if self.name == "publish":
            for port in self.subscribers:
                port.recv()
            self._acknowledge()

    def work(self, count: int) -> int:
        if self.name == "publish":
            return self._receive_windows(count)
        if self.name == "open_close":
            open_port = self.open_port
            for _ in range(count):
                open_port("push").close()
            return count
        send, recv, body = self.mine.send, self.mine.recv, self.body
        if self.name == "trips":
            for _ in range(count):
                send(body)
                recv()
            return count
        for _ in range(count):
            recv()
        return count

    # Several threads that send, on one socket or on as many, until they are told to stop

    def _feed_from_threads(self) -> None:
        stop = threading.Event()
        counts = [0] * THREADS

        def feed(number: int) -> None:
            send, body, sent = self.shared[number % self.peers].send, self.body, 0
            while not stop.is_set():
                for _ in range(BURST):
                    send(body)
                sent += BURST
            counts[number] = sent

        senders = [threading.Thread(target=feed, args=(number,)) for number in range(THREADS)]
        for sender in senders:
            sender.start()
        sys.stdin.readline()
        stop.set()
        for sender in senders:
            sender.join()
        for port in self.shared:
            port.send(END + self.body[1:])
        print(f"sent {sum(counts)}", flush=True)
        signal.pause()

    def receive_rest(self) -> int:
        """How many come until every socket has told that this is all."""
        recv, ended, done = self.mine.recv, 0, 0
        while ended < self.peers:
            if bytes(memoryview(recv())[:1]) == END:
                ended += 1
            else:
                done += 1
        return done

    # Publishing: a window of messages, and the next once everybody has them

    def _publish(self) -> None:
        here = threading.Event()

        def wait_for_everybody() -> None:
            self.acks_in.recv()
            here.set()

        threading.Thread(target=wait_for_everybody, daemon=True).start()
        while not here.wait(PAUSE):
            self._publish_probe(PROBE + bytes(self.size - 1))
        body = BODY + bytes(self.size - 1)
        while True:
            self._publish_window(body)
            self.acks_in.recv()

    def _publish_probe(self, body: bytes) -> None:
        self.theirs.send(body)

    def _publish_window(self, body: bytes) -> None:
        send = self.theirs.send
        for _ in range(WINDOW):
            send(body)

    def _acknowledge(self) -> None:
        self.acks_out.send(b"a")

    def _receive_windows(self, count: int) -> int:
        done = 0
        while done < count:
            for port in self.subscribers:
                self._receive_window(port.recv)
            self._probing = False
            self._acknowledge()
            done += WINDOW
        return done

    def _receive_window(self, recv: Callable[[], Any]) -> None:
        if self._probing:
            while bytes(memoryview(recv())[:1]) == PROBE:
                continue
            for _ in range(WINDOW - 1):
                recv()
        else:
            for _ in range(WINDOW):
                recv()


class BatchWork(Work):
    """The same with a call for many messages, where there are many to be had.

    At most a thousand, or 4 MiB of them, but not fewer than 4.
    """

    @property
    def _batch(self) -> int:
        return max(4, min(1000, (4 << 20) // (self.size or 1)))

    def feed(self) -> None:
        if self.name == "publish":
            self._publish()
        send_many = self.theirs.send
        batch = [self.body] * self._batch
        while True:
            send_many(batch)

    def work(self, count: int) -> int:
        if self.name == "publish":
            return self._receive_windows(count)
        recv_many, batch = self.mine.recv, self._batch
        done = 0
        while done < count:
            done += len(recv_many(batch))
        return done

    def _publish_probe(self, body: bytes) -> None:
        self.theirs.send([body])

    def _publish_window(self, body: bytes) -> None:
        self.theirs.send([body] * WINDOW)

    def _acknowledge(self) -> None:
        self.acks_out.send([b"a"])

    def _receive_window(self, recv: Callable[..., Any]) -> None:
        done = 0
        while done < WINDOW:
            got = recv(WINDOW - done)
            if self._probing:
                got = [message for message in got if message[:1] != PROBE]
            done += len(got)


class AwaitedWork(Work):
    """Streams and round trips, one message an awaited call."""

    async def afeed(self) -> None:
        send, recv, body = self.theirs.send, self.theirs.recv, self.body
        if self.name == "trips":
            while True:
                await recv()
                await send(body)
        while True:
            await send(body)

    async def awork(self, count: int) -> int:
        send, recv, body = self.mine.send, self.mine.recv, self.body
        if self.name == "trips":
            for _ in range(count):
                await send(body)
                await recv()
            return count
        for _ in range(count):
            await recv()
        return count


class Clock:
    """Warm-up, then the time that counts; it is read about every hundredth of a second."""

    TICK = 0.01

    def __init__(self, seconds: float, least: int) -> None:
        self.seconds, self.least = seconds, least
        self.warm_up = max(seconds / 5, 0.05)
        self.chunk = 1
        self.done = 0
        self._warm = 0.0
        self._began = time.perf_counter()

    def warmed_up(self) -> bool:
        """Asked after each chunk of the warm-up; tells the parent when it is over."""
        now = time.perf_counter()
        took = now - self._began
        self._warm += took
        if self._warm < self.warm_up:
            if took < self.TICK:
                self.chunk *= 2
            self._began = time.perf_counter()
            return False
        print("started", flush=True)
        self._began = time.perf_counter()
        return True

    def over(self, done: int) -> bool:
        """Asked after each chunk of `done` messages; tells the parent what was measured."""
        took = time.perf_counter() - self._began
        self.done += done
        if took < self.seconds or self.done < self.least:
            return False
        print(f"measured {self.done} {took:.9f}", flush=True)
        return True


def measure(work: Work, seconds: float, least: int) -> None:
    work.prepare()
    clock = Clock(seconds, least)
    if work.name == "single":
        clock.warm_up = 0
    before = 0
    while not clock.warmed_up():
        before += work.work(clock.chunk)
    while not clock.over(work.work(clock.chunk)):
        continue
    if work.name == "threads":
        print(f"received {before + clock.done + work.receive_rest()}", flush=True)


async def ameasure(work: AwaitedWork, seconds: float, least: int) -> None:
    clock = Clock(seconds, least)
    while not clock.warmed_up():
        await work.awork(clock.chunk)
    while not clock.over(await work.awork(clock.chunk)):
        continue
