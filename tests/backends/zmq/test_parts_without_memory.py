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

/* After so many requests of this thread for as much as several parts take, one is refused. */
void refuse_after(int count) { whose = pthread_self(); left = count; }

void *malloc(size_t size)
{
    if (left >= 0 && size >= 700 && pthread_equal(whose, pthread_self()) && left-- == 0)
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
    memory.refuse_after(count)
    try:
        pull.{call}()
    except MemoryError:
        failed += 1
    except anymq.StateError:
        pass
    memory.refuse_after(-1)
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
