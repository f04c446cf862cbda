"""Raw sockets: the SP header is the program's own."""

from __future__ import annotations

import errno
import struct

import pytest

import anymq
from anymq_nanomsg.backend import NanomsgBackend
from anymq_nanomsg.provider import PROTOCOLS
from tests.conformance.support import Sockets, drain

from .bare import Bare, connect


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_opens_raw(made: Sockets, protocol: str) -> None:
    if not made.backend.supports(f"protocol.{protocol}"):
        with pytest.raises(anymq.UnsupportedFeature):
            made.open(protocol, raw=True)
        return
    socket = made.open(protocol, raw=True)
    assert socket.get_native("NN_DOMAIN") == made.backend.constants["AF_SP_RAW"]
    assert "resend_interval" not in socket._native.option_mapping
    assert "survey_time" not in socket._native.option_mapping


@pytest.mark.parametrize(("asker", "answerer"), [("req", "rep"), ("surveyor", "respondent")])
def test_the_header_leads_back(nanomsg: NanomsgBackend, asker: str, answerer: str) -> None:
    """A raw answerer returns the header that came with the question."""
    with Bare(nanomsg, asker) as one, Bare(nanomsg, answerer, raw=True) as other:
        connect(one, other, f"inproc://nanomsg-raw-{asker}")
        one.send(b"question")
        header, body = other.recv()
        assert body == b"question"
        channel, ident = struct.unpack("!II", header)
        assert not channel & 0x80000000
        assert ident & 0x80000000
        other.send(b"answer", header)
        assert one.recv() == (b"", b"answer")


def test_a_header_of_ones_own(nanomsg: NanomsgBackend) -> None:
    """Two hops before the identifier; a cooked REP returns them all."""
    with Bare(nanomsg, "req", raw=True) as req, Bare(nanomsg, "rep") as rep:
        connect(req, rep, "inproc://nanomsg-raw-own")
        header = struct.pack("!III", 1, 2, 0x80000005)
        req.send(b"question", header)
        assert rep.recv()[1] == b"question"
        rep.send(b"answer")
        got, rest = req.recv()
        assert got + rest == header + b"answer"


@pytest.mark.parametrize("size", [0, 1, 4, 7, 8, 64, 1000])
def test_headers_of_any_size_are_safe(nanomsg: NanomsgBackend, size: int) -> None:
    """Whatever it means to the protocol, it arrives in front of the body."""
    with Bare(nanomsg, "push", raw=True) as push, Bare(nanomsg, "pull", raw=True) as pull:
        connect(push, pull, f"inproc://nanomsg-raw-size-{size}")
        push.send(b"body", b"h" * size)
        header, body = pull.recv()
        assert header + body == b"h" * size + b"body"


def test_a_reply_without_a_way_back_is_dropped(nanomsg: NanomsgBackend) -> None:
    with Bare(nanomsg, "rep", raw=True) as rep:
        for header in (b"", b"abc", b"\x7f\xff\xff\xff", b"\x7f\xff\xff\xff\x80\0\0\1"):
            assert rep.try_send(b"to nobody", header) == 0


def test_a_bus_names_the_connection(nanomsg: NanomsgBackend) -> None:
    """The header of a received message, sent back, leaves its sender out."""
    with (
        Bare(nanomsg, "bus", raw=True) as middle,
        Bare(nanomsg, "bus") as one,
        Bare(nanomsg, "bus") as other,
    ):
        url = "inproc://nanomsg-raw-bus"
        connect(one, middle, url)
        connect(other, middle, url + "-2")
        one.send(b"from one")
        header, body = middle.recv()
        assert (len(header), body) == (8, b"from one")
        middle.send(body, header)
        assert other.recv() == (b"", b"from one")
        assert one.try_recv() == -1
        result = middle.try_send(b"x", b"12345")
        assert nanomsg.errors[result] == "EINVAL"


def test_a_cooked_socket_takes_no_header(nanomsg: NanomsgBackend) -> None:
    """The library would abort the process."""
    with Bare(nanomsg, "req") as req, Bare(nanomsg, "rep") as rep:
        connect(req, rep, "inproc://nanomsg-cooked")
        assert req.try_send(b"body", b"\x80\0\0\1") == errno.EINVAL
        req.send(b"question")
        assert rep.recv()[1] == b"question"


@pytest.mark.requires("protocol.req", "protocol.rep")
def test_through_the_public_interface(made: Sockets) -> None:
    req = made.open("req")
    rep = made.open("rep", raw=True)
    req.dial(rep.listen(made.url()).url)
    req.send(b"question")
    message = rep.recv_message()
    assert message.body == b"question"
    rep.send_message(anymq.Message(b"answer", header=message.header))
    assert req.recv() == b"answer"


def test_a_raw_replier_loses_answers_to_a_busy_connection(made: Sockets) -> None:
    """Why there are no contexts over it: an answer whose connection is busy is dropped unseen."""
    rep, req = made.open("rep", raw=True), made.open("req", raw=True)
    req.dial(rep.listen(made.url()).url)
    made.connected(req, rep)
    questions = []
    for number in range(200):
        question = anymq.Message(b"?")
        question.header = struct.pack("!I", 0x80000000 | number)
        req.send_message(question)
        questions.append(rep.recv_message())
    for question in questions:
        answer = anymq.Message(b"x" * 100_000)
        answer.header = question.header
        rep.send_message(answer)
    assert 0 < len(drain(req, quiet=0.5)) < len(questions)
