"""What the tests of the nng backend share: every build of nng that this machine has."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import anymq
from anymq_nng.backend import NngBackend
from tests.conformance.support import Sockets

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))

from lab.collection import Collection
from lab.manifest import read_manifest

LAB = Collection(read_manifest())


def carried(package: str) -> Path | None:
    """The shared object of a Python package that carries nng and exports its functions."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("_nng*.so")):
            return file
    return None


BUILDS: dict[str, str | None] = {"system": None}
"""Files by a name for people; None is what the loader finds."""
BUILDS.update({p: str(f) for p in ("pynng", "nng") if (f := carried(p)) is not None})


def open_build(name: str) -> NngBackend:
    try:
        backend = anymq.get_backend("nng", library=BUILDS[name])
    except anymq.BackendUnavailable as error:
        if BUILDS[name] is not None:
            raise
        pytest.skip(str(error))
    assert isinstance(backend, NngBackend)
    return backend


def open_lab_build(name: str) -> NngBackend:
    """A build of the laboratory, where it is here; one that CI has must be here in CI."""
    found = LAB.find(LAB.manifest.builds[name])
    if found.library is None:
        expected = {"all": True, "ci": bool(found.build.ci)}
        say = pytest.fail if expected.get(os.environ.get("ANYMQ_LAB_EXPECT", "")) else pytest.skip
        say(f"{name} is not here: {found.reason}")
    backend = anymq.get_backend("nng", library=str(found.library))
    assert isinstance(backend, NngBackend)
    return backend


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> NngBackend:
    """Each build in turn."""
    return open_build(request.param)


@pytest.fixture
def nng() -> NngBackend:
    """The build that programs get."""
    return open_build("system")


@pytest.fixture
def made(build: NngBackend, tmp_path: Path) -> Iterator[Sockets]:
    """Makes sockets of each build, and closes them at the end."""
    sockets = Sockets(build, tmp_path)
    yield sockets
    sockets.close()
