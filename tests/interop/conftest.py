"""Runs these tests over the libraries under test by wire: SP (nanomsg, nng) or ZMTP (libzmq).

A test that asks for `sp` (or `zmtp`) runs with each backend of that wire; `sockets` makes sockets
of it. A test that also asks for `transport`, `protocol`, `talker` (a protocol whose program may
speak first) or `program` runs over those that backend and program share.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from anymq.abc import Backend
from tests.conformance.support import BACKENDS, Sockets, missing

from .exchanges import COUNTERPART, ZMTP_COUNTERPART

PROGRAMS = ("nngcat", "nanocat")
AXES = ("transport", "protocol", "talker", "program")
CROSSING = ("tcp", "ipc", "ws")
"""Transports that lead to other processes, in every library's grammar."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wire = next((wire for wire in ("sp", "zmtp") if wire in metafunc.fixturenames), None)
    if wire is None:
        return
    axes = [axis for axis in AXES if axis in metafunc.fixturenames]
    names = {
        "transport": CROSSING if wire == "sp" else CROSSING[:2],
        "protocol": COUNTERPART if wire == "sp" else ZMTP_COUNTERPART,
        "talker": ("pair", "pair1", "bus"),
        "program": PROGRAMS,
    }
    cases = [
        pytest.param(backend, *choice, id="-".join([ident, *choice]))
        for ident, backend in BACKENDS.items()
        if backend.wire == wire
        for choice in itertools.product(*(names[axis] for axis in axes))
        if _possible(backend, dict(zip(axes, choice, strict=True)))
    ]
    metafunc.parametrize((wire, *axes), cases)


def _possible(backend: Backend, case: dict[str, str]) -> bool:
    protocol = case.get("protocol", case.get("talker"))
    features = {"protocol": protocol, "transport": case.get("transport")}
    if missing(backend, [f"{kind}.{name}" for kind, name in features.items() if name]):
        return False
    return (case.get("program"), protocol) != ("nanocat", "pair1")


@pytest.fixture
def sockets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sockets]:
    """Makes sockets of the backend under test, and addresses; closes the sockets at the end."""
    wire = "sp" if "sp" in request.fixturenames else "zmtp"
    made = Sockets(request.getfixturevalue(wire), tmp_path)
    yield made
    made.close()
