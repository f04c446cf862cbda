"""An answer that is expected soon is looked for before the thread sleeps; nothing else is.

The library is made of ctypes and blocks itself: what it is asked for tells a look (`try_recv`) from
a sleep (`wait_recv`). That real libraries answer, looked for or not, is tested with them.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import anymq
from anymq import _engine
from anymq.abc import Handle
from tests.conformance.support import LIMIT

from .test_ops_table import NATIVE_WAIT, POINTERS, Table

OK, AGAIN, INTERRUPTED, NATIVE_ERROR = 0, -1, -2, 7
"""Results of an attempt."""

Attempt = Callable[[], int]


class Message(ctypes.Structure):
    """`anymq_msg`."""

    _fields_ = [
        ("native", ctypes.c_uint64 * 8),
        ("data", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("header", ctypes.c_void_p),
        ("header_size", ctypes.c_size_t),
        ("flags", ctypes.c_uint32),
        ("peer", ctypes.c_uint32),
    ]


MESSAGE = ctypes.POINTER(Message)
SOCKET = ctypes.c_void_p
TYPES = {
    "msg_init": ctypes.CFUNCTYPE(
        ctypes.c_int,
        SOCKET,
        MESSAGE,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ),
    "msg_release": ctypes.CFUNCTYPE(None, SOCKET, MESSAGE),
    "try_send": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, MESSAGE),
    "wait_send": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, MESSAGE, ctypes.c_int),
    "try_recv": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, MESSAGE),
    "wait_recv": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, MESSAGE, ctypes.c_int),
    "wait_fd": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, ctypes.c_int),
    "interrupt": ctypes.CFUNCTYPE(None, SOCKET),
    "drained": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET),
    "peers": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, ctypes.c_uint32),
    "close": ctypes.CFUNCTYPE(ctypes.c_int, SOCKET, ctypes.c_int64),
}


class Made:
    """One socket of the made library: sends succeed, a sleep finds a message at once."""

    def __init__(self) -> None:
        self.looks = 0
        self.sleeps = 0
        self.limit = 0
        """Milliseconds that the last sleep had."""
        self.interrupted = False
        self.attempt: Attempt = lambda: OK
        """What a look finds."""
        functions: dict[str, Callable[..., object]] = {
            "msg_init": lambda *_: OK,
            "msg_release": lambda *_: None,
            "try_send": self._look_to_send,
            "wait_send": lambda *_: OK,
            "try_recv": self._look,
            "wait_recv": self._sleep,
            "wait_fd": lambda *_: -1,
            "interrupt": self._interrupt,
            "drained": lambda *_: 1,
            "peers": lambda *_: 1,
            "close": lambda *_: OK,
        }
        self.functions = {name: TYPES[name](function) for name, function in functions.items()}
        self.table = Table(1, ctypes.sizeof(Table), NATIVE_WAIT)
        for name in POINTERS:
            function = self.functions.get(name)
            setattr(self.table, name, function and ctypes.cast(function, ctypes.c_void_p))
        self.handle = Handle(
            ctypes.addressof(self.table), 1, MadeError, "made", "pair", True, True, self
        )

    def _look(self, _: object, message: ctypes._Pointer[Message]) -> int:
        self.looks += 1
        return self._result(message, self.attempt())

    def _look_to_send(self, *_: object) -> int:
        self.looks += 1
        return OK

    def _sleep(self, _: object, message: ctypes._Pointer[Message], ms: int) -> int:
        self.sleeps += 1
        self.limit = ms
        return self._result(message, INTERRUPTED if self.interrupted else OK)

    def _interrupt(self, _: object) -> None:
        self.interrupted = True

    def _result(self, message: ctypes._Pointer[Message], result: int) -> int:
        if result == OK:
            message[0] = Message((ctypes.c_uint64 * 8)(), b"answer", 6)
        return result

    def ask(self) -> bytes:
        self.handle.send(b"question")
        return self.handle.recv()

    def forget(self) -> None:
        self.looks = self.sleeps = 0


class MadeError(Exception):
    """A native error."""


class Finds:
    """Looks that find nothing, until a number of them have been made or something has happened."""

    def __init__(self, result: int, after: int | None = None) -> None:
        self.result = result
        self.left = after
        self.looked = threading.Event()
        self.found = threading.Event()

    def __call__(self) -> int:
        if self.left is not None:
            self.left -= 1
        elif not self.found.is_set():
            self.looked.set()
            return AGAIN
        return self.result if not self.left or self.left < 0 else AGAIN


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Every answer is soon, however slow the machine is."""
    _engine.look_for(3600)
    try:
        yield
    finally:
        _engine.look_for(0.0003)


@pytest.fixture
def made() -> Iterator[Made]:
    made = Made()
    yield made
    made.handle.close()


