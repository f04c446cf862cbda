"""What an opened nng library can do, asked from the library itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from anymq.features import (
    CAPABILITIES,
    Support,
    absent,
    emulated,
    known_features,
    native,
)
from anymq.protocols import Protocol

from ._nng import ffi, lib
from .contexts import SINCE as CONTEXTS_SINCE
from .errors import name_of
from .library import Library
from .options import ENDPOINT_OPTIONS, SOCKET_OPTIONS, Mapped, get_typed
from .protocols import OPENERS, flags_for
from .tls import TLS_SCHEMES

__all__ = ["find_features"]

NEVER = {
    "option.send_buffer_bytes": "buffers count messages: use send_buffer",
    "option.recv_buffer_bytes": "buffers count messages: use recv_buffer",
    "option.immediate": "sending always waits for a connected peer, there is no queue before that",
    "option.conflate": "buffers are kept whole, recv_buffer=1 with prefer_new comes near",
    "multipart": "a message has one part",
}
"""What no version of nng has, and why or what comes near."""

NOT_OFFERED = {
    "transport.zt": "ZeroTier cannot be configured through anymq",
    "transport.socket": "it takes descriptors, which anymq does not pass on",
}
"""What nng may have and anymq does not pass on, whatever the version."""

UNSOUND_BEFORE_1_4 = dict.fromkeys(
    ("transport.ws", "transport.wss"),
    "before nng 1.4, a listener that is closed after somebody dialled it may end the process",
)
"""What is there and better not used, in versions whose use of freed memory 1.4 mended."""

SINCE = {
    "transport.abstract": (1, 4),
    "transport.udp": (2, 0),
    "option.prefer_new": (1, 2),
}
"""The version that brought what an older one cannot have; all else was in 1.0."""

PROBES = {
    "tcp": "tcp://127.0.0.1:0",
    "ipc": "ipc://anymq-probe",
    "abstract": "abstract://anymq-probe",
    "inproc": "inproc://anymq-probe",
    "ws": "ws://127.0.0.1:0/",
    "wss": "wss://127.0.0.1:0/",
    "tls+tcp": "tls+tcp://127.0.0.1:0",
    "zt": "zt://*.8056c2e21c000001:1",
    "udp": "udp://127.0.0.1:0",
    "socket": "socket://",
}
"""For each transport of nng a URL that a throw-away listener is made for, but never started."""

NO_TRANSPORT = "NNG_ENOTSUP"
TLS_BUILD = "a build of nng with TLS"


def find_features(library: Library) -> Mapping[str, Support]:
    """An answer for every known feature, in their order."""
    found = dict(_protocols(library))
    found.update(_transports(library))
    found.update(_options(library))
    found["option.tls"] = _tls(found, "tls-config of each endpoint")
    found.update(_capabilities(library, found))
    found["option.linger"] = _linger(found["flush"])
    return MappingProxyType(
        {name: found[name] if name in found else _absent(name) for name in known_features()}
    )


def _absent(name: str) -> Support:
    if name in NOT_OFFERED:
        return absent(NOT_OFFERED[name])
    kind, _, what = name.partition(".")
    reason = f"no version of nng has such {'an' if kind == 'option' else 'a'} {kind}"
    if not what:
        reason = "no version of nng has anything like it"
    return absent(f"{reason}: {NEVER[name]}" if name in NEVER else reason)


def _missing(library: Library, name: str, evidence: str, build: str = "") -> Support:
    """What this library lacks and another one has: a later version, or another build."""
    since = SINCE.get(name)
    if since is not None and (library.version < since or (since == (1, 4) and library.before_1_4)):
        version = ".".join(map(str, since))
        return absent(f"it came with nng {version}", evidence, f"nng {version} or later")
    return absent("this build leaves it out", evidence, build or "a build of nng with it")


def _protocols(library: Library) -> Iterator[tuple[str, Support]]:
    for protocol, symbol in OPENERS.items():
        name = f"protocol.{protocol.value}"
        if library.has(symbol):
            yield name, native(f"symbol {symbol}")
        else:
            yield name, _missing(library, name, f"no symbol {symbol}")


@contextmanager
def _throw_away(library: Library, protocol: Protocol) -> Iterator[tuple[Any, int]]:
    """A socket to ask, which never gets a peer; or None and nng's error."""
    error = ffi.new("int *")
    flags = flags_for(protocol, raw=False)
    socket = lib.anymq_nng_open(library.pointer, OPENERS[protocol].encode(), flags, error)
    if socket == ffi.NULL:
        yield None, error[0]
        return
    try:
        yield socket, 0
    finally:
        lib.anymq_nng_close(socket)


