"""What is known of messages that were sent and have not left yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import anymq
from anymq_nng.backend import NngBackend
from tests.conformance.support import LIMIT, Sockets, eventually
from tests.libraries.making import shim

from .bare import OK, UNKNOWN, Bare, connect

BODY = b"x" * 10_000


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def counts(build: NngBackend) -> bool:
    return build.supports("statistics")


@pytest.mark.parametrize("protocol", ["push", "pub", "req", "rep", "pair", "bus", "surveyor"])
def test_nothing_sent_is_drained(build: NngBackend, protocol: str, stack: ExitStack) -> None:
    assert stack.enter_context(Bare(build, protocol)).drained == 1


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "ws://127.0.0.1:0/", "inproc://drained"])
def test_what_a_slow_reader_leaves_is_not_drained(
    build: NngBackend, url: str, stack: ExitStack
) -> None:
    push, pull = (stack.enter_context(Bare(build, p)) for p in ("push", "pull"))
    connect(pull, push, url)
    sent = 0
    # Until the system's buffers are full, and not merely nng late.
    while (taken := push.send(BODY * 10, wait=200) == OK) or push.drained != 0:
        sent += taken
        assert sent < 10_000
    assert sent > 0
    assert push.drained == 0
    for _ in range(sent):
        assert pull.recv(wait=5000) == BODY * 10
    eventually(lambda: push.drained == 1)


def test_two_peers_are_summed(build: NngBackend, stack: ExitStack) -> None:
    push, one, two = (stack.enter_context(Bare(build, p)) for p in ("push", "pull", "pull"))
    connect(one, push)
    connect(two, push)
    for i in range(20):
        assert push.send(b"%d" % i, wait=5000) == OK
    if counts(build):
        eventually(lambda: push.drained == 1)
    else:
        assert push.drained == UNKNOWN


def test_a_reply_is_drained_when_it_is_written(build: NngBackend, stack: ExitStack) -> None:
    req, rep = (stack.enter_context(Bare(build, p)) for p in ("req", "rep"))
    connect(rep, req)
    assert req.send(b"?", wait=5000) == OK
    assert rep.recv(wait=5000) == b"?"
    assert rep.send(b"!", wait=5000) == OK
    eventually(lambda: rep.drained == (1 if counts(build) else UNKNOWN))


def test_a_reply_to_a_peer_that_left_holds_nothing_up(build: NngBackend, stack: ExitStack) -> None:
    req, rep = (stack.enter_context(Bare(build, p)) for p in ("req", "rep"))
    connect(rep, req)
    assert req.send(b"?", wait=5000) == OK
    assert rep.recv(wait=5000) == b"?"
    req.close()
    eventually(lambda: rep.peers == 0)
    assert rep.send(b"!", wait=5000) == OK
    assert rep.drained == 1


@pytest.mark.parametrize("protocols", ["pub sub", "bus bus", "surveyor respondent"])
def test_multicast_says_so_when_it_is_proved(
    build: NngBackend, protocols: str, stack: ExitStack
) -> None:
    sender, receiver = (stack.enter_context(Bare(build, p)) for p in protocols.split())
    assert sender.send(b"to nobody") == OK
    connect(receiver, sender)
    assert sender.send(b"to one") == OK
    eventually(lambda: sender.drained == (1 if counts(build) else UNKNOWN))


def test_what_a_slow_subscriber_missed_is_unknown(nng: NngBackend, stack: ExitStack) -> None:
    """It is not known which of them nng passed over, and closing does not wait for ever."""
    pub, sub = (stack.enter_context(Bare(nng, p)) for p in ("pub", "sub"))
    connect(sub, pub)
    for _ in range(2000):
        assert pub.send(BODY) == OK
    eventually(lambda: pub.drained != 0)
    assert pub.drained == UNKNOWN


def test_a_peer_that_left_with_messages_holds_nothing_up(
    build: NngBackend, stack: ExitStack
) -> None:
    """What was under way to it is neither known to be lost nor to have arrived."""
    push, pull = (stack.enter_context(Bare(build, p)) for p in ("push", "pull"))
    connect(pull, push)
    while push.send(BODY * 10, wait=200) == OK:
        pass
    pull.close()
    eventually(lambda: push.peers == 0)
    eventually(lambda: push.drained != 0)
    assert push.drained == UNKNOWN


LATE = """\
#include <unistd.h>

