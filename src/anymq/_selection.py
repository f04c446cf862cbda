"""From the arguments of `Socket` and its configuration to a plan: backend, endpoints, options.

Everything that can be checked without a library is checked here, before one is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .abc import Backend
from .errors import OptionError
from .options import check_option
from .protocols import Protocol
from .registry import get_backend
from .url import parse

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .config import SocketEntry

__all__ = ["Plan", "plan"]

SUBSCRIBERS = frozenset({Protocol.SUB, Protocol.DISH})


class Plan(NamedTuple):
    """What a new socket will be."""

    backend: Backend
    protocol: Protocol
    raw: bool
    listen: tuple[str, ...]
    dial: tuple[str, ...]
    subscribe: tuple[Buffer, ...]
    options: Mapping[str, Any]


def plan(
    protocol: str | Protocol | None,
    backend: str | Backend | None,
    raw: bool,
    listen: str | Iterable[str] | None,
    dial: str | Iterable[str] | None,
    subscribe: Buffer | Iterable[Buffer] | None,
    config: str | None,
    options: Mapping[str, Any],
) -> Plan:
    """Join arguments and configuration, check them, and choose a backend."""
    entry = _entry(config)
    if entry is not None:
        protocol = entry.protocol if protocol is None else protocol
        raw = raw or entry.raw
        options = {**entry.options, **options}
    kind = _protocol(protocol)
    urls_listen = _urls(listen, "listen") if listen is not None or not entry else entry.listen
    urls_dial = _urls(dial, "dial") if dial is not None or not entry else entry.dial
    topics = _topics(subscribe) if subscribe is not None or not entry else entry.subscribe
    if topics and kind not in SUBSCRIBERS:
        raise OptionError(f"subscribe= is for sub and dish; a {kind} socket does not subscribe")
    addresses = [parse(url, listen=True) for url in urls_listen]
    addresses += [parse(url, listen=False) for url in urls_dial]
    checked = {name: check_option(name, value) for name, value in options.items()}
    features = [f"protocol.{kind.value}", *(f"transport.{a.scheme}" for a in addresses)]
    if raw:
        features.append("raw")
    features += [f"option.{name}" for name in checked]
    return Plan(
        _choose(backend, entry, features), kind, raw, urls_listen, urls_dial, topics, checked
    )


def _choose(
    backend: str | Backend | None, entry: SocketEntry | None, features: list[str]
) -> Backend:
    features = list(dict.fromkeys(features))
    if isinstance(backend, Backend):
        for feature in features:
            backend.require(feature)
        return backend
    if backend is not None and not isinstance(backend, str):
        raise TypeError(f"backend is a name or a Backend, not {type(backend).__name__}")
    library = None
    if backend is None and entry is not None:
        backend, library = entry.backend, entry.library
    return get_backend(backend, library=library, features=features)


def _entry(name: str | None) -> SocketEntry | None:
    if name is None:
        return None
    from .config import current_config

    return current_config().entry(name)


def _protocol(protocol: str | Protocol | None) -> Protocol:
    if protocol is None:
        raise OptionError(f"a socket needs a protocol: one of {', '.join(Protocol)}")
    try:
        return Protocol(protocol)
    except ValueError:
        import difflib

        close = difflib.get_close_matches(str(protocol), [p.value for p in Protocol], 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(Protocol)}"
        raise OptionError(f"there is no protocol {protocol!r}; {hint}") from None


def _urls(urls: str | Iterable[str] | None, what: str) -> tuple[str, ...]:
    if urls is None:
        return ()
    if isinstance(urls, str):
        return (urls,)
    listed = tuple(urls)
    for url in listed:
        if not isinstance(url, str):
            raise TypeError(f"{what}= takes a URL or several, not {type(url).__name__}")
    return listed


def _topics(topics: Buffer | Iterable[Buffer] | None) -> tuple[Buffer, ...]:
    if topics is None:
        return ()
    if isinstance(topics, str):
        raise TypeError("a topic is bytes, not str: pass text.encode() instead")
    if isinstance(topics, (bytes, bytearray, memoryview)):
        return (topics,)
    return tuple(topics)  # type: ignore[arg-type]
