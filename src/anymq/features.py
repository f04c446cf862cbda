"""Names of features, and what a backend says about each.

A feature is a dotted, stable name. A backend answers for every name with a `Support`: native,
emulated or absent, why, and how it knows. Missing features are therefore data that can be listed,
compared and printed, and every refusal is worded from the same record.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from .protocols import Protocol

__all__ = [
    "CAPABILITIES",
    "OPTION_NAMES",
    "TRANSPORTS",
    "Status",
    "Support",
    "absent",
    "emulated",
    "known_features",
    "native",
]

Status = Literal["native", "emulated", "absent"]


class Support(NamedTuple):
    """Whether one library, as it was loaded, has one feature.

    Attributes:
        status: `native` (the library does it), `emulated` (anymq does it, faithfully, on top of
            the library) or `absent`.
        reason: one short sentence for people: how it is mapped, or why it is missing.
        evidence: what told so at run time: a symbol, `zmq_has("draft")`, a version, a probe.
        needed: for `absent`: the version or build that has it (`"nng 1.7"`), `""` if none does.
    """

    status: Status
    reason: str = ""
    evidence: str = ""
    needed: str = ""

    def __bool__(self) -> bool:
        return self.status != "absent"


def native(evidence: str, reason: str = "") -> Support:
    return Support("native", reason, evidence)


def emulated(reason: str, evidence: str = "") -> Support:
    return Support("emulated", reason, evidence)


def absent(reason: str, evidence: str = "", needed: str = "") -> Support:
    return Support("absent", reason, evidence, needed)


TRANSPORTS: tuple[str, ...] = (
    "tcp",
    "ipc",
    "abstract",
    "inproc",
    "ws",
    "wss",
    "tls+tcp",
    "udp",
    "pgm",
    "epgm",
    "norm",
    "tipc",
    "vmci",
    "socket",
    "zt",
)
"""URL schemes of all libraries, under `transport.`"""

CAPABILITIES: dict[str, str] = {
    "contexts": "independent request, survey or subscription states on one socket",
    "raw": "raw mode: the protocol header is the program's own",
    "multipart": "messages of several parts",
    "peers": "the number of connected peers",
    "peer_events": "events when peers come and go",
    "peer_address": "the address of the peer in events",
    "statistics": "counters of messages, bytes and connections",
    "flush": "telling whether all that was sent has left the process",
    "bound_port": "the library tells the port it was given for port 0",
    "poll_fd": "file descriptors for foreign event loops",
    "tls": "TLS transports",
    "curve": "CURVE encryption",
    "plain": "PLAIN user and password",
    "gssapi": "GSSAPI authentication",
    "draft": "draft socket types of libzmq",
}
"""Features that are neither a protocol, a transport nor an option: name and meaning."""

OPTION_NAMES: tuple[str, ...] = (
    "send_timeout",
    "recv_timeout",
    "send_buffer",
    "recv_buffer",
    "send_buffer_bytes",
    "recv_buffer_bytes",
    "recv_max_size",
    "reconnect_min",
    "reconnect_max",
    "linger",
    "tcp_nodelay",
    "tcp_keepalive",
    "ipv6",
    "name",
    "max_hops",
    "resend_interval",
    "survey_time",
    "send_priority",
    "recv_priority",
    "routing_id",
    "conflate",
    "immediate",
    "polyamorous",
    "prefer_new",
    "tls",
    "curve",
    "plain",
)
"""Portable option names, under `option.`; `anymq.options` has type, unit and default of each."""


def known_features() -> tuple[str, ...]:
    """Every feature name that a backend answers for, in the order in which it is listed."""
    return (
        *(f"protocol.{protocol.value}" for protocol in Protocol),
        *(f"transport.{scheme}" for scheme in TRANSPORTS),
        *(f"option.{name}" for name in OPTION_NAMES),
        *CAPABILITIES,
    )
