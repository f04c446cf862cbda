"""Runs each test that asks for `backend` over every library under test that has what it needs.

A test says what it needs with `@pytest.mark.requires("protocol.rep", ...)`, never which library. It
is not made at all for a library that lacks a feature; that the lack is refused properly is tested
for every feature of every library in `test_refusals.py`.

What a test meets in passing, and the library lacks, ends it as skipped: see `pytest_pyfunc_call`.

A test that also asks for `transport`, `pattern` or `protocol` runs over each of those that each
library has; `@pytest.mark.transports(...)`, `patterns` and `protocols` narrow that. One that asks
for `loop` runs in each kind of event loop that is installed.
`@pytest.mark.differs("D2")` names an entry of `differences.py`: where that applies, the
test must fail.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import anymq
from anymq.abc import Backend
from anymq.features import known_features

from .differences import DIFFERENCES
from .loops import LOOPS, Loop
from .support import (
    BACKENDS,
    LIBRARIES,
    PATTERNS,
    TRANSPORTS,
    ProgramRefused,
    Sockets,
    missing,
)

MARKERS = (
    "requires(*features): features without which the test makes no sense",
    "transports(*names): the only transports that the test runs over",
    "patterns(*names): the only patterns, such as 'push-pull', that the test runs over",
    "protocols(*names): the only protocols that the test runs over",
    "loops(*names): the only event loops that the test runs in",
    "differs(id): an entry of differences.py; where it applies the test must fail",
    "slow: takes more than a few seconds",
)

AXES = {
    "transport": "transports",
    "pattern": "patterns",
    "protocol": "protocols",
    "loop": "loops",
}
"""Arguments of tests beside `backend`, and the marker that narrows each."""


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background so, and programs of the tests would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    lines = [f"anymq {getattr(anymq, '__version__', '?')}; libraries under test:"]
    for under_test in LIBRARIES:
        if under_test.backend is None:
            lines.append(f"  {under_test.name}: not available: {under_test.error}")
        else:
            library = under_test.backend.library
            lines.append(
                f"  {under_test.id}: {library.version_text}, {library.path} ({library.found_via})"
            )
    return lines


def _chosen(metafunc: pytest.Metafunc, marker: str) -> list[Any]:
    """All arguments of the test's markers of this name."""
    return [arg for m in metafunc.definition.iter_markers(marker) for arg in m.args]


def _cases(backend: Backend, axis: str, only: list[Any]) -> dict[str, Any]:
    """What a test that asks for `axis` runs over with this backend, by test id."""
    if axis == "transport":
        names = [t for t in only or TRANSPORTS if backend.supports(f"transport.{t}")]
        return {name: name for name in names}
    if axis == "pattern":
        patterns = [p for p in PATTERNS if not missing(backend, p.features)]
        return {str(p): p for p in patterns if not only or str(p) in only}
    if axis == "loop":
        return {name: name for name in LOOPS if not only or name in only}
    return {p.value: p for p in backend.protocols if not only or p.value in only}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" not in metafunc.fixturenames:
        return
    needed = _chosen(metafunc, "requires")
    unknown = set(needed) - set(known_features())
    if unknown:
        raise pytest.UsageError(f"{metafunc.definition.nodeid} requires unknown {unknown}")
    axes = [axis for axis in AXES if axis in metafunc.fixturenames]
    values: list[tuple[Any, ...]] = []
    ids: list[str] = []
    for ident, backend in BACKENDS.items():
        if missing(backend, needed):
            continue
        choices = [_cases(backend, axis, _chosen(metafunc, AXES[axis])) for axis in axes]
        for case in itertools.product(*(choice.items() for choice in choices)):
            ids.append("-".join([ident, *(name for name, _ in case)]))
            values.append((backend, *(value for _, value in case)))
    indirect = [axis for axis in axes if axis == "loop"]
    names = ("backend", *axes)
    metafunc.parametrize(names, values, ids=ids, indirect=indirect, scope="function")


def _not_made(item: pytest.Item) -> str:
    """Why there is no library under test for this one, in place of pytest's words for that."""
    needed = [str(arg) for m in item.iter_markers("requires") for arg in m.args]
    needed += [f"transport.{arg}" for m in item.iter_markers("transports") for arg in m.args]
    needed += [f"pattern {arg}" for m in item.iter_markers("patterns") for arg in m.args]
    needed += [f"protocol.{arg}" for m in item.iter_markers("protocols") for arg in m.args]
    return f"no library under test has what it is about: {', '.join(needed) or 'any case'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        if "backend" in params and not isinstance(params["backend"], Backend):
            item.add_marker(pytest.mark.skip(reason=_not_made(item)), append=False)
            continue
        for marker in item.iter_markers("differs"):
            difference = DIFFERENCES[marker.args[0]]
            if difference.concerns(params):
                reason = f"{marker.args[0]}: {difference.reason}"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True, run=difference.run))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A test that this library properly refuses, for want of a protocol or transport, is not its.

    So a test may use a PAIR for want of any other socket, or tcp for want of any other address.
    """
    try:
        return (yield)
    except (anymq.UnsupportedFeature, ProgramRefused) as error:
        backend = pyfuncitem.funcargs.get("backend")
        kind = error.feature.partition(".")[0]
        if (
            kind not in ("protocol", "transport")
            or not isinstance(backend, Backend)
            or backend.supports(error.feature)
        ):
            raise
        pytest.skip(f"it uses {error.feature}, which {backend.name} lacks")


@pytest.fixture
def loop(request: pytest.FixtureRequest) -> Loop:
    """The event loop that the test runs in, by `loop.run(main)`."""
    return LOOPS[request.param]()


@pytest.fixture
def sockets(backend: Backend, tmp_path: Path) -> Iterator[Sockets]:
    """Makes sockets of the library under test, and addresses; closes the sockets at the end."""
    made = Sockets(backend, tmp_path)
    yield made
    made.close()


@pytest.fixture
def open_socket(sockets: Sockets) -> Callable[..., anymq.Socket]:
    """`open_socket(protocol, **options)`: a socket that is closed at the end."""
    return sockets.open


@pytest.fixture
def new_url(sockets: Sockets) -> Callable[..., str]:
    """`new_url(transport="tcp")`: an address to listen at that nobody else uses."""
    return sockets.url


@pytest.fixture
def pair_of(sockets: Sockets) -> Callable[..., tuple[anymq.Socket, anymq.Socket]]:
    """`pair_of(first, second, transport="tcp", a={...}, b={...})`: two connected sockets.

    The second listens; `a` and `b` are their options. A SUB is subscribed to everything.
    """
    return sockets.pair
