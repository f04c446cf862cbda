"""Old releases: what they lack is refused by name, and what misleads in them is not relied on.

They are the laboratory's builds, where those are here, and the library at hand made to look like
one from before 1.4, by leaving out a function that came with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import anymq
from anymq import Poller, PollEvents
from anymq_nng.backend import NngBackend
from tests.conformance.support import LIMIT, Sockets, subscriptions_settled
from tests.libraries.making import shim

from .conftest import open_lab_build

BEFORE_1_4 = ("nng-1.0.1-wheel", "nng-1.1.1-wheel", "nng-1.4.0dev-wheel")
BEFORE_1_2 = BEFORE_1_4[:2]
WITHOUT_TLS = (*BEFORE_1_2, "nng-1.4.0-debian")

LACKING = {
    ("transport.ws", "nng 1.4 or later"): BEFORE_1_4,
    ("transport.wss", "nng 1.4 or later"): BEFORE_1_4[2:],
    ("transport.wss", "a build of nng with TLS"): WITHOUT_TLS,
    ("transport.tls+tcp", "a build of nng with TLS"): WITHOUT_TLS,
    ("transport.abstract", "nng 1.4 or later"): BEFORE_1_4,
    ("transport.udp", "nng 2.0 or later"): (*BEFORE_1_4, "nng-1.4.0-debian"),
    ("option.prefer_new", "nng 1.2 or later"): BEFORE_1_2,
    ("option.tls", "a build of nng with TLS"): WITHOUT_TLS,
    ("statistics", "nng 1.4 or later"): BEFORE_1_4,
    ("flush", "nng 1.4 or later"): BEFORE_1_4,
}
"""What would have a feature, and the builds that have not."""

CALLS: dict[str, Callable[[NngBackend], object]] = {
    "option.prefer_new": lambda b: anymq.Socket("sub", backend=b, prefer_new=True),
    "option.tls": lambda b: anymq.Socket("pair", backend=b, tls=anymq.TLSConfig()),
    "statistics": lambda b: use(b, lambda socket: socket.statistics()),
    "flush": lambda b: b.require("flush"),
}
"""How a program comes upon a lack."""


def use(backend: NngBackend, call: Callable[[anymq.Socket], object]) -> None:
    with anymq.Socket("pair", backend=backend) as socket:
        call(socket)


def calls_for(feature: str) -> list[Callable[[NngBackend], object]]:
    if feature in CALLS:
        return [CALLS[feature]]
    scheme = feature.removeprefix("transport.")
    url = "abstract://refused" if scheme == "abstract" else f"{scheme}://127.0.0.1:5555"
    return [
        lambda b: use(b, lambda socket: socket.listen(url)),
        lambda b: use(b, lambda socket: socket.dial(url)),
    ]


@pytest.mark.parametrize(
    ("name", "feature", "needed"),
    [(name, *lack) for lack, names in LACKING.items() for name in names],
)
def test_what_a_release_lacks_is_refused(name: str, feature: str, needed: str) -> None:
    backend = open_lab_build(name)
    for call in calls_for(feature):
        with pytest.raises(anymq.UnsupportedFeature) as caught:
            call(backend)
        error = caught.value
        found = backend.library.version_text
        assert (error.feature, error.library) == (feature, "nng")
        assert (error.found, error.needed) == (found, needed)
        assert all(part in str(error) for part in (feature, "nng", found, needed))


@pytest.mark.parametrize("name", BEFORE_1_4)
def test_a_release_that_has_little_has_the_rest(name: str) -> None:
    """What is refused above is all that such a release lacks of 1.4.0."""
    backend, later = open_lab_build(name), open_lab_build("nng-1.4.0-debian")
    lacking = {feature for (feature, _), names in LACKING.items() if name in names}
    assert {f for f, s in later.features.items() if s and not backend.features[f]} <= lacking


@pytest.fixture(params=[*BEFORE_1_4, "made"])
def old(request: pytest.FixtureRequest, nng: NngBackend, tmp_path: Path) -> NngBackend:
    """Builds from before 1.4."""
    if request.param != "made":
        return open_lab_build(request.param)
    real = os.path.realpath(nng.library.path)
    path = shim(real, tmp_path, "nng_", without=["nng_stat_bool"])
    return NngBackend(str(path), "argument")


@pytest.fixture
def sockets(old: NngBackend, tmp_path: Path) -> Iterator[Sockets]:
    made = Sockets(old, tmp_path)
    yield made
    made.close()


@pytest.fixture
def poller() -> Iterator[Poller]:
    with Poller() as made:
        yield made


def test_websockets_are_refused_before_1_4(old: NngBackend) -> None:
    with pytest.raises(anymq.UnsupportedFeature, match=r"may end the process.*nng 1\.4 or later"):
        use(old, lambda socket: socket.listen("ws://127.0.0.1:0"))


def test_what_nobody_subscribed_to_makes_nothing_readable(sockets: Sockets, poller: Poller) -> None:
    pub, every = sockets.pair("pub", "sub")
    some = sockets.open("sub", subscribe=b"wanted")
    pub.dial(some.listen(sockets.url()).url)
    sockets.connected(some)
    subscriptions_settled(pub, some)
    subscriptions_settled(pub, every)  # which leaves nothing behind
    poller.register(some)
    for round_ in range(20):
        for number in range(3):
            pub.send(b"other %d" % number)
            assert every.recv() == b"other %d" % number
        assert poller.poll(0.01) == []
        pub.send(b"wanted %d" % round_)
        assert poller.poll(LIMIT) == [(some, PollEvents.READ)]
        assert some.recv() == every.recv() == b"wanted %d" % round_
        assert poller.poll(0) == []


def test_what_a_waiting_receive_took_is_not_told_of(sockets: Sockets, poller: Poller) -> None:
    """And the message after it is."""
    pub, sub = sockets.pair("pub", "sub")
    poller.register(sub)
    with ThreadPoolExecutor(1) as threads:
        for number in range(50):
            taken = threads.submit(sub.recv)
            pub.send(b"%d" % number)
            assert taken.result(LIMIT) == b"%d" % number
            assert poller.poll(0) == []
            pub.send(b"next")
            assert poller.poll(LIMIT) == [(sub, PollEvents.READ)]
            assert sub.recv() == b"next"


def test_a_receive_that_times_out_loses_nothing(sockets: Sockets) -> None:
    pub, sub = sockets.pair("pub", "sub")
    for number in range(50):
        with pytest.raises(anymq.Timeout):
            sub.recv(timeout=0.002 if number % 2 else 0)
        pub.send(b"%d" % number)
        assert sub.recv() == b"%d" % number
    few = [b"%d" % number for number in range(10)]  # as many as a publisher keeps for a peer
    for body in few:
        pub.send(body)
    assert [sub.recv() for _ in few] == few


def test_a_request_that_waits_for_a_peer_stays_as_it_is(sockets: Sockets) -> None:
    """Before 1.2 an attempt without a peer leaves the request's number in front of it."""
    rep = sockets.open("rep")
    url = rep.listen(sockets.url()).url
    for number in range(20):
        with sockets.open("req", dial=url) as req:
            req.send(b"question %d" % number)
            assert rep.recv() == b"question %d" % number
            rep.send(b"answer")
            assert req.recv() == b"answer"


@pytest.mark.parametrize("name", [*BEFORE_1_4, "nng-1.4.0-debian"])
def test_an_inproc_dialer_that_closes_at_once_is_noticed(name: str) -> None:
    """Closed between being accepted and being told so, it would remain a peer for ever."""
    backend = open_lab_build(name)
    for number in range(300):
        with anymq.Socket("pull", backend=backend) as pull:
            events = pull.events(timeout=LIMIT)
            url = pull.listen(f"inproc://brief-{number}").url
            push = anymq.Socket("push", backend=backend, dial=url)
            assert next(event for event in events).kind == "connected"
            push.close()
            assert next(event for event in events).kind == "disconnected"
