"""What a backend says of its library: complete, consistent, and with evidence."""

from __future__ import annotations

import os
import pickle
import re

import pytest

import anymq
from anymq.abc import Backend, LibraryInfo
from anymq.features import TRANSPORTS, Support, known_features

from .support import BACKENDS, Sockets, mapped


def test_every_feature_has_an_answer(backend: Backend) -> None:
    assert set(backend.features) == set(known_features())
    for name, support in backend.features.items():
        assert isinstance(support, Support)
        assert support.status in ("native", "emulated", "absent")
        assert bool(support) == (support.status != "absent") == backend.supports(name)
        if support.status == "native":
            assert support.evidence, f"how does it know that it has {name}?"
        else:
            assert support.reason, f"why is {name} {support.status}?"


def test_protocols_and_transports_follow_from_the_features(backend: Backend) -> None:
    assert {f"protocol.{p}" for p in backend.protocols} == {
        n for n in known_features() if n.startswith("protocol.") and backend.supports(n)
    }
    assert all(isinstance(p, anymq.Protocol) for p in backend.protocols)
    assert {f"transport.{t}" for t in backend.transports} == {
        n for n in known_features() if n.startswith("transport.") and backend.supports(n)
    }
    assert set(backend.transports) <= set(TRANSPORTS)
    assert backend.protocols
    assert backend.transports
    for pair in ({"req", "rep"}, {"surveyor", "respondent"}):
        assert pair <= set(backend.protocols) or not pair & set(backend.protocols)


def test_every_protocol_that_is_promised_opens(sockets: Sockets, protocol: str) -> None:
    with sockets.open(protocol) as socket:
        assert socket.protocol == protocol


def test_unknown_features_are_not_supported(backend: Backend) -> None:
    assert not backend.supports("protocol.telepathy")
    with pytest.raises(anymq.UnsupportedFeature, match=r"protocol\.telepathy"):
        backend.require("protocol.telepathy")


def test_require_does_nothing_where_the_feature_is(backend: Backend) -> None:
    for name, support in backend.features.items():
        if support:
            assert backend.require(name) is None


def test_library(backend: Backend) -> None:
    library = backend.library
    assert isinstance(library, LibraryInfo)
    assert os.path.isabs(library.path)
    assert os.path.isfile(library.path)
    assert mapped(library.path)
    assert library.version
    assert all(isinstance(n, int) for n in library.version)
    assert library.version_text
    assert library.found_via in ("argument", "config", "environment", "wheel", "system")
    assert backend.name in repr(backend)
    assert library.path in repr(backend)


def test_constants_and_errors(backend: Backend) -> None:
    assert len(backend.constants) > 10
    assert all(isinstance(k, str) and isinstance(v, int) for k, v in backend.constants.items())
    assert len(backend.errors) > 5
    assert all(isinstance(k, int) and isinstance(v, str) for k, v in backend.errors.items())
    with pytest.raises(TypeError):
        backend.features["raw"] = None  # type: ignore[index]


def test_native_errors_become_errors(backend: Backend) -> None:
    """Every number of the library gives an error with its number, name and the library's text."""
    for code, symbol in backend.errors.items():
        error = backend.error(code, "do something")
        assert isinstance(error, anymq.AnymqError)
        assert error.backend == backend.name
        assert error.code == code
        assert error.symbol == symbol
        assert "do something" in str(error)
        assert symbol in str(error)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.code, again.symbol, again.backend) == (
            type(error),
            str(error),
            code,
            symbol,
            backend.name,
        )


def test_unknown_native_errors_are_errors_all_the_same(backend: Backend) -> None:
    unknown = max(backend.errors) + 123_456
    error = backend.error(unknown, "do something")
    assert isinstance(error, anymq.AnymqError)
    assert error.code == unknown


def test_wire(backend: Backend) -> None:
    """A short word: backends of one wire are taken to talk to each other."""
    assert re.fullmatch(r"[a-z][a-z0-9-]*", backend.wire)


def test_get_backend_by_name(backend: Backend) -> None:
    same = anymq.get_backend(backend.name, library=backend.library.path)
    assert same.name == backend.name
    assert os.path.realpath(same.library.path) == os.path.realpath(backend.library.path)
    assert anymq.get_backend(backend.name).name == backend.name


def test_get_backend_by_need(backend: Backend) -> None:
    """The first that fits; whichever it is, it has what was asked for."""
    for protocol in backend.protocols:
        for transport in backend.transports:
            found = anymq.get_backend(protocol=protocol.value, transport=transport)
            assert found.supports(f"protocol.{protocol}")
            assert found.supports(f"transport.{transport}")
    some = [name for name, support in backend.features.items() if support][:3]
    found = anymq.get_backend(features=some)
    assert all(found.supports(name) for name in some)


def test_get_backend_with_impossible_needs() -> None:
    """No library has both; the error says what each lacks."""
    with pytest.raises(anymq.AnymqError, match="vmci") as caught:
        anymq.get_backend(features=["transport.vmci", "transport.zt", "transport.norm"])
    assert isinstance(caught.value, (anymq.UnsupportedFeature, anymq.BackendUnavailable))


@pytest.mark.parametrize("bad", ["nonsense", "NNG ", "", "rabbit"])
def test_unknown_backend(bad: str) -> None:
    with pytest.raises((anymq.BackendUnavailable, ValueError), match="backend") as caught:
        anymq.get_backend(bad)
    if BACKENDS:
        assert any(b.name in str(caught.value) for b in BACKENDS.values()), (
            "it names the known ones"
        )


@pytest.mark.parametrize("bad", [{"protocol": "nonsense"}, {"features": ["nonsense"]}])
def test_unknown_needs(bad: dict[str, object]) -> None:
    with pytest.raises((anymq.AnymqError, ValueError), match="nonsense"):
        anymq.get_backend(**bad)


def test_status_of_every_backend() -> None:
    for name, status in anymq.backends().items():
        assert status.name == name
        assert isinstance(status.available, bool)
        if status.available:
            assert status.backend is not None
            assert status.backend.name == name
        else:
            assert status.backend is None
            assert status.reason, "why not?"


def test_a_socket_of_the_default_backend() -> None:
    """Without a backend named, the first that fits is taken."""
    if not BACKENDS:
        pytest.fail("no library to test")
    with anymq.Socket("push") as push:
        assert push.backend.supports("protocol.push")


def test_a_socket_of_a_named_backend(backend: Backend) -> None:
    with anymq.Socket(backend.protocols[0], backend=backend.name) as socket:
        assert socket.backend.name == backend.name


def test_the_environment_chooses(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYMQ_BACKEND", backend.name)
    with anymq.Socket(backend.protocols[0]) as socket:
        assert socket.backend.name == backend.name
