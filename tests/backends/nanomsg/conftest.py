"""What the tests of the nanomsg backend share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import anymq
from anymq_nanomsg.backend import NanomsgBackend
from tests.conformance.support import Sockets


@pytest.fixture(scope="session")
def nanomsg() -> NanomsgBackend:
    try:
        backend = anymq.get_backend("nanomsg")
    except anymq.BackendUnavailable as error:
        pytest.skip(str(error))
    assert isinstance(backend, NanomsgBackend)
    return backend


@pytest.fixture(autouse=True)
def able(request: pytest.FixtureRequest) -> None:
    """`@pytest.mark.requires(...)`: some releases lack what the test is about."""
    for feature in (arg for m in request.node.iter_markers("requires") for arg in m.args):
        if not request.getfixturevalue("nanomsg").supports(feature):
            pytest.skip(f"it is about {feature}, which this library lacks")


@pytest.fixture
def made(nanomsg: NanomsgBackend, tmp_path: Path) -> Iterator[Sockets]:
    """Makes nanomsg sockets, and closes them at the end."""
    sockets = Sockets(nanomsg, tmp_path)
    yield sockets
    sockets.close()
