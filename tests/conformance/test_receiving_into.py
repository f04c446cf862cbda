"""`recv_into`: into the program's own memory, and a message that does not fit is not lost."""

from __future__ import annotations

import array

import pytest

import anymq

from .support import Sockets


def test_exact_and_larger(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    buffer = bytearray(b"." * 8)
    one.send(b"12345678")
    assert other.recv_into(buffer) == 8
    assert buffer == b"12345678"
    one.send(b"abc")
    assert other.recv_into(buffer) == 3
    assert buffer == b"abc45678", "the rest of the buffer is left alone"
    one.send(b"")
    assert other.recv_into(buffer) == 0
    assert buffer == b"abc45678"


def test_what_does_not_fit_stays_receivable(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(b"x" * 1000)
    one.send(b"next")
    buffer = bytearray(b"." * 10)
    for _ in range(2):
        with pytest.raises(anymq.MessageTooLarge, match="1000") as caught:
            other.recv_into(buffer)
        assert caught.value.size == 1000
        assert buffer == b"." * 10
    large = bytearray(1000)
    assert other.recv_into(large) == 1000
    assert large == b"x" * 1000
    assert other.recv() == b"next"


@pytest.mark.parametrize("receive", ["recv", "recv_many", "recv_message"])
def test_it_stays_receivable_in_any_way(sockets: Sockets, receive: str) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(b"x" * 100)
    with pytest.raises(anymq.MessageTooLarge):
        other.recv_into(bytearray(1))
    got = getattr(other, receive)(timeout=0)
    assert (got[0] if receive == "recv_many" else bytes(got)) == b"x" * 100
    one.send(b"next")
    assert other.recv() == b"next"


def test_other_kinds_of_memory(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    numbers = array.array("H", [0] * 4)
    one.send(b"\1\0\2\0")
    assert other.recv_into(numbers) == 4
    assert numbers.tolist()[2:] == [0, 0]
    assert numbers.tobytes()[:4] == b"\1\0\2\0"
    whole = bytearray(10)
    one.send(b"mid")
    assert other.recv_into(memoryview(whole)[4:8]) == 3
    assert whole == b"\0\0\0\0mid\0\0\0"


@pytest.mark.parametrize(
    "bad",
    [b"read-only", memoryview(b"ro"), "text", None, 5, memoryview(bytearray(9))[::2]],
    ids=repr,
)
def test_memory_that_cannot_be_written_is_refused(sockets: Sockets, bad: object) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(b"kept")
    with pytest.raises((TypeError, BufferError, ValueError)):
        other.recv_into(bad)
    assert other.recv() == b"kept"


def test_timeout(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    with pytest.raises(anymq.Timeout):
        socket.recv_into(bytearray(1), timeout=0.02)
