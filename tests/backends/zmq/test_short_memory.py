"""What was taken from libzmq is not lost where Python has no memory for it."""

from __future__ import annotations

import pytest

from tests.conformance.support import LIMIT, Sockets


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_batch_stays_receivable(sockets: Sockets, size: int) -> None:
    """Whichever allocation it is that fails. Over inproc a message that was sent is there."""
    hooks = pytest.importorskip("_testcapi")
    push, pull = sockets.pair("push", "pull", "inproc")
    bodies = [bytes([i]) * size for i in range(10)]
    failed = 0
    for start in range(20):
        push.send_many(bodies)
        got: list[bytes] = []
        hooks.set_nomemory(start, start + 1)
        try:
            got = pull.recv_many(10)
        except MemoryError:
            failed += 1
        finally:
            hooks.remove_mem_hooks()
        while len(got) < 10:
            got += pull.recv_many(10, timeout=LIMIT)
        assert got == bodies
    assert failed > 0
