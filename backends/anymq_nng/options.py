"""Options: what each portable one is in nng, and access to any of nng's own by name.

Socket options belong to the socket and are set there. Endpoint options belong to each dialer and
listener in nng's later versions (the socket only once held their presets), so they are kept here
and set on every endpoint before it starts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from anymq.protocols import Protocol

from ._nng import ffi, lib
from .library import Library

__all__ = [
    "DEFAULT_TYPES",
    "ENDPOINT_OPTIONS",
    "SOCKET_OPTIONS",
    "TYPES",
    "Mapped",
    "from_native",
    "get_typed",
    "set_typed",
    "to_native",
]

Type = Literal["bool", "int", "size", "ms", "uint64", "string"]
TYPES: tuple[Type, ...] = ("bool", "int", "size", "ms", "uint64", "string")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A portable option as nng has it.

    Attributes:
        native: nng's name.
        type: nng's type.
        holders: protocols that have it; empty: those that the direction allows.
        direction: `send` or `recv` where the option needs one.
        dialer: whether only dialers have it (endpoint options).
        low, high: nng's bounds where they are narrower than anymq's.
    """

    native: str
    type: Type
    holders: frozenset[Protocol] = frozenset()
    direction: str = ""
    dialer: bool = False
    low: int | None = None
    high: int | None = None

    def fits(self, protocol: Protocol) -> bool:
        if self.holders:
            return protocol in self.holders
        if self.direction == "send":
            return protocol.can_send
        return self.direction != "recv" or protocol.can_recv


P = Protocol
SOCKET_OPTIONS: Mapping[str, Mapped] = {
    "send_buffer": Mapped("send-buffer", "int", direction="send", high=8192),
    "recv_buffer": Mapped("recv-buffer", "int", direction="recv", high=8192),
    "name": Mapped("socket-name", "string"),
    "max_hops": Mapped("ttl-max", "int", low=1, high=15),
    "resend_interval": Mapped("req:resend-time", "ms", frozenset({P.REQ})),
    "survey_time": Mapped("surveyor:survey-time", "ms", frozenset({P.SURVEYOR})),
    "polyamorous": Mapped("pair1:polyamorous", "bool", frozenset({P.PAIR1})),
    "prefer_new": Mapped("sub:prefnew", "bool", frozenset({P.SUB})),
}

ENDPOINT_OPTIONS: Mapping[str, Mapped] = {
    "recv_max_size": Mapped("recv-size-max", "size"),
    "reconnect_min": Mapped("reconnect-time-min", "ms", dialer=True),
    "reconnect_max": Mapped("reconnect-time-max", "ms", dialer=True),
    "tcp_nodelay": Mapped("tcp-nodelay", "bool"),
    "tcp_keepalive": Mapped("tcp-keepalive", "bool"),
}

DEFAULT_TYPES: Mapping[str, Type] = {
    **{m.native: m.type for m in (*SOCKET_OPTIONS.values(), *ENDPOINT_OPTIONS.values())},
    "raw": "bool",
    "protocol": "int",
    "peer": "int",
    "protocol-name": "string",
    "peer-name": "string",
    "recv-fd": "int",
    "send-fd": "int",
    "recv-timeout": "ms",
    "send-timeout": "ms",
    "req:resend-tick": "ms",
    "ws:rxframe-max": "size",
    "ws:txframe-max": "size",
}
"""Types of nng's own options that are known."""


def to_native(mapped: Mapped, value: Any) -> Any:
    """A portable value in nng's units: milliseconds, and 0 for "no limit"."""
    if mapped.type == "ms":
        return math.ceil(value * 1000)
    if mapped.type == "size":
        return 0 if value is None else value
    return value


def from_native(mapped: Mapped, value: Any) -> Any:
    """A value of nng in portable units."""
    if mapped.type == "ms":
        return value / 1000
    if mapped.type == "size":
        return None if value == 0 else value
    return value


def set_typed(library: Library, kind: int, number: int, name: str, type: Type, value: Any) -> int:
    """Set an option of a socket, dialer or listener; 0, nng's error, or NNG_NO_FUNCTION."""
    setter = getattr(lib, f"anymq_nng_set_{type}")
    if type == "string":
        value = value.encode()
    return int(setter(library.pointer, kind, number, name.encode(), value))


def get_typed(library: Library, kind: int, number: int, name: str, type: Type) -> tuple[int, Any]:
    """Read an option: (0, value), or (nng's error or NNG_NO_FUNCTION, None)."""
    getter = getattr(lib, f"anymq_nng_get_{type}")
    if type == "string":
        text = ffi.new("char[]", 1024)
        code = getter(library.pointer, kind, number, name.encode(), text, len(text))
        return (code, ffi.string(text).decode(errors="replace") if code == 0 else None)
    c_type = {"bool": "bool", "int": "int", "size": "size_t", "ms": "int32_t", "uint64": "uint64_t"}
    out = ffi.new(f"{c_type[type]} *")
    code = getter(library.pointer, kind, number, name.encode(), out)
    if code != 0:
        return code, None
    return 0, bool(out[0]) if type == "bool" else int(out[0])
