"""What an attempt says, and what there is to wait on."""

from __future__ import annotations

import errno
import select

import pytest

import anymq
from anymq_nanomsg._nanomsg import ffi
from anymq_nanomsg.backend import NanomsgBackend
from anymq_nanomsg.sockets import NanomsgSocket
from tests.conformance.support import Sockets, eventually

from .bare import AGAIN, READABLE, WRITABLE, Bare, connect, ops


def ready(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_a_request_waits_for_a_peer(nanomsg: NanomsgBackend) -> None:
    """The library would take it, and send it once there is a peer."""
    with Bare(nanomsg, "req") as req, Bare(nanomsg, "rep") as rep:
        assert req.try_send(b"x") == AGAIN
        assert req.wait_fd(WRITABLE) == -1
        connect(req, rep, "inproc://nanomsg-req-waits")
        assert req.try_send(b"x") == 0
        assert rep.recv() == (b"", b"x")


def test_a_raw_request_waits_on_the_descriptor(nanomsg: NanomsgBackend) -> None:
    with Bare(nanomsg, "req", raw=True) as req:
        assert req.try_send(b"x", b"\x80\0\0\1") == AGAIN
        assert not ready(req.wait_fd(WRITABLE))


@pytest.mark.parametrize("protocol", ["pub", "bus", "surveyor"])
def test_some_protocols_never_wait(nanomsg: NanomsgBackend, protocol: str) -> None:
    with Bare(nanomsg, protocol) as socket:
        assert socket.try_send(b"nobody is there") == 0


@pytest.mark.parametrize("protocol", ["pair", "push"])
def test_others_wait_on_the_descriptor(nanomsg: NanomsgBackend, protocol: str) -> None:
    peer = {"pair": "pair", "push": "pull"}[protocol]
    with Bare(nanomsg, protocol) as sender, Bare(nanomsg, peer) as receiver:
        assert sender.try_send(b"x") == AGAIN
        assert not ready(sender.wait_fd(WRITABLE))
        connect(sender, receiver, f"inproc://nanomsg-waits-{protocol}")
        assert eventually(lambda: ready(sender.wait_fd(WRITABLE)))
        assert not ready(receiver.wait_fd(READABLE))
        sender.send(b"x")
        assert eventually(lambda: ready(receiver.wait_fd(READABLE)))
        assert receiver.recv() == (b"", b"x")
        assert not ready(receiver.wait_fd(READABLE))


def test_one_way_sockets_have_one_descriptor(nanomsg: NanomsgBackend) -> None:
    with Bare(nanomsg, "push") as push, Bare(nanomsg, "sub") as sub:
        assert push.wait_fd(READABLE) == -1
        assert push.wait_fd(WRITABLE) >= 0
        assert sub.wait_fd(WRITABLE) == -1
        assert sub.wait_fd(READABLE) >= 0


def test_receiving_without_a_request_is_a_state_error(nanomsg: NanomsgBackend) -> None:
    with Bare(nanomsg, "req") as req, Bare(nanomsg, "surveyor") as surveyor:
        for socket in (req, surveyor):
            result = socket.try_recv()
            assert isinstance(result, int)
            assert nanomsg.errors[result] == "EFSM"


@pytest.mark.requires("protocol.req", "protocol.surveyor")
@pytest.mark.parametrize(("asker", "answerer"), [("req", "rep"), ("surveyor", "respondent")])
def test_asking_for_the_next_question_keeps_the_last(
    made: Sockets, asker: str, answerer: str
) -> None:
    """While there is no next one. The library would forget whom to answer."""
    ask, answer = made.pair(asker, answerer)
    ask.send(b"question")
    assert answer.recv_many() == [b"question"]
    with pytest.raises(anymq.WouldBlock):
        answer.recv(timeout=0)
    answer.send(b"answer")
    assert ask.recv() == b"answer"
    with pytest.raises(anymq.StateError):
        answer.send(b"another")


@pytest.mark.requires("protocol.surveyor")
def test_the_end_of_a_survey(made: Sockets) -> None:
    """First a time-out, which the library raises in time; then there is no survey any more."""
    surveyor = made.open("surveyor", survey_time=0.5)  # enough to wait before it is over
    surveyor.send(b"who is there?")
    with pytest.raises(anymq.Timeout) as caught:
        surveyor.recv()
    assert caught.value.symbol == "ETIMEDOUT"
    with pytest.raises(anymq.StateError):
        surveyor.recv()


def test_a_message_too_large_for_the_interface(nanomsg: NanomsgBackend) -> None:
    """Refused by its announced size; no memory of that size is touched."""
    with Bare(nanomsg, "push") as push:
        message = ffi.new("anymq_msg *")
        code = ops.msg_init(push.c, message, ffi.NULL, 0, ffi.NULL, 2**31)
        assert code == errno.EMSGSIZE
        assert message.data == ffi.NULL


def test_512_sockets_at_most(nanomsg: NanomsgBackend) -> None:
    kept: list[NanomsgSocket] = []

    def fill() -> None:
        while len(kept) < 1000:
            kept.append(nanomsg.open_socket(anymq.Protocol.BUS))

    try:
        with pytest.raises(anymq.ResourceExhausted, match="512"):
            fill()
    finally:
        for socket in kept:
            socket.handle.close()
    nanomsg.open_socket(anymq.Protocol.BUS).handle.close()


def test_a_large_message_that_was_given_back_is_received_as_it_is(nanomsg: NanomsgBackend) -> None:
    """As after a wait that was cancelled with its message in hand."""
    body = bytes(range(256)) * 400
    with anymq.Socket("pull", backend=nanomsg) as pull:
        pull._handle.give_back(body)
        message = pull.recv_message()
    assert bytes(message) == body