def in_thread(call: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(call).result(LIMIT)


def test_the_next_answer_is_looked_for(made: Made) -> None:
    assert made.ask() == b"answer"
    assert (made.looks, made.sleeps) == (0, 1)  # nothing was known of its answers
    made.attempt = Finds(OK, after=3)
    assert made.ask() == b"answer"
    assert (made.looks, made.sleeps) == (3, 1)


@pytest.mark.parametrize("receive", ["recv_message", "recv_many", "recv_into", "recv_parts"])
def test_however_it_is_received(made: Made, receive: str) -> None:
    made.ask()
    made.forget()
    made.handle.send(b"question")
    first = {"recv_many": 1, "recv_into": bytearray(6)}.get(receive)
    call = getattr(made.handle, receive)
    assert (call() if first is None else call(first)) is not None
    assert (made.looks, made.sleeps) == (1, 0)


def test_what_follows_no_send_is_slept_for(made: Made) -> None:
    made.ask()
    made.ask()
    made.forget()
    for _ in range(3):
        assert made.handle.recv() == b"answer"
    assert (made.looks, made.sleeps) == (0, 3)


def test_a_send_is_not_looked_for(made: Made) -> None:
    made.ask()
    made.handle.send(b"question")
    made.forget()
    made.handle.send(b"another")
    assert made.looks == 0


def test_what_another_thread_sent_is_no_question(made: Made) -> None:
    made.ask()
    made.forget()
    in_thread(lambda: made.handle.send(b"its own"))
    assert made.handle.recv() == b"answer"
    assert (made.looks, made.sleeps) == (0, 1)


def test_after_a_late_answer_it_sleeps(made: Made) -> None:
    _engine.look_for(0)  # every answer is late
    for _ in range(3):
        made.ask()
    assert (made.looks, made.sleeps) == (0, 3)
    _engine.look_for(3600)
    made.ask()
    assert (made.looks, made.sleeps) == (0, 4)
    made.ask()
    assert (made.looks, made.sleeps) == (1, 4)


def test_it_looks_for_a_while_and_sleeps_then(made: Made) -> None:
    made.ask()
    made.forget()
    _engine.look_for(0.01)
    made.attempt = lambda: AGAIN
    assert made.ask() == b"answer"
    assert made.sleeps == 1


def test_a_time_limit_ends_the_look(made: Made) -> None:
    made.ask()
    made.forget()
    made.attempt = lambda: AGAIN
    made.handle.send(b"question")
    assert made.handle.recv(0.05) == b"answer"
    assert (made.sleeps, made.limit) == (1, 1)  # it is asked once more, for what is left: nothing


def test_an_error_is_the_call_s(made: Made) -> None:
    made.ask()
    made.attempt = lambda: NATIVE_ERROR
    with pytest.raises(MadeError):
        made.ask()
    made.attempt = lambda: OK
    made.forget()
    made.ask()  # which was no answer, so that nothing is known of the next
    assert (made.looks, made.sleeps) == (0, 1)


def test_closed_while_it_looks(made: Made) -> None:
    made.attempt = found = Finds(OK)

    def ask() -> None:
        made.ask()
        with pytest.raises(anymq.Closed):
            made.ask()

    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(ask)
        assert found.looked.wait(LIMIT)
        made.handle.close()
        asked.result(LIMIT)


def test_one_thread_looks_at_a_time(made: Made) -> None:
    other = Made()
    other.attempt = found = Finds(OK)
    made.ask()
    made.forget()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(other.ask).result(LIMIT)
        looks = thread.submit(other.ask)
        assert found.looked.wait(LIMIT)
        assert made.ask() == b"answer"
        assert (made.looks, made.sleeps) == (0, 1)
        found.found.set()
        assert looks.result(LIMIT) == b"answer"
    made.ask()
    made.ask()
    assert made.looks > 0
    other.handle.close()


def run_program(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], timeout=LIMIT, check=True)


IN_A_CHILD = """
import os, threading
from anymq import _engine
from tests.unit.test_looking import OK, Finds, Made
_engine.look_for(3600)
made = Made()
made.attempt = found = Finds(OK)
thread = threading.Thread(target=lambda: (made.ask(), made.ask()))
thread.start()
assert found.looked.wait()
child = os.fork()
mine = Made()
mine.ask()
mine.ask()
if child == 0:
    os._exit(0 if mine.looks == 1 else 1)
assert mine.looks == 0
found.found.set()
thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
for each in (made, mine):
    each.handle.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
def test_a_forked_child_looks_though_its_parent_does() -> None:
    run_program(IN_A_CHILD)


ON_ONE_PROCESSOR = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from tests.unit.test_looking import Made
made = Made()
for _ in range(100):
    made.ask()
assert (made.looks, made.sleeps) == (0, 100)
made.handle.close()
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is of Linux")
def test_with_one_processor_it_sleeps() -> None:
    run_program(ON_ONE_PROCESSOR)
