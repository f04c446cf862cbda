"""Polling: sockets and descriptors together, level-triggered on every library."""

from __future__ import annotations

import os
import select
import selectors
import socket as socket_of_python
import threading
import time
from collections.abc import Iterator

import pytest

import anymq
from anymq import Poller, PollEvents
from anymq.abc import Backend

from .support import BACKENDS, LIMIT, Pattern, Sockets, eventually, fill
from .timing import timely

READ, WRITE = PollEvents.READ, PollEvents.WRITE


@pytest.fixture
def poller() -> Iterator[Poller]:
    with Poller() as made:
        yield made


def test_nothing_to_wait_for(poller: Poller) -> None:
    def wait() -> float:
        begin = time.monotonic()
        assert poller.poll(0.1) == []
        return time.monotonic() - begin

    timely(wait, 0.099, 0.12)
    assert poller.poll(0) == []


def test_a_message_makes_a_socket_readable(
    sockets: Sockets, pattern: Pattern, poller: Poller
) -> None:
    one, other = sockets.pair(pattern.sender, pattern.receiver)
    poller.register(other)
    assert poller.poll(0) == []
    one.send(b"x")
    for _ in range(3):  # a level: it is told until it is received
        assert poller.poll(LIMIT) == [(other, READ)]
    assert other.recv() == b"x"
    assert poller.poll(0) == []


def test_what_is_there_is_received_however_short_the_time_is(
    sockets: Sockets, pattern: Pattern, poller: Poller
) -> None:
    one, other = sockets.pair(pattern.sender, pattern.receiver)
    poller.register(other)
    one.send(b"x")
    assert poller.poll(LIMIT) == [(other, READ)]
    assert other.recv(timeout=1e-9) == b"x"


@pytest.mark.patterns("req-rep", "surveyor-respondent")
def test_an_answer_makes_a_socket_readable(
    sockets: Sockets, pattern: Pattern, poller: Poller
) -> None:
    one, other = sockets.pair(pattern.sender, pattern.receiver)
    poller.register(one)
    for number in range(3):
        one.send(b"ask")
        assert poller.poll(0) == []
        assert other.recv() == b"ask"
        other.send(b"%d" % number)
        assert poller.poll(LIMIT) == [(one, READ)]
        assert one.recv() == b"%d" % number
    with pytest.raises((anymq.StateError, anymq.Timeout)):
        one.recv(timeout=0.1 if pattern.sender == "surveyor" else 0)


@pytest.mark.patterns("push-pull", "pair-pair")
def test_a_peer_makes_a_socket_writable(sockets: Sockets, pattern: Pattern, poller: Poller) -> None:
    one, other = sockets.open(pattern.sender), sockets.open(pattern.receiver)
    poller.register(one, WRITE)
    assert poller.poll(0.05) == []
    other.dial(one.listen(sockets.url()).url)
    assert poller.poll(LIMIT) == [(one, WRITE)]
    count = fill(one)
    assert poller.poll(0.05) == []
    for _ in range(count):
        other.recv()
    assert poller.poll(LIMIT) == [(one, WRITE)]


def test_a_wait_ends_when_the_message_comes(sockets: Sockets, poller: Poller) -> None:
    push, pull = sockets.pair("push", "pull")
    poller.register(pull)
    timer = threading.Timer(0.2, push.send, [b"x"])
    begin = time.monotonic()
    timer.start()
    assert poller.poll(LIMIT) == [(pull, READ)]
    assert 0.15 < time.monotonic() - begin < 1
    timer.join()


def test_descriptors_and_sockets_together(sockets: Sockets, poller: Poller) -> None:
    push, pull = sockets.pair("push", "pull")
    near, far = socket_of_python.socketpair()
    reader, writer = os.pipe()
    with near, far:
        poller.register(pull)
        poller.register(near, READ | WRITE)
        poller.register(reader)
        assert poller.poll(0) == [(near, WRITE)]
        poller.register(near, READ)
        assert len(poller) == 3
        far.send(b"x")
        os.write(writer, b"x")
        push.send(b"x")
        ready = eventually(lambda: poller.poll(0) if len(poller.poll(0)) == 3 else None)
        assert sorted(map(repr, ready)) == sorted(
            map(repr, [(pull, READ), (near, READ), (reader, READ)])
        )
        poller.unregister(near)
        assert near not in poller
        os.close(writer)
        os.read(reader, 1)
        assert (reader, READ) in poller.poll(LIMIT), "its end is told as readable"
        poller.unregister(reader)
    os.close(reader)
    assert pull in poller


