"""From opening to closing: what closing ends, and what is left to say afterwards."""

from __future__ import annotations

import gc
import threading
import time
import warnings
import weakref
from collections.abc import Callable

import pytest

import anymq

from .support import LIMIT, Sockets, fill

CALLS: dict[str, Callable[[anymq.Socket], object]] = {
    "send": lambda s: s.send(b"x"),
    "send-now": lambda s: s.send(b"x", timeout=0),
    "recv": lambda s: s.recv(),
    "recv-now": lambda s: s.recv(timeout=0),
    "recv_into": lambda s: s.recv_into(bytearray(5)),
    "send_many": lambda s: s.send_many([b"x"]),
    "recv_many": lambda s: s.recv_many(),
    "send_message": lambda s: s.send_message(anymq.Message(b"x")),
    "recv_message": lambda s: s.recv_message(),
    "listen": lambda s: s.listen("tcp://127.0.0.1:0"),
    "dial": lambda s: s.dial("tcp://127.0.0.1:1"),
    "dial-wait": lambda s: s.dial("tcp://127.0.0.1:1", wait=True, timeout=1),
    "peers": lambda s: s.peers,
    "wait_for_peers": lambda s: s.wait_for_peers(timeout=1),
    "statistics": lambda s: s.statistics(),
    "flush": lambda s: s.flush(1),
    "native": lambda s: s.native,
    "set option": lambda s: setattr(s, "recv_max_size", 1000),
}


@pytest.mark.parametrize("name", CALLS)
def test_use_after_close(sockets: Sockets, name: str) -> None:
    one, other = sockets.pair("pair", "pair")
    one.close()
    with pytest.raises(anymq.Closed):
        CALLS[name](one)
    other.close()


