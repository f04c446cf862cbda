"""Any number of threads on one socket: every message is accounted for, on every library."""

from __future__ import annotations

import collections
import threading
from functools import partial

import pytest

import anymq

from .support import LIMIT, Pattern, Sockets, small_buffers

EACH = 500
"""Messages that each sending thread sends."""


def together(*work: object) -> None:
    """Run functions in threads of their own; fail with the first error, or where one hangs."""
    errors: list[BaseException] = []
    gate = threading.Barrier(len(work))

    def run(function: object) -> None:
        try:
            gate.wait(LIMIT)
            function()  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(w,), daemon=True) for w in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * LIMIT)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads)


def again_and_again(call: object) -> None:
    while True:
        call()  # type: ignore[operator]


class Receivers:
    """Threads' work of receiving on one socket until a number of messages has come."""

    def __init__(self, socket: anymq.Socket, expected: int) -> None:
        self.socket = socket
        self.expected = expected
        self.got: collections.Counter[bytes] = collections.Counter()
        self._lock = threading.Lock()

    def take(self, messages: list[bytes]) -> None:
        with self._lock:
            self.got.update(messages)
            if self.got.total() >= self.expected:
                self.socket.close()

    def one_by_one(self) -> None:
        while True:
            try:
                message = self.socket.recv()
            except anymq.Closed:
                return
            self.take([message])

    def in_batches(self) -> None:
        while True:
            try:
                messages = self.socket.recv_many(50)
            except anymq.Closed:
                return
            self.take(messages)


@pytest.mark.patterns("push-pull", "pair-pair", "dealer-dealer", "pair1-pair1")
@pytest.mark.parametrize("batches", [False, True], ids=["single", "batches"])
def test_many_senders_and_receivers(sockets: Sockets, pattern: Pattern, batches: bool) -> None:
    sender, receiver = sockets.pair(pattern.sender, pattern.receiver)
    count = 4
    receivers = Receivers(receiver, count * EACH)

    def send(number: int) -> None:
        bodies = [b"%d.%d" % (number, i) for i in range(EACH)]
        if batches:
            assert sender.send_many(bodies) == EACH
        else:
            for body in bodies:
                sender.send(body)

    together(
        *(lambda number=number: send(number) for number in range(count)),
        *[receivers.in_batches if batches else receivers.one_by_one] * count,
    )
    assert receivers.got == {b"%d.%d" % (n, i): 1 for n in range(count) for i in range(EACH)}


def test_both_directions_at_once(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")

    def send(socket: anymq.Socket) -> None:
        for i in range(EACH):
            socket.send(b"%d" % i)

    def receive(socket: anymq.Socket) -> None:
        assert [int(socket.recv()) for _ in range(EACH)] == list(range(EACH))

    together(lambda: send(one), lambda: send(other), lambda: receive(one), lambda: receive(other))


@pytest.mark.patterns("pair-pair", "dealer-dealer", "pair1-pair1")
def test_none_of_many_that_wait_is_left_asleep(sockets: Sockets, pattern: Pattern) -> None:
    """Where there is room for little, all threads wait now and then, for room or for a message."""
    small = small_buffers(sockets, pattern.sender)
    one, other = sockets.pair(pattern.sender, pattern.receiver, a=small, b=small)

    def send(socket: anymq.Socket) -> None:
        for i in range(EACH):
            socket.send(b"%d" % i)

    def receive(socket: anymq.Socket) -> None:
        for _ in range(EACH):
            got[socket].append(socket.recv())

    got: dict[anymq.Socket, list[bytes]] = {one: [], other: []}
    together(*(partial(work, side) for side in [*got] * 3 for work in (send, receive)))
    for received in got.values():
        assert collections.Counter(received) == {b"%d" % i: 3 for i in range(EACH)}


def test_sending_while_another_thread_waits_to_receive(sockets: Sockets) -> None:
    """A thread in recv holds nobody up, however long it waits."""
    one, other = sockets.pair("pair", "pair")
    got: list[bytes] = []
    waiter = threading.Thread(target=lambda: got.append(one.recv(timeout=None)), daemon=True)
    waiter.start()
    for i in range(200):
        one.send(b"%d" % i, timeout=1)
        assert other.recv() == b"%d" % i
        assert one.peers == 1
    other.send(b"done")
    waiter.join(LIMIT)
    assert got == [b"done"]


def test_options_and_endpoints_while_others_wait(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    waiter = threading.Thread(target=lambda: pull.recv(timeout=None), daemon=True)
    waiter.start()
    for _ in range(20):
        pull.recv_max_size = 1000
        assert pull.recv_max_size == 1000
        pull.listen(sockets.url()).close()
    push = sockets.open("push", dial=pull.listen(sockets.url()).url)
    push.send(b"end")
    waiter.join(LIMIT)
    assert not waiter.is_alive()


def test_close_under_load(sockets: Sockets) -> None:
    """Closing while threads send and receive ends each of them with Closed, and nothing else."""
    for _ in range(5):
        one, other = sockets.pair("pair", "pair", a={"linger": 0}, b={"linger": 0})
        started = threading.Semaphore(0)

        def work(call: object, started: threading.Semaphore = started) -> None:
            call()  # type: ignore[operator]
            started.release()
            with pytest.raises(anymq.Closed):
                again_and_again(call)

        def close(
            one: anymq.Socket = one,
            other: anymq.Socket = other,
            started: threading.Semaphore = started,
        ) -> None:
            for _ in range(4):
                assert started.acquire(timeout=LIMIT)
            one.close()
            other.close()

        together(
            close,
            lambda one=one: work(lambda: one.send(b"x" * 100)),
            lambda one=one: work(lambda: one.send_many([b"x"] * 10)),
            lambda other=other: work(other.recv),
            lambda other=other: work(other.recv_many),
        )


@pytest.mark.requires("protocol.req", "protocol.rep")
def test_sockets_of_several_threads(sockets: Sockets) -> None:
    """Sockets opened, used and closed by threads of their own do not disturb each other."""
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    clients, rounds = 4, 20

    def serve() -> None:
        for _ in range(clients * rounds):
            rep.send(rep.recv())

    def ask(number: int) -> None:
        for i in range(rounds):
            with anymq.Socket(
                "req", backend=sockets.backend, dial=url, recv_timeout=LIMIT, send_timeout=LIMIT
            ) as req:
                assert req.request(b"%d.%d" % (number, i)) == b"%d.%d" % (number, i)

    together(serve, *(lambda n=n: ask(n) for n in range(clients)))