def test_sockets_of_every_library_at_once(tmp_path: object, poller: Poller) -> None:
    opened: list[tuple[anymq.Socket, anymq.Socket]] = []
    for backend in BACKENDS.values():
        pull = anymq.Socket("pull", backend=backend, recv_timeout=LIMIT)
        push = anymq.Socket("push", backend=backend, send_timeout=LIMIT, linger=0)
        push.dial(pull.listen("tcp://127.0.0.1:0").url, wait=True, timeout=LIMIT)
        poller.register(pull)
        opened.append((push, pull))
    try:
        assert poller.poll(0) == []
        for push, pull in opened:
            push.send(b"x")
            assert poller.poll(LIMIT) == [(pull, READ)]
            pull.recv()
        assert poller.poll(0) == []
    finally:
        poller.close()
        for pair in opened:
            for each in pair:
                each.close()


def test_another_thread_may_take_the_message(sockets: Sockets, poller: Poller) -> None:
    """What is told has been there; a receive without waiting finds out whether it still is."""
    push, pull = sockets.pair("push", "pull")
    poller.register(pull)
    taken = 0
    got = 0
    done = threading.Event()

    def take() -> None:
        nonlocal taken
        while not done.is_set():
            try:
                pull.recv(timeout=0.01)
                taken += 1
            except anymq.Timeout:
                pass

    thread = threading.Thread(target=take)
    thread.start()
    count = 300
    for _ in range(count):
        push.send(b"x")
        if poller.poll(0.002):
            try:
                pull.recv(timeout=0)
                got += 1
            except anymq.WouldBlock:
                pass
    eventually(lambda: taken + got == count)
    done.set()
    thread.join(LIMIT)


def test_a_socket_that_is_closed_ends_the_wait(sockets: Sockets, poller: Poller) -> None:
    pull = sockets.open("pull")
    poller.register(pull)
    timer = threading.Timer(0.1, pull.close)
    timer.start()
    with pytest.raises(anymq.Closed):
        poller.poll(LIMIT)
    timer.join()
    with pytest.raises(anymq.Closed):
        poller.poll(0)
    poller.unregister(pull)
    assert poller.poll(0) == []
    with pytest.raises(anymq.Closed):
        poller.register(pull)


def test_bad_arguments(sockets: Sockets, poller: Poller) -> None:
    pull, push = sockets.open("pull"), sockets.open("push")
    with pytest.raises(anymq.StateError, match="receives"):
        poller.register(pull, WRITE)
    with pytest.raises(anymq.StateError, match="sends"):
        poller.register(push)
    for events in (0, 4, True, "r", None):
        with pytest.raises(anymq.OptionError, match="PollEvents"):
            poller.register(pull, events)  # type: ignore[arg-type]
    for what in ("x", None, True, 1.5):
        with pytest.raises(TypeError, match="sockets and file descriptors"):
            poller.register(what)  # type: ignore[arg-type]
    with pytest.raises(anymq.OptionError):
        poller.register(-1)
    with pytest.raises(KeyError):
        poller.unregister(pull)
    for timeout in (-1, float("nan"), "x"):
        with pytest.raises(anymq.OptionError):
            poller.poll(timeout)  # type: ignore[arg-type]
    assert len(poller) == 0


@pytest.mark.requires("poll_fd")
def test_a_foreign_loop(sockets: Sockets) -> None:
    """The recipe of `docs/event-loops.md`: watch the descriptor, take all there is, look again
    after each send."""
    req, rep = sockets.pair("req", "rep")
    answers: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                message = rep.recv(timeout=0)
            except anymq.WouldBlock:
                return
            rep.send(message.upper())

    def collect() -> None:
        if len(answers) == 20:
            return
        try:
            answers.append(req.recv(timeout=0))
        except anymq.WouldBlock:
            return
        if len(answers) < 20:
            req.send(b"a%d" % len(answers))

    with selectors.DefaultSelector() as selector:
        selector.register(rep.recv_fd, selectors.EVENT_READ, serve)
        req.send(b"a0")
        end = time.monotonic() + LIMIT
        while len(answers) < 20:
            assert time.monotonic() < end
            fd = req.recv_fd
            if fd not in selector.get_map():
                selector.register(fd, selectors.EVENT_READ, collect)
            for key, _ in selector.select(0.05):
                key.data()
            serve()
            collect()
    assert answers == [b"A%d" % number for number in range(20)]


@pytest.mark.requires("poll_fd")
def test_descriptors_belong_to_a_direction(sockets: Sockets) -> None:
    push, pull = sockets.pair("push", "pull")
    with pytest.raises(anymq.StateError, match="recv_fd"):
        _ = push.recv_fd
    with pytest.raises(anymq.StateError, match="send_fd"):
        _ = pull.send_fd
    assert pull.recv_fd == pull.recv_fd
    push.send(b"x")
    assert select.select([pull.recv_fd], [], [], LIMIT)[0]
    assert pull.recv() == b"x"
    pull.close()
    with pytest.raises(anymq.Closed):
        _ = pull.recv_fd


def test_every_library_has_its_answer(backend: Backend) -> None:
    assert backend.features["poll_fd"].evidence or backend.features["poll_fd"].reason
