"""Every feature that a library lacks is refused in the same way, naming what would have it.

This is the other half of `requires`: where a test is not made for a library, the refusal is tested
here, for every feature of every library.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

import anymq
from anymq.abc import Backend
from anymq.features import known_features

from .support import BACKENDS, Sockets

ABSENT = [
    pytest.param(backend, feature, id=f"{ident}-{feature}")
    for ident, backend in BACKENDS.items()
    for feature in known_features()
    if not backend.supports(feature)
]


def check(error: anymq.UnsupportedFeature, backend: Backend, feature: str) -> None:
    """The error is whole: feature, library, found and needed version, and who has it."""
    support = backend.features[feature]
    assert error.feature == feature
    assert error.library == error.backend == backend.name
    assert error.found == backend.library.version_text
    assert error.needed == support.needed
    text = str(error)
    for part in (feature, backend.name, backend.library.version_text, support.needed):
        assert part in text
    others = {b.name for b in BACKENDS.values() if b.supports(feature)} - {backend.name}
    for other in others:
        assert other in text, f"{other} has it"
    assert isinstance(error, NotImplementedError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.feature, again.found) == (text, feature, error.found)


@pytest.mark.parametrize(("lacking", "feature"), ABSENT)
def test_require(lacking: Backend, feature: str) -> None:
    with pytest.raises(anymq.UnsupportedFeature) as caught:
        lacking.require(feature)
    check(caught.value, lacking, feature)


@pytest.mark.parametrize(
    ("lacking", "feature"), [p for p in ABSENT if str(p.values[1]).startswith("protocol.")]
)
def test_protocols(lacking: Backend, feature: str) -> None:
    with pytest.raises(anymq.UnsupportedFeature) as caught:
        anymq.Socket(feature.removeprefix("protocol."), backend=lacking)
    check(caught.value, lacking, feature)


CALLS: dict[str, Callable[[anymq.Socket], object]] = {
    "multipart": lambda s: s.send_parts([b"a", b"b"]),
    "peers": lambda s: s.peers,
    "peer_events": lambda s: next(s.events()),
    "statistics": lambda s: s.statistics(),
}


@pytest.mark.parametrize("feature", CALLS)
def test_calls(sockets: Sockets, feature: str) -> None:
    """Where a capability is missing, the call that needs it says so."""
    if sockets.backend.supports(feature):
        assert sockets.backend.require(feature) is None
        return
    socket = sockets.open("pair")
    with pytest.raises(anymq.UnsupportedFeature) as caught:
        CALLS[feature](socket)
    check(caught.value, sockets.backend, feature)
