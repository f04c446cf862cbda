"""Releases that call themselves the same, told apart; and what anymq keeps out of in some.

The defects of other releases are put into the library at hand: a shim forwards to it and has the
one function that misbehaves. Where the library under test is of such a release, it shows it too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import anymq
from anymq_nanomsg import provider
from anymq_nanomsg.backend import NanomsgBackend
from tests.conformance.support import LIMIT, Sockets, run_program
from tests.libraries.making import shim

HIDES_MAXTTL = """
struct properties { int value; const char *name; int ns, type, unit; };
int nn_symbol_info(int i, struct properties *p, int size)
{
    int (*asked)(int, struct properties *, int) = real("nn_symbol_info");
    int result = asked(i, p, size);
    if (result > 0 && strcmp(p->name, "NN_MAXTTL") == 0)
        p->name = "NN_HIDDEN", p->ns = 0;
    if (result > 0 && strcmp(p->name, "NN_VERSION_REVISION") == 0)
        p->value = 0;
    return result;
}
"""
"""As 1.0.0, which has NN_MAXTTL and does not list it."""

LOSES_PLACE = """
void nn_chunkref_trim(void *reference, size_t size)
{
    void *(*data)(void *) = real("nn_chunkref_data");
    void *(*trim)(void *, size_t) = real("nn_chunk_trim");
    trim(data(reference), size);
}
"""
"""As 1.2.1, of a message that is not kept within its reference."""

Other = Callable[[str, str], NanomsgBackend]


@pytest.fixture
def other(nanomsg: NanomsgBackend, tmp_path: Path) -> Other:
    """`other(source, function)`: the library with that function replaced."""

    def made(source: str, function: str) -> NanomsgBackend:
        real = os.path.realpath(nanomsg.library.path)
        path = shim(real, tmp_path, "nn_", instead=source, replaced=[function])
        backend = provider.open(str(path), "argument")
        assert isinstance(backend, NanomsgBackend)
        return backend

    return made


@pytest.fixture
def old(nanomsg: NanomsgBackend, other: Other) -> NanomsgBackend:
    """One that looks like 1.0.0."""
    if nanomsg.library.version >= (6,):
        pytest.skip("it is too new to be taken for 1.0.0")
    return nanomsg if nanomsg.release.before_1_1 else other(HIDES_MAXTTL, "nn_symbol_info")


def test_a_sound_release(nanomsg: NanomsgBackend) -> None:
    if nanomsg.release.before_1_1 or nanomsg.release.loses_place:
        pytest.skip("it is one of those with defects")
    assert nanomsg.library.version_text.startswith(("1.1.0-1.1.5 ", "1.2 "))
    assert nanomsg.release.evidence.endswith("kept")
    assert nanomsg.supports("protocol.req")
    assert nanomsg.supports("option.tcp_nodelay")
    assert set(nanomsg.quirks) == {"ws-close-is-final"}


def test_one_that_loses_the_place_of_messages(other: Other) -> None:
    broken = other(LOSES_PLACE, "nn_chunkref_trim")
    assert broken.release.evidence.endswith("it was lost")
    for protocol in ("req", "rep", "surveyor", "respondent"):
        with pytest.raises(anymq.UnsupportedFeature, match=r"ends the process.*1\.2\.0") as caught:
            anymq.Socket(protocol, backend=broken)
        assert caught.value.feature == f"protocol.{protocol}"
    with anymq.Socket("pair", backend=broken, recv_timeout=LIMIT) as pair:
        url = pair.listen("tcp://127.0.0.1:0").url
        with anymq.Socket("pair", backend=broken, send_timeout=LIMIT, dial=url) as dialled:
            dialled.send(b"x" * 100_000)
            assert pair.recv() == b"x" * 100_000


def test_1_0_0_is_recognised(old: NanomsgBackend) -> None:
    assert old.library.version_text == "1.0.0 (ABI 5:0:0)"
    assert {"ws-dials-by-chance", "inproc-leaks"} <= set(old.quirks)


def test_max_hops_is_there_though_it_is_not_listed(old: NanomsgBackend) -> None:
    assert "NN_MAXTTL" not in old.constants
    assert "nn_getsockopt" in old.features["option.max_hops"].evidence
    with anymq.Socket("rep", backend=old, max_hops=3) as rep:
        assert rep.max_hops == 3
        assert rep.get_native("NN_MAXTTL") == 3


def nodelay_of_connections(port: int) -> set[int]:
    """TCP_NODELAY of the connections of this process that have this port at either end."""
    found = set()
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            duplicate = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
        with duplicate:
            try:
                ends = (duplicate.getsockname(), duplicate.getpeername())
                if any(isinstance(end, tuple) and end[1] == port for end in ends):
                    found.add(duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            except OSError:
                continue
    return found


def test_tcp_nodelay_does_what_is_said(nanomsg: NanomsgBackend, made: Sockets) -> None:
    """Where it is absent, that is because the library's own option has no effect."""
    one, two = made.open("pair"), made.open("pair")
    for each in (one, two):
        each.set_native("NN_TCP_NODELAY", 1)
    url = two.listen(made.url()).url
    one.dial(url)
    made.connected(one, two)
    found = nodelay_of_connections(int(url.rpartition(":")[2]))
    assert found == {int(nanomsg.supports("option.tcp_nodelay"))}


def test_tcp_nodelay_is_refused_before_1_1(old: NanomsgBackend) -> None:
    with pytest.raises(anymq.UnsupportedFeature, match=r"no effect.*nanomsg 1\.1\.0"):
        anymq.Socket("pair", backend=old, tcp_nodelay=True)


def test_too_large_a_message_over_ipc_is_dropped(old: NanomsgBackend, tmp_path: Path) -> None:
    sockets = Sockets(old, tmp_path)
    try:
        pull = sockets.open("pull", recv_max_size=1000)
        url = pull.listen(sockets.url("ipc")).url
        sockets.open("push", dial=url).send(b"x" * 1001)
        sockets.open("push", dial=url).send(b"small")
        assert pull.recv() == b"small"
    finally:
        sockets.close()


def test_a_second_connection_of_an_inproc_pair_is_refused(
    old: NanomsgBackend, tmp_path: Path
) -> None:
    """It would end the process: so it is shown in one of its own."""
    run_program(
        old,
        """
        first, second, third = (open_socket("pair") for _ in range(3))
        first.listen("inproc://crowded")
        second.dial("inproc://crowded")
        first.send(b"hello")
        assert second.recv() == b"hello"
        def refused(call, url):
            try:
                call(url)
            except anymq.UnsupportedFeature as error:
                assert "end the process" in str(error), error
                return True
        assert refused(third.dial, "inproc://crowded")
        assert refused(first.listen, "tcp://127.0.0.1:0")
        assert refused(second.listen, "inproc://another")
        third.listen("tcp://127.0.0.1:0")
        assert refused(third.listen, "inproc://another")
        second.close()
        fourth = open_socket("pair")
        fourth.dial("inproc://crowded")
        first.send(b"again")
        assert fourth.recv() == b"again"
        """,
    )