def _transports(library: Library) -> Iterator[tuple[str, Support]]:
    with _throw_away(library, Protocol.PAIR) as (socket, error):
        for scheme, url in PROBES.items():
            name = f"transport.{scheme}"
            if socket is None:
                yield name, absent(f"no socket can be opened: {library.text(error)}")
            else:
                yield name, _probe_transport(library, socket, name, url)


def _probe_transport(library: Library, socket: object, name: str, url: str) -> Support:
    """Whether a listener, which is never started, can be made for a URL."""
    number = ffi.new("uint32_t *")
    secure = url.partition("://")[0] in TLS_SCHEMES
    code = lib.anymq_nng_listener_create(socket, url.encode(), number)
    probe = f'nng_listener_create("{url}") on a throw-away socket'
    if code == 0:
        lib.anymq_nng_listener_close(socket, number[0])
        evidence = f"{probe}: taken"
    else:
        evidence = f"{probe}: {name_of(code) or code}"
    if name in NOT_OFFERED:
        return absent(NOT_OFFERED[name], evidence)
    if code == 0 and name in UNSOUND_BEFORE_1_4 and library.before_1_4:
        evidence += "; no symbol nng_stat_bool"
        return absent(UNSOUND_BEFORE_1_4[name], evidence, "nng 1.4 or later")
    if code == 0:
        return _secured(library, evidence) if secure else native(evidence)
    if name_of(code) == NO_TRANSPORT:
        return _missing(library, name, evidence, TLS_BUILD if secure else "")
    return absent(library.text(code), evidence, "a build of nng with it")


def _secured(library: Library, evidence: str) -> Support:
    """A transport that is no use unless TLS can be configured."""
    code = lib.anymq_nng_tls_usable(library.pointer)
    if code == 0:
        return native(f"{evidence}; nng_tls_config_alloc: taken")
    said = "it is not all there" if code < 0 else name_of(code) or str(code)
    return absent(
        "the library has it, but its TLS cannot be configured",
        f"{evidence}; nng_tls_config_alloc: {said}",
        TLS_BUILD,
    )


def _options(library: Library) -> Iterator[tuple[str, Support]]:
    for name, mapped in SOCKET_OPTIONS.items():
        if name == "polyamorous" and library.has("nng_pair1_open_poly"):
            support = native("symbol nng_pair1_open_poly", "chosen when the socket is opened")
        else:
            support = _probe_option(library, name, mapped)
        if name == "name":
            support = _name(library, support)
        yield f"option.{name}", support
    yield from _endpoint_options(library)
    yield "option.ipv6", emulated("anymq listens at [::] or 0.0.0.0 where `*` is asked for")
    for name in ("send_timeout", "recv_timeout"):
        yield f"option.{name}", emulated("kept by anymq's own waits", "symbol nng_aio_wait")


def _name(library: Library, probed: Support) -> Support:
    """Names: 2.x has none, and setting one aborts the process in some builds before 1.2."""
    if probed and (library.major > 1 or library.has("nng_socket_set_string")):
        return probed
    if probed:
        evidence = "no symbol nng_socket_set_string"
        return emulated("kept by anymq: setting it may abort this version", evidence)
    return emulated("kept by anymq: this version of nng has no names", probed.evidence)


def _endpoint_options(library: Library) -> Iterator[tuple[str, Support]]:
    """Read from a throw-away dialer, which has all of them, and is never started."""
    number = ffi.new("uint32_t *")
    with _throw_away(library, Protocol.PAIR) as (socket, error):
        if socket is not None:
            error = lib.anymq_nng_dialer_create(socket, b"tcp://127.0.0.1:1", number)
        for option, mapped in ENDPOINT_OPTIONS.items():
            code, dialer = error, number[0]
            if code == 0:
                code, _ = get_typed(library, lib.NNG_DIALER, dialer, mapped.native, mapped.type)
            yield f"option.{option}", _option(library, option, mapped, code, "tcp dialer")


def _probe_option(library: Library, option: str, mapped: Mapped) -> Support:
    """Whether a throw-away socket has an option."""
    holder = next(iter(mapped.holders), Protocol.PAIR1)
    with _throw_away(library, holder) as (socket, code):
        if socket is not None:
            number = lib.anymq_nng_id(socket)
            code, _ = get_typed(library, lib.NNG_SOCKET, number, mapped.native, mapped.type)
    return _option(library, option, mapped, code, f"{holder} socket")


