"""What every library that anymq names is promised to have, whatever the build.

The conformance suite asks a library what it has and tests that. That these do not lose what they
have without anybody noticing is tested here.
"""

from __future__ import annotations

import pytest

from anymq.abc import Backend

COMMON = "pair pub sub push pull req rep"
PROMISED = {
    "nanomsg": f"{COMMON} bus surveyor respondent",
    "nng": f"{COMMON} bus surveyor respondent pair1",
    "zmq": f"{COMMON} dealer router xpub xsub stream",
}


def promised(backend: Backend) -> set[str]:
    if backend.name not in PROMISED:
        pytest.skip(f"anymq promises nothing of {backend.name}")
    return set(PROMISED[backend.name].split())


def test_protocols(backend: Backend) -> None:
    assert promised(backend) <= set(backend.protocols)


def test_transports(backend: Backend) -> None:
    assert promised(backend)
    assert {"tcp", "ipc", "inproc"} <= set(backend.transports)


def test_the_suite_has_much_to_look_at(backend: Backend) -> None:
    assert promised(backend)
    assert len(backend.constants) > 10
    assert len(backend.errors) > 5
