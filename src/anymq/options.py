"""The portable socket options: one table of names, types, units and defaults.

Backends map a name to what their library calls it; the table itself checks values, so that a bad
one is refused in the same words everywhere and before any C code sees it.
"""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    NamedTuple,
    Self,
    TypedDict,
    TypeVar,
    overload,
)

from .errors import OptionError
from .protocols import Protocol

if TYPE_CHECKING:
    from .security import CurveConfig, PlainConfig, TLSConfig

__all__ = [
    "OPTIONS",
    "PORTABLE_DEFAULTS",
    "Kind",
    "Option",
    "OptionInfo",
    "OptionSpec",
    "SocketOptions",
    "check_option",
    "inapplicable",
    "inapplicable_options",
]

Kind = Literal[
    "seconds", "seconds_or_none", "int", "size_or_none", "bool", "str", "bytes", "object"
]

MAX_SECONDS = 2_000_000.0
"""Largest time that every library can take: below 2**31 milliseconds."""


class OptionSpec(NamedTuple):
    """One portable option.

    Attributes:
        name: keyword of `Socket` and attribute of it.
        kind: what values it takes; times are in seconds, sizes in bytes.
        unit: unit for people.
        default: the value that a new socket has on every backend, or `LIBRARY` where it is left as
            the library has it.
        minimum, maximum: inclusive bounds of numbers, None where there is none.
        doc: one sentence.
    """

    name: str
    kind: Kind
    unit: str
    default: Any
    doc: str
    minimum: float | None = None
    maximum: float | None = None


class OptionInfo(NamedTuple):
    """What `socket.options` says of one option of one socket.

    `mapping` names what the option is in the library (`"ZMQ_RCVHWM"`, `"recv-buffer"`), or
    `"engine"` where anymq does it itself; None where this socket does not have it.
    """

    name: str
    type: str
    unit: str
    default: Any
    mapping: str | None
    doc: str


class _Library:
    def __repr__(self) -> str:
        return "as the library"


LIBRARY = _Library()

_SPECS = (
    OptionSpec("send_timeout", "seconds_or_none", "s", None,
               "How long a send waits; None: for ever, 0: not at all.", 0, MAX_SECONDS),
    OptionSpec("recv_timeout", "seconds_or_none", "s", None,
               "How long a receive waits; None: for ever, 0: not at all.", 0, MAX_SECONDS),
    OptionSpec("send_buffer", "int", "messages", LIBRARY,
               "How many messages wait to be sent (libzmq: for each peer; 0 there is no limit).",
               0, 2**31 - 1),
    OptionSpec("recv_buffer", "int", "messages", LIBRARY,
               "How many received messages wait for the program (libzmq: for each peer).",
               0, 2**31 - 1),
    OptionSpec("send_buffer_bytes", "int", "bytes", LIBRARY,
               "Size of the send buffer, in nanomsg's own unit.", 1, 2**31 - 1),
    OptionSpec("recv_buffer_bytes", "int", "bytes", LIBRARY,
               "Size of the receive buffer, in nanomsg's own unit.", 1, 2**31 - 1),
    OptionSpec("recv_max_size", "size_or_none", "bytes", 2**30,
               "Largest message that is accepted; a larger one is not delivered. None: no limit.",
               0, 2**62),
    OptionSpec("reconnect_min", "seconds", "s", 0.1,
               "Wait before a lost connection is dialled again.", 0.001, MAX_SECONDS),
    OptionSpec("reconnect_max", "seconds", "s", 0.0,
               "Longest wait between attempts, which double up to it; 0: no back-off.",
               0, MAX_SECONDS),
    OptionSpec("linger", "seconds_or_none", "s", 30.0,
               "How long closing and exit may wait for what was sent to leave; None: for ever.",
               0, MAX_SECONDS),
    OptionSpec("tcp_nodelay", "bool", "", True, "Send small messages at once."),
    OptionSpec("tcp_keepalive", "bool", "", False, "Let the system probe idle connections."),
    OptionSpec("ipv6", "bool", "", True, "Accept and dial IPv6 addresses besides IPv4."),
    OptionSpec("name", "str", "", "", "A name for logs and statistics; never sent."),
    OptionSpec("max_hops", "int", "hops", 8, "How many devices a message may pass.", 1, 255),
    OptionSpec("resend_interval", "seconds", "s", 60.0,
               "REQ: when an unanswered request is sent again.", 0.001, MAX_SECONDS),
    OptionSpec("survey_time", "seconds", "s", 1.0,
               "SURVEYOR: how long answers are gathered.", 0.001, MAX_SECONDS),
    OptionSpec("send_priority", "int", "", LIBRARY,
               "Priority of endpoints added from now on for sending, 1 is highest.", 1, 16),
    OptionSpec("recv_priority", "int", "", LIBRARY,
               "Priority of endpoints added from now on for receiving, 1 is highest.", 1, 16),
    OptionSpec("routing_id", "bytes", "", LIBRARY, "The identity that a ROUTER peer sees."),
    OptionSpec("conflate", "bool", "", LIBRARY, "Keep only the newest message."),
    OptionSpec("immediate", "bool", "", True,
               "Send only to completed connections; False queues for those still being made."),
    OptionSpec("polyamorous", "bool", "", LIBRARY, "PAIR1 with several peers at once."),
    OptionSpec("prefer_new", "bool", "", LIBRARY,
               "SUB: a full buffer drops the oldest message rather than the newest."),
    OptionSpec("tls", "object", "", None, "TLSConfig for the TLS transports."),
    OptionSpec("curve", "object", "", None, "CurveConfig for CURVE encryption."),
    OptionSpec("plain", "object", "", None, "PlainConfig for PLAIN authentication."),
)  # fmt: skip

