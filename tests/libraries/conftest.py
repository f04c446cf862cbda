"""What the tests of bad libraries share: the real ones that they are made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import anymq

from .making import PREFIXES, shim
from .reports import Report, look_at

Look = Callable[[str, Path], Report]
Make = Callable[..., Path]


@pytest.fixture(params=sorted(PREFIXES))
def name(request: pytest.FixtureRequest) -> str:
    """A backend's name."""
    return str(request.param)


def real_library(name: str) -> str:
    """The file of the backend's default library."""
    return os.path.realpath(anymq.get_backend(name).library.path)


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """`look(name, path)`: what became of the library at `path` in a process of its own."""
    return lambda name, path: look_at(name, path, tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(name, without=..., instead=..., replaced=...)`: a shim of that backend's library."""

    def made(
        name: str,
        *,
        without: Iterable[str] = (),
        instead: str = "",
        replaced: Iterable[str] = (),
        path: str = "",
    ) -> Path:
        return shim(
            path or real_library(name),
            tmp_path,
            PREFIXES[name],
            without=without,
            instead=instead,
            replaced=replaced,
        )

    return made
