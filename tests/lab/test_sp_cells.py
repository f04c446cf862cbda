"""nanomsg and nng of several versions understand each other: all patterns, transports, directions.

Every cell of the matrix is filled by `make lab`; these are the ones that must never be anything but
good.
"""

from __future__ import annotations

import pytest

from anymq.interop import Build, Plan, run

from .conftest import BuildOf

PATTERNS = ["pair-pair", "bus-bus", "req-rep", "push-pull", "pub-sub", "surveyor-respondent"]
TRANSPORTS = ["tcp", "ipc", "ws"]
PAIRS = [
    ("nanomsg-1.1.5-debian", "nng-1.5.2-debian"),
    ("nanomsg-1.1.5-debian", "nng-1.11.0-wheel"),
    ("nanomsg-1.1.5-debian", "nng-1.12.4-debian"),
    ("nanomsg-1.1.5-debian", "nng-2.0dev-b-wheel"),
    ("nanomsg-bundle-wheel", "nng-1.11.0-wheel"),
    ("nanomsg-bundle-wheel", "nng-2.0dev-b-wheel"),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("nanomsg", "nng"), PAIRS)
def test_nanomsg_and_nng(nanomsg: str, nng: str, build_of: BuildOf) -> None:
    builds = [build_of(nanomsg), build_of(nng)]
    sides = [
        Build(b.build.name, b.build.library, str(b.library), (str(b.python),), env=b.env)
        for b in builds
    ]
    report = run(Plan(sides, PATTERNS, TRANSPORTS, sizes=(0, 1, 1000, 100_000), count=2))
    mixed = [cell for cell in report.runs if cell.sender != cell.receiver]
    assert len(mixed) == len(PATTERNS) * len(TRANSPORTS) * 2 * 2
    assert {cell.id: (cell.outcome, cell.detail) for cell in mixed if cell.outcome != "ok"} == {}
