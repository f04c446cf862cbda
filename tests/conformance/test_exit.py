"""A program that ends without closing: it does not hang, and what it sent arrives."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time

import pytest

import anymq

from .support import LIMIT, Sockets, finish_program, run_program, start_program

ENDS = {
    "end of the program": "",
    "sys.exit": "sys.exit(0)",
    "in a cycle": "holder = [push]; holder.append(holder); del push",
    "in a module": "sys.modules['kept'] = push",
    "in a class": "class Kept:\n    it = push\n    me = lambda self: Kept",
}

SENDER = """
push = open_socket("push", dial=sys.argv[3], linger=20.0)
for i in range(300):
    push.send(b"%d" % i + b"x" * 10_000)
"""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.requires("protocol.push", "protocol.pull")
def test_what_was_sent_arrives(sockets: Sockets, end: str) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    process = start_program(sockets.backend, SENDER + ENDS[end], url)
    got = [pull.recv(timeout=LIMIT) for _ in range(300)]
    assert [int(body[:-10_000]) for body in got] == list(range(300))
    _, took = finish_program(process)
    assert took < 5


@pytest.mark.parametrize("linger", ["0.2", "30.0"])
@pytest.mark.requires("protocol.pair", "protocol.push")
def test_unclosed_sockets_do_not_hold_up_the_end(sockets: Sockets, linger: str) -> None:
    """Sockets of many kinds, connected and not, nothing left to send."""
    process = start_program(
        sockets.backend,
        """
        import warnings
        warnings.simplefilter("ignore")
        kept = []
        for protocol in ("pair", "push", "pull", "pub", "sub", "req", "rep"):
            if not backend.supports(f"protocol.{protocol}"):
                continue
            kept.append(open_socket(protocol, linger=float(sys.argv[3])))
            kept.append(kept[-1].listen("tcp://127.0.0.1:0"))
        peer = open_socket("pair", dial=kept[1].url, linger=float(sys.argv[3]))
        peer.send(b"x")
        assert kept[0].recv() == b"x"
        nobody = open_socket("push", dial="tcp://127.0.0.1:1", linger=float(sys.argv[3]))
        print("end", flush=True)
        """,
        linger,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "end\n"
    begin = time.monotonic()
    finish_program(process)
    assert time.monotonic() - begin < 3


def test_the_end_waits_no_longer_than_linger(sockets: Sockets) -> None:
    """The peer takes nothing."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    process = start_program(
        sockets.backend,
        """
        push = open_socket("push", dial=sys.argv[3], linger=0.5)
        try:
            while True:
                push.send(b"x" * 100_000, timeout=0.2)
        except anymq.Timeout:
            print("end", flush=True)
        """,
        url,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "end\n"
    begin = time.monotonic()
    finish_program(process)
    assert time.monotonic() - begin < 3
    assert len(pull.recv()) == 100_000


def test_ctrl_c_ends_the_wait_at_the_end(sockets: Sockets) -> None:
    """A linger without limit, and a peer that takes nothing: the second Ctrl-C ends it at most."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    process = start_program(
        sockets.backend,
        """
        push = open_socket("push", dial=sys.argv[3], linger=None)
        try:
            while True:
                push.send(b"x" * 100_000, timeout=1.0)
        except anymq.Timeout:
            print("end", flush=True)
        """,
        url,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "end\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            break
    ended = process.poll() is not None
    process.kill()
    process.communicate()
    assert ended
    assert len(pull.recv()) == 100_000


@pytest.mark.parametrize(
    "wait",
    [
        "pair.recv(timeout=None)",
        "pair.send(b'x', timeout=None)",
        "pair.wait_for_peers()",
        "list(pair)",
        "pair.recv_many(timeout=None)",
    ],
)
def test_a_daemon_thread_may_still_wait(sockets: Sockets, wait: str) -> None:
    run_program(
        sockets.backend,
        f"""
        pair = open_socket("pair", recv_timeout=None)
        started = threading.Event()
        def work():
            started.set()
            {wait}
        threading.Thread(target=work, daemon=True).start()
        started.wait()
        time.sleep(0.05)
        """,
        limit=15,
    )


@pytest.mark.requires("protocol.pair")
def test_an_unhandled_error_ends_the_program(sockets: Sockets) -> None:
    process = start_program(
        sockets.backend,
        """
        pair = open_socket("pair", listen="tcp://127.0.0.1:0")
        raise LookupError("mine")
        """,
    )
    _, error = process.communicate(timeout=15)
    assert process.returncode == 1
    assert error.rstrip().endswith("LookupError: mine") or "LookupError: mine" in error
    assert "Fatal" not in error


@pytest.mark.requires("protocol.pair")
def test_an_unclosed_socket_is_told_at_the_end(sockets: Sockets) -> None:
    """Not with tracebacks, though: the worst is a ResourceWarning."""
    process = start_program(
        sockets.backend,
        """
        pair = open_socket("pair", listen="tcp://127.0.0.1:0", linger=0)
        """,
    )
    _, error = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "Traceback" not in error
    assert "Exception ignored" not in error


def test_close_at_exit_handlers(sockets: Sockets) -> None:
    """A program may close in its own atexit function, in any order."""
    run_program(
        sockets.backend,
        """
        import atexit
        pair = open_socket("pair", listen="tcp://127.0.0.1:0")
        atexit.register(pair.close)
        """,
    )
    assert isinstance(sockets.open("pair"), anymq.Socket)
