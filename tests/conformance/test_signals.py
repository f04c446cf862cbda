"""Ctrl-C ends any wait within 0.1 s; a handler that does not raise changes no time-out."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from .support import Sockets, finish_program, run_program, start_program

WAITS = {
    "recv": "pair.recv(timeout=None)",
    "recv-limit": "pair.recv(timeout=20)",
    "recv_into": "pair.recv_into(bytearray(5), timeout=None)",
    "recv_many": "pair.recv_many(timeout=None)",
    "send": "lone.send(b'x', timeout=None)",
    "send_many": "lone.send_many([b'x'], timeout=None)",
    "wait_for_peers": "lone.wait_for_peers(timeout=None)",
    "dial-wait": "lone.dial('tcp://127.0.0.1:1', wait=True)",
    "iteration": "next(iter(pair))",
}

INTERRUPTED = """
peer = open_socket("pair")
pair = open_socket("pair", dial=peer.listen("tcp://127.0.0.1:0").url, recv_timeout=None)
lone = open_socket("pair")
pair.wait_for_peers(timeout=LIMIT)
def interrupted():
    raised = []
    def interrupt():
        raised.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(0.2, interrupt)
    try:
        timer.start()  # in here, as it may come before the wait does
        {wait}
    except KeyboardInterrupt:
        took = time.monotonic() - raised[0]
    else:
        raise SystemExit("not interrupted")
    timer.join()
    return took
timely(interrupted, 0, 0.1)
peer.send(b"still")
assert pair.recv() == b"still"
pair.send(b"usable")
assert peer.recv() == b"usable"
new = open_socket("pair", dial=lone.listen("tcp://127.0.0.1:0").url)
lone.send(b"and")
assert new.recv() == b"and"
for socket in (peer, pair, lone, new):
    socket.close()
"""


@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c_ends_a_wait(sockets: Sockets, name: str) -> None:
    run_program(sockets.backend, INTERRUPTED.format(wait=WAITS[name]))


def test_ctrl_c_is_not_lost_while_messages_flow(sockets: Sockets) -> None:
    run_program(
        sockets.backend,
        """
        peer = open_socket("pair")
        pair = open_socket("pair", dial=peer.listen("tcp://127.0.0.1:0").url)
        begin = time.monotonic()
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            while time.monotonic() - begin < LIMIT:
                pair.send(b"x")
                peer.recv()
        except KeyboardInterrupt:
            assert time.monotonic() - begin < LIMIT / 2
        else:
            raise SystemExit("not interrupted")
        pair.close()
        peer.close()
        """,
    )


def test_a_handler_that_does_not_raise_changes_no_timeout(sockets: Sockets) -> None:
    """Handlers run while the call waits, and the wait ends when it would have ended anyway."""
    run_program(
        sockets.backend,
        """
        count = 0
        def handler(*_):
            global count
            count += 1
        signal.signal(signal.SIGALRM, handler)
        pair = open_socket("pair")
        def measure(call):
            global count
            count = 0
            begin = time.monotonic()
            try:
                call()
            except anymq.Timeout:
                took = time.monotonic() - begin
            else:
                raise SystemExit("no time-out")
            assert count >= 5, count
            return took
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            for call in (
                lambda: pair.recv(timeout=0.3),
                lambda: pair.send(b"x", timeout=0.3),
                lambda: pair.wait_for_peers(timeout=0.3),
                lambda: pair.recv_many(timeout=0.3),
            ):
                timely(lambda: measure(call), 0.299, 0.32)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        pair.close()
        """,
    )


def test_messages_flow_while_signals_rain(sockets: Sockets) -> None:
    """None is lost, none comes twice, and no call fails."""
    run_program(
        sockets.backend,
        """
        signal.signal(signal.SIGALRM, lambda *_: None)
        pull = open_socket("pull")
        push = open_socket("push", dial=pull.listen("tcp://127.0.0.1:0").url)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        def send():
            for i in range(5000):
                push.send(b"%d" % i)
        thread = threading.Thread(target=send)
        thread.start()
        got = [int(pull.recv()) for _ in range(2500)]
        while len(got) < 5000:
            got += map(int, pull.recv_many())
        assert got == list(range(5000))
        thread.join()
        begin = time.monotonic()
        while time.monotonic() - begin < 0.2:
            push.send(b"x" * 1000)
            assert pull.recv() == b"x" * 1000
        signal.setitimer(signal.ITIMER_REAL, 0)
        pull.close()
        push.close()
        """,
    )


def test_an_exception_of_a_handler_reaches_the_caller(sockets: Sockets) -> None:
    run_program(
        sockets.backend,
        """
        class Mine(Exception):
            pass
        def handler(*_):
            raise Mine
        signal.signal(signal.SIGALRM, handler)
        pair = open_socket("pair")
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            pair.recv(timeout=None)
        except Mine:
            pass
        else:
            raise SystemExit("not raised")
        pair.close()
        """,
    )


def test_a_handler_may_use_the_socket(sockets: Sockets) -> None:
    """A handler that sends on the socket that waits does not deadlock."""
    run_program(
        sockets.backend,
        """
        peer = open_socket("pair")
        pair = open_socket("pair", dial=peer.listen("tcp://127.0.0.1:0").url)
        pair.wait_for_peers(timeout=LIMIT)
        signal.signal(signal.SIGALRM, lambda *_: pair.send(b"from the handler"))
        def echo():
            peer.send(peer.recv())
        thread = threading.Thread(target=echo)
        thread.start()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert pair.recv() == b"from the handler"
        thread.join()
        pair.close()
        peer.close()
        """,
    )


def test_a_handler_may_close_the_socket(sockets: Sockets) -> None:
    run_program(
        sockets.backend,
        """
        pair = open_socket("pair")
        signal.signal(signal.SIGALRM, lambda *_: pair.close())
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            pair.recv(timeout=None)
        except anymq.Closed:
            pass
        else:
            raise SystemExit("not closed")
        """,
    )


STOPPED = """
pair = open_socket("pair")
print(pair.listen("tcp://127.0.0.1:0").url, flush=True)
pair.recv(timeout=None)
"""

LINGERS = """
pair = open_socket("pair", dial=sys.argv[3], linger=None)
pair.wait_for_peers(timeout=LIMIT)
print("connected", flush=True)
sys.stdin.readline()
pair.send(bytes(64 << 20))
def interrupt():
    while not pair.closed:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    pair.close()
    threading.Event().wait()  # for the signal, where the library lingers by itself
except KeyboardInterrupt:
    assert pair.closed
os._exit(0)
"""


@pytest.mark.requires("protocol.pair")
def test_ctrl_c_while_lingering(sockets: Sockets) -> None:
    """Ctrl-C ends a close that would wait for ever: its peer was stopped, its buffers are small."""
    peer = start_program(sockets.backend, STOPPED)
    try:
        assert peer.stdout is not None
        url = peer.stdout.readline().strip()
        process = start_program(sockets.backend, LINGERS, url, stdin=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "connected\n"
        peer.send_signal(signal.SIGSTOP)
        os.waitpid(peer.pid, os.WUNTRACED)
        process.stdin.write("stopped\n")
        process.stdin.flush()
        finish_program(process)
    finally:
        peer.kill()
        peer.communicate()
