"""libzmq's context: made late, ended after lingering, interruptible, and left alone by a child."""

from __future__ import annotations

import os
import signal
import time

from anymq.abc import Backend
from tests.conformance.support import LIMIT, Sockets, finish_program, run_program, start_program


def test_opening_a_library_starts_no_thread(zmq: Backend) -> None:
    """Those of a probe's context are joined; the system may list such a thread a moment longer."""
    run_program(
        zmq,
        """
        deadline = time.monotonic() + LIMIT
        while len(os.listdir("/proc/self/task")) > 1:
            assert time.monotonic() < deadline, os.listdir("/proc/self/task")
            time.sleep(0.005)
        """,
    )


def test_more_sockets_than_libzmq_allows_by_itself(zmq: Backend) -> None:
    """Its default is 1023; here the limit of descriptors is the only one."""
    run_program(
        zmq,
        """
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        count = min(1100, wanted - 100)
        kept = [open_socket("push") for _ in range(count)]
        for socket in kept:
            socket.close()
        """,
    )


def test_too_many_descriptors_are_an_error(zmq: Backend) -> None:
    run_program(
        zmq,
        """
        import resource
        one = open_socket("push", dial="tcp://127.0.0.1:9")  # all of libzmq's own threads run
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
        kept = []
        try:
            while len(kept) < 100:
                kept.append(open_socket("push"))
        except anymq.ResourceExhausted:
            pass
        else:
            raise SystemExit("no error")
        for socket in kept:
            socket.close()
        """,
    )


def test_lingering_is_waited_for_at_exit(sockets: Sockets) -> None:
    """A closed socket's messages leave although the program ends at once."""
    pull = sockets.open("pull", recv_buffer=1)
    url = pull.listen(sockets.url()).url
    process = start_program(
        sockets.backend,
        """
        push = open_socket("push", dial=sys.argv[3])
        for n in range(200):
            push.send(b"%06d" % n * 10_000)
        push.close()
        """,
        url,
    )
    assert [int(pull.recv()[:6]) for _ in range(200)] == list(range(200))
    finish_program(process)


def test_lingering_has_an_end(zmq: Backend) -> None:
    begin = time.monotonic()
    run_program(
        zmq,
        """
        push = open_socket("push", dial="tcp://127.0.0.1:9", immediate=False, linger=0.5)
        push.send(b"never taken")
        push.close()
        """,
    )
    assert time.monotonic() - begin < LIMIT


def test_ctrl_c_ends_the_wait_for_the_context(zmq: Backend) -> None:
    process = start_program(
        zmq,
        """
        push = open_socket("push", dial="tcp://127.0.0.1:9", immediate=False, linger=60)
        push.send(b"never taken")
        push.close()
        print("closed", flush=True)
        try:
            backend.shutdown(None)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            os._exit(0)
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "closed\n"
    begin = time.monotonic()
    # The program may not have reached the wait yet: a Ctrl-C before it ends it with a traceback.
    while not any("pipe" in wait or "futex" in wait for wait in _waits(process.pid)):
        assert time.monotonic() - begin < LIMIT
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    finish_program(process)
    assert time.monotonic() - begin < LIMIT


def _waits(pid: int) -> list[str]:
    """What the threads of a process wait for; a guess where the system does not tell."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/wchan") as wchan:
                found.append(wchan.read() or "futex")
        except OSError:
            found.append("futex")
    return found


def test_shutdown_within_its_limit(zmq: Backend) -> None:
    run_program(
        zmq,
        """
        push = open_socket("push", dial="tcp://127.0.0.1:9", immediate=False, linger=60)
        push.send(b"never taken")
        push.close()
        begin = time.monotonic()
        backend.shutdown(0.3)
        assert 0.25 < time.monotonic() - begin < 2, time.monotonic() - begin
        os._exit(0)
        """,
    )


def test_sockets_can_be_opened_after_shutdown(zmq: Backend) -> None:
    run_program(
        zmq,
        """
        for _ in range(3):
            pull = open_socket("pull")
            push = open_socket("push", dial=pull.listen("tcp://127.0.0.1:0").url)
            push.send(b"x")
            assert pull.recv() == b"x"
            pull.close()
            push.close()
            backend.shutdown(LIMIT)
            deadline = time.monotonic() + LIMIT
            while len(os.listdir("/proc/self/task")) > 1:
                assert time.monotonic() < deadline, "a thread was left"
                time.sleep(0.01)
        """,
    )


def test_the_child_of_a_fork_has_a_context_of_its_own(zmq: Backend) -> None:
    run_program(
        zmq,
        """
        def exchange():
            pull = open_socket("pull")
            push = open_socket("push", dial=pull.listen("tcp://127.0.0.1:0").url)
            push.wait_for_peers(timeout=LIMIT)
            push.send(b"x")
            assert pull.recv() == b"x"
            return pull, push
        parents = exchange()
        pid = os.fork()
        if pid == 0:
            exchange()
            backend.shutdown(LIMIT)  # the parent's is not the child's to end
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        parents[1].send(b"still")
        assert parents[0].recv() == b"still"
        """,
    )
