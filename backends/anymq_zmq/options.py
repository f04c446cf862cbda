"""Options of a libzmq socket: the portable ones, and any by its own name or number."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, NamedTuple

from anymq.errors import OptionError
from anymq.options import PORTABLE_DEFAULTS
from anymq.protocols import Protocol

from ._zmq import ffi, lib
from .constants import CONSTANTS, OPTION_TYPES, ValueType

__all__ = [
    "ALWAYS_NODELAY",
    "DEFAULTS",
    "PORTABLE",
    "Portable",
    "mapping_for",
    "read",
    "resolve",
    "setting",
    "write",
]

ALWAYS_NODELAY = "TCP_NODELAY (always on)"

_CONFLATING = frozenset({Protocol.PUSH, Protocol.PULL, Protocol.PUB, Protocol.SUB, Protocol.DEALER})
_ROUTED = frozenset({Protocol.REQ, Protocol.REP, Protocol.DEALER, Protocol.ROUTER})

_UNSECURED = frozenset({"stream", "dgram", "radio", "dish"})
"""Sockets that have no handshake, or not always."""


def _to_ms(seconds: float) -> int:
    return 0 if seconds == 0 else max(1, round(seconds * 1000))


def _routing_id(value: bytes) -> bytes:
    if not 1 <= len(value) <= 255:
        raise OptionError(f"routing_id has 1 to 255 bytes, not {len(value)}", backend="zmq")
    if value[0] == 0:
        raise OptionError(
            "a routing_id that begins with a zero byte is libzmq's own", backend="zmq"
        )
    return value


class Portable(NamedTuple):
    """How one portable option becomes one of libzmq's."""

    option: str
    to_native: Callable[[Any], Any]
    to_portable: Callable[[Any], Any]


PORTABLE = {
    "send_buffer": Portable("ZMQ_SNDHWM", int, int),
    "recv_buffer": Portable("ZMQ_RCVHWM", int, int),
    "recv_max_size": Portable(
        "ZMQ_MAXMSGSIZE", lambda v: -1 if v is None else v, lambda v: None if v < 0 else v
    ),
    "reconnect_min": Portable("ZMQ_RECONNECT_IVL", _to_ms, lambda v: v / 1000),
    "reconnect_max": Portable("ZMQ_RECONNECT_IVL_MAX", _to_ms, lambda v: v / 1000),
    "tcp_keepalive": Portable("ZMQ_TCP_KEEPALIVE", int, lambda v: v == 1),
    "ipv6": Portable("ZMQ_IPV6", int, bool),
    "immediate": Portable("ZMQ_IMMEDIATE", int, bool),
    "conflate": Portable("ZMQ_CONFLATE", int, bool),
    "routing_id": Portable("ZMQ_ROUTING_ID", _routing_id, bytes),
}


def _default(name: str) -> tuple[str, int, Any, int]:
    portable = PORTABLE[name]
    number = CONSTANTS[portable.option]
    kind = _C_TYPES[OPTION_TYPES[number][1]]
    data = ffi.new(kind, [portable.to_native(PORTABLE_DEFAULTS[name])])
    return portable.option, number, data, ffi.sizeof(data)


_C_TYPES = {"int": "int[1]", "int64": "int64_t[1]", "uint64": "uint64_t[1]"}

DEFAULTS = {
    name: _default(name) for name in PORTABLE if name in PORTABLE_DEFAULTS and name != "immediate"
}
"""Portable defaults as libzmq takes them: name and number of the option, value, and its size.

They are the same for every socket, so they are made once."""

IMMEDIATE = frozenset(map(Protocol, ("push", "pub", "xpub", "scatter", "radio")))
"""Sockets that ZMQ_IMMEDIATE suits. Those that receive messages are not among them: it would make
libzmq drop what they have not read yet when the peer leaves."""

GATED = frozenset(map(Protocol, ("push", "scatter", "req", "dealer", "pair", "channel", "client")))
"""Sockets whose sending the adapter itself holds back until there is a peer."""


