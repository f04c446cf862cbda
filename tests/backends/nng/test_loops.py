"""Event loops receive ahead and post what they send: nothing is lost or without bounds."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import anymq
from tests.conformance.support import LIMIT, Sockets, afill, descriptors, eventually, fill

AHEAD = 32  # messages that a socket holds for event loops, besides nng's own buffers
COUNT = 3000


def await_first(pull: anymq.Socket, push: anymq.Socket) -> None:
    """Have a loop wait on `pull`, which from then on receives ahead."""

    async def main() -> None:
        task = asyncio.ensure_future(pull.arecv())
        await asyncio.sleep(0)
        push.send(b"first")
        assert await task == b"first"

    run(main)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(3 * LIMIT):
            return await main()

    return asyncio.run(limited())


def test_order_is_kept_by_every_way_to_receive(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")
    await_first(pull, push)
    buffer = bytearray(10)

    async def main() -> None:
        sender = asyncio.to_thread(push.send_many, [b"%d" % n for n in range(COUNT)])
        sending = asyncio.ensure_future(sender)
        taken = 0
        while taken < COUNT:
            kind = taken % 5
            if kind == 0:
                got = [await pull.arecv()]
            elif kind == 1:
                got = await pull.arecv_many(7)
            elif kind == 2:
                got = [await asyncio.to_thread(pull.recv)]
            elif kind == 3:
                got = [bytes(buffer[: pull.recv_into(buffer)])]
            else:
                got = pull.recv_many(3)
            assert got == [b"%d" % n for n in range(taken, taken + len(got))]
            taken += len(got)
        await sending

    run(main)


def test_what_came_ahead_is_still_there(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")
    await_first(pull, push)
    for number in range(AHEAD):
        push.send(b"%d" % number)
    with pytest.raises(anymq.MessageTooLarge):
        pull.recv_into(bytearray())
    assert [pull.recv() for _ in range(AHEAD)] == [b"%d" % n for n in range(AHEAD)]
    with pytest.raises(anymq.WouldBlock):
        pull.recv(timeout=0)
    began = time.monotonic()
    with pytest.raises(anymq.Timeout):
        pull.recv(timeout=0.1)
    assert 0.09 < time.monotonic() - began < LIMIT


def test_threads_that_wait_are_served(made: Sockets) -> None:
    """One that waited before a loop did, and some that wait after."""
    push, pull = made.pair("push", "pull")
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(pull.recv)]
        await_first_of = threading.Event()

        async def main() -> None:
            task = asyncio.ensure_future(pull.arecv())
            await asyncio.sleep(0)
            await_first_of.set()
            waiting.extend(pool.submit(pull.recv) for _ in range(3))
            await asyncio.to_thread(push.send_many, [b"%d" % n for n in range(5)])
            got = [await task, *[await asyncio.wrap_future(each) for each in waiting]]
            assert sorted(got) == [b"%d" % n for n in range(5)]

        run(main)
    assert await_first_of.is_set()


def test_two_loops_and_a_thread_share_what_comes(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")
    taken: list[bytes] = []

    def loop() -> None:
        async def main() -> None:
            nonlocal taken
            async for message in pull:
                taken += [message]

        asyncio.run(main())

    def thread() -> None:
        taken.extend(pull)

    threads = [threading.Thread(target=each) for each in (loop, loop, thread)]
    for each in threads:
        each.start()
    for number in range(COUNT):
        push.send(b"%d" % number)
    eventually(lambda: len(taken) >= COUNT)
    pull.close()
    for each in threads:
        each.join(LIMIT)
        assert not each.is_alive()
    assert sorted(taken, key=int) == [b"%d" % n for n in range(COUNT)]


def test_ahead_is_bounded(made: Sockets) -> None:
    """A peer is held back a few messages later than without a loop, of large ones one later."""
    plain, ahead = (made.pair("push", "pull", "inproc") for _ in range(2))
    usual = fill(plain[0])
    await_first(ahead[1], ahead[0])
    count = fill(ahead[0])
    assert usual < count <= usual + AHEAD
    for _ in range(count):
        ahead[1].recv()
    assert fill(ahead[0]) <= usual + 1


def test_posts_are_bounded_and_kept_in_order(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")

    async def main() -> None:
        count = await afill(push)
        posted = 0
        with pytest.raises(anymq.WouldBlock):
            await push.asend(b"no", timeout=0)
        for _ in range(count):
            assert len(await pull.arecv()) == 100_000
        sending = asyncio.ensure_future(push.asend_many([b"%d" % n for n in range(COUNT)]))
        while posted < COUNT:
            assert await pull.arecv() == b"%d" % posted
            posted += 1
        assert await sending == COUNT

    run(main)


def test_without_a_peer_nothing_is_posted(made: Sockets) -> None:
    push, pull = made.open("push"), made.open("pull")

    async def main() -> None:
        with pytest.raises(anymq.Timeout):
            await push.asend(b"too early", timeout=0.05)
        pull.dial(push.listen(made.url()).url)
        await push.asend(b"in time")
        assert await pull.arecv() == b"in time"

    run(main)


def silent_peer(made: Sockets, sender: anymq.Socket, number: int) -> socket.socket:
    """A peer that never reads, and takes nothing in when it leaves: not one of nng's.

    It is a local one, because the system goes on to enlarge the buffers of others for seconds.
    """
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sender.listen(made.url("ipc")).url.removeprefix("ipc://"))
    peer.sendall(b"\0SP\0" + struct.pack(">HH", number, 0))
    made.connected(sender)
    return peer


async def stop_the_line(push: anymq.Socket) -> int:
    """Send numbered messages to a peer that does not read; how many are taken.

    Who waits is not told of room before half of the line is free: what is left is filled at once.
    """
    number, patience = 0, 0.5
    while number < 100_000:
        try:
            await push.asend(b"%d" % number + b" " * 2000, timeout=patience)
            number += 1
        except anymq.Timeout:
            if patience == 0:
                return number
            patience = 0
    pytest.fail("there is no end to what this socket takes")


@pytest.mark.parametrize(
    ("sender", "receiver", "number"), [("push", "pull", 0x51), ("pair", "pair", 0x10)]
)
def test_what_stands_in_line_is_for_the_next_peer(
    made: Sockets, sender: str, receiver: str, number: int
) -> None:
    """The connection loses what it had taken; what stood in line behind it is not lost."""
    push, second = made.open(sender), made.open(receiver)
    first = silent_peer(made, push, number)

    async def main() -> None:
        count = await stop_the_line(push)
        assert not push.flush(0.02)
        first.close()
        eventually(lambda: push.peers == 0)
        assert not push.flush(0.02)
        with pytest.raises(anymq.Timeout):
            await push.asend(b"nobody is there", timeout=0.02)
        second.dial(push.listen(made.url()).url)
        await push.asend(b"%d" % count)
        for expected in range(count - AHEAD, count + 1):
            assert int(await second.arecv()) == expected

    run(main)


def test_flush_knows_of_the_line(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")

    async def main() -> None:
        count = await stop_the_line(push)
        assert not push.flush(0.02)
        for number in range(count):
            assert int(await pull.arecv()) == number
        if push.backend.supports("flush"):
            assert push.flush(LIMIT)

    run(main)


def test_the_linger_is_for_the_line_too(made: Sockets) -> None:
    push = made.open("push")
    peer = silent_peer(made, push, 0x51)
    run(lambda: stop_the_line(push))
    peer.close()
    eventually(lambda: push.peers == 0)
    push.linger = 0.2
    began = time.monotonic()
    push.close()
    assert 0.2 <= time.monotonic() - began < LIMIT


def test_order_is_kept_by_every_way_to_send(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")

    async def main() -> None:
        taking = asyncio.ensure_future(take())
        sent = 0
        while sent < COUNT:
            some = [b"%d" % n for n in range(sent, min(COUNT, sent + 50))]
            kind = sent // 50 % 4
            if kind == 0:
                for message in some:
                    await push.asend(message)
            elif kind == 1:
                await push.asend_many(some)
            elif kind == 2:
                await asyncio.to_thread(push.send_many, some)
            else:
                for message in some:
                    await asyncio.to_thread(push.send, message)
            sent += len(some)
        await taking

    async def take() -> None:
        for number in range(COUNT):
            assert await pull.arecv() == b"%d" % number

    run(main)


def test_closing_waits_for_what_was_posted(made: Sockets) -> None:
    push, pull = made.pair("push", "pull", a={"linger": LIMIT})
    numbers = [b"%d" % n for n in range(200)]

    async def main() -> None:
        with pytest.raises(anymq.Timeout):
            await push.asend_many([b"x" * 100_000] * COUNT, timeout=0.5)
        taking = asyncio.ensure_future(collect())
        await push.asend_many(numbers)
        await push.aclose()
        assert await taking == numbers

    async def collect() -> list[bytes]:
        got: list[bytes] = []
        while len(got) < len(numbers):
            message = await pull.arecv()
            if len(message) < 100_000:
                got.append(message)
        return got

    run(main)


def test_closing_in_the_middle_leaves_nothing(made: Sockets) -> None:
    """Sockets closed with much under way in both directions give their descriptors back."""

    def once() -> None:
        push, pull = made.pair("push", "pull")

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(end(each)) for each in (flood, take, take)]
                await asyncio.sleep(0.02)
                push.linger = 0
                await push.aclose()  # first: or it dials again, or does not survive (D25)
                await pull.aclose()
            assert all(task.done() for task in tasks)

        async def end(work: Callable[[], Awaitable[None]]) -> None:
            with pytest.raises(anymq.Closed):
                await work()

        async def flood() -> None:
            while True:
                await push.asend(b"x" * 1000)

        async def take() -> None:
            while True:
                await pull.arecv()

        run(main)

    once()
    before = descriptors()
    for _ in range(10):
        once()
    eventually(lambda: descriptors() <= before)


def test_a_reply_and_a_peer_wake_the_loop_once_each(made: Sockets) -> None:
    """A descriptor that tells what nobody waits for does not cost a turn of the loop each time."""
    req, rep = made.open("req"), made.open("rep")
    turns = 0

    def answer() -> None:
        for message in rep:
            rep.send(message)

    async def main() -> None:
        nonlocal turns
        asking = asyncio.ensure_future(req.arequest(b"before anybody is there"))
        await asyncio.sleep(0)
        rep.dial(req.listen(made.url()).url)
        await asking
        (waits,) = req._loops.known
        serve = waits.serve

        def counted() -> None:
            nonlocal turns
            turns += 1
            serve()

        asyncio.get_running_loop().remove_reader(waits.watch.fd)
        asyncio.get_running_loop().add_reader(waits.watch.fd, counted)
        for number in range(500):
            assert await req.arequest(b"%d" % number) == b"%d" % number

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        run(main)
    finally:
        rep.close()
        thread.join(LIMIT)
    assert turns < 600
