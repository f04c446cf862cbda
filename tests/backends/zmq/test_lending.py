"""Large messages that change hands without a copy: whose memory it is, and for how long."""

from __future__ import annotations

import sys

import pytest

import anymq
from anymq._engine import Body
from tests.conformance.support import Sockets, eventually

MIB = 1024 * 1024
TRANSPORTS = ["tcp", "ipc", "inproc", "ws"]


@pytest.fixture(params=TRANSPORTS)
def pair(request: pytest.FixtureRequest, sockets: Sockets) -> tuple[anymq.Socket, anymq.Socket]:
    if not sockets.backend.supports(f"transport.{request.param}"):
        pytest.skip(f"no {request.param} in this build")
    return sockets.pair("pair", "pair", request.param)


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("size", [16 * 1024, MIB + 1])
def test_bytes_are_as_before_and_are_given_back(
    pair: tuple[anymq.Socket, anymq.Socket], size: int
) -> None:
    one, other = pair
    body, wanted = pattern(size), bytearray(pattern(size))
    mine = sys.getrefcount(body)
    one.send(body)
    one.send_many([body, body])
    one.send_parts([b"head", body])
    for _ in range(3):
        assert other.recv() == wanted
    assert other.recv_parts() == [b"head", wanted]
    assert body == wanted  # nobody wrote to it
    eventually(lambda: sys.getrefcount(body) == mine)


def test_a_message_is_passed_on_in_the_librarys_memory(
    pair: tuple[anymq.Socket, anymq.Socket],
) -> None:
    one, other = pair
    one.send(pattern(MIB))
    message = other.recv_message()
    assert isinstance(message._whole(), Body)
    other.send_message(message)
    again = one.recv_message()
    assert isinstance(again._whole(), Body)
    assert again == anymq.Message(pattern(MIB))


def test_what_was_received_is_read_only_until_it_is_changed(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(pattern(MIB))
    message = other.recv_message()
    with message.view as view:
        assert view.readonly
        message.append(b"!")  # makes it the program's own
        assert view == pattern(MIB)
    assert bytes(message) == pattern(MIB) + b"!"
    message.view[0] = 7
    assert message.trim(1) == b"\7"


def test_a_body_outlives_its_socket(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(pattern(MIB))
    message = other.recv_message()
    for socket in (one, other):
        socket.close()
    view = message.view
    del message
    assert view == pattern(MIB)


def test_the_body_of_a_message_that_could_not_be_sent_can_be_changed(sockets: Sockets) -> None:
    socket = sockets.open("push")
    message = anymq.Message(pattern(MIB))
    with pytest.raises(anymq.WouldBlock):
        socket.send_message(message, timeout=0)
    message.append(b"!")
    assert len(message) == MIB + 1


def test_the_body_of_a_message_that_was_sent_keeps_its_place(sockets: Sockets) -> None:
    """Somebody who has kept the body cannot take the memory away under libzmq."""
    push = sockets.open("push", immediate=False)
    pull = sockets.open("pull")
    url = sockets.url("ipc")
    push.dial(url)  # nobody is there: libzmq keeps it
    message = anymq.Message(pattern(MIB))
    body = message.body
    push.send_message(message)
    with pytest.raises(BufferError):
        body.append(1)
    pull.listen(url)
    assert pull.recv() == pattern(MIB)
    eventually(lambda: push.closed is False and _can_grow(body))


def _can_grow(body: bytearray) -> bool:
    try:
        body.append(1)
    except BufferError:
        return False
    return True


def test_bytes_are_given_back_when_the_socket_is_closed(sockets: Sockets) -> None:
    """What nobody took is dropped, and the program need not call anything for that."""
    body = pattern(MIB)
    mine = sys.getrefcount(body)
    socket = sockets.open("push", immediate=False, linger=0, dial=sockets.url("ipc"))
    socket.send(body)
    assert sys.getrefcount(body) > mine
    socket.close()
    eventually(lambda: sys.getrefcount(body) == mine)
