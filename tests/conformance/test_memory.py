"""What messages cost in memory: no copy more than there must be, and nothing once they are gone."""

from __future__ import annotations

import os
import threading

import pytest

from .support import Sockets, run_program

MIB = 1024 * 1024
LARGE = 64 * MIB
SLACK = 16 * MIB
"""For whatever else a process and its allocators do meanwhile."""

MEMORY = """
import ctypes, gc, re
give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # what the allocator keeps is no leak
def told(what):
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(what + r":\\s+(\\d+)", status.read())[1])
def resident():
    gc.collect()
    if give_back:
        give_back(0)
    return told("VmRSS")
def peak():
    return told("VmHWM")
url, size, most = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
"""


def exchange(sockets: Sockets, transport: str, program: str, most: int, *, sends: bool) -> None:
    """Run a program with a PAIR `one` that dials a PAIR here.

    Where it `sends` a large message, it is answered; else it sends what is answered by one.
    """
    other = sockets.open("pair")
    url = other.listen(sockets.url(transport)).url

    def answer() -> None:
        size = len(other.recv())
        assert (size == LARGE) == sends
        other.send(b"small" if sends else b"x" * LARGE)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    source = MEMORY + "one = open_socket('pair', dial=url)\n" + program + "one.close()\n"
    run_program(sockets.backend, source, url, str(LARGE), str(most), limit=60)
    thread.join(10)


@pytest.mark.transports("tcp", "ipc")
def test_a_large_message_that_is_sent_is_copied_once_at_most(
    sockets: Sockets, transport: str
) -> None:
    program = """
body = b"x" * size
before = peak()
one.send(body)
one.recv()  # it has left
grown = peak() - before
assert grown <= most, f"{grown >> 20} MiB more while it was sent"
"""
    exchange(sockets, transport, program, LARGE + SLACK, sends=True)


@pytest.mark.transports("tcp", "ipc")
def test_a_large_message_that_is_received_is_copied_once_at_most(
    sockets: Sockets, transport: str
) -> None:
    program = """
before = peak()
one.send(b"go")
assert len(one.recv()) == size
grown = peak() - before
assert grown <= most, f"{grown >> 20} MiB more while it was received"
"""
    exchange(sockets, transport, program, 2 * LARGE + SLACK, sends=False)


@pytest.mark.transports("tcp", "inproc")
@pytest.mark.requires("protocol.push", "protocol.pull")
def test_many_small_messages_leave_nothing(sockets: Sockets, transport: str) -> None:
    program = """
import threading
pull = open_socket("pull")
push = open_socket("push", dial=pull.listen(url).url)
batch = [bytes(100)] * 50
def receive(count):
    while count:
        pull.recv()
        count -= 1
        if count:
            count -= len(pull.recv_many(min(count, len(batch))))
def pass_on(count):
    thread = threading.Thread(target=receive, args=(count,))
    thread.start()
    for _ in range(count // 100):
        push.send_many(batch)
        for message in batch:
            push.send(message)
    thread.join()
pass_on(size)
before = resident()
pass_on(4 * size)
grown = resident() - before
assert grown <= most, f"{grown >> 10} KiB more"
pull.close()
push.close()
"""
    url = sockets.url(transport)
    run_program(
        sockets.backend,
        MEMORY + program,
        url,
        "10000",
        str(2 * MIB),
        limit=60,
        # With a pool for each thread memory grows by whatever thread a library happens to use.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
