"""One descriptor for both directions, which any call may use up, behind an event loop."""

from __future__ import annotations

import asyncio
import itertools
import threading

from tests.conformance.loops import run_in_asyncio
from tests.conformance.support import LIMIT, Sockets


def test_a_message_that_is_waited_for_wakes_the_loop_once(sockets: Sockets) -> None:
    """A loop that looks at its socket does not tell itself what it sees there."""
    req, rep = sockets.pair("req", "rep")
    turns = 0

    def answer() -> None:
        for message in rep:
            rep.send(message)

    async def main() -> None:
        nonlocal turns
        await req.arequest(b"to begin with")
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
        run_in_asyncio(main)
    finally:
        rep.close()
        thread.join(LIMIT)
    assert turns < 600


def test_two_loops_and_a_thread_tell_each_other(sockets: Sockets) -> None:
    """Each of them may take the edge that another sleeps for; all that is sent arrives."""
    push, pull = sockets.pair("push", "pull")
    count = 3000
    got: list[list[bytes]] = [[], [], []]

    def in_loop(mine: list[bytes]) -> None:
        async def main() -> None:
            while (message := await pull.arecv()) != b"end":
                mine.append(message)

        run_in_asyncio(main)

    def blocking(mine: list[bytes]) -> None:
        while (message := pull.recv()) != b"end":
            mine.append(message)

    threads = [
        threading.Thread(target=target, args=[mine])
        for target, mine in zip((in_loop, in_loop, blocking), got, strict=True)
    ]
    for thread in threads:
        thread.start()

    async def main() -> None:
        for number in range(count):
            await push.asend(b"%d" % number)
            if number % 10 == 0:
                await asyncio.sleep(0.0001)
        for _ in threads:
            await push.asend(b"end")

    run_in_asyncio(main)
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert sorted(itertools.chain(*got)) == sorted(b"%d" % number for number in range(count))
