"""What was sent and the end of the socket: `drained`, and what close takes with it.

The library's close loses whatever it has not written yet, so anymq waits for `drained` before it.
"""

from __future__ import annotations

import os
import threading

import pytest

import anymq
from anymq_nanomsg._nanomsg import lib
from anymq_nanomsg.backend import NanomsgBackend
from tests.conformance.support import (
    LIMIT,
    Sockets,
    descriptors,
    eventually,
    finish_program,
    start_program,
)

from .bare import UNKNOWN, Bare, connect

LARGE = b"x" * 20_000_000


def port_of(backend: NanomsgBackend) -> str:
    with anymq.Socket("pull", backend=backend) as socket:
        return socket.listen("tcp://127.0.0.1:0").url


def url_for(nanomsg: NanomsgBackend, transport: str, folder: object) -> str:
    return port_of(nanomsg) if transport == "tcp" else f"ipc://{folder}/s"


def test_nothing_sent_is_drained(nanomsg: NanomsgBackend) -> None:
    for protocol in ("push", "pull", "pub", "req", "rep"):
        with Bare(nanomsg, protocol) as socket:
            assert socket.drained() == 1


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("protocol", ["push", "pair"])
def test_a_large_message_drains_when_it_is_written(
    nanomsg: NanomsgBackend, protocol: str, transport: str, tmp_path: object
) -> None:
    peer = {"push": "pull", "pair": "pair"}[protocol]
    url = url_for(nanomsg, transport, tmp_path)
    with Bare(nanomsg, protocol) as sender, Bare(nanomsg, peer) as receiver:
        connect(sender, receiver, url)
        sender.send(b"first")
        sender.send(LARGE)
        # The receiver takes no second message from the kernel before the first is received.
        assert sender.drained() == 0
        assert receiver.recv()[1] == b"first"
        assert receiver.recv()[1] == LARGE
        assert eventually(sender.drained) == 1


def test_closing_without_waiting_loses(nanomsg: NanomsgBackend) -> None:
    """Why close has to wait."""
    with Bare(nanomsg, "push") as push, Bare(nanomsg, "pull") as pull:
        connect(push, pull, port_of(nanomsg))
        push.send(b"first")
        push.send(LARGE)
        assert push.drained() == 0
        push.close()
        assert pull.recv()[1] == b"first"
        eventually(lambda: pull.peers == 0)
        assert isinstance(pull.try_recv(), int)


@pytest.mark.parametrize("transport", ["tcp", "ipc", "ws"])
def test_closing_loses_nothing_that_was_drained(made: Sockets, transport: str) -> None:
    """1000 messages and a large one, closed at once, while the peer reads."""
    push, pull = made.pair("push", "pull", transport, a={"linger": 30.0})
    got: list[int] = []

    def read() -> None:
        while len(got) < 1001:
            got.append(len(pull.recv(timeout=LIMIT)))

    reader = threading.Thread(target=read)
    reader.start()
    assert push.send_many([b"x" * 10_000] * 1000) == 1000
    push.send(LARGE)
    push.close()
    reader.join(3 * LIMIT)
    assert got == [10_000] * 1000 + [len(LARGE)]


def test_an_ipc_peer_that_reads_after_the_close(made: Sockets) -> None:
    """The hang-up of a local socket overtakes the data; it has to be kept back."""
    push, pull = made.pair("push", "pull", "ipc")
    for i in range(20):
        push.send(b"%d" % i)
    push.close()
    assert [pull.recv() for _ in range(20)] == [b"%d" % i for i in range(20)]
    eventually(lambda: pull.peers == 0)


def test_only_its_own_connections_end(made: Sockets) -> None:
    """Two sockets of one process dial the same path; one is closed."""
    pull = made.open("pull")
    url = pull.listen(made.url("ipc")).url
    one, other = made.open("push", dial=url), made.open("push", dial=url)
    made.connected(one, other)
    one.send(b"one")
    one.close()
    assert pull.recv() == b"one"
    eventually(lambda: pull.peers == 1)
    other.send(b"other")
    assert pull.recv() == b"other"


def test_held_descriptors_are_let_go(made: Sockets) -> None:
    """Once the peer has read to the end, with the next socket that is opened or closed."""
    pull = made.open("pull")
    url = pull.listen(made.url("ipc")).url

    def once() -> None:
        push = made.open("push", dial=url)
        made.connected(push)
        push.send(b"x")
        push.close()
        assert pull.recv() == b"x"
        eventually(lambda: pull.peers == 0)

    def settled() -> bool:
        made.open("bus").close()
        return descriptors() <= before

    with pytest.raises(anymq.Timeout):
        pull.recv(timeout=0.01)  # from its first wait on it has one more, and keeps it
    once()
    made.open("bus").close()
    before = descriptors()
    for _ in range(10):
        once()
    eventually(settled)


