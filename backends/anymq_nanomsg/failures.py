"""nanomsg's error numbers as anymq's exceptions.

The numbers are the system's, or nanomsg's own where the system has none; they are told apart by the
names that the library gives them (nn_symbol), so that no number is written here.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from anymq.errors import (
    AddressInUse,
    AddressInvalid,
    AnymqError,
    Closed,
    ConnectionLost,
    ConnectionRefused,
    MessageTooLarge,
    OptionError,
    PermissionDenied,
    ResourceExhausted,
    StateError,
    Timeout,
    UnsupportedFeature,
    WouldBlock,
)

__all__ = ["make_error", "name_of"]

ALWAYS: dict[str, type[AnymqError]] = {
    "ETERM": Closed,
    "EBADF": Closed,
    "EAGAIN": WouldBlock,
    "ETIMEDOUT": Timeout,
    "EFSM": StateError,
    "ENOTSUP": StateError,
    "EADDRINUSE": AddressInUse,
    "EMSGSIZE": MessageTooLarge,
    "EMFILE": ResourceExhausted,
    "ENFILE": ResourceExhausted,
    "ENOMEM": ResourceExhausted,
    "ENOBUFS": ResourceExhausted,
    "EACCES": PermissionDenied,
    "EPERM": PermissionDenied,
    "EROFS": PermissionDenied,
    "ECONNREFUSED": ConnectionRefused,
    "ECONNRESET": ConnectionLost,
    "ECONNABORTED": ConnectionLost,
    "ENETDOWN": ConnectionLost,
    "ENETRESET": ConnectionLost,
    "ENETUNREACH": ConnectionLost,
    "EHOSTUNREACH": ConnectionLost,
    "ENOTCONN": ConnectionLost,
    "ENOPROTOOPT": OptionError,
    "EPROTONOSUPPORT": UnsupportedFeature,
}

ADDRESSING: dict[str, type[AnymqError]] = {
    "EINVAL": AddressInvalid,
    "EADDRNOTAVAIL": AddressInvalid,
    "EAFNOSUPPORT": AddressInvalid,
    "ENAMETOOLONG": AddressInvalid,
    "ENODEV": AddressInvalid,
    "ENOENT": AddressInvalid,
    "ENOTDIR": AddressInvalid,
}
"""What these mean while listening or dialling."""

HINTS = {
    "ENAMETOOLONG": "nanomsg takes URLs of at most 127 characters",
    "EMFILE": "too many open files, or nanomsg's limit of sockets in a process (512)",
}


def name_of(code: int, names: Mapping[int, str]) -> str:
    """The native name of an error number: the library's, else the system's, else `""`."""
    return names.get(code) or errno.errorcode.get(code, "")


def make_error(
    code: int, symbol: str, text: str, doing: str = "", *, addressing: bool | None = None
) -> AnymqError:
    """The exception for error number `code`, which the library calls `symbol`.

    `addressing` says that `doing` is about an address; None guesses from the words.
    """
    if addressing is None:
        addressing = doing.startswith(("listen", "dial", "bind", "connect"))
    kind = ALWAYS.get(symbol)
    if kind is None:
        kind = ADDRESSING.get(symbol, AnymqError) if addressing else AnymqError
        if symbol == "EINVAL" and not addressing:
            kind = StateError if doing.startswith(("send", "recv", "receive")) else OptionError
    message = f"{text} ({symbol or code})"
    if doing:
        message = f"{doing}: {message}"
    if symbol in HINTS:
        message += f"; {HINTS[symbol]}"
    system = code if code in errno.errorcode else None
    return kind(message, backend="nanomsg", code=code, symbol=symbol, errno=system)
