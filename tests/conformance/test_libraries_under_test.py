"""Proof that the libraries which this run means to test are the ones it tests."""

from __future__ import annotations

import os

import pytest

import anymq

from .support import LIBRARIES, ONLY, Sockets, mapped

EXPECTED = [name for name in os.environ.get("ANYMQ_TEST_EXPECT", "").split(",") if name]
NAMED = [e for e in os.environ.get("ANYMQ_TEST_LIBRARIES", "").split(",") if "=" in e]


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_library_is_there(name: str) -> None:
    """One that this run was told to expect (ANYMQ_TEST_EXPECT) is a failure when it is missing."""
    found = [under_test for under_test in LIBRARIES if under_test.name == name]
    assert found, f"there is no backend {name!r}: {[u.name for u in LIBRARIES]}"
    for under_test in found:
        assert under_test.backend is not None, under_test.error
        assert mapped(under_test.backend.library.path)


@pytest.mark.parametrize("entry", NAMED)
def test_named_library_is_there(entry: str) -> None:
    """One that this run was given (ANYMQ_TEST_LIBRARIES) is loaded from that very file."""
    name, _, path = entry.partition("=")
    paths = [
        os.path.realpath(u.backend.library.path)
        for u in LIBRARIES
        if u.name == name and u.backend is not None
    ]
    assert os.path.realpath(path) in paths
    assert mapped(path)


def test_the_library_is_the_one_that_is_mapped(sockets: Sockets) -> None:
    """What the backend says it runs on is what the loader put into this process."""
    library = sockets.backend.library
    assert mapped(library.path), library
    with sockets.open("pair") as socket:
        assert socket.backend.library == library


def test_every_backend_is_known_to_anymq() -> None:
    known, tested = set(anymq.backends()), {u.name for u in LIBRARIES}
    assert tested <= known if ONLY else tested == known


def test_there_is_a_library_to_test() -> None:
    """A run that tests nothing does not succeed."""
    assert any(u.backend for u in LIBRARIES), [str(u.error) for u in LIBRARIES]
