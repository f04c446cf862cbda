"""The libzmq builds within reach: the system's, and the one that pyzmq's wheel carries."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

import anymq
from anymq.abc import Backend
from anymq.errors import BackendUnavailable
from tests.conformance.support import Sockets


def carried_by_pyzmq() -> str | None:
    """The libzmq in pyzmq's wheel; None where pyzmq is not installed as a wheel."""
    spec = importlib.util.find_spec("zmq")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parents[1].glob("pyzmq.libs/libzmq*.so*"))
    return str(found[0]) if found else None


def _builds() -> dict[str, Backend]:
    found: dict[str, Backend] = {}
    for library in (None, carried_by_pyzmq()):
        try:
            backend = anymq.get_backend("zmq", library=library)
        except BackendUnavailable:
            continue
        found.setdefault(f"{backend.library.version_text}-{len(found)}", backend)
    return found


BUILDS = _builds()


@pytest.fixture(params=list(BUILDS.values()), ids=list(BUILDS))
def zmq(request: pytest.FixtureRequest) -> Backend:
    """Every build in turn."""
    backend: Backend = request.param
    return backend


@pytest.fixture
def sockets(zmq: Backend, tmp_path: Path) -> Iterator[Sockets]:
    """Sockets of `zmq`, closed at the end."""
    made = Sockets(zmq, tmp_path)
    yield made
    made.close()


@pytest.fixture
def two_builds() -> tuple[Backend, Backend]:
    """Two different libzmq files."""
    if len({backend.library.path for backend in BUILDS.values()}) < 2:
        pytest.skip("needs the system's libzmq and the pyzmq wheel's")
    first, second = list(BUILDS.values())[:2]
    return first, second
