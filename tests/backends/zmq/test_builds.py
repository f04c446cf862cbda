"""Files of libzmq: two at once, what each says it can do, and files that are something else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

import anymq
from anymq.abc import Backend
from anymq.errors import BackendUnavailable, UnsupportedFeature
from anymq.features import Support, known_features
from anymq_zmq.features import Library, detect
from tests.conformance.support import LIMIT, Sockets, mapped

DRAFT = ["server", "client", "radio", "dish", "gather", "scatter", "dgram", "peer", "channel"]


def test_two_builds_talk_to_each_other(two_builds: tuple[Backend, Backend], tmp_path: Path) -> None:
    first, second = (Sockets(backend, tmp_path) for backend in two_builds)
    try:
        pull = first.open("pull")
        push = second.open("push", dial=pull.listen(first.url()).url)
        push.send(b"from the other build")
        assert pull.recv() == b"from the other build"
        paths = {socket.backend.library.path for socket in (pull, push)}
        assert len({os.path.realpath(path) for path in paths}) == 2
        assert all(mapped(path) for path in paths)
    finally:
        first.close()
        second.close()


def test_inproc_does_not_cross_builds(two_builds: tuple[Backend, Backend], tmp_path: Path) -> None:
    first, second = (Sockets(backend, tmp_path) for backend in two_builds)
    try:
        url = first.url("inproc")
        pull = first.open("pull", listen=url)
        push = second.open("push", dial=url)
        assert (pull.peers, push.peers) == (0, 0)
        # Both may have the name at once, each among its own.
        second.open("pull", listen=url)
        push.wait_for_peers(timeout=LIMIT)
        assert pull.peers == 0
    finally:
        first.close()
        second.close()


def test_each_build_answers_for_itself(zmq: Backend) -> None:
    assert set(zmq.features) == set(known_features())
    assert zmq.library.version >= (4, 0)
    assert zmq.library.version_text == ".".join(map(str, zmq.library.version))
    for name, support in zmq.features.items():
        assert support.reason or support, f"{name} is absent without a reason"
        if name.startswith(("transport.tcp", "protocol.p")) and support:
            assert support.evidence


def test_features_agree_with_the_build(zmq: Backend) -> None:
    """What is said to be there works, and what is said to be absent is refused."""
    path = zmq.library.path
    debian = path.startswith(("/lib/", "/usr/lib/"))
    assert zmq.supports("transport.ws") is (debian and zmq.library.version < (5,)), path
    with anymq.Socket("pull", backend=zmq) as pull:
        if zmq.supports("transport.ws"):
            assert pull.listen("ws://127.0.0.1:0").url.startswith("ws://127.0.0.1:")
        else:
            with pytest.raises(UnsupportedFeature, match="not compiled") as caught:
                pull.listen("ws://127.0.0.1:0")
            assert caught.value.feature == "transport.ws"


@pytest.mark.parametrize("protocol", DRAFT)
def test_draft_types_are_refused_without_being_opened(zmq: Backend, protocol: str) -> None:
    """They open on a build without drafts, and abort the process when a peer connects."""
    if zmq.supports("draft"):
        pytest.skip("this build has drafts")
    assert "draft" in zmq.features[f"protocol.{protocol}"].evidence
    with pytest.raises(UnsupportedFeature, match="draft") as caught:
        anymq.Socket(protocol, backend=zmq)
    assert caught.value.feature == f"protocol.{protocol}"
    assert caught.value.found == zmq.library.version_text
    with pytest.raises(UnsupportedFeature):
        zmq.open_socket(anymq.Protocol(protocol))


def test_draft_types_need_their_functions() -> None:
    """A build that has drafts and does not export what addresses a peer or a group."""

    def features(*missing: str) -> Mapping[str, Support]:
        return detect(
            Library((4, 3, 5), lambda name: True, lambda s: s not in missing, lambda u: 0)
        )

    assert all(features()[f"protocol.{protocol}"] for protocol in DRAFT)
    found = features("zmq_join", "zmq_connect_peer")
    lacking = {protocol for protocol in DRAFT if not found[f"protocol.{protocol}"]}
    assert lacking == {"radio", "dish", "peer"}
    assert "does not export zmq_join" in found["protocol.dish"].reason


@pytest.mark.parametrize("protocol", ["surveyor", "respondent", "bus", "pair1"])
def test_sp_protocols_that_libzmq_lacks(zmq: Backend, protocol: str) -> None:
    with pytest.raises(UnsupportedFeature, match="zmq") as caught:
        anymq.Socket(protocol, backend=zmq)
    assert caught.value.feature == f"protocol.{protocol}"


def test_raw_points_at_the_native_types(zmq: Backend) -> None:
    with pytest.raises(UnsupportedFeature, match="dealer, router, xpub or xsub"):
        anymq.Socket("rep", backend=zmq, raw=True)


def test_the_same_file_is_one_library(zmq: Backend) -> None:
    """However often it is opened: two contexts of one file could not meet over inproc."""
    again = anymq.get_backend("zmq", library=zmq.library.path)
    with anymq.Socket("pull", backend=zmq) as pull, anymq.Socket("push", backend=again) as push:
        pull.listen("inproc://same-file")
        push.dial("inproc://same-file", wait=True, timeout=LIMIT)


def loaded_c_library() -> str:
    """A shared object of this process that is no messaging library."""
    with open("/proc/self/maps") as maps:
        return next(line.split()[-1] for line in maps if "/libc.so" in line or "/libc-" in line)


def test_another_library_is_recognised() -> None:
    with pytest.raises(BackendUnavailable, match=r"zmq_version.*none of nanomsg, nng and libzmq"):
        anymq.get_backend("zmq", library=loaded_c_library())


@pytest.mark.parametrize("name", ["nng", "nanomsg"])
def test_the_other_messaging_libraries_are_named(name: str) -> None:
    status = anymq.backends()[name]
    if status.backend is None:
        pytest.skip(f"{name} is not available")
    with pytest.raises(BackendUnavailable, match=f"looks like {name}"):
        anymq.get_backend("zmq", library=status.backend.library.path)


def test_errors_have_libzmq_names(zmq: Backend) -> None:
    by_name = {name: number for number, name in zmq.errors.items()}
    error = zmq.error(by_name["ETERM"], "receive")
    assert isinstance(error, anymq.Closed)
    assert (error.symbol, error.errno) == ("ETERM", None)
    assert isinstance(zmq.error(by_name["EFSM"]), anymq.StateError)
    assert isinstance(zmq.error(by_name["EAGAIN"]), anymq.WouldBlock)
    assert zmq.constants["ZMQ_ROUTER"] == 6
