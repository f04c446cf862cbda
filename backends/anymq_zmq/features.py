"""What one libzmq file can do, asked of the file itself.

`zmq_has` knows what was compiled in, but not everything has a name there; the rest is told by
version, by symbols, and by binding a throw-away socket in a context made for the question. Draft
socket types are never opened to find out: on a build without them they open, and the process
aborts when a peer connects.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from anymq.features import Support, absent, emulated, known_features, native
from anymq.protocols import Protocol

from .constants import DRAFT_TYPES, SOCKET_TYPES

__all__ = ["Library", "detect"]


class Library(NamedTuple):
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
        found.setdefault(name, absent("no libzmq has anything of the kind"))
    return MappingProxyType({name: found[name] for name in known_features()})


def _draft(library: Library) -> tuple[bool, str]:
    has = library.has("draft")
    if has is not None and library.version >= (4, 2, 2):  # before, it did not know the word
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
            found[name] = absent(_NOT_HERE.get(protocol.value, "no libzmq has such a socket type"))


def _draft_type(library: Library, name: str, draft: bool, evidence: str) -> Support:
    since = "4.3.3" if name in ("peer", "channel") else "4.2.0"
    needed = f"libzmq {since} built with drafts"
    if library.version < tuple(map(int, since.split("."))):
        return absent("this version has no such socket type", library.version_evidence, needed)
    if not draft:
        return absent("a draft socket type that this build lacks", evidence, needed)
    for symbol in _ADDRESSING.get(name, ()):
        if not library.symbol(symbol):
            return absent(f"this build does not export {symbol}", evidence, needed)
    return native(evidence, _REASONS.get(name, ""))


_REASONS = {
    "pub": "filters at the publisher: what is sent before a subscription has arrived is not seen",
    "req": "ZMQ_REQ_RELAXED and ZMQ_REQ_CORRELATE: a new request cancels the one before",
    "router": "a message to an unknown routing id is dropped unless ZMQ_ROUTER_MANDATORY is set",
    "server": "send_message: a header of 4 bytes names the client; it is that of what it has sent",
    "peer": "send_message: a header of 4 bytes names the peer; it is that of what it has sent, or "
    "the dialer's peer",
    "radio": "send_message: the header is the group; without one it is the group with no name",
    "dish": "subscribe joins a group, by its whole name; the header of a message is its group",
    "dgram": "two parts, the address and the body; over udp and IPv4 only",
}

_ROUTING = ("zmq_msg_routing_id", "zmq_msg_set_routing_id")
_GROUPS = ("zmq_msg_group", "zmq_msg_set_group", "zmq_join", "zmq_leave")
_ADDRESSING = {
    "server": _ROUTING,
    "peer": (*_ROUTING, "zmq_connect_peer"),
    "radio": _GROUPS,
    "dish": _GROUPS,
}
"""What a type is of no use without."""

_NOT_HERE = {"pair1": "no libzmq has it: its PAIR has one version"}


def _transports(library: Library, found: dict[str, Support]) -> None:
    for scheme in ("tcp", "inproc"):
        found[f"transport.{scheme}"] = _probed(library, scheme)
    ipc = _compiled_in(library, "ipc", "ipc")
    found["transport.ipc"] = ipc
    found["transport.abstract"] = native(ipc.evidence, "ipc://@name; Linux only") if ipc else ipc
    found["transport.ws"] = _compiled_in(library, "ws", "WS", "libzmq 4.3.3 built with WS")
    wss = _compiled_in(library, "wss", "WSS", "libzmq 4.3.3 built with WS and GnuTLS")
    found["transport.wss"] = (
        native(wss.evidence, "certificates by set_native('ZMQ_WSS_...')") if wss else wss
    )
    for scheme, needed in _OPTIONAL.items():
        found[f"transport.{scheme}"] = _compiled_in(library, scheme, scheme, needed)
    found["transport.epgm"] = found["transport.pgm"]
    draft, evidence = _draft(library)
    found["transport.udp"] = (
        native(evidence, "for dgram, radio and dish sockets")
        if draft
        else absent("only draft socket types use it", evidence, "libzmq 4.2.0 built with drafts")
    )
    found["transport.tls+tcp"] = absent("no libzmq has TLS but in wss; for tcp it has CURVE")
    for scheme in ("socket", "zt"):
        found[f"transport.{scheme}"] = absent("no libzmq has such a transport")


_OPTIONAL = {
    "pgm": "libzmq built with OpenPGM",
    "norm": "libzmq 4.1 built with NORM",
    "tipc": "libzmq 4.1 built with TIPC",
    "vmci": "libzmq 4.2.0 built with VMCI",
}


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
        return absent("not compiled into this build", evidence, f"libzmq built with {scheme}")
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
    "send_buffer_bytes": "no libzmq has it: it counts messages, with send_buffer",
    "recv_buffer_bytes": "no libzmq has it: it counts messages, with recv_buffer",
    "max_hops": "no libzmq has a hop limit; ZMQ_MULTICAST_HOPS is about networks",
    "resend_interval": "no libzmq sends a request again",
    "survey_time": "no libzmq has surveys",
    "send_priority": "no libzmq has it: it takes peers in turn",
    "recv_priority": "no libzmq has it: it takes peers in turn",
    "polyamorous": "no libzmq has it: its PAIR has one peer",
    "prefer_new": "no libzmq has it: full, it drops the newest; conflate keeps only the newest",
    "tls": "no libzmq has TLS but in wss, where set_native('ZMQ_WSS_...') sets it up",
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
    found["contexts"] = emulated(
        "for req and rep, over a DEALER and a ROUTER; not for sub", version
    )
    found["raw"] = absent(
        "no libzmq has it: use dealer, router, xpub or xsub, which show the envelope as parts"
    )
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
    found["flush"] = absent("no libzmq tells what it still has to send; close lingers for it")
    found["bound_port"] = native(version, "ZMQ_LAST_ENDPOINT")
    found["poll_fd"] = native(version, "ZMQ_FD: one for both directions, edge-triggered")
    found["tls"] = absent(_ABSENT_OPTIONS["tls"])
    found["gssapi"] = absent(
        "anymq sets it up with no libzmq; set_native reaches libzmq's own options",
        f'zmq_has("gssapi") = {int(bool(library.has("gssapi")))}',
    )
    curve = bool(library.has("curve"))
    evidence = f'zmq_has("curve") = {int(curve)}'
    if curve and not library.symbol("zmq_curve_keypair"):
        curve, evidence = False, f"{evidence}, but no symbol zmq_curve_keypair"
    found["curve"] = found["option.curve"] = (
        native(evidence, "not over inproc; set it before listen and dial")
        if curve
        else absent("not compiled into this build", evidence, "libzmq 4.1 built with CURVE")
    )
    found["plain"] = found["option.plain"] = native(
        version, "not over inproc, and unencrypted; set it before listen and dial"
    )
    found["draft"] = (
        native(draft_evidence)
        if draft
        else absent(
            "not compiled into this build", draft_evidence, "libzmq 4.2.0 built with drafts"
        )
    )