void nng_aio_wait(void *operation)
{{
    ((void (*)(void *))real("nng_aio_wait"))(operation);
    for (int round = 0; round < 10000 && access("{gate}", F_OK) != 0; round++)
        usleep(1000);
}}
"""
"""A library that wakes nobody before a file is there, or 10 s are over."""


@pytest.mark.parametrize("before", [0, 1], ids=["the first message", "a later one"])
def test_a_peer_that_leaves_before_its_sender_is_woken(
    nng: NngBackend, tmp_path: Path, stack: ExitStack, before: int
) -> None:
    """It took the message along: its count must not be forgotten, nor closing wait for it."""
    gate = tmp_path / "gate"
    file = shim(
        nng.library.path,
        tmp_path,
        "nng_",
        instead=LATE.format(gate=gate),
        replaced=["nng_aio_wait"],
    )
    late = anymq.get_backend("nng", library=str(file))
    assert isinstance(late, NngBackend)
    pair = stack.enter_context(Bare(late, "pair"))  # a PUSH might not survive it: D25
    gate.touch()
    for _ in range(before):
        with Bare(nng, "pair") as former:
            connect(former, pair)
            assert pair.send(b"before", wait=5000) == OK
            assert former.recv(wait=5000) == b"before"
        eventually(lambda: pair.peers == 0)
    gate.unlink()
    peer = stack.enter_context(Bare(nng, "pair"))
    connect(peer, pair)
    sent: list[int] = []
    sender = threading.Thread(target=lambda: sent.append(pair.send(b"now", wait=5000)))
    sender.start()
    assert peer.recv(wait=5000) == b"now"
    peer.close()
    eventually(lambda: pair.peers == 0)
    assert not sent
    gate.touch()
    sender.join(LIMIT)
    assert sent == [OK]
    eventually(lambda: pair.drained != 0)


@pytest.mark.parametrize("transport", ["tcp", "ipc", "ws", "inproc"])
def test_send_and_close_loses_nothing(made: Sockets, transport: str) -> None:
    """1000 messages of 10 KB to a peer that leaves the last ones lying until the sender closes."""
    left = 1 if transport == "inproc" else 5  # as many as always fit on their way
    pull = made.open("pull")
    push = made.open("push", linger=30)
    push.dial(pull.listen(made.url(transport)).url, wait=True, timeout=LIMIT)
    closing = threading.Event()
    received: list[bytes] = []

    def read() -> None:
        for i in range(1000):
            if i == 1000 - left:
                assert closing.wait(LIMIT)
            received.append(pull.recv(timeout=LIMIT))

    def send() -> None:
        for i in range(1000):
            push.send(b"%04d" % i + BODY[4:], timeout=LIMIT)
        closing.set()
        push.close()

    reader, sender = threading.Thread(target=read), threading.Thread(target=send)
    reader.start()
    sender.start()
    sender.join(3 * LIMIT)
    reader.join(3 * LIMIT)
    assert [int(m[:4]) for m in received] == list(range(1000))
    assert all(len(m) == len(BODY) for m in received)


def test_flush_tells(made: Sockets) -> None:
    pull, push = made.open("pull"), made.open("push")
    push.dial(pull.listen("tcp://127.0.0.1:0").url, wait=True, timeout=LIMIT)
    assert push.flush(1)
    try:
        while True:
            push.send(BODY * 10, timeout=0.2)
    except anymq.Timeout:
        pass
    assert not push.flush(0.05)


def others_sleep() -> bool:
    """Whether no other thread of this process runs or is about to."""
    for thread in Path("/proc/self/task").iterdir():
        if int(thread.name) != threading.get_native_id():
            state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "S":
                return False
    return True


def test_peers_that_leave_take_their_counts_along(made: Sockets) -> None:
    """One after the other, while nothing is sent, and with something sent in between.

    A message is counted before nng has noted that its connection is ready for the next; one that
    ends in between is sent to all the same (D25). So nng comes to rest first.
    """
    push = made.open("push")
    url = push.listen("tcp://127.0.0.1:0").url
    pulls = [made.open("pull", dial=url) for _ in range(5)]
    push.wait_for_peers(5, timeout=LIMIT)
    if not push.backend.supports("flush"):
        pytest.skip("nothing is counted")
    for _ in range(20):
        push.send(b"for anybody")
    assert push.flush(LIMIT)
    for left in (4, 3, 2):
        eventually(others_sleep)
        pulls.pop().close()
        eventually(lambda left=left: push.peers == left)
        assert push.flush(LIMIT)
    push.send(b"for one of two")
    assert push.flush(LIMIT)
    eventually(others_sleep)
    pulls.pop().close()
    eventually(lambda: push.peers == 1)
    pulls.append(made.open("pull", dial=url))
    push.wait_for_peers(2, timeout=LIMIT)
    for _ in range(4):
        push.send(b"for the first and a new one")
    assert push.flush(LIMIT)
