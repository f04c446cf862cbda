"""A wake-up that one thread has taken reaches the others, even when its signal handler raises."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.support import Sockets, run_program
from tests.libraries.making import compile_library

GATE = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>

static sem_t arrived, let_go;

__attribute__((constructor)) static void prepare(void)
{
    sem_init(&arrived, 0, 0);
    sem_init(&let_go, 0, 0);
}

void gate_wait(void) { sem_wait(&arrived); }
void gate_open(void) { sem_post(&let_go); }

/* Threads that wait without a limit, as the main thread never does, stand before the gate first;
 * the main thread gets a signal in the moment in which it has seen the wake-up. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *limit, const sigset_t *mask)
{
    int (*real)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
    real = dlsym(RTLD_NEXT, "ppoll");
    if (limit == NULL) {
        sem_post(&arrived);
        sem_wait(&let_go);
    }
    int ready = real(fds, count, limit, mask);
    if (limit != NULL && ready > 0 && fds[1].revents)
        raise(SIGALRM);
    return ready;
}
"""

BEGIN = """
import ctypes
gate = ctypes.CDLL(None)
class Mine(Exception):
    pass
def handler(*_):
    raise Mine
signal.signal(signal.SIGALRM, handler)
pull = open_socket("pull", listen="inproc://handing-on")
push = open_socket("push", dial="inproc://handing-on")
got = []
thread = threading.Thread(target=lambda: got.append(pull.recv(timeout=None)), daemon=True)
thread.start()
gate.gate_wait()
while pull._handle.next_event(0) is not None:
    pass
push.send(b"for the other thread")
"""

END = """
gate.gate_open()
thread.join(LIMIT)
print(got, flush=True)
os._exit(0 if got == [b"for the other thread"] else 1)
"""

RAISING = """
raised = False
try:
    {wait}
except Mine:
    raised = True
assert raised
"""

GIVING_BACK = """
message = pull.recv()
pull.peers  # reads the events: libzmq has nothing more to tell
pull._handle.give_back(message)
"""


@pytest.mark.parametrize(
    "wait", ["pull.wait_for_peers(5, timeout=None)", "pull._handle.next_event(None)"]
)
def test_a_wait_that_a_handler_ends(sockets: Sockets, tmp_path: Path, wait: str) -> None:
    """The wait takes the wake-up that was meant for a receive, and has no time to look for news."""
    run_with_gate(sockets, tmp_path, RAISING.format(wait=wait))


def test_a_message_that_is_given_back(sockets: Sockets, tmp_path: Path) -> None:
    """It is there for a thread that waits already, though the library does not tell of it."""
    run_with_gate(sockets, tmp_path, GIVING_BACK)


def run_with_gate(sockets: Sockets, folder: Path, source: str) -> None:
    env = {**os.environ, "LD_PRELOAD": str(compile_library(GATE, folder))}
    run_program(sockets.backend, BEGIN + source + END, env=env)
