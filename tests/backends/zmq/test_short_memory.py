"""What was taken from libzmq is not lost where Python has no memory for it."""

from __future__ import annotations

import pytest

from tests.conformance.support import LIMIT, Sockets, run_program


@pytest.mark.parametrize(("size", "count"), [(100, 140), (100_000, 70)])
def test_a_batch_stays_receivable(sockets: Sockets, size: int, count: int) -> None:
    """Whichever allocation it is that fails: what was made before is returned, the rest comes next.

    Over inproc a message that was sent is there.
    """
    hooks = pytest.importorskip("_testcapi")
    push, pull = sockets.pair("push", "pull", "inproc")
    bodies = [bytes([i]) * size for i in range(count)]
    failed, cut, done = 0, 0, 0
    for start in range(2 * count + 10):
        push.send_many(bodies)
        got: list[bytes] = []
        hooks.set_nomemory(start, start + 1)
        try:
            got = pull.recv_many(count)
        except MemoryError:
            failed += 1
        finally:
            hooks.remove_mem_hooks()
        cut += 0 < len(got) < count
        while len(got) < count:
            got += pull.recv_many(count, timeout=LIMIT)
        assert got == bodies
        done += count
        assert pull.statistics()["messages_received"] == done
    assert failed > 0
    assert cut > 0


@pytest.mark.parametrize("call", ["recv", "recv_into", "recv_message", "recv_parts"])
def test_a_message_stays_receivable(sockets: Sockets, call: str) -> None:
    hooks = pytest.importorskip("_testcapi")
    push, pull = sockets.pair("push", "pull", "inproc")
    arguments = [bytearray(300)] if call == "recv_into" else []
    receive = getattr(pull, call)
    failed = 0
    for start in range(10):
        push.send(b"%300d" % start)
        hooks.set_nomemory(start, start + 1)
        try:
            receive(*arguments)
        except MemoryError:
            failed += 1
            hooks.remove_mem_hooks()
            assert pull.recv() == b"%300d" % start
        finally:
            hooks.remove_mem_hooks()
        assert pull.statistics()["messages_received"] == start + 1
    assert failed > 0


def test_an_option_that_cannot_be_read_leaves_the_socket_usable(sockets: Sockets) -> None:
    """Reading one locks the socket, which another thread would find locked for ever."""
    pytest.importorskip("_testcapi")
    run_program(
        sockets.backend,
        """
        import _testcapi
        push = open_socket("push")
        failed = 0
        for start in range(20):
            _testcapi.set_nomemory(start, start + 1)
            try:
                push.get_native("ZMQ_TYPE")
            except MemoryError:
                failed += 1
            finally:
                _testcapi.remove_mem_hooks()
            thread = threading.Thread(target=push.get_native, args=("ZMQ_TYPE",), daemon=True)
            thread.start()
            thread.join(LIMIT)
            if thread.is_alive():
                os._exit(1)
        assert failed > 0
        """,
    )
