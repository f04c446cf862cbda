"""Which backends there are, which library file each runs on, and which one a socket gets.

Backends are found through the entry points of the group `anymq.backends`; nothing else here knows
their names. An opened library stays open for the life of the process, because the threads of a
messaging library do not survive its unloading, and is shared by all who ask for the same file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from . import _engine
from ._beside import load_needed, missing_names
from ._elf import missing_bytes
from ._installed import entry_points
from ._sound import damage
from .abc import Backend, Provider
from .errors import BackendUnavailable, OptionError, UnsupportedFeature
from .features import TRANSPORTS, known_features
from .protocols import Protocol

__all__ = ["BackendStatus", "backends", "backends_with", "get_backend", "opened_backends"]

GROUP = "anymq.backends"


class BackendStatus(NamedTuple):
    """Whether one backend can be used, and why not.

    Attributes:
        name: `"nng"`.
        available: whether its library was found and opened.
        backend: the opened one, None where there is none.
        reason: why it is not available, for people; `""` where it is.
        tried: (path or loader name, what the loader said) of every attempt that failed.
        install_hint: how to get the library.
    """

    name: str
    available: bool
    backend: Backend | None
    reason: str = ""
    tried: tuple[tuple[str, str], ...] = ()
    install_hint: str = ""


class _Broken(NamedTuple):
    """An installed backend package that cannot be imported."""

    name: str
    reason: str


_lock = threading.RLock()
_opened: dict[tuple[str, str], Backend] = {}
_failed: dict[tuple[str, str], BackendUnavailable] = {}


@cache
def _providers() -> dict[str, Provider | _Broken]:
    """Providers by name, the preferred ones first."""
    found: dict[str, Provider | _Broken] = {}
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = point.load()
        except Exception as error:  # a third party's package must not break the others
            found[point.name] = _Broken(point.name, f"{type(error).__name__}: {error}")
    return dict(sorted(found.items(), key=lambda item: (_preference(item[1]), item[0])))


def _preference(provider: Provider | _Broken) -> int:
    return provider.preference if isinstance(provider, Provider) else 1000


def _provider(name: str) -> Provider:
    providers = _providers()
    provider = providers.get(name)
    if provider is None:
        known = ", ".join(providers) or "none is installed"
        raise BackendUnavailable(f"there is no backend {name!r}; known: {known}")
    if isinstance(provider, _Broken):
        raise BackendUnavailable(
            f"the backend {name!r} cannot be imported: {provider.reason}", backend=name
        )
    return provider


def _requested(name: str, library: str | os.PathLike[str] | None) -> tuple[str, str] | None:
    """The file that somebody asked for, and who; None where the usual places are searched."""
    from .config import current_config

    if library is not None:
        return os.fspath(library), "argument"
    configured = current_config().libraries.get(name)
    if configured:
        return configured, "config"
    variable = os.environ.get(f"ANYMQ_{name.upper()}_LIBRARY")
    if variable:
        return variable, "environment"
    return None


def _open_file(provider: Provider, path: str, found_via: str) -> Backend:
    """Open one file or loader name; the same file is opened once."""
    is_path = os.sep in path
    if is_path and not os.path.exists(path):
        raise BackendUnavailable("there is no such file")
    if is_path and os.path.isdir(path):
        raise BackendUnavailable("it is a directory, not a shared library")
    key = (provider.name, os.path.realpath(path) if is_path else path)
    backend = _opened.get(key)
    if backend is None:
        if is_path:
            _check_file(path)
        backend = _open_with_needed(provider, path, found_via, is_path)
        key_of_file = (provider.name, os.path.realpath(backend.library.path))
        backend = _opened.setdefault(key_of_file, backend)
        _opened[key] = backend
    return backend


def _open_with_needed(provider: Provider, path: str, found_via: str, is_path: bool) -> Backend:
    """Open it, after the libraries that it needs where those lie beside it and are missed."""
    try:
        return _open_with(provider, path, found_via)
    except BackendUnavailable as error:
        if is_path and load_needed(path):
            return _open_with(provider, path, found_via)
        missing = missing_names(path) if is_path else []
        if not missing:
            raise
        raise BackendUnavailable(
            f"{error}; what it needs is neither beside it nor known to the loader: "
            f"{', '.join(missing)}",
            backend=provider.name,
        ) from error


def _check_file(path: str) -> None:
    """Refuse a file that would end the process; what else is wrong with it the loader says."""
    try:
        missing = missing_bytes(path)
        wrong = "" if missing else damage(path, _engine.__file__)
    except OSError as error:
        raise BackendUnavailable(f"it cannot be read: {error.strerror}") from error
    if missing:
        raise BackendUnavailable(f"the file is cut short: {missing} bytes are missing at its end")
    if wrong:
        raise BackendUnavailable(f"the file is damaged: {wrong}")


def _open_with(provider: Provider, path: str, found_via: str) -> Backend:
    """Whatever a strange library makes of the questions that it is asked, it is refused."""
    try:
        return provider.open(path, found_via)
    except BackendUnavailable:
        raise
    except Exception as error:
        text = (
            f"it loads, but what it says of itself makes no sense: {type(error).__name__}: {error}"
        )
        raise BackendUnavailable(text, backend=provider.name) from error


def _open(name: str, library: str | os.PathLike[str] | None = None) -> Backend:
    provider = _provider(name)
    with _lock:
        asked = _requested(name, library)
        if asked is not None:
            path, found_via = asked
            try:
                return _open_file(provider, path, found_via)
            except BackendUnavailable as error:
                who = _who(name, found_via)
                text = f"the library {path} asked for by {who} does not load: {error}"
                raise _unavailable(provider, text, ((path, str(error)),)) from error
        cached = _failed.get((name, ""))
        if cached is not None:
            raise cached
        tried: list[tuple[str, str]] = []
        for path, found_via in (
            *((path, "wheel") for path in provider.bundled()),
            *((path, "system") for path in provider.library_names),
        ):
            try:
                return _open_file(provider, path, found_via)
            except BackendUnavailable as error:
                tried.append((path, str(error)))
        lines = "".join(f"\n  {path}: {said}" for path, said in tried)
        failure = _unavailable(
            provider,
            f"no library found for {name}; tried:{lines}\nto get it: {provider.install_hint}",
            tuple(tried),
        )
        _failed[name, ""] = failure
        raise failure


def _who(name: str, found_via: str) -> str:
    return {
        "argument": "library=",
        "config": "the configuration file",
        "environment": f"ANYMQ_{name.upper()}_LIBRARY",
    }[found_via]


def _unavailable(
    provider: Provider, text: str, tried: tuple[tuple[str, str], ...]
) -> BackendUnavailable:
    error = BackendUnavailable(text, backend=provider.name)
    error.tried = tried
    return error


def backends() -> dict[str, BackendStatus]:
    """Every known backend by name, in order of preference: available or not, and why.

    Libraries are opened to find out; one that failed to load is tried again.
    """
    statuses = {}
    with _lock:
        _failed.clear()
    for name, provider in _providers().items():
        hint = provider.install_hint if isinstance(provider, Provider) else ""
        try:
            statuses[name] = BackendStatus(name, True, _open(name), install_hint=hint)
        except BackendUnavailable as error:
            statuses[name] = BackendStatus(name, False, None, str(error), error.tried, hint)
    return statuses


def opened_backends() -> list[Backend]:
    """Every library that this process has opened."""
    with _lock:
        return list(dict.fromkeys(_opened.values()))


def backends_with(feature: str) -> list[str]:
    """Names of the backends that have `feature`: as opened here, else in a good build."""
    names = []
    opened: dict[str, list[Backend]] = {}
    for backend in opened_backends():
        opened.setdefault(backend.name, []).append(backend)
    for name, provider in _providers().items():
        builds = opened.get(name, [])
        if any(build.supports(feature) for build in builds):
            names.append(name)
        elif isinstance(provider, Provider) and feature in provider.known_for:
            names.append(f"other builds of {name}" if builds else name)
    return names


def get_backend(
    name: str | None = None,
    *,
    library: str | os.PathLike[str] | None = None,
    protocol: str | Protocol | None = None,
    features: Iterable[str] = (),
    transport: str | None = None,
) -> Backend:
    """A backend by name, or the first available one that has all that is asked for.

    Args:
        name: the backend; None leaves the choice to the configuration (`ANYMQ_BACKEND`, then the
            file's `backend`), then to the order of preference.
        library: this very library file; needs `name`. Several builds may be open at once.
        protocol, features, transport: what it must have.

    Raises:
        BackendUnavailable: it cannot be loaded; `tried` lists every path and what was said of it.
        UnsupportedFeature: the one that was named lacks something, or none has all.
        OptionError: no such feature, protocol or transport is known.
    """
    needed = _needed(protocol, features, transport)
    if name is None and library is not None:
        raise OptionError("library= needs the name of the backend that it is for")
    if name is None:
        from .config import current_config

        name = current_config().backend
    if name is not None:
        backend = _open(name, library)
        for feature in needed:
            backend.require(feature)
        return backend
    return _first_that_fits(needed)


def _needed(
    protocol: str | Protocol | None, features: Iterable[str], transport: str | None
) -> list[str]:
    needed = []
    if protocol is not None:
        try:
            needed.append(f"protocol.{Protocol(protocol).value}")
        except ValueError:
            raise OptionError(
                f"there is no protocol {protocol!r}; known: {', '.join(Protocol)}"
            ) from None
    if transport is not None:
        if transport not in TRANSPORTS:
            raise OptionError(
                f"there is no transport {transport!r}; known: {', '.join(TRANSPORTS)}"
            )
        needed.append(f"transport.{transport}")
    known = known_features()
    for feature in features:
        if feature not in known:
            import difflib

            close = difflib.get_close_matches(feature, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise OptionError(f"there is no feature {feature!r}{hint}")
        needed.append(feature)
    return needed


def _first_that_fits(needed: list[str]) -> Backend:
    unavailable: list[BackendUnavailable] = []
    lacking: list[UnsupportedFeature] = []
    for name in _providers():
        try:
            backend = _open(name)
        except BackendUnavailable as error:
            unavailable.append(error)
            continue
        missing = [feature for feature in needed if not backend.supports(feature)]
        if not missing:
            return backend
        lacking.append(backend.unsupported(missing[0]))
    if lacking:
        text = "no available backend has all of " + ", ".join(needed)
        refusal = UnsupportedFeature("".join((text, *(f"\n  {e}" for e in lacking))))
        refusal.feature = lacking[0].feature
        raise refusal
    text = "no messaging library could be loaded"
    failure = BackendUnavailable("".join((text, *(f"\n{e}" for e in unavailable))))
    failure.tried = tuple(pair for e in unavailable for pair in e.tried)
    raise failure
