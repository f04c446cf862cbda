"""Contexts are closed, interrupted, forked and refused as sockets are."""

from __future__ import annotations

import gc
import threading
import warnings

import pytest

import anymq
from anymq.abc import Backend

from .loops import Loop
from .support import LIMIT, Sockets, descriptors, eventually, open_contexts, run_program


@pytest.mark.requires("contexts")
def test_closing_one_wakes_its_own(sockets: Sockets, loop: Loop) -> None:
    rep = sockets.open("rep")
    closing, staying = open_contexts(rep, 2)
    ends: list[str] = []

    async def wait(context: anymq.Context, timeout: float | None) -> None:
        try:
            await context.arecv(timeout=timeout)
        except (anymq.Closed, anymq.Timeout) as error:
            ends.append(type(error).__name__)

    def block() -> None:
        try:
            closing.recv(timeout=None)
        except anymq.Closed:
            ends.append("thread")

    async def main() -> None:
        async with loop.group() as group:
            group.start(wait(closing, None))
            group.start(wait(closing, None))
            group.start(wait(staying, 0.3))
            await loop.settle()
            blocked = threading.Thread(target=block)
            blocked.start()
            await loop.sleep(0.05)
            await closing.aclose()
        blocked.join(LIMIT)

    loop.run(main)
    assert sorted(ends) == ["Closed", "Closed", "Timeout", "thread"]
    for call in (closing.recv, lambda: closing.send(b""), lambda: closing.subscribe(b"")):
        with pytest.raises((anymq.Closed, anymq.UnsupportedFeature)):
            call()
    closing.close()
    assert closing.closed
    assert not rep.closed


@pytest.mark.requires("contexts")
def test_closing_the_socket_closes_them(sockets: Sockets, loop: Loop) -> None:
    rep = sockets.open("rep")
    waiting = open_contexts(rep, 20)
    ends: list[anymq.Context] = []

    async def wait(context: anymq.Context) -> None:
        with pytest.raises(anymq.Closed):
            await context.arecv(timeout=None)
        ends.append(context)

    async def main() -> None:
        async with loop.group() as group:
            for context in waiting:
                group.start(wait(context))
            await loop.settle()
            await rep.aclose()

    loop.run(main)
    assert len(ends) == 20
    assert all(context.closed for context in waiting)
    with pytest.raises(anymq.Closed):
        rep.open_context()


@pytest.mark.requires("contexts")
def test_with_blocks(sockets: Sockets, loop: Loop) -> None:
    rep = sockets.open("rep")
    open_contexts(rep)[0].close()

    async def main() -> None:
        async with rep.open_context() as context:
            assert context.socket is rep
            assert (context.protocol, context.backend) == (rep.protocol, rep.backend)
        assert context.closed

    loop.run(main)
    with rep.open_context() as context:
        assert "rep context" in repr(context)
    assert "closed" in repr(context)


@pytest.mark.requires("contexts")
def test_an_unclosed_one_warns(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    open_contexts(rep)[0].close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rep.open_context()
        gc.collect()
    assert [w.category for w in caught] == [ResourceWarning]


@pytest.mark.requires("contexts")
def test_nothing_is_left_behind(sockets: Sockets, loop: Loop) -> None:
    rep = sockets.open("rep")
    open_contexts(rep)[0].close()

    async def use() -> None:
        for _ in range(100):
            async with rep.open_context() as context:
                with pytest.raises(anymq.Timeout):
                    await context.arecv(timeout=0.0001)

    loop.run(use)
    before = descriptors()
    loop.run(use)
    eventually(lambda: descriptors() <= before)


@pytest.mark.requires("contexts")
def test_ctrl_c_and_fork(sockets: Sockets) -> None:
    open_contexts(sockets.open("rep"))
    out = run_program(
        sockets.backend,
        """
        rep = open_socket("rep")
        context = rep.open_context()
        begin = time.monotonic()
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            context.recv(timeout=None)
        except KeyboardInterrupt:
            assert time.monotonic() - begin < 2
            print("interrupted", flush=True)
        pid = os.fork()
        if pid == 0:
            for call in (context.recv, lambda: context.send(b""), rep.open_context):
                try:
                    call()
                except anymq.ForkedError:
                    continue
                os._exit(1)
            context.close()
            del context
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        try:
            context.recv(timeout=0.01)
        except anymq.Timeout:
            print("goes on")
        """,
    )
    assert out.split("\n")[:2] == ["interrupted", "goes on"]


# Where there are none


def test_protocols_without_a_state_have_none(sockets: Sockets, protocol: anymq.Protocol) -> None:
    if protocol in ("req", "rep", "surveyor", "respondent", "sub"):
        open_contexts(sockets.open(protocol))[0].close()
        return
    socket = sockets.open(protocol)
    with pytest.raises(anymq.UnsupportedFeature) as refused:
        socket.open_context()
    assert refused.value.feature == "contexts"
    assert not socket.closed


@pytest.mark.requires("raw", "protocol.rep")
def test_raw_sockets_have_none(sockets: Sockets) -> None:
    with pytest.raises(anymq.UnsupportedFeature, match="contexts"):
        sockets.open("rep", raw=True).open_context()


def test_a_library_without_them_says_so(backend: Backend, sockets: Sockets) -> None:
    protocols = [p for p in ("req", "rep", "sub") if p in backend.protocols]
    for protocol in protocols:
        socket = sockets.open(protocol)
        if not backend.supports("contexts"):
            with pytest.raises(anymq.UnsupportedFeature) as refused:
                socket.open_context()
            assert refused.value.library == backend.name
        assert socket.peers == 0