def test_a_program_over_ipc_ends_behind_its_messages(made: Sockets) -> None:
    pull = made.open("pull")
    url = pull.listen(made.url("ipc")).url
    program = start_program(
        made.backend,
        f"""
        push = open_socket("push", dial={url!r}, linger=LIMIT)
        for i in range(50):
            push.send(b"%d" % i)
        print("sent", flush=True)
        """,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "sent\n"
    assert [pull.recv() for _ in range(50)] == [b"%d" % i for i in range(50)]
    finish_program(program)


def test_a_program_over_ipc_ends_within_its_linger(made: Sockets) -> None:
    pull = made.open("pull")
    url = pull.listen(made.url("ipc")).url
    program = start_program(
        made.backend,
        f"""
        push = open_socket("push", dial={url!r}, linger=0.2)
        push.send(b"1")
        push.send(b"2")
        """,
    )
    _, took = finish_program(program)
    assert took < LIMIT
    eventually(lambda: pull.peers == 0)


def test_several_peers_cannot_be_told(nanomsg: NanomsgBackend) -> None:
    url = port_of(nanomsg)
    with (
        Bare(nanomsg, "push") as push,
        Bare(nanomsg, "pull") as one,
        Bare(nanomsg, "pull") as other,
    ):
        push.listen(url)
        one.dial(url)
        other.dial(url)
        eventually(lambda: push.peers == 2)
        push.send(b"x")
        assert push.drained() == UNKNOWN


@pytest.mark.parametrize("protocol", ["pub", "bus", "surveyor"])
def test_protocols_that_drop_cannot_tell(nanomsg: NanomsgBackend, protocol: str) -> None:
    with Bare(nanomsg, protocol) as socket:
        assert socket.try_send(b"x") == 0
        assert socket.drained() == UNKNOWN


def test_inproc_is_drained_when_it_was_received(nanomsg: NanomsgBackend) -> None:
    """A message waits in the peer's queue, and would be lost with the sender."""
    with Bare(nanomsg, "push") as push, Bare(nanomsg, "pull") as pull:
        connect(push, pull, "inproc://nanomsg-drained")
        for socket in (push, pull):
            lib.anymq_nn_note(socket.c, lib.ANYMQ_NN_INPROC, b"nanomsg-drained")
        for _ in range(100):
            push.send(b"x" * 10_000)
            assert push.drained() == 0
            assert pull.recv()[1] == b"x" * 10_000
            assert push.drained() == 1


def test_an_inproc_peer_that_does_not_read_is_not_waited_for(made: Sockets) -> None:
    push, pull = made.pair("push", "pull", "inproc", a={"linger": 1000.0})
    push.send(b"x")
    assert push.flush(1000.0) is False
    push.close()
    eventually(lambda: pull.peers == 0)


@pytest.mark.parametrize("protocol", ["push", "pub", "bus"])
def test_closing_over_inproc_waits_for_readers(made: Sockets, protocol: str) -> None:
    """Each message takes its reader a while; as long as it reads, the close waits."""
    peer = {"push": "pull", "pub": "sub", "bus": "bus"}[protocol]
    sender, receiver = made.pair(protocol, peer, "inproc", a={"linger": LIMIT})
    for _ in range(10):
        sender.send(b"x" * 1000)
    closer = threading.Thread(target=sender.close)
    closer.start()
    got = []
    for _ in range(10):
        got.append(len(receiver.recv()))
        threading.Event().wait(0.02)
    closer.join(LIMIT)
    assert got == [1000] * 10


def test_a_reply_proves_the_request(nanomsg: NanomsgBackend) -> None:
    with Bare(nanomsg, "req") as req, Bare(nanomsg, "rep") as rep:
        connect(req, rep, port_of(nanomsg))
        req.send(b"question")
        assert req.drained() == UNKNOWN
        assert rep.recv()[1] == b"question"
        rep.send(b"answer")
        assert req.recv()[1] == b"answer"
        assert req.drained() == 1


def test_a_connection_that_ended_meanwhile_is_told_once(nanomsg: NanomsgBackend) -> None:
    """What it held is lost; what is sent later is judged anew."""
    url = port_of(nanomsg)
    with Bare(nanomsg, "push") as push, Bare(nanomsg, "pull") as second:
        first = Bare(nanomsg, "pull")
        push.listen(url)
        first.dial(url)
        eventually(lambda: push.peers == 1 and first.peers == 1)
        push.send(b"first")
        push.send(LARGE)
        assert push.drained() == 0
        first.close()
        eventually(lambda: push.peers == 0)
        second.dial(url)
        eventually(lambda: push.peers == 1)
        assert eventually(push.drained) == UNKNOWN
        assert push.drained() == 1
        push.send(b"later")
        assert second.recv()[1] == b"later"
        assert push.drained() == 1


def test_closing_twice_the_same_path_leaves_no_file(made: Sockets) -> None:
    socket = made.open("pull")
    url = made.url("ipc")
    for _ in range(3):
        socket.listen(url).close()
        assert not os.path.exists(url.removeprefix("ipc://"))
