"""What an opened libnanomsg can do, asked from the library itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from anymq.features import (
    CAPABILITIES,
    OPTION_NAMES,
    TRANSPORTS,
    Support,
    absent,
    emulated,
    known_features,
    native,
)
from anymq.protocols import Protocol

from .library import Library, NativeError
from .options import MAPPED
from .provider import NanomsgProvider
from .releases import Release

__all__ = ["find_features"]

ABSENT = {
    "protocol.pair1": "nanomsg has only version 0 of PAIR",
    "transport.abstract": "nanomsg passes ipc names as C strings, which end at a null character",
    "option.send_buffer": "nanomsg's buffers count bytes: use send_buffer_bytes",
    "option.recv_buffer": "nanomsg's buffers count bytes: use recv_buffer_bytes",
    "option.tcp_keepalive": "nanomsg does not set SO_KEEPALIVE",
    "option.immediate": "nanomsg always waits for a connected peer, as immediate=True does",
    "contexts": "nanomsg has one request or survey at a time on a socket",
    "multipart": "a message of nanomsg has one part",
    "peer_address": "nanomsg does not tell who connected",
    "tls": "nanomsg has no TLS transport",
}
"""What no version of nanomsg has; what is not here either, it has nothing like."""

WHOLE = "a complete build of nanomsg"
LATER = "nanomsg 1.1.0"
SOUND = "nanomsg 1.0.0 to 1.2.0"

LOST_BY_SHORTENING = (
    "protocol.req",
    "protocol.rep",
    "protocol.surveyor",
    "protocol.respondent",
    "option.resend_interval",
    "option.survey_time",
    "option.max_hops",
)
"""What rests on protocols whose messages begin with a header that the receiver takes off."""

ENGINE = "kept by anymq's own waits"


def find_features(library: Library, release: Release) -> Mapping[str, Support]:
    """An answer for every known feature, in their order."""
    found = {
        **dict(_protocols(library)),
        **dict(_transports(library)),
        **dict(_options(library)),
        **_capabilities(library),
        **dict(_defects(release)),
    }
    return MappingProxyType(
        {name: found[name] if name in found else _absent(name) for name in known_features()}
    )


def _absent(name: str) -> Support:
    reason = ABSENT.get(name)
    if reason is None and name in NanomsgProvider.known_for:
        return absent("this build leaves it out", "no such constant in nn_symbol_info", WHOLE)
    if reason is None:
        kind, _, what = name.partition(".")
        reason = f"nanomsg has no such {kind}" if what else "nanomsg has nothing like it"
    return absent(f"{reason}, in no version", "no such constant in nn_symbol_info")


def _defects(release: Release) -> Iterator[tuple[str, Support]]:
    """What the library claims to have and better does without."""
    if release.loses_place:
        reason = (
            "this release ends the process when a request, reply, survey or answer of more than "
            "28 bytes arrives"
        )
        for name in LOST_BY_SHORTENING:
            yield name, absent(reason, release.evidence, SOUND)
    if release.before_1_1:
        evidence = "nn_symbol_info does not list NN_MAXTTL, as every release since 1.1.0 does"
        reason = "NN_TCP_NODELAY is taken and has no effect before 1.1.0"
        yield "option.tcp_nodelay", absent(reason, evidence, LATER)
        reason = "NN_RCVMAXSIZE; before 1.1.0 it has no effect over ipc, where anymq drops"
        yield "option.recv_max_size", emulated(reason, evidence)


def _said(library: Library, constant: str) -> Support | None:
    value = library.constants.get(constant)
    return None if value is None else native(f"nn_symbol_info: {constant} = {value}")


def _protocols(library: Library) -> Iterator[tuple[str, Support]]:
    for protocol in Protocol:
        support = _said(library, f"NN_{protocol.name}")
        if support:
            yield f"protocol.{protocol.value}", support


def _transports(library: Library) -> Iterator[tuple[str, Support]]:
    protocols = {p.name for p in library.named("PROTOCOL")}
    for scheme in TRANSPORTS:
        constant = f"NN_{scheme.upper()}"
        support = _said(library, constant)
        if support is None or constant in protocols:
            continue
        if scheme == "ws":
            support = _probe(library, "ws")
        yield f"transport.{scheme}", support


def _probe(library: Library, scheme: str) -> Support:
    """Whether a transport that builds may leave out is there: dial an address without a host."""
    nn = library.functions
    probe = f'nn_connect("{scheme}://") on a throw-away socket'
    try:
        number = library.check(
            nn.nn_socket(library.constants["AF_SP"], library.constants["NN_PAIR"])
        )
    except NativeError as error:
        return native(f"nn_symbol_info; the probe failed: {library.text(error.code)}")
    try:
        library.check(nn.nn_connect(number, f"{scheme}://".encode()))
        said = "was taken"
    except NativeError as error:
        name = library.errors.get(error.code, str(error.code))
        if name == "EPROTONOSUPPORT":
            return absent("this build leaves it out", f"{probe}: {name}", WHOLE)
        said = name
    finally:
        nn.nn_close(number)
    return native(f"{probe}: {said}")


def _options(library: Library) -> Iterator[tuple[str, Support]]:
    for name in OPTION_NAMES:
        conversion = MAPPED.get(name)
        if conversion is not None:
            option = library.options.get(conversion.native)
            if option is not None:
                listed = option.name in library.constants
                how = "nn_symbol_info" if listed else "nn_getsockopt on a throw-away socket"
                evidence = f"{how}: {option.name} = {option.number}, {option.type}"
                yield f"option.{name}", native(evidence, option.name)
    for name in ("send_timeout", "recv_timeout"):
        yield f"option.{name}", emulated(ENGINE, "NN_SNDFD, NN_RCVFD")
    yield (
        "option.linger",
        emulated(
            "nanomsg ignores NN_LINGER: close waits for what `flush` can see",
            "NN_SNDFD",
        ),
    )


def _capabilities(library: Library) -> dict[str, Support]:
    found = {
        "raw": _said(library, "AF_SP_RAW"),
        "bound_port": emulated(
            "nanomsg cannot tell a port: anymq chooses a free one and binds to it",
            "nn_bind knows no port 0",
        ),
        "poll_fd": native("nn_symbol_info: NN_RCVFD, NN_SNDFD"),
        **_counted(library),
    }
    return {name: s for name, s in found.items() if s is not None and name in CAPABILITIES}


def _counted(library: Library) -> dict[str, Support | None]:
    """What rests on the library's statistics."""
    if not library.has_statistics:
        lacking = absent(
            "it rests on statistics, which this build leaves out",
            "no symbol nn_get_statistic",
            WHOLE,
        )
        return dict.fromkeys(("peers", "peer_events", "statistics", "flush"), lacking)
    return {
        "peers": _said(library, "NN_STAT_CURRENT_CONNECTIONS"),
        "peer_events": emulated(
            "changes of the counters, seen when events are asked for",
            "NN_STAT_CURRENT_CONNECTIONS and its like",
        ),
        "statistics": native("symbol nn_get_statistic"),
        "flush": emulated(
            "told for PUSH and PAIR with one peer, for REQ by its reply, and over inproc",
            "NN_SNDFD",
        ),
    }
