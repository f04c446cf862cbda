"""Statistics, peers, and the events that are made of them."""

from __future__ import annotations

import socket as tcp

import pytest

import anymq
from anymq_nanomsg.backend import NanomsgBackend
from tests.conformance.support import Sockets, eventually

from .bare import Bare, connect

CONNECTED, DISCONNECTED, REFUSED, HANDSHAKE_FAILED = 1, 2, 3, 4


def free_url(nanomsg: NanomsgBackend) -> str:
    with anymq.Socket("pull", backend=nanomsg) as socket:
        return socket.listen("tcp://127.0.0.1:0").url


def test_statistics(made: Sockets) -> None:
    push, pull = made.pair("push", "pull")
    for _ in range(3):
        push.send(b"12345")
        pull.recv()
    sent, received = push.statistics(), pull.statistics()
    assert (sent["messages_sent"], sent["bytes_sent"]) == (3, 15)
    assert (received["messages_received"], received["bytes_received"]) == (3, 15)
    assert sent["peers"] == received["peers"] == 1
    assert sent["connections"] == received["connections"] == 1
    assert sent["native.NN_STAT_ESTABLISHED_CONNECTIONS"] == 1
    assert received["native.NN_STAT_ACCEPTED_CONNECTIONS"] == 1
    names = {s.name for s in made.backend.native.named("STATISTIC")}  # type: ignore[attr-defined]
    assert {f"native.{name}" for name in names} <= set(sent)


def test_coming_and_going(nanomsg: NanomsgBackend) -> None:
    with Bare(nanomsg, "pull") as pull:
        url = free_url(nanomsg)
        assert pull.events() == []
        with Bare(nanomsg, "push") as push:
            connect(push, pull, url)
            assert pull.events() == [CONNECTED]
            assert pull.events() == []
        eventually(lambda: pull.peers == 0)
        assert pull.events() == [DISCONNECTED]


def test_refused(nanomsg: NanomsgBackend) -> None:
    # A port that is held and not listened at, so that nobody else can come to listen there.
    with tcp.socket() as held, Bare(nanomsg, "push") as push:
        held.bind(("127.0.0.1", 0))
        push.dial(f"tcp://127.0.0.1:{held.getsockname()[1]}")
        assert set(eventually(push.events)) == {REFUSED}


def test_a_peer_of_another_protocol(nanomsg: NanomsgBackend) -> None:
    url = free_url(nanomsg)
    with Bare(nanomsg, "pull") as pull, Bare(nanomsg, "req") as req:
        pull.set("NN_RECONNECT_IVL", 10)
        pull.listen(url)
        assert pull.events() == []
        req.dial(url)
        seen = eventually(pull.events, pause=0.001)
        assert set(seen) == {HANDSHAKE_FAILED}
        assert req.peers == 0


def test_peers_that_came_and_went_unseen(nanomsg: NanomsgBackend) -> None:
    """Nobody looked meanwhile: each is told as come and gone."""
    url = free_url(nanomsg)
    with Bare(nanomsg, "pull") as pull:
        for n in range(1, 4):
            with Bare(nanomsg, "push") as push:
                connect(push, pull, url) if n == 1 else push.dial(url)
                eventually(lambda: pull.peers == 1)
            eventually(lambda: pull.peers == 0)
        ended = nanomsg.constants["NN_STAT_BROKEN_CONNECTIONS"]
        count = nanomsg.native.functions.nn_get_statistic
        eventually(lambda: count(pull.c.s, ended) == 3)
        assert sorted(pull.events()) == [CONNECTED] * 3 + [DISCONNECTED] * 3


def test_native_options(made: Sockets) -> None:
    socket = made.open("pair", name="orders")
    assert socket.get_native("NN_SOCKET_NAME") == "orders"
    number = made.backend.constants["NN_SNDBUF"]
    socket.set_native(number, 70_000)
    assert socket.get_native("NN_SNDBUF") == 70_000
    assert socket.send_buffer_bytes == 70_000
    level, option = (made.backend.constants[n] for n in ("NN_SOL_SOCKET", "NN_RECONNECT_IVL"))
    socket.set_native((level, option), 1234)
    assert socket.reconnect_min == 1.234


@pytest.mark.requires("protocol.req")
def test_native_options_of_a_protocol(made: Sockets) -> None:
    req = made.open("req")
    level, option = (made.backend.constants[n] for n in ("NN_REQ", "NN_REQ_RESEND_IVL"))
    req.set_native((level, option), 1234)
    assert req.resend_interval == 1.234


def test_no_limit_is_the_largest_int(made: Sockets) -> None:
    """With nanomsg's own "no limit" a peer that announces an absurd size aborts the process."""
    socket = made.open("pull", recv_max_size=None)
    assert socket.recv_max_size is None
    assert socket.get_native("NN_RCVMAXSIZE") == 2**31 - 1
