"""Messages as objects: parts of the body and the header, and what is left after sending."""

from __future__ import annotations

import pytest

import anymq
from anymq import Message


def test_empty() -> None:
    message = Message()
    assert (len(message), bytes(message), bytes(message.header)) == (0, b"", b"")
    assert message.peer is None


@pytest.mark.parametrize("data", [b"body", bytearray(b"body"), memoryview(b"body")])
def test_from_bytes_like(data: bytes) -> None:
    message = Message(data, header=b"head")
    assert bytes(message) == b"body"
    assert bytes(message.body) == b"body"
    assert bytes(message.header) == b"head"


@pytest.mark.parametrize("bad", ["text", None, 1.5, object()])
def test_only_bytes_like(bad: object) -> None:
    with pytest.raises(TypeError):
        Message(bad)
    with pytest.raises(TypeError):
        Message(b"", header=bad)


def test_a_number_is_no_body() -> None:
    """`bytes(5)` is five zeros; a message of a number would be a surprise."""
    with pytest.raises(TypeError):
        Message(5)


@pytest.mark.parametrize("bad", ["text", None, 5, [1, 2]])
def test_only_bytes_like_can_be_put_in(bad: object) -> None:
    message = Message(b"body")
    for call in (message.append, message.insert):
        with pytest.raises(TypeError):
            call(bad)
    for name in ("body", "header"):
        with pytest.raises(TypeError):
            setattr(message, name, bad)
    assert bytes(message) == b"body"


def test_both_ends() -> None:
    message = Message(b"body")
    message.append(b" end")
    message.insert(bytearray(b"front "))
    assert bytes(message) == b"front body end"
    assert message.trim(6) == b"front "
    assert message.chop(4) == b" end"
    assert bytes(message) == b"body"
    assert message.trim(0) == message.chop(0) == b""
    assert message.chop(4) == b"body"
    assert len(message) == 0


@pytest.mark.parametrize("size", [5, -1, 2**70])
def test_more_than_there_is(size: int) -> None:
    message = Message(b"body")
    for call in (message.trim, message.chop):
        with pytest.raises(ValueError, match="body"):
            call(size)
    assert bytes(message) == b"body"


@pytest.mark.parametrize(
    ("bits", "value"), [(16, 0x0102), (32, 0x01020304), (64, 0x0102030405060708)]
)
def test_numbers_in_network_order(bits: int, value: int) -> None:
    message = Message(b"|")
    getattr(message, f"insert_u{bits}")(value)
    getattr(message, f"append_u{bits}")(value)
    expected = bytes(range(1, bits // 8 + 1))
    assert bytes(message) == expected + b"|" + expected
    assert getattr(message, f"trim_u{bits}")() == value
    assert getattr(message, f"chop_u{bits}")() == value
    assert bytes(message) == b"|"
    for name in (f"trim_u{bits}", f"chop_u{bits}"):
        with pytest.raises(ValueError, match="bytes"):
            getattr(message, name)()
    for bad in (-1, 2**bits):
        for name in (f"insert_u{bits}", f"append_u{bits}"):
            with pytest.raises((OverflowError, ValueError)):
                getattr(message, name)(bad)
    assert bytes(message) == b"|"


def test_view_is_the_memory_itself() -> None:
    message = Message(b"body")
    with message.view as view:
        view[0] = ord("B")
        with pytest.raises(BufferError):
            message.append(b"more")
    assert bytes(message) == b"Body"
    message.append(b"!")
    assert bytes(message) == b"Body!"


def test_copy_is_independent() -> None:
    message = Message(b"body", header=b"head")
    other = message.copy()
    assert other == message
    other.append(b"!")
    other.header = b"other"
    assert (bytes(message), bytes(message.header)) == (b"body", b"head")
    assert other != message


def test_assignment() -> None:
    message = Message(b"body")
    message.body = b"new"
    message.header = b"head"
    assert (bytes(message), bytes(message.header)) == (b"new", b"head")


def test_equality() -> None:
    assert Message(b"a") == Message(b"a")
    assert Message(b"a") != Message(b"b")
    assert Message(b"a") != Message(b"a", header=b"h")
    assert Message(b"a") != b"a"
    with pytest.raises(TypeError):
        hash(Message())


def test_after_sending() -> None:
    message = Message(b"body")
    message._give_away()
    assert "sent" in repr(message)
    for use in (
        lambda: bytes(message),
        lambda: len(message),
        lambda: message.body,
        lambda: message.header,
        lambda: message.view,
        message.copy,
        lambda: message.append(b"x"),
        lambda: message.insert(b"x"),
        lambda: message.trim(0),
        lambda: message.chop(0),
        lambda: setattr(message, "body", b"x"),
        lambda: setattr(message, "header", b"x"),
    ):
        with pytest.raises(anymq.StateError, match="sent"):
            use()
