"""anymq on nanomsg against anymq on nng, in one process: every common protocol, both ways.

Both libraries are loaded side by side here: neither may get in the other's way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import anymq
from anymq.abc import Backend
from tests.conformance.support import BACKENDS, LIMIT, PATTERNS, Pattern, Sockets, missing, no_more

from .conftest import CROSSING
from .processes import as_foreign

BODIES = (b"x", b"", b"\x00\xff" * 50, b"large " * 20_000)
SP = {ident: backend for ident, backend in BACKENDS.items() if backend.wire == "sp"}
ORDERED = list(itertools.permutations(SP, 2))
"""Every two different libraries or builds, in both orders."""

Opener = Callable[[str, str], anymq.Socket]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Backend], Sockets]]:
    made: list[Sockets] = []

    def open_for(backend: Backend) -> Sockets:
        made.append(Sockets(backend, tmp_path))
        return made[-1]

    yield open_for
    for sockets in made:
        sockets.close()


def common_patterns(one: str, other: str) -> Iterator[Pattern]:
    for pattern in PATTERNS:
        if not missing(SP[one], pattern.features) and not missing(SP[other], pattern.features):
            yield pattern


CASES = [
    pytest.param(SP[one], SP[other], pattern, transport, id=f"{one}-{other}-{pattern}-{transport}")
    for one, other in ORDERED
    for pattern in common_patterns(one, other)
    for transport in CROSSING
    if not missing(SP[one], [f"transport.{transport}"])
    and not missing(SP[other], [f"transport.{transport}"])
]


@pytest.mark.parametrize("listener", ["sender", "receiver"])
@pytest.mark.parametrize(("one", "other", "pattern", "transport"), CASES)
def test_pattern(
    one: Backend,
    other: Backend,
    pattern: Pattern,
    transport: str,
    listener: str,
    opened: Callable[[Backend], Sockets],
) -> None:
    """`one` sends what `other` receives; where the pattern has answers, they come back."""
    options = {"subscribe": b""} if pattern.receiver == "sub" else {}
    here, there = opened(one), opened(other)
    sender = here.open(pattern.sender)
    receiver = there.open(pattern.receiver, **options)
    listening, dialling = (sender, receiver) if listener == "sender" else (receiver, sender)
    url = here.url(transport).removesuffix("/anymq")
    dialling.dial(as_foreign(listening.listen(url).url))
    Sockets.connected(sender, receiver)
    for body in BODIES:
        sender.send(body)
        assert receiver.recv() == body
        if receiver.protocol.can_send:
            receiver.send(b"back " + body)
            assert sender.recv() == b"back " + body


@pytest.mark.parametrize(("one", "other"), ORDERED)
def test_topics(one: str, other: str, opened: Callable[[Backend], Sockets]) -> None:
    pub, sub = opened(SP[one]).open("pub"), opened(SP[other]).open("sub", subscribe=b"a")
    sub.dial(pub.listen("tcp://127.0.0.1:0").url)
    Sockets.connected(pub, sub)
    for body in (b"b no", b"a yes"):
        pub.send(body)
        if body.startswith(b"b"):
            no_more(sub)
    assert sub.recv() == b"a yes"


@pytest.mark.parametrize(("one", "other"), ORDERED)
def test_many_at_once(one: str, other: str, opened: Callable[[Backend], Sockets]) -> None:
    """Batches keep order and lose nothing between libraries."""
    push, pull = opened(SP[one]).open("push"), opened(SP[other]).open("pull")
    push.dial(pull.listen("tcp://127.0.0.1:0").url)
    Sockets.connected(push, pull)
    bodies = [b"%d" % number for number in range(2000)]
    received: list[bytes] = []
    for start in range(0, len(bodies), 50):
        assert push.send_many(bodies[start : start + 50], timeout=LIMIT) == 50
        while len(received) < start + 50:
            received += pull.recv_many(1000, timeout=LIMIT)
    assert received == bodies
