"""The awaiting calls do what the blocking ones do, in every kind of event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable

import pytest

import anymq

from .loops import Loop
from .support import LIMIT, Pattern, Sockets, afill, subscriptions_settled
from .timing import timely

ONE_WAY = ("push-pull", "pair-pair", "pub-sub")


def test_messages_arrive_whole_and_in_order(sockets: Sockets, pattern: Pattern, loop: Loop) -> None:
    """On every pattern; what answers is answered."""
    one, other = sockets.pair(pattern.sender, pattern.receiver)

    async def main() -> None:
        for number in range(20):
            await one.asend(b"%d" % number)
            assert await other.arecv() == b"%d" % number
            if pattern.sender in ("req", "surveyor"):
                await other.asend(b"answer %d" % number)
                assert await one.arecv() == b"answer %d" % number

    loop.run(main)


@pytest.mark.patterns(*ONE_WAY[:2])
def test_many_messages_both_tasks_at_once(sockets: Sockets, pattern: Pattern, loop: Loop) -> None:
    """More than any buffer holds: both sides wait for one another, again and again."""
    one, other = sockets.pair(pattern.sender, pattern.receiver)
    count = 5000

    async def send() -> None:
        for number in range(count):
            await one.asend(b"%08d" % number + bytes(number % 700))

    async def main() -> None:
        async with loop.group() as group:
            group.start(send())
            for number in range(count):
                message = await other.arecv()
                assert int(message[:8]) == number
                assert len(message) == 8 + number % 700

    loop.run(main)


def test_a_receive_waits_for_its_message(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        got: list[bytes] = []

        async def receive() -> None:
            got.append(await pull.arecv())

        async with loop.group() as group:
            group.start(receive())
            await loop.settle()
            assert got == []
            await push.asend(b"late")
        assert got == [b"late"]

    loop.run(main)


def test_a_send_waits_for_a_peer(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.open("push"), sockets.open("pull")
    url = push.listen(sockets.url()).url

    async def main() -> None:
        sent: list[bytes] = []

        async def send() -> None:
            await push.asend(b"x")
            sent.append(b"x")

        async with loop.group() as group:
            group.start(send())
            await loop.settle()
            assert sent == []
            pull.dial(url)
            assert await pull.arecv() == b"x"
        assert sent == [b"x"]

    loop.run(main)


def test_those_who_wait_are_served_in_the_order_of_their_arrival(
    sockets: Sockets, loop: Loop
) -> None:
    push, pull = sockets.pair("push", "pull")
    count = 50

    async def main() -> None:
        got: dict[int, bytes] = {}

        async def receive(number: int) -> None:
            got[number] = await pull.arecv()

        async with loop.group() as group:
            for number in range(count):
                group.start(receive(number))
                await loop.settle()
            for number in range(count):
                await push.asend(b"%d" % number)
        assert got == {number: b"%d" % number for number in range(count)}

    loop.run(main)


@pytest.mark.parametrize("limit", [0.05, 0.2])
def test_time_limits(sockets: Sockets, loop: Loop, limit: float) -> None:
    pull = sockets.open("pull", recv_timeout=limit)
    pull.listen(sockets.url())
    push = sockets.open("push", send_timeout=limit)

    def took(call: Callable[[], Awaitable[object]]) -> float:
        async def main() -> float:
            begin = time.monotonic()
            with pytest.raises(anymq.Timeout):
                await call()
            return time.monotonic() - begin

        return float(loop.run(main))

    for call in (
        lambda: pull.arecv(),
        lambda: pull.arecv(timeout=limit),
        lambda: pull.arecv_many(timeout=limit),
        lambda: pull.arecv_message(timeout=limit),
        lambda: push.asend(b"x"),
        lambda: push.asend(b"x", timeout=limit),
        lambda: push.asend_many([b"x"], timeout=limit),
        lambda: push.await_peers(timeout=limit),
    ):
        timely(lambda call=call: took(call), limit - 0.005, limit + 0.05)


def test_no_time_at_all(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.open("push"), sockets.open("pull")

    async def main() -> None:
        with pytest.raises(anymq.WouldBlock):
            await pull.arecv(timeout=0)
        with pytest.raises(anymq.WouldBlock):
            await pull.arecv_many(timeout=0)
        with pytest.raises(anymq.WouldBlock):
            await push.asend(b"x", timeout=0)
        for bad in (-1, float("nan"), "1", True):
            with pytest.raises(anymq.OptionError):
                await pull.arecv(timeout=bad)

    loop.run(main)


def test_batches(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    messages = [b"%d" % number for number in range(3000)]

    async def main() -> None:
        got: list[bytes] = []

        async def send() -> None:
            assert await push.asend_many(messages) == len(messages)

        async with loop.group() as group:
            group.start(send())
            while len(got) < len(messages):
                some = await pull.arecv_many(100)
                assert 1 <= len(some) <= 100
                got += some
        assert got == messages

    loop.run(main)


def test_a_batch_that_is_not_taken_tells_how_many_were(sockets: Sockets, loop: Loop) -> None:
    push, _pull = sockets.pair("push", "pull")
    items = [b"x" * 100_000] * 100_000

    async def main() -> None:
        with pytest.raises(anymq.Timeout) as caught:
            await push.asend_many(items, timeout=0.3)
        assert 0 < caught.value.sent < len(items)

    loop.run(main)


def test_messages_and_buffers(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        message = anymq.Message(b"body")
        await push.asend_message(message)
        with pytest.raises(anymq.StateError):
            bytes(message)
        assert bytes(await pull.arecv_message()) == b"body"
        buffer = bytearray(3)
        await push.asend(b"four")
        with pytest.raises(anymq.MessageTooLarge) as caught:
            await pull.arecv_into(buffer)
        assert caught.value.size == 4
        assert await pull.arecv() == b"four"
        await push.asend(b"abc")
        assert await pull.arecv_into(buffer) == 3
        assert buffer == b"abc"

    loop.run(main)


@pytest.mark.requires("multipart")
def test_parts(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await push.asend_parts([b"a", b"", b"c"])
        assert await pull.arecv_parts() == [b"a", b"", b"c"]

    loop.run(main)


def test_requests(sockets: Sockets, loop: Loop) -> None:
    req, rep = sockets.pair("req", "rep")

    async def serve() -> None:
        async for message in rep:
            await rep.asend(message.upper())

    async def main() -> None:
        async with loop.group() as group:
            task = group.start(serve())
            for number in range(100):
                assert await req.arequest(b"abc%d" % number) == b"ABC%d" % number
            task.cancel()
        with pytest.raises(anymq.StateError):
            await rep.arequest(b"x")

    loop.run(main)


@pytest.mark.requires("protocol.surveyor", "protocol.respondent")
def test_surveys(sockets: Sockets, loop: Loop) -> None:
    surveyor, first = sockets.pair("surveyor", "respondent")
    second = sockets.open("respondent")
    second.dial(surveyor.listen(sockets.url()).url)
    surveyor.wait_for_peers(2, timeout=LIMIT)
    surveyor.survey_time = 0.5

    async def answer(socket: anymq.Socket, text: bytes) -> None:
        assert await socket.arecv() == b"who?"
        await socket.asend(text)

    async def main() -> None:
        async with loop.group() as group:
            group.start(answer(first, b"one"))
            group.start(answer(second, b"two"))
            assert sorted(await surveyor.asurvey(b"who?")) == [b"one", b"two"]
        with pytest.raises((anymq.Timeout, anymq.StateError)):
            await surveyor.arecv(timeout=0.2)

    loop.run(main)


@pytest.mark.requires("protocol.surveyor", "protocol.respondent")
def test_a_late_answer_does_not_hide_one_that_follows(sockets: Sockets, loop: Loop) -> None:
    """The answer to a former survey, dropped by the library, and one to this come together."""
    surveyor, respondent = sockets.pair("surveyor", "respondent")
    surveyor.survey_time = LIMIT

    async def answer() -> None:
        """The first survey, and the second at once, which is waited for by then."""
        await loop.settle()
        await respondent.asend(b"to the first")
        assert await respondent.arecv() == b"second"
        await respondent.asend(b"to the second")

    async def main() -> None:
        for _ in range(20):
            await surveyor.asend(b"first")
            assert await respondent.arecv() == b"first"
            async with loop.group() as group:
                await surveyor.asend(b"second")
                group.start(answer())
                assert await surveyor.arecv() == b"to the second"

    loop.run(main)


def test_subscribers(sockets: Sockets, loop: Loop) -> None:
    pub, sub = sockets.pair("pub", "sub", b={"subscribe": [b"a"]})
    subscriptions_settled(pub, sub)

    async def main() -> None:
        for number in range(20):  # one at a time: a publisher may drop what comes too fast
            await pub.asend(b"b%d" % number)
            await loop.sleep(0.002)
            await pub.asend(b"a%d" % number)
            assert await sub.arecv() == b"a%d" % number

    loop.run(main)


def test_connecting(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.open("push"), sockets.open("pull")

    async def main() -> None:
        async with loop.group() as group:
            group.start(pull.await_peers(1, timeout=LIMIT))
            dialer = await push.adial(pull.listen(sockets.url()).url, timeout=LIMIT)
            assert push.peers == 1
        dialer.close()
        with pytest.raises(anymq.Timeout):
            await push.adial(sockets.refusing(), timeout=0.1)
        with pytest.raises(anymq.AddressInvalid):
            await push.adial("tcp://nowhere")

    loop.run(main)


@pytest.mark.requires("peer_events")
def test_events(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.open("push"), sockets.open("pull")

    async def main() -> None:
        async with loop.group() as group:
            url = pull.listen(sockets.url()).url
            group.start(push.adial(url, timeout=LIMIT))
            async for event in pull.aevents(timeout=LIMIT):
                if event.kind == "connected":
                    break
            else:
                pytest.fail("no peer was heard of")
        assert [event async for event in push.aevents(timeout=0) if event.kind == "refused"] == []

    loop.run(main)


def test_iteration_ends_when_the_socket_is_closed(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    got: list[bytes] = []

    async def receive() -> None:
        async for message in pull:
            got.append(message)  # noqa: PERF401 (what came before it ends counts)

    async def main() -> None:
        async with loop.group() as group:
            group.start(receive())
            for number in range(3):
                await push.asend(b"%d" % number)
            while len(got) < 3:
                await loop.sleep(0.001)
            await pull.aclose()

    loop.run(main)
    assert got == [b"0", b"1", b"2"]


def test_closing_wakes_all_who_wait(sockets: Sockets, loop: Loop) -> None:
    """Closed in the loop, and by another thread."""

    async def refused(call: object) -> None:
        with pytest.raises(anymq.Closed):
            await call  # type: ignore[misc]

    async def main(in_thread: bool) -> None:
        pull, push = sockets.open("pull"), sockets.open("push")
        pull.listen(sockets.url())
        thread = threading.Thread(target=lambda: [s.close() for s in (pull, push)])
        async with loop.group() as group:
            for _ in range(3):
                group.start(refused(pull.arecv()))
                group.start(refused(pull.arecv_many()))
                group.start(refused(push.asend(b"x")))
            await loop.settle()
            if in_thread:
                thread.start()
            else:
                await pull.aclose()
                await push.aclose()
        if in_thread:
            thread.join(LIMIT)
        await refused(pull.arecv())
        await refused(push.asend(b"x"))
        await pull.aclose()

    loop.run(lambda: main(False))
    loop.run(lambda: main(True))


def test_context_manager(sockets: Sockets, loop: Loop) -> None:
    async def main() -> None:
        async with sockets.open("pull") as pull:
            assert not pull.closed
        assert pull.closed

    loop.run(main)


def test_a_busy_socket_does_not_starve_the_loop(sockets: Sockets, loop: Loop) -> None:
    """While one task sends and receives without ever having to wait, another gets its turns."""
    pub = sockets.open("pub")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await loop.sleep(0)
            turns += 1

    async def main() -> None:
        async with loop.group() as group:
            task = group.start(other())
            for _ in range(2000):
                await pub.asend(b"x")
            task.cancel()

    loop.run(main)
    assert turns >= 10


def test_blocking_and_awaiting_calls_mixed(sockets: Sockets, loop: Loop) -> None:
    """A thread that blocks and a task that awaits share one socket; every message is had once."""
    push, pull = sockets.pair("push", "pull")
    count = 2000
    by_thread: list[bytes] = []
    by_task: list[bytes] = []

    def block() -> None:
        while (message := pull.recv()) != b"end":
            by_thread.append(message)

    async def receive() -> None:
        while (message := await pull.arecv()) != b"end":
            by_task.append(message)

    async def main() -> None:
        async with loop.group() as group:
            group.start(receive())
            for number in range(count):
                await push.asend(b"%d" % number)
            await push.asend(b"end")
            await push.asend(b"end")

    thread = threading.Thread(target=block)
    thread.start()
    loop.run(main)
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert sorted(by_thread + by_task, key=int) == [b"%d" % n for n in range(count)]


def test_one_loop_after_the_other(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")

    async def main() -> None:
        await push.asend(b"x")
        assert await pull.arecv() == b"x"
        with pytest.raises(anymq.Timeout):
            await pull.arecv(timeout=0.01)

    for _ in range(3):
        loop.run(main)


def test_two_loops_at_once(sockets: Sockets, loop: Loop) -> None:
    """Loops in two threads receive from one socket."""
    push, pull = sockets.pair("push", "pull")
    count = 500
    got: list[list[bytes]] = [[], []]

    def run(into: list[bytes]) -> None:
        async def main() -> None:
            while (message := await pull.arecv()) != b"end":
                into.append(message)

        type(loop)().run(main)

    threads = [threading.Thread(target=run, args=(into,)) for into in got]
    for thread in threads:
        thread.start()
    for number in range(count):
        push.send(b"%d" % number)
    push.send_many([b"end", b"end"])
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert sorted(got[0] + got[1], key=int) == [b"%d" % n for n in range(count)]


def test_awaiting_outside_any_loop(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    coroutine = pull.arecv()
    with pytest.raises(RuntimeError, match="asyncio or trio"):
        coroutine.send(None)


def test_what_cannot_be_sent(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.open("push"), sockets.open("pull")

    async def main() -> None:
        with pytest.raises(TypeError, match="encode"):
            await push.asend("text")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            await push.asend_many("text")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            await push.asend_message(b"text")  # type: ignore[arg-type]
        with pytest.raises(anymq.StateError):
            await pull.asend(b"x")
        with pytest.raises(anymq.StateError):
            await push.arecv()

    loop.run(main)


def test_waiting_costs_no_processor_time(sockets: Sockets, loop: Loop) -> None:
    """A message that nobody waits for, and peers who come, do not keep the loop busy."""
    push, pull = sockets.pair("push", "pull")
    push.send_many([b"x"] * 3)

    async def main() -> None:
        for _ in range(3):
            assert await pull.arecv() == b"x"
        with pytest.raises(anymq.Timeout):
            await pull.arecv(timeout=0.1)
        push.send(b"unwanted")
        await loop.sleep(0.05)
        begin = time.process_time()
        await loop.sleep(0.5)
        assert time.process_time() - begin < 0.1

    loop.run(main)


def test_a_full_peer_and_time(sockets: Sockets, loop: Loop) -> None:
    """A send that waits for a peer to read goes on when it does."""
    push, pull = sockets.pair("push", "pull")

    async def drain(count: int) -> None:
        for _ in range(count):
            await pull.arecv()

    async def main() -> None:
        count = await afill(push)
        async with loop.group() as group:
            await loop.settle()
            group.start(drain(count + 1))
            await push.asend(b"x" * 100_000, timeout=LIMIT)

    loop.run(main)