def _option(library: Library, option: str, mapped: Mapped, code: int, asked: str) -> Support:
    probe = f'"{mapped.native}" read from a throw-away {asked}'
    if code == 0:
        return native(probe, mapped.native)
    said = "no such function" if code == lib.NNG_NO_FUNCTION else name_of(code) or code
    if option == "polyamorous":
        probe = f"no symbol nng_pair1_open_poly; {probe}"
    return _missing(library, f"option.{option}", f"{probe}: {said}")


def _capabilities(library: Library, found: Mapping[str, Support]) -> dict[str, Support]:
    def by_symbol(*symbols: str, reason: str = "") -> Support:
        symbol = library.first(*symbols)
        if symbol:
            return native(f"symbol {symbol}", reason)
        return _missing(library, "", f"no symbol {symbols[0]}")

    statistics = _probe_statistics(library)
    flush = (
        emulated(
            "told from what the transports count as written; unknown for several ws or inproc "
            "peers, and for peers that a multicast passed over",
            statistics.evidence,
        )
        if statistics
        else absent(
            f"it is told from statistics: {statistics.reason}",
            statistics.evidence,
            statistics.needed,
        )
    )
    result = {
        "raw": _raw(library),
        "peers": by_symbol("nng_pipe_notify"),
        "peer_events": by_symbol("nng_pipe_notify", reason="connected and disconnected"),
        "peer_address": by_symbol(
            "nng_pipe_peer_addr", "nng_pipe_get_addr", "nng_pipe_getopt_sockaddr"
        ),
        "contexts": _contexts(library),
        "statistics": statistics,
        "flush": flush,
        "bound_port": by_symbol("nng_listener_get_int", "nng_listener_getopt_sockaddr"),
        "poll_fd": by_symbol("nng_socket_get_recv_poll_fd", "nng_socket_get_int", "nng_getopt_int"),
    }
    result["tls"] = _tls(found)
    return {name: support for name, support in result.items() if name in CAPABILITIES}


def _contexts(library: Library) -> Support:
    lacking = [
        name
        for name in ("nng_ctx_open", "nng_ctx_close", "nng_ctx_send", "nng_ctx_recv")
        if not library.has(name)
    ]
    if lacking:
        return _missing(library, "contexts", f"no symbol {lacking[0]}")
    without = [p.value for p, since in CONTEXTS_SINCE.items() if library.version < since]
    reason = f"none for {', '.join(without)}, which have them since nng 1.2" if without else ""
    return native("symbol nng_ctx_open", reason)


def _tls(found: Mapping[str, Support], reason: str = "") -> Support:
    """TLS is there where one of its transports is."""
    transports = [found[f"transport.{scheme}"] for scheme in ("tls+tcp", "wss")]
    usable = next(filter(None, transports), None)
    if usable is not None:
        return native(usable.evidence, reason)
    return absent(transports[0].reason, transports[0].evidence, TLS_BUILD)


def _linger(flush: Support) -> Support:
    if flush:
        return emulated("nng has no linger: close waits for what flush can see", flush.evidence)
    return emulated(
        "nng has no linger, and this one keeps no statistics: close waits while a single peer "
        "takes no more, and a moment where there are several",
        flush.evidence,
    )


def _raw(library: Library) -> Support:
    """Some builds export only the raw sockets that they use themselves."""
    missing = [f"{name}_raw" for name in OPENERS.values() if not library.has(f"{name}_raw")]
    if missing:
        return _missing(library, "raw", f"no symbol {missing[0]}")
    return native("symbol nng_pair0_open_raw and its like")


def _probe_statistics(library: Library) -> Support:
    """Builds may keep none, though the functions are there."""
    if library.before_1_4:
        return absent(
            "before nng 1.4, reading them while a socket closes can lock up the process",
            "no symbol nng_stat_bool",
            "nng 1.4 or later",
        )
    with _throw_away(library, Protocol.PAIR) as (socket, error):
        if socket is None:
            return absent(f"no socket can be opened: {library.text(error)}")
        count = lib.anymq_nng_statistics(socket, ffi.NULL, 0)
    if count > 0:
        return native(f"nng_stats_get on a throw-away socket: {count} numbers")
    return absent(
        "this build keeps none",
        "nng_stats_get on a throw-away socket",
        "a build of nng with statistics",
    )