def mapping_for(protocol: Protocol) -> dict[str, str]:
    """Portable option to libzmq's, for the options that make sense on such a socket."""
    names = {name: portable.option for name, portable in PORTABLE.items()}
    if protocol not in IMMEDIATE:
        if protocol in GATED:
            names["immediate"] = "peers that the socket's monitor knows"
        else:
            del names["immediate"]
    if protocol not in _CONFLATING:
        del names["conflate"]
    if protocol not in _ROUTED:
        del names["routing_id"]
    if protocol.value not in _UNSECURED:
        names["curve"] = "ZMQ_CURVE_SERVER, ZMQ_CURVE_SERVERKEY"
        names["plain"] = "ZMQ_PLAIN_SERVER, ZMQ_PLAIN_USERNAME"
    names["tcp_nodelay"] = ALWAYS_NODELAY
    return names


def resolve(option: Any, type: str | None) -> tuple[int, str, ValueType]:
    """Number, name and type of an option that was asked for by name or number.

    Raises:
        OptionError: unknown name, or a number whose type must be given and was not.
    """
    number: int | None
    if isinstance(option, str):
        name = option.upper()
        name = name if name.startswith("ZMQ_") else f"ZMQ_{name}"
        number = CONSTANTS.get(name)
        if number is None or OPTION_TYPES.get(number, ("",))[0] != name:
            raise OptionError(f"libzmq has no option {option!r} that anymq knows", backend="zmq")
    elif isinstance(option, int) and not isinstance(option, bool):
        number = option
    else:
        raise OptionError(
            f"a libzmq option is named by str or int, not {option.__class__.__name__}",
            backend="zmq",
        )
    name, kind = OPTION_TYPES.get(number, (str(number), None))
    kinds: tuple[ValueType, ...] = ("int", "int64", "uint64", "bytes", "str")
    if type is not None:
        if type not in kinds:
            raise OptionError(f"type is one of {', '.join(kinds)}, not {type!r}", backend="zmq")
        kind = next(k for k in kinds if k == type)
    if kind is None:
        raise OptionError(
            f"the type of option {number} is not known: give type='int' or another", backend="zmq"
        )
    return number, name, kind


def read(sock: Any, number: int, kind: ValueType) -> tuple[int, Any]:
    """(0, value) or (libzmq's error number, None)."""
    size = ffi.new("size_t[1]")
    if kind in _C_TYPES:
        value = ffi.new(_C_TYPES[kind])
        size[0] = ffi.sizeof(value)
        code = lib.azmq_getopt(sock, number, value, size)
        return code, None if code else int(value[0])
    for room in (256, 41, 32):  # CURVE keys are given out in exactly one of their two sizes
        buffer = ffi.new("char[]", room)
        size[0] = room
        code = lib.azmq_getopt(sock, number, buffer, size)
        if code != errno.EINVAL:
            break
    if code:
        return code, None
    data = bytes(ffi.buffer(buffer, size[0]))
    return 0, data if kind == "bytes" else data.removesuffix(b"\0").decode(errors="replace")


_SECRETS = frozenset(
    f"ZMQ_{name}" for name in ("CURVE_SECRETKEY", "PLAIN_PASSWORD", "SOCKS_PASSWORD", "WSS_KEY_PEM")
)


def setting(name: str, value: Any) -> str:
    """What is done, for errors, which show no secrets."""
    return f"set {name}" if name in _SECRETS else f"set {name} to {value!r}"


def write(sock: Any, number: int, name: str, kind: ValueType, value: Any) -> int:
    """0 or libzmq's error number.

    Raises:
        OptionError: the value is not of the option's type.
    """
    if kind in _C_TYPES:
        if not isinstance(value, int):
            raise OptionError(f"{name} takes an int, not {value.__class__.__name__}", backend="zmq")
        try:
            data = ffi.new(_C_TYPES[kind], [int(value)])
        except OverflowError:
            raise OptionError(f"{value} is out of range for {name}", backend="zmq") from None
        return int(lib.azmq_setopt(sock, number, data, ffi.sizeof(data)))
    if value is None:
        return int(lib.azmq_setopt(sock, number, ffi.NULL, 0))
    if isinstance(value, str):
        value = value.encode()
    try:
        raw = bytes(memoryview(value))
    except TypeError:
        wanted = "a str or bytes" if kind == "str" else "bytes"
        raise OptionError(
            f"{name} takes {wanted}, not {value.__class__.__name__}", backend="zmq"
        ) from None
    return int(lib.azmq_setopt(sock, number, raw, len(raw)))
