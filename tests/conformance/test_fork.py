"""After fork() the child is told, harms nothing, and ends; the parent goes on."""

from __future__ import annotations

import pytest

from .support import Sockets, run_program

PARENT = """
import gc
def end_of(pid, limit=5):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise SystemExit("the child hung")
pair = open_socket("pair")
peer = open_socket("pair", dial=pair.listen("tcp://127.0.0.1:0").url)
pair.wait_for_peers(timeout=LIMIT)
peer.wait_for_peers(timeout=LIMIT)
def exchange(n):
    for i in range(n):
        pair.send(b"%d" % i)
        assert peer.recv() == b"%d" % i
        peer.send(b"x" * 10_000)
        assert len(pair.recv()) == 10_000
exchange(10)
"""

ENDING = """
assert end_of(pid) == 0
exchange(50)
pair.close()
peer.close()
"""


def run(sockets: Sockets, child: str, ending: str = ENDING) -> None:
    """Fork; the child runs `child`, the parent exchanges messages meanwhile and afterwards."""
    body = "".join(f"    {line}\n" for line in child.strip().splitlines())
    run_program(
        sockets.backend, PARENT + f"pid = os.fork()\nif pid == 0:\n{body}exchange(50)\n" + ending
    )


def test_every_call_of_the_child_is_refused(sockets: Sockets) -> None:
    run(
        sockets,
        """
calls = [
    lambda: pair.send(b"x"), lambda: pair.recv(), lambda: pair.recv(timeout=0),
    lambda: pair.recv_into(bytearray(5)), lambda: pair.send_many([b"x"]), lambda: pair.recv_many(),
    lambda: pair.listen("tcp://127.0.0.1:0"), lambda: pair.dial("tcp://127.0.0.1:1"),
    lambda: pair.peers, lambda: pair.wait_for_peers(timeout=1), lambda: pair.statistics(),
    lambda: pair.flush(1), lambda: setattr(pair, "recv_max_size", 5),
]
for call in calls:
    try:
        call()
    except anymq.ForkedError as error:
        assert isinstance(error, RuntimeError)
    else:
        os._exit(1)
os._exit(0)
""",
    )


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_the_child_ends(sockets: Sockets, end: str) -> None:
    """Without having touched the sockets that it inherited, at the end collected or not."""
    run(sockets, end)


def test_the_child_closes_and_collects(sockets: Sockets) -> None:
    """close() in the child forgets the socket and leaves the parent's alone."""
    run(
        sockets,
        """
pair.close()
del peer
gc.collect()
sys.exit(0)
""",
    )


def test_the_child_leaves_a_with_block(sockets: Sockets) -> None:
    run(
        sockets,
        """
try:
    with pair:
        pass
except anymq.ForkedError:
    pass
sys.exit(0)
""",
    )


def test_the_child_of_a_waiting_thread(sockets: Sockets) -> None:
    """Forking while another thread waits in recv."""
    run_program(
        sockets.backend,
        PARENT
        + """
got = []
waiter = threading.Thread(target=lambda: got.append(pair.recv(timeout=None)))
waiter.start()
pid = os.fork()
if pid == 0:
    del pair, peer
    gc.collect()
    os._exit(0)
assert end_of(pid) == 0
peer.send(b"woken")
waiter.join(LIMIT)
assert got == [b"woken"]
exchange(20)
pair.close()
peer.close()
""",
    )


@pytest.mark.differs("D31")
def test_a_child_that_executes_another_program(sockets: Sockets) -> None:
    """Descriptors of the library do not leak into it."""
    run_program(
        sockets.backend,
        PARENT
        + """
import subprocess
show = "import os; print(sum(os.readlink(f'/proc/self/fd/{n}').startswith('socket')" \\
       " for n in os.listdir('/proc/self/fd') if os.path.lexists(f'/proc/self/fd/{n}')))"
out = subprocess.run([sys.executable, "-c", show], close_fds=False, capture_output=True, text=True,
                     stdin=subprocess.DEVNULL)
assert out.stdout.strip() == "0", out
exchange(20)
pair.close()
peer.close()
""",
    )


def test_multiprocessing_by_fork(sockets: Sockets) -> None:
    run_program(
        sockets.backend,
        PARENT
        + """
import multiprocessing
def child():
    try:
        pair.recv(timeout=1)
    except anymq.ForkedError:
        sys.exit(3)
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
exchange(50)
process.join(LIMIT)
assert process.exitcode == 3, process.exitcode
exchange(50)
pair.close()
peer.close()
""",
    )
