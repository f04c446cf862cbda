"""What can be sent: everything bytes-like, of every size, and nothing else."""

from __future__ import annotations

import array
import hashlib
import mmap
import threading

import pytest

import anymq

from .support import LIMIT, Pattern, Sockets

MIB = 1024 * 1024


@pytest.mark.parametrize(
    "payload",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        memoryview(b"0123456789")[2:5],
        memoryview(bytearray(b"abcdefgh")).cast("I"),
        memoryview(bytearray(b"abcdef")).cast("B", (2, 3)),
        array.array("d", [1.0, 2.0]),
        array.array("B"),
        b"",
    ],
    ids=lambda p: f"{type(p).__name__}-{len(p)}",
)
def test_bytes_like(sockets: Sockets, payload: object) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(payload)
    assert other.recv() == bytes(payload)  # type: ignore[call-overload]


@pytest.mark.parametrize("size", [3, 20_000])
def test_numpy_arrays(sockets: Sockets, size: int) -> None:
    numpy = pytest.importorskip("numpy")
    one, other = sockets.pair("pair", "pair")
    array = numpy.arange(size * 4, dtype="float64").reshape(size, 4)
    one.send(array)
    assert other.recv() == array.tobytes()
    one.send_many([array[1]])
    assert other.recv() == array[1].tobytes()
    target = numpy.zeros_like(array)
    one.send(array)
    assert other.recv_into(target) == array.nbytes
    assert (target == array).all()
    with pytest.raises((BufferError, TypeError, ValueError), match="contiguous"):
        one.send(array[:, ::2])


def test_mapped_memory(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    with mmap.mmap(-1, 5000) as memory:
        memory[:5] = b"hello"
        one.send(memory)
        assert other.recv() == b"hello" + bytes(4995)


def test_the_buffer_is_free_again_after_send(sockets: Sockets) -> None:
    """The message is a copy: what the program does to its buffer afterwards does not matter."""
    one, other = sockets.pair("pair", "pair")
    for size in (10, 10_000, MIB):
        buffer = bytearray(b"a" * size)
        one.send(buffer)
        buffer[:] = b"b" * size
        buffer.append(1)
        assert other.recv() == b"a" * size


def test_a_received_message_is_bytes(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(bytearray(b"x"))
    assert type(other.recv()) is bytes


@pytest.mark.parametrize("view", [memoryview(b"0123456789")[::2], memoryview(b"0123")[::-1]])
def test_memory_with_gaps_is_refused(sockets: Sockets, view: memoryview) -> None:
    one, other = sockets.pair("pair", "pair")
    with pytest.raises((BufferError, TypeError, ValueError), match="contiguous"):
        one.send(view)
    one.send(b"fine")
    assert other.recv() == b"fine"


@pytest.mark.parametrize("bad", ["text", None, 7, 1.5, [b"x"], object()], ids=repr)
def test_anything_else_is_a_type_error(sockets: Sockets, bad: object) -> None:
    one, other = sockets.pair("pair", "pair")
    hint = "encode" if isinstance(bad, str) else "bytes"
    for call in (one.send, lambda bad: one.send_many([bad])):
        with pytest.raises(TypeError, match=hint):
            call(bad)  # type: ignore[operator]
    one.send(b"fine")
    assert other.recv() == b"fine"


@pytest.mark.parametrize("size", [1, 63, 64, 65, 4095, 4096, 65536, MIB - 1, MIB, MIB + 1])
def test_sizes(sockets: Sockets, size: int, transport: str) -> None:
    one, other = sockets.pair("pair", "pair", transport)
    body = bytes(i * 31 % 251 for i in range(min(size, 1000)))
    body = (body * (size // max(len(body), 1) + 1))[:size]
    one.send(body)
    assert other.recv() == body


@pytest.mark.differs("D36")
def test_empty_messages_are_messages(sockets: Sockets, pattern: Pattern, transport: str) -> None:
    sender, receiver = sockets.pair(pattern.sender, pattern.receiver, transport)
    sender.send(b"")
    assert receiver.recv(timeout=2.0) == b""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.transports("tcp")
@pytest.mark.requires("protocol.push", "protocol.pull")
def test_256_mib(sockets: Sockets, transport: str) -> None:
    push, pull = sockets.pair(
        "push", "pull", transport, a={"send_timeout": 60.0}, b={"recv_timeout": 60.0}
    )
    body = bytes(range(256)) * MIB
    wanted = hashlib.sha1(body).digest()
    errors: list[BaseException] = []

    def send() -> None:
        try:
            push.send(body)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    got = pull.recv()
    thread.join(LIMIT)
    assert not errors
    assert len(got) == len(body)
    assert hashlib.sha1(got).digest() == wanted
    push.send(b"small again")
    assert pull.recv() == b"small again"


@pytest.mark.protocols("pull", "sub", "gather")
def test_receiving_sockets_do_not_send(sockets: Sockets, protocol: str) -> None:
    socket = sockets.open(protocol)
    for call in (
        lambda: socket.send(b"x"),
        lambda: socket.send(b"x", timeout=0),
        lambda: socket.send_many([b"x"]),
    ):
        with pytest.raises(anymq.StateError, match=protocol):
            call()


@pytest.mark.protocols("push", "pub", "scatter")
def test_sending_sockets_do_not_receive(sockets: Sockets, protocol: str) -> None:
    socket = sockets.open(protocol)
    for call in (
        socket.recv,
        lambda: socket.recv(timeout=0),
        lambda: socket.recv_into(bytearray(1)),
        socket.recv_many,
        socket.recv_message,
    ):
        with pytest.raises(anymq.StateError, match=protocol):
            call()


def test_what_was_received_outlives_its_socket(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    for body in (b"small", bytes(range(256)) * 4 * 1024):
        one.send(body)
        one.send(body)
        message, unread = other.recv_message(), other.recv_message()
        view = message.view
        one.close()
        other.close()
        del message
        assert bytes(view) == body
        del view
        assert bytes(unread) == body
        one, other = sockets.pair("pair", "pair")


def test_arguments_by_name(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(data=b"by name", timeout=LIMIT)
    one.send(timeout=anymq.DEFAULT, data=b"the socket's own limit")
    assert other.recv(timeout=LIMIT) == b"by name"
    assert other.recv(timeout=anymq.DEFAULT) == b"the socket's own limit"
    for call, name in (
        (lambda: one.send(), "data"),
        (lambda: one.send(b"x", 1), "positional"),
        (lambda: one.send(b"x", data=b"y"), "data"),
        (lambda: one.send(b"x", limit=1), "limit"),
        (lambda: other.recv(1), "positional"),
        (lambda: other.recv(data=b"x"), "data"),
    ):
        with pytest.raises(TypeError, match=name):
            call()  # type: ignore[no-untyped-call]
