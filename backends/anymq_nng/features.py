"""What an opened nng library can do, asked from the library itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from anymq.features import (
    CAPABILITIES,
    TRANSPORTS,
    Support,
    absent,
    emulated,
    known_features,
    native,
)
from anymq.protocols import Protocol

from ._nng import ffi, lib
from .errors import name_of
from .library import Library
from .options import ENDPOINT_OPTIONS, SOCKET_OPTIONS, get_typed
from .protocols import OPENERS, flags_for
from .tls import TLS_SCHEMES

__all__ = ["find_features"]

ABSENT = {
    "option.send_buffer_bytes": "nng's buffers count messages: use send_buffer",
    "option.recv_buffer_bytes": "nng's buffers count messages: use recv_buffer",
    "option.immediate": "nng always waits for a connected peer; there is no queue before that",
    "option.conflate": "nng keeps whole buffers; recv_buffer=1 with prefer_new comes near",
    "multipart": "a message of nng has one part",
    "contexts": "contexts are not offered through anymq yet",
    "poll_fd": "nng's descriptors are not offered through anymq yet",
}

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

UNUSABLE = {
    "zt": "the library has it, but ZeroTier cannot be configured through anymq",
    "socket": "the library has it, but it takes descriptors, which anymq does not offer",
}

NO_TRANSPORT = "NNG_ENOTSUP"
OTHER_BUILD = "a build with it"


def find_features(library: Library) -> Mapping[str, Support]:
    """An answer for every known feature, in their order."""
    found = dict(_protocols(library))
    error = ffi.new("int *")
    flags = flags_for(Protocol.PAIR, raw=False)
    socket = lib.anymq_nng_open(library.pointer, b"nng_pair0_open", flags, error)
    if socket == ffi.NULL:
        reason = f"no socket can be opened: {library.text(error[0])}"
        found.update((f"transport.{name}", absent(reason)) for name in TRANSPORTS)
    else:
        try:
            found.update(_transports(library, socket))
        finally:
            lib.anymq_nng_close(socket)
    found.update(_options(library))
    found["option.tls"] = _tls(found, "tls-config of each endpoint")
    found.update(_capabilities(library, found))
    return MappingProxyType(
        {name: found[name] if name in found else _absent(name) for name in known_features()}
    )


def _absent(name: str) -> Support:
    reason = ABSENT.get(name)
    if reason is None:
        kind, _, what = name.partition(".")
        reason = f"nng has no such {kind}" if what else "nng has nothing like it"
    return absent(reason)


def _protocols(library: Library) -> Iterator[tuple[str, Support]]:
    for protocol, symbol in OPENERS.items():
        if library.has(symbol):
            yield f"protocol.{protocol.value}", native(f"symbol {symbol}")
        else:
            support = absent("this build leaves it out", f"no symbol {symbol}", OTHER_BUILD)
            yield f"protocol.{protocol.value}", support


def _transports(library: Library, socket: object) -> Iterator[tuple[str, Support]]:
    for scheme, url in PROBES.items():
        number = ffi.new("uint32_t *")
        code = lib.anymq_nng_listener_create(socket, url.encode(), number)
        probe = f'nng_listener_create("{url}") on a throw-away socket'
        if code == 0:
            lib.anymq_nng_listener_close(socket, number[0])
            evidence = f"{probe}: taken"
            reason = UNUSABLE.get(scheme)
            if scheme in TLS_SCHEMES:
                support = _secured(library, evidence)
            else:
                support = absent(reason, evidence) if reason else native(evidence)
        else:
            said = name_of(code) or str(code)
            reason = "this build leaves it out" if said == NO_TRANSPORT else library.text(code)
            support = absent(reason, f"{probe}: {said}", OTHER_BUILD)
        yield f"transport.{scheme}", support


def _secured(library: Library, evidence: str) -> Support:
    """A transport that is no use unless TLS can be configured."""
    code = lib.anymq_nng_tls_usable(library.pointer)
    if code == 0:
        return native(f"{evidence}; nng_tls_config_alloc: taken")
    said = "it is not all there" if code < 0 else name_of(code) or str(code)
    return absent(
        "the library has it, but its TLS cannot be configured",
        f"{evidence}; nng_tls_config_alloc: {said}",
        OTHER_BUILD,
    )


def _options(library: Library) -> Iterator[tuple[str, Support]]:
    for name, mapped in SOCKET_OPTIONS.items():
        holder = next(iter(mapped.holders), Protocol.PAIR1)
        if name == "polyamorous" and library.has("nng_pair1_open_poly"):
            support = native("symbol nng_pair1_open_poly", "chosen when the socket is opened")
        else:
            support = _probe_option(library, holder, mapped.native, mapped.type)
        if name == "name" and not support:
            support = emulated("kept by anymq: this version of nng has no names", support.evidence)
        yield f"option.{name}", support
    for name, mapped in ENDPOINT_OPTIONS.items():
        yield f"option.{name}", native("symbol nng_dialer_create", mapped.native)
    yield "option.ipv6", emulated("anymq listens at [::] or 0.0.0.0 where `*` is asked for")
    for name in ("send_timeout", "recv_timeout"):
        yield f"option.{name}", emulated("kept by anymq's own waits", "symbol nng_aio_wait")
    yield (
        "option.linger",
        emulated("nng has no linger: close waits for what `flush` can see", "symbol nng_stats_get"),
    )


def _probe_option(library: Library, holder: Protocol, name: str, type: str) -> Support:
    """Whether a throw-away socket of the protocol has an option."""
    error = ffi.new("int *")
    opener = OPENERS[holder]
    flags = flags_for(holder, raw=False)
    socket = lib.anymq_nng_open(library.pointer, opener.encode(), flags, error)
    if socket == ffi.NULL:
        return absent(f"{opener}: {library.text(error[0])}", f"symbol {opener}")
    try:
        number = lib.anymq_nng_id(socket)
        code, _ = get_typed(library, lib.NNG_SOCKET, number, name, type)  # type: ignore[arg-type]
    finally:
        lib.anymq_nng_close(socket)
    probe = f'"{name}" read from a throw-away {holder} socket'
    if code == 0:
        return native(probe, name)
    said = name_of(code) if code > 0 else "no such function"
    return absent("this version of nng does not have it", f"{probe}: {said}")


def _capabilities(library: Library, found: Mapping[str, Support]) -> dict[str, Support]:
    def by_symbol(*symbols: str, reason: str = "") -> Support:
        symbol = library.first(*symbols)
        if symbol:
            return native(f"symbol {symbol}", reason)
        return absent("this build leaves it out", f"no symbol {symbols[0]}")

    statistics = _probe_statistics(library)
    flush = (
        emulated(
            "told from what the transports count as written; unknown for several ws or inproc "
            "peers, and for peers that a multicast passed over",
            statistics.evidence,
        )
        if statistics
        else absent("it needs statistics, which this build leaves out", statistics.evidence)
    )
    result = {
        "raw": _raw(library),
        "peers": by_symbol("nng_pipe_notify"),
        "peer_events": by_symbol("nng_pipe_notify", reason="connected and disconnected"),
        "peer_address": by_symbol(
            "nng_pipe_peer_addr", "nng_pipe_get_addr", "nng_pipe_getopt_sockaddr"
        ),
        "statistics": statistics,
        "flush": flush,
        "bound_port": by_symbol("nng_listener_get_int", "nng_listener_getopt_int"),
    }
    result["tls"] = _tls(found)
    return {name: support for name, support in result.items() if name in CAPABILITIES}


def _tls(found: Mapping[str, Support], reason: str = "") -> Support:
    """TLS is there where one of its transports is."""
    transports = [found[f"transport.{scheme}"] for scheme in ("tls+tcp", "wss")]
    usable = next(filter(None, transports), None)
    if usable is not None:
        return native(usable.evidence, reason)
    return absent(transports[0].reason, transports[0].evidence, OTHER_BUILD)


def _raw(library: Library) -> Support:
    """Some builds export only the raw sockets that they use themselves."""
    missing = [f"{name}_raw" for name in OPENERS.values() if not library.has(f"{name}_raw")]
    if missing:
        return absent("this build leaves it out", f"no symbol {missing[0]}", OTHER_BUILD)
    return native("symbol nng_pair0_open_raw and its like")


def _probe_statistics(library: Library) -> Support:
    """Builds may keep none, though the functions are there."""
    error = ffi.new("int *")
    if not library.has("nng_stats_get"):
        return absent("this version keeps none", "no symbol nng_stats_get", "nng 1.3")
    socket = lib.anymq_nng_open(library.pointer, b"nng_pair0_open", 0, error)
    if socket == ffi.NULL:
        return absent(f"nng_pair0_open: {library.text(error[0])}")
    try:
        count = lib.anymq_nng_statistics(socket, ffi.NULL, 0)
    finally:
        lib.anymq_nng_close(socket)
    if count > 0:
        return native(f"nng_stats_get on a throw-away socket: {count} numbers")
    return absent("this build keeps none", "nng_stats_get on a throw-away socket", OTHER_BUILD)
