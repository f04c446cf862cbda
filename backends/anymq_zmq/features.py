"""What one libzmq file can do, asked of the file itself.

`zmq_has` knows what was compiled in, but not everything has a name there; the rest is told by
version, by symbols, and by binding a throw-away socket in a context made for the question. Draft
socket types are never opened to find out: on a build without them they open, and the process
aborts when a peer connects.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from anymq.features import Support, absent, emulated, known_features, native
from anymq.protocols import Protocol

from .constants import DRAFT_TYPES, SOCKET_TYPES

__all__ = ["Library", "detect"]


@dataclass(frozen=True)
class Library:
    """What detection may ask: `has` returns None where the library has no zmq_has."""

    version: tuple[int, ...]
    has: Callable[[str], bool | None]
    symbol: Callable[[str], bool]
    probe: Callable[[str], int]

    @property
    def version_evidence(self) -> str:
        return f"zmq_version {'.'.join(map(str, self.version))}"


def detect(library: Library) -> Mapping[str, Support]:
    """An answer for every known feature."""
    found: dict[str, Support] = {}
    _protocols(library, found)
    _transports(library, found)
    _options(library, found)
    _capabilities(library, found)
    for name in known_features():
        found.setdefault(name, absent("libzmq has nothing of the kind"))
    return MappingProxyType({name: found[name] for name in known_features()})


def _draft(library: Library) -> tuple[bool, str]:
    has = library.has("draft")
    if has is not None:
        return has, f'zmq_has("draft") = {int(has)}'
    has = library.symbol("zmq_msg_set_routing_id")
    return has, f"symbol zmq_msg_set_routing_id {'found' if has else 'missing'}"


def _protocols(library: Library, found: dict[str, Support]) -> None:
    draft, evidence = _draft(library)
    for protocol in Protocol:
        name = f"protocol.{protocol.value}"
        if protocol.value in DRAFT_TYPES:
            found[name] = _draft_type(library, protocol.value, draft, evidence)
        elif protocol.value in SOCKET_TYPES:
            found[name] = native(library.version_evidence, _REASONS.get(protocol.value, ""))
        else:
            found[name] = absent(_NOT_HERE.get(protocol.value, "libzmq has no such socket type"))


def _draft_type(library: Library, name: str, draft: bool, evidence: str) -> Support:
    if not draft:
        return absent("a draft socket type that this build lacks", evidence, "a build with drafts")
    if name in ("radio", "dish"):
        return absent("anymq has no message groups, which it needs", evidence)
    if name in ("peer", "channel") and library.version < (4, 3, 3):
        return absent("this version has no such socket type", evidence, "libzmq 4.3.3 with drafts")
    return native(evidence)


_REASONS = {
    "pub": "filters at the publisher: what is sent before a subscription has arrived is not seen",
    "req": "ZMQ_REQ_RELAXED and ZMQ_REQ_CORRELATE: a new request cancels the one before",
    "router": "a message to an unknown routing id is dropped unless ZMQ_ROUTER_MANDATORY is set",
}

_NOT_HERE = {
    "pair1": "libzmq's PAIR has one version",
    "bus": "libzmq has no such socket type",
    "surveyor": "libzmq has no such socket type",
    "respondent": "libzmq has no such socket type",
}


def _transports(library: Library, found: dict[str, Support]) -> None:
    for scheme in ("tcp", "inproc"):
        found[f"transport.{scheme}"] = _probed(library, scheme)
    ipc = _compiled_in(library, "ipc", "ipc")
    found["transport.ipc"] = ipc
    found["transport.abstract"] = (
        native(ipc.evidence, "ipc://@name; Linux only") if ipc else absent(ipc.reason, ipc.evidence)
    )
    found["transport.ws"] = _compiled_in(
        library, "ws", "WS", "libzmq 4.3.3 built with drafts or WS"
    )
    wss = _compiled_in(library, "wss", "WSS", "libzmq 4.3.3 built with GnuTLS")
    found["transport.wss"] = (
        native(wss.evidence, "certificates by set_native('ZMQ_WSS_...')") if wss else wss
    )
    for scheme in ("pgm", "norm", "tipc", "vmci"):
        found[f"transport.{scheme}"] = _compiled_in(library, scheme, scheme)
    found["transport.epgm"] = found["transport.pgm"]
    draft, evidence = _draft(library)
    found["transport.udp"] = (
        native(evidence, "for dgram sockets")
        if draft
        else absent("only draft socket types use it", evidence, "a build with drafts")
    )
    found["transport.tls+tcp"] = absent("libzmq has TLS in wss only; for tcp it has CURVE")
    for scheme in ("socket", "zt"):
        found[f"transport.{scheme}"] = absent("libzmq has no such transport")


def _compiled_in(library: Library, scheme: str, name: str, needed: str = "") -> Support:
    has = library.has(name)
    if has is None:
        return _probed(library, scheme)
    evidence = f'zmq_has("{name}") = {int(has)}'
    if has:
        return native(evidence)
    return absent("not compiled into this build", evidence, needed or f"libzmq built with {name}")


_PROBES = {"tcp": "tcp://127.0.0.1:*", "inproc": "inproc://anymq.probe"}


def _probed(library: Library, scheme: str) -> Support:
    # An address that no transport can bind: known transports complain of it, others of the scheme.
    code = library.probe(_PROBES.get(scheme, f"{scheme}://"))
    evidence = f"binding a {scheme} socket: {errno.errorcode.get(code, code) if code else 'bound'}"
    if code == errno.EPROTONOSUPPORT:
        return absent("not compiled into this build", evidence)
    return native(evidence)


_MAPPED = {
    "send_buffer": ("ZMQ_SNDHWM", "for each peer; set it before listen and dial"),
    "recv_buffer": ("ZMQ_RCVHWM", "for each peer; set it before listen and dial"),
    "recv_max_size": (
        "ZMQ_MAXMSGSIZE",
        "a larger message ends the connection; no limit over inproc; set it before listen and dial",
    ),
    "reconnect_min": ("ZMQ_RECONNECT_IVL", "libzmq adds a random part of up to the same length"),
    "reconnect_max": ("ZMQ_RECONNECT_IVL_MAX", ""),
    "linger": ("ZMQ_LINGER", ""),
    "tcp_keepalive": ("ZMQ_TCP_KEEPALIVE", ""),
    "ipv6": ("ZMQ_IPV6", "chosen for each address: numbers of IPv4 and localhost stay IPv4"),
    "routing_id": ("ZMQ_ROUTING_ID", "req, rep, dealer and router; set it before listen and dial"),
    "conflate": ("ZMQ_CONFLATE", "push, pull, pub, sub and dealer; set it before listen and dial"),
    "immediate": (
        "ZMQ_IMMEDIATE",
        "push and pub: set it before dial; req, dealer and pair: by the socket's monitor",
    ),
}

_ABSENT_OPTIONS = {
    "send_buffer_bytes": "libzmq counts messages: send_buffer",
    "recv_buffer_bytes": "libzmq counts messages: recv_buffer",
    "max_hops": "libzmq has no hop limit; ZMQ_MULTICAST_HOPS is about networks",
    "resend_interval": "libzmq does not send a request again",
    "survey_time": "libzmq has no surveys",
    "send_priority": "libzmq takes peers in turn",
    "recv_priority": "libzmq takes peers in turn",
    "polyamorous": "libzmq's PAIR has one peer",
    "prefer_new": "a full buffer drops the newest; conflate keeps only the newest",
    "tls": "libzmq has TLS in wss only, and anymq does not set it up",
}


def _options(library: Library, found: dict[str, Support]) -> None:
    for name in ("send_timeout", "recv_timeout"):
        found[f"option.{name}"] = emulated("anymq itself waits")
    found["option.name"] = emulated("anymq itself keeps it")
    found["option.tcp_nodelay"] = native(
        library.version_evidence, "libzmq always sets TCP_NODELAY; it cannot be turned off"
    )
    for name, (option, note) in _MAPPED.items():
        found[f"option.{name}"] = native(
            library.version_evidence, f"{option}; {note}" if note else option
        )
    for name, reason in _ABSENT_OPTIONS.items():
        found[f"option.{name}"] = absent(reason)


def _capabilities(library: Library, found: dict[str, Support]) -> None:
    version = library.version_evidence
    draft, draft_evidence = _draft(library)
    found["contexts"] = absent("libzmq has one state for each socket")
    found["raw"] = absent("use dealer, router, xpub or xsub, which show the envelope as parts")
    found["multipart"] = native(version)
    if library.version >= (4, 3, 0):
        counted = "counted from the monitor's events; over inproc from anymq's own sockets"
    else:
        counted = "counted from the monitor's events, before the handshake is done"
    found["peers"] = emulated(counted, version)
    found["peer_events"] = native(version, "zmq_socket_monitor; over inproc anymq's own record")
    found["peer_address"] = emulated(
        "of a dialled peer from the monitor, of one that dialled from the operating system", version
    )
    found["statistics"] = emulated("connections and failures counted from the monitor", version)
    found["flush"] = absent("libzmq does not tell what it still has to send; close lingers for it")
    found["bound_port"] = native(version, "ZMQ_LAST_ENDPOINT")
    found["poll_fd"] = native(version, "ZMQ_FD: one for both directions, edge-triggered")
    found["tls"] = absent("libzmq has TLS in wss only, and anymq does not set it up")
    has = library.has("gssapi")
    found["gssapi"] = (
        absent("not compiled into this build", 'zmq_has("gssapi") = 0', "libzmq with gssapi")
        if has is False
        else absent("anymq does not set it up; set_native reaches libzmq's own options", version)
    )
    curve = bool(library.has("curve"))
    evidence = f'zmq_has("curve") = {int(curve)}'
    found["curve"] = found["option.curve"] = (
        native(evidence, "not over inproc; set it before listen and dial")
        if curve
        else absent("not compiled into this build", evidence, "libzmq 4.1 with curve")
    )
    found["plain"] = found["option.plain"] = native(
        version, "not over inproc, and unencrypted; set it before listen and dial"
    )
    found["draft"] = (
        native(draft_evidence)
        if draft
        else absent("not compiled into this build", draft_evidence, "a build with drafts")
    )
