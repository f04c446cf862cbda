"""Sockets that were closed leave nothing behind: no descriptor, no thread, no memory.

ANYMQ_TEST_LEAK_ROUNDS sets how many times 200 sockets are opened, used and closed, half of the
times over tcp and half over inproc (100 for the whole proof; fewer show a leak of a descriptor or a
thread just as well).
"""

from __future__ import annotations

import os

import pytest

from .support import Sockets, descriptors, eventually, run_program, threads

ROUNDS = int(os.environ.get("ANYMQ_TEST_LEAK_ROUNDS", "20"))

MEASURE = """
import ctypes, gc
give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # what the allocator keeps is no leak
def memory():
    gc.collect()
    if give_back:
        give_back(0)
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
def counts():
    gc.collect()  # the last round's cycles too: when they go is otherwise left to chance
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
def settled(most, limit=10):
    deadline = time.monotonic() + limit
    while True:
        now = counts()
        if now[0] <= most[0] and now[1] <= most[1]:
            return
        assert time.monotonic() < deadline, f"{now} where {most} were"
        time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.transports("tcp", "inproc")
@pytest.mark.differs("D11")
@pytest.mark.differs("D35")
def test_200_sockets_again_and_again(sockets: Sockets, transport: str) -> None:
    run_program(
        sockets.backend,
        MEASURE
        + """
rounds, transport = int(sys.argv[3]), sys.argv[4]
def once():
    kept = []
    for i in range(100):
        pull = open_socket("pull", linger=0)
        url = "tcp://127.0.0.1:0" if transport == "tcp" else f"inproc://leak{i}"
        push = open_socket("push", linger=0, dial=pull.listen(url).url)
        kept += [pull, push]
    for pull, push in zip(kept[::2], kept[1::2]):
        push.send(b"x" * 1000)
        assert len(pull.recv()) == 1000
    for socket in kept:
        socket.close()
for _ in range(8):  # until the allocator's pools have their size
    once()
def lowest():
    # What is closed is given back in the background: the least over a while is what stays.
    best = counts()
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        best = tuple(map(min, best, counts()))
        time.sleep(0.01)
    return best
before, first = lowest(), memory()
for _ in range(rounds):
    once()
    settled(before)  # closing in the background is not to pile up
deadline = time.monotonic() + 10
while (grown := memory() - first) >= 2000:
    assert time.monotonic() < deadline, f"{grown} KiB more after {rounds} rounds of 200 sockets"
    time.sleep(0.01)
""",
        str(ROUNDS // 2),
        transport,
        limit=800,
        # With a pool for each thread memory grows by whatever thread a library happens to use.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )


def test_messages_are_freed(sockets: Sockets) -> None:
    """Bodies of every way of sending and receiving: 2 GB in all, and memory stays."""
    run_program(
        sockets.backend,
        MEASURE
        + """
pull = open_socket("pull")
push = open_socket("push", dial=pull.listen(sys.argv[3]).url)
body = b"x" * 200_000
buffer = bytearray(200_000)
def ways():
    for _ in range(40):
        push.send(body)
        assert len(pull.recv()) == 200_000
        push.send(body)
        assert pull.recv_into(buffer) == 200_000
        push.send(body)
        try:
            pull.recv_into(buffer[:10])
        except anymq.MessageTooLarge:
            assert len(pull.recv_many(5)) == 1
        push.send_message(anymq.Message(body))
        assert len(pull.recv_message()) == 200_000
        try:
            push.send_many([body, None])
        except TypeError:
            push.send(b"end")
            while pull.recv() != b"end":
                pass
        try:
            pull.recv(timeout=0)
        except anymq.WouldBlock:
            pass
ways()
ways()
first = memory()
for _ in range(20):
    ways()
grown = memory() - first
assert grown < 10_000, f"{grown} KiB more"
pull.close()
push.close()
""",
        sockets.url("inproc" if sockets.backend.supports("transport.inproc") else "tcp"),
        limit=60,
    )


def test_messages_nobody_received_are_freed(sockets: Sockets) -> None:
    run_program(
        sockets.backend,
        MEASURE
        + """
def once(i):
    pull = open_socket("pull", linger=0)
    push = open_socket("push", linger=0, dial=pull.listen("tcp://127.0.0.1:0").url)
    push.send(b"x" * 100_000)
    try:
        for _ in range(19):
            push.send(b"x" * 100_000, timeout=0.05)
    except anymq.Timeout:
        pass
    try:
        pull.recv_into(bytearray(1), timeout=10)
    except anymq.MessageTooLarge:
        pass
    push.close()
    pull.close()
for i in range(20):
    once(i)
first = memory()
for i in range(60):
    once(i)
grown = memory() - first
assert grown < 20_000, f"{grown} KiB more"
""",
        limit=60,
    )


def test_failures_leave_nothing(sockets: Sockets) -> None:
    """Sockets that could not be opened, endpoints that could not be bound."""
    run_program(
        sockets.backend,
        MEASURE
        + """
taken = open_socket("pull")
url = taken.listen("tcp://127.0.0.1:0").url
def once():
    for options in (
        {"listen": "tcp://nonsense"}, {"listen": url}, {"listen": ["tcp://127.0.0.1:0", url]},
        {"recv_max_size": -1}, {"nonsense": 1}, {"dial": "nowhere"}, {"backend": "nobody"},
    ):
        try:
            anymq.Socket("pull", **{"backend": backend, **options})
        except (anymq.AnymqError, TypeError):
            pass
        else:
            raise SystemExit(f"accepted {options}")
    for bad in ("tcp://nonsense", url, "ipc:///does/not/exist"):
        try:
            taken.listen(bad)
        except anymq.AnymqError:
            pass
        else:
            raise SystemExit(f"accepted {bad}")
once()
once()
time.sleep(0.5)
before = counts()
for _ in range(50):
    once()
settled((before[0] + 2, before[1] + 2))
taken.close()
""",
        limit=60,
    )


def test_listeners_and_diallers_leave_nothing(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    push = sockets.open("push")

    def once() -> None:
        listener = pull.listen(sockets.url())
        dialer = push.dial(listener.url, wait=True, timeout=10)
        dialer.close()
        listener.close()
        eventually(lambda: pull.peers == 0 and push.peers == 0)

    once()
    before, threads_before = descriptors(), threads()
    for _ in range(50):
        once()
    eventually(lambda: descriptors() <= before + 2)
    eventually(lambda: threads() <= threads_before + 2)


def test_collected_sockets_leave_nothing(sockets: Sockets) -> None:
    """Sockets that nobody closed, in cycles or not."""
    run_program(
        sockets.backend,
        MEASURE
        + """
import warnings
warnings.simplefilter("ignore")
def once():
    for i in range(20):
        pull = open_socket("pull", linger=0)
        push = open_socket("push", linger=0, dial=pull.listen("tcp://127.0.0.1:0").url)
        push.send(b"x")
        assert pull.recv() == b"x"
        if i % 2:
            cycle = [pull, push]
            cycle.append(cycle)
        del pull, push
    gc.collect()
once()
once()
time.sleep(0.5)
before = counts()
for _ in range(10):
    once()
settled((before[0] + 2, before[1] + 2))
""",
        limit=60,
    )