OPTIONS: Mapping[str, OptionSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every portable option by name."""

PORTABLE_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {s.name: s.default for s in _SPECS if s.default is not LIBRARY and s.kind != "object"}
)
"""What a new socket is set to, wherever its library has the option."""

_HOPPING = (
    Protocol.PAIR1,
    Protocol.REQ,
    Protocol.REP,
    Protocol.SURVEYOR,
    Protocol.RESPONDENT,
)
_ONLY_FOR: Mapping[str, tuple[Protocol, ...]] = {
    "max_hops": _HOPPING,
    "survey_time": (Protocol.SURVEYOR,),
    "resend_interval": (Protocol.REQ,),
    "polyamorous": (Protocol.PAIR1,),
    "prefer_new": (Protocol.SUB,),
}
_NOT_RAW = ("survey_time", "resend_interval")
_SENDING = ("send_buffer", "send_buffer_bytes", "send_priority", "immediate")
_RECEIVING = ("recv_buffer", "recv_buffer_bytes", "recv_priority")


def inapplicable(name: str, protocol: Protocol, raw: bool) -> str:
    """Why an option means nothing to a protocol, whatever the library; `""` where it may."""
    only = _ONLY_FOR.get(name)
    if only and protocol not in only:
        return f"{name} is for {', '.join(only)} sockets only; this is a {protocol} socket"
    if name in _SENDING and not protocol.can_send:
        return f"a {protocol} socket never sends"
    if name in _RECEIVING and not protocol.can_recv:
        return f"a {protocol} socket never receives"
    if raw and name in _NOT_RAW:
        return f"a raw {protocol} socket leaves {name} to the program"
    return ""


@functools.cache
def inapplicable_options(protocol: Protocol, raw: bool) -> frozenset[str]:
    """The options that mean nothing to a protocol, whatever the library."""
    return frozenset(name for name in OPTIONS if inapplicable(name, protocol, raw))


_OBJECTS = {"tls": "TLSConfig", "curve": "CurveConfig", "plain": "PlainConfig"}
"""Classes of `anymq.security`, which is imported only where one is used."""

_WANTED = {
    "seconds": "a number of seconds",
    "seconds_or_none": "a number of seconds or None",
    "int": "a whole number",
    "size_or_none": "a whole number of bytes or None",
    "bool": "True or False",
    "str": "a str",
    "bytes": "bytes",
    "object": "a configuration object",
}


def check_option(name: str, value: Any) -> Any:
    """The value as it is passed to a backend: seconds as float, numbers in range.

    Raises:
        OptionError: no such option, a wrong type, or out of range; the text says what is right.
    """
    spec = OPTIONS.get(name)
    if spec is None:
        import difflib

        close = difflib.get_close_matches(name, OPTIONS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(OPTIONS)}"
        raise OptionError(f"there is no option {name!r}{hint}")
    kind = spec.kind
    if value is None and kind in ("seconds_or_none", "size_or_none", "object"):
        return None
    if kind in ("seconds", "seconds_or_none"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type(spec, value)
        value = float(value)
        if math.isnan(value):
            raise _out_of_range(spec, value)
    elif kind in ("int", "size_or_none"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(spec, value)
    elif kind == "object":
        from . import security

        if not isinstance(value, getattr(security, _OBJECTS[name])):
            raise OptionError(f"{name} takes {_OBJECTS[name]} or None, not {type(value).__name__}")
        return value
    elif not isinstance(value, {"bool": bool, "str": str, "bytes": bytes}[kind]):
        raise _wrong_type(spec, value)
    if spec.minimum is not None and value < spec.minimum:
        raise _out_of_range(spec, value)
    if spec.maximum is not None and value > spec.maximum:
        raise _out_of_range(spec, value)
    return value


def _wrong_type(spec: OptionSpec, value: Any) -> OptionError:
    return OptionError(
        f"{spec.name} takes {_WANTED[spec.kind]}, not {type(value).__name__} ({value!r})"
    )


def _out_of_range(spec: OptionSpec, value: Any) -> OptionError:
    unit = f" {spec.unit}" if spec.unit else ""
    bounds = f"{spec.minimum:g} to {spec.maximum:g}{unit}"
    return OptionError(f"{spec.name} must be {bounds}, not {value!r}")


T = TypeVar("T")


class OptionHolder(typing.Protocol):
    """A socket or a context, as its options see it."""

    def _get_option(self, name: str) -> Any: ...
    def _set_option(self, name: str, value: Any) -> None: ...


class Option(Generic[T]):
    """An option as an attribute of a `Socket` or a `Context`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__doc__ = f"{OPTIONS[name].doc} ({OPTIONS[name].unit or OPTIONS[name].kind})"

    @overload
    def __get__(self, holder: None, owner: type[OptionHolder]) -> Self: ...
    @overload
    def __get__(self, holder: OptionHolder, owner: type[OptionHolder]) -> T: ...
    def __get__(self, holder: OptionHolder | None, owner: type[OptionHolder]) -> Self | T:
        if holder is None:
            return self
        value: T = holder._get_option(self.name)
        return value

    def __set__(self, holder: OptionHolder, value: T) -> None:
        holder._set_option(self.name, value)


class SocketOptions(TypedDict, total=False):
    """The options as keyword arguments of `Socket`."""

    send_timeout: float | None
    recv_timeout: float | None
    send_buffer: int
    recv_buffer: int
    send_buffer_bytes: int
    recv_buffer_bytes: int
    recv_max_size: int | None
    reconnect_min: float
    reconnect_max: float
    linger: float | None
    tcp_nodelay: bool
    tcp_keepalive: bool
    ipv6: bool
    name: str
    max_hops: int
    resend_interval: float
    survey_time: float
    send_priority: int
    recv_priority: int
    routing_id: bytes
    conflate: bool
    immediate: bool
    polyamorous: bool
    prefer_new: bool
    tls: TLSConfig | None
    curve: CurveConfig | None
    plain: PlainConfig | None
