"""A message of several parts for which there is no memory is given up whole, not in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.support import Sockets, run_program
from tests.libraries.making import compile_library

MALLOC = """\
#include <pthread.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
static pthread_t whose;
static int left = -1;
static size_t least, most;

/* After so many requests of this thread for memory of such a size, one is refused. */
void refuse_after(int count, int from, int to)
{
    whose = pthread_self();
    left = count;
    least = from;
    most = to;
}

void *malloc(size_t size)
{
    if (left >= 0 && size >= least && size <= most && pthread_equal(whose, pthread_self()) &&
        left-- == 0)
        return NULL;
    return __libc_malloc(size);
}
"""

PROGRAM = """
import ctypes
memory = ctypes.CDLL(None)
pull = open_socket("pull", listen="inproc://parts")
push = open_socket("push", dial="inproc://parts")
parts = [b"%d" % i for i in range(20)]
failed = 0
for count in range(6):
    push.send_parts(parts)
    push.send(b"the next")
    memory.refuse_after(count, 700, 1 << 30)  # as much as several parts take
    try:
        pull.{call}()
    except MemoryError:
        failed += 1
    except anymq.StateError:
        pass
    memory.refuse_after(-1, 0, 0)
    got = pull.recv_parts()
    assert got in (parts, [b"the next"]), got
    if got == parts:
        assert pull.recv() == b"the next"
assert failed >= 2, failed
"""


@pytest.mark.parametrize("call", ["recv", "recv_parts"])
def test_the_next_message_is_whole(sockets: Sockets, tmp_path: Path, call: str) -> None:
    """Whichever request for memory it is that is refused."""
    env = {**os.environ, "LD_PRELOAD": str(compile_library(MALLOC, tmp_path))}
    run_program(sockets.backend, PROGRAM.format(call=call), env=env)


CONTEXTS = """
import ctypes
memory = ctypes.CDLL(None)
size, least, most = map(int, sys.argv[3:])
rep, req = open_socket("rep"), open_socket("req")
answerer, asker = rep.open_context(), req.open_context()
req.dial(rep.listen("tcp://127.0.0.1:0").url, wait=True, timeout=LIMIT)
failed = {asker: 0, answerer: 0}
def send(context, data, without):
    if context is without:
        memory.refuse_after(count, least, most)
    try:
        context.send(data)
    except anymq.ResourceExhausted:
        failed[context] += 1
        context.send(data)
    memory.refuse_after(-1, 0, 0)
for count in range(3):
    for without in failed:
        question = b"question %d" % count + bytes(size)
        send(asker, question, without)
        assert answerer.recv(timeout=LIMIT) == question
        send(answerer, question[::-1], without)
        assert asker.recv(timeout=LIMIT) == question[::-1]
assert min(failed.values()) > 0, failed
"""


@pytest.mark.parametrize(
    ("size", "least", "most"), [(2000, 2000, 2200), (100_000, 8, 200)], ids=["copied", "lent"]
)
def test_what_a_context_sends_is_whole(
    sockets: Sockets, tmp_path: Path, size: int, least: int, most: int
) -> None:
    """It is sent again after there was no memory for its body, and nothing stands before it."""
    env = {**os.environ, "LD_PRELOAD": str(compile_library(MALLOC, tmp_path))}
    run_program(sockets.backend, CONTEXTS, str(size), str(least), str(most), env=env)
