"""Portable options as nanomsg's own: which each socket has, and how values are converted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anymq.errors import OptionError
from anymq.protocols import Protocol

from .library import Library, NativeOption

if TYPE_CHECKING:
    from .backend import NanomsgBackend

__all__ = ["MAPPED", "Conversion", "mapping_for", "native_option"]

LARGEST = 2**31 - 1
"""Of the library's int."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one portable option is written in nanomsg.

    `protocols`: the only ones that have it, None for all; cooked sockets only in that case.
    """

    native: str
    to_native: Callable[[Any], int | bytes]
    to_portable: Callable[[Any], Any]
    protocols: frozenset[Protocol] | None = None


def _milliseconds(seconds: float) -> int:
    # A wait that was asked for does not become none by rounding.
    return min(LARGEST, max(round(seconds * 1000), 1 if seconds > 0 else 0))


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def _limit(size: int | None) -> int:
    # Not nanomsg's -1: without a limit a peer that announces an absurd size aborts the process.
    if size is None:
        return LARGEST
    if size > LARGEST:
        raise OptionError(
            f"recv_max_size: nanomsg takes at most {LARGEST} bytes (or None), not {size}",
            backend="nanomsg",
        )
    return size


def _no_limit(size: int) -> int | None:
    return None if size in (-1, LARGEST) else size


def _name(text: str) -> bytes:
    data = text.encode()
    if len(data) > 63 or b"\0" in data:
        raise OptionError(
            f"name: nanomsg takes at most 63 bytes without null, not {text!r}", backend="nanomsg"
        )
    return data


def _not(value: Any) -> bool:
    return not value


MAPPED: dict[str, Conversion] = {
    "send_buffer_bytes": Conversion("NN_SNDBUF", int, int),
    "recv_buffer_bytes": Conversion("NN_RCVBUF", int, int),
    "recv_max_size": Conversion("NN_RCVMAXSIZE", _limit, _no_limit),
    "reconnect_min": Conversion("NN_RECONNECT_IVL", _milliseconds, _seconds),
    "reconnect_max": Conversion("NN_RECONNECT_IVL_MAX", _milliseconds, _seconds),
    "tcp_nodelay": Conversion("NN_TCP_NODELAY", int, bool),
    "ipv6": Conversion("NN_IPV4ONLY", _not, _not),
    "name": Conversion("NN_SOCKET_NAME", _name, str),
    "max_hops": Conversion("NN_MAXTTL", int, int),
    "resend_interval": Conversion(
        "NN_REQ_RESEND_IVL", _milliseconds, _seconds, frozenset({Protocol.REQ})
    ),
    "survey_time": Conversion(
        "NN_SURVEYOR_DEADLINE", _milliseconds, _seconds, frozenset({Protocol.SURVEYOR})
    ),
    "send_priority": Conversion("NN_SNDPRIO", int, int),
    "recv_priority": Conversion("NN_RCVPRIO", int, int),
}
"""Portable option to nanomsg's own."""


def mapping_for(backend: NanomsgBackend, protocol: Protocol, raw: bool) -> dict[str, str]:
    """The portable options that such a socket has, and what they are called in nanomsg."""
    found = {}
    for name, conversion in MAPPED.items():
        if not backend.supports(f"option.{name}"):
            continue
        if conversion.protocols is None or (protocol in conversion.protocols and not raw):
            found[name] = conversion.native
    return found


def native_option(library: Library, option: Any, type: str | None = None) -> NativeOption:
    """The option that a caller of `get_native` or `set_native` means.

    `option` is a name (`"NN_SNDBUF"`), a number at the level NN_SOL_SOCKET, or (level, number);
    `type`, `"int"` or `"str"`, is needed only for one that nn_symbol_info does not describe.

    Raises:
        OptionError: no such name, or nothing tells the type.
    """
    if type not in (None, "int", "str"):
        raise OptionError(f"the type of an option is 'int' or 'str', not {type!r}")
    if isinstance(option, str):
        known = library.options.get(option)
        if known is None:
            names = ", ".join(sorted(library.options))
            raise OptionError(f"nanomsg has no option {option!r}; known: {names}")
        return known
    if isinstance(option, int) and not isinstance(option, bool):
        level, number = library.constants["NN_SOL_SOCKET"], option
    elif (
        isinstance(option, tuple)
        and len(option) == 2
        and all(isinstance(part, int) for part in option)
    ):
        level, number = option
    else:
        raise OptionError(f"an option is a name, a number or (level, number), not {option!r}")
    for known in library.options.values():
        if (known.level, known.number) == (level, number):
            return known
    if type is None:
        raise OptionError(
            f"nanomsg does not describe option {number} at level {level}: pass type='int' or 'str'"
        )
    return NativeOption(f"option {number} at level {level}", level, number, type)