def test_close_twice(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    assert not socket.closed
    socket.close()
    assert socket.closed
    socket.close()
    assert socket.closed
    assert "closed" in repr(socket)


def test_close_from_many_threads(sockets: Sockets) -> None:
    for _ in range(20):
        socket = sockets.open("pair", listen=sockets.url())
        threads = [threading.Thread(target=socket.close, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
            assert not thread.is_alive()
        assert socket.closed


def test_context_manager(sockets: Sockets) -> None:
    with sockets.open("pair") as socket:
        assert not socket.closed
    assert socket.closed
    with pytest.raises(LookupError), sockets.open("pair") as socket:
        raise LookupError
    assert socket.closed


def test_iteration_ends_at_close(sockets: Sockets) -> None:
    """Also where the socket's own time-out would have ended it, iteration goes on until closed."""
    one, other = sockets.pair("pair", "pair", b={"recv_timeout": None})
    got: list[bytes] = []
    three = threading.Event()

    def read() -> None:
        for message in other:
            got.append(message)
            if len(got) == 3:
                three.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    for i in range(3):
        one.send(b"%d" % i)
    assert three.wait(LIMIT)
    other.close()
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert got == [b"0", b"1", b"2"]
    assert list(other) == []


def blocked(call: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """A thread in `call`, and where its error will be."""
    errors: list[BaseException] = []
    ready = threading.Event()

    def run() -> None:
        ready.set()
        try:
            call()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(LIMIT)
    return thread, errors


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.recv(timeout=None),
        lambda s: s.recv(),
        lambda s: s.send(b"x", timeout=None),
        lambda s: s.recv_many(timeout=None),
        lambda s: s.recv_into(bytearray(1), timeout=None),
        lambda s: s.send_many([b"x"], timeout=None),
        lambda s: s.wait_for_peers(timeout=None),
    ],
    ids=["recv", "recv-limit", "send", "recv_many", "recv_into", "send_many", "wait_for_peers"],
)
def test_close_wakes_whoever_waits(
    sockets: Sockets, call: Callable[[anymq.Socket], object]
) -> None:
    socket = sockets.open("pair")
    thread, errors = blocked(lambda: call(socket))
    thread.join(0.1)
    assert thread.is_alive(), errors
    begin = time.monotonic()
    socket.close()
    thread.join(LIMIT)
    assert time.monotonic() - begin < LIMIT / 2
    assert [type(error) for error in errors] == [anymq.Closed]


def test_close_wakes_everyone(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    waiters = [blocked(lambda: socket.recv(timeout=None)) for _ in range(3)]
    waiters += [blocked(lambda: socket.send(b"x", timeout=None)) for _ in range(3)]
    begin = time.monotonic()
    socket.close()
    for thread, errors in waiters:
        thread.join(LIMIT)
        assert [type(error) for error in errors] == [anymq.Closed]
    assert time.monotonic() - begin < 1


def test_close_of_a_connected_socket_wakes_its_reader(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send(b"x")
    assert other.recv() == b"x"
    thread, errors = blocked(lambda: other.recv(timeout=None))
    other.close()
    thread.join(LIMIT)
    assert [type(error) for error in errors] == [anymq.Closed]


def test_an_unclosed_socket_warns(sockets: Sockets) -> None:
    socket = anymq.Socket("pair", backend=sockets.backend, linger=0)
    with pytest.warns(ResourceWarning, match="pair"):  # noqa: PT031
        del socket
        gc.collect()


def test_a_closed_socket_does_not_warn(sockets: Sockets) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        socket = anymq.Socket("pair", backend=sockets.backend)
        socket.close()
        del socket
        gc.collect()


def test_a_socket_that_failed_to_open_does_not_warn(sockets: Sockets) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for bad in (
            {"listen": "tcp://nonsense"},
            {"dial": "carrier-pigeon://x"},
            {"recv_max_size": -1},
            {"no_such_option": 1},
        ):
            with pytest.raises(anymq.AnymqError):
                anymq.Socket("pair", backend=sockets.backend, **bad)
            gc.collect()


def test_the_collector_does_not_wait(sockets: Sockets) -> None:
    """Collection of a connected socket with much to send returns at once, whatever its linger."""
    other = sockets.open("pull")
    lone = anymq.Socket("push", backend=sockets.backend, linger=None, send_timeout=0.2)
    lone.dial(other.listen(sockets.url()).url)
    fill(lone)
    begin = time.monotonic()
    with pytest.warns(ResourceWarning):  # noqa: PT031
        del lone
        gc.collect()
    assert time.monotonic() - begin < LIMIT / 2
    assert len(other.recv()) == 100_000


def test_sockets_in_cycles_are_collected(sockets: Sockets) -> None:
    socket = anymq.Socket("pair", backend=sockets.backend, linger=0)
    listener = socket.listen(sockets.url())
    holder = {"socket": socket, "listener": listener}
    holder["self"] = holder  # type: ignore[assignment]
    reference = weakref.ref(socket)
    with pytest.warns(ResourceWarning):  # noqa: PT031
        del socket, listener, holder
        gc.collect()
    assert reference() is None


def test_iterating_keeps_the_socket(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    iterator = iter(other)
    one.send(b"a")
    assert next(iterator) == b"a"


def test_what_a_socket_says_of_itself(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    assert socket.protocol == anymq.Protocol.PAIR == "pair"
    assert socket.backend is sockets.backend
    assert socket.raw is False
    assert "pair" in repr(socket)
    assert sockets.backend.name in repr(socket)


@pytest.mark.parametrize("bad", ["nonsense", "", "PUSHPULL", 7, b"push"])
def test_unknown_protocol(sockets: Sockets, bad: object) -> None:
    with pytest.raises((ValueError, TypeError), match="protocol"):
        sockets.open(bad)  # type: ignore[arg-type]


def test_no_protocol(sockets: Sockets) -> None:
    with pytest.raises((ValueError, TypeError), match="protocol"):
        anymq.Socket(backend=sockets.backend)


def test_a_protocol_that_is_nearly_right(sockets: Sockets) -> None:
    with pytest.raises(ValueError, match="push"):
        sockets.open("pusj")


def test_sockets_cannot_be_pickled_or_copied(sockets: Sockets) -> None:
    import copy
    import pickle

    socket = sockets.open("pair")
    with pytest.raises(TypeError):
        pickle.dumps(socket)
    with pytest.raises(TypeError):
        copy.copy(socket)
