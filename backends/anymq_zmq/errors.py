"""From libzmq's error numbers to anymq's exceptions."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Literal

from anymq import errors as e

from .constants import EFSM, EMTHREAD, ENOCOMPATPROTO, ERROR_NAMES, ETERM

__all__ = ["Doing", "make_error"]

Doing = Literal["", "listen", "dial", "option"]

_CLASSES: dict[int, type[e.AnymqError]] = {
    errno.EAGAIN: e.WouldBlock,
    errno.ETIMEDOUT: e.Timeout,
    ETERM: e.Closed,
    errno.ENOTSOCK: e.Closed,
    EFSM: e.StateError,
    errno.EADDRINUSE: e.AddressInUse,
    errno.EADDRNOTAVAIL: e.AddressInvalid,
    errno.ENODEV: e.AddressInvalid,
    errno.ENAMETOOLONG: e.AddressInvalid,
    errno.EAFNOSUPPORT: e.AddressInvalid,
    errno.EPROTONOSUPPORT: e.UnsupportedFeature,
    ENOCOMPATPROTO: e.UnsupportedFeature,
    errno.ENOTSUP: e.UnsupportedFeature,
    errno.ENOSYS: e.UnsupportedFeature,
    errno.EMFILE: e.ResourceExhausted,
    errno.ENFILE: e.ResourceExhausted,
    errno.ENOMEM: e.ResourceExhausted,
    errno.ENOBUFS: e.ResourceExhausted,
    EMTHREAD: e.ResourceExhausted,
    errno.EACCES: e.PermissionDenied,
    errno.EPERM: e.PermissionDenied,
    errno.EHOSTUNREACH: e.ConnectionLost,
    errno.ECONNRESET: e.ConnectionLost,
    errno.ECONNABORTED: e.ConnectionLost,
    errno.ENETUNREACH: e.ConnectionLost,
    errno.ECONNREFUSED: e.ConnectionRefused,
    errno.EMSGSIZE: e.MessageTooLarge,
    errno.EINVAL: e.OptionError,
    errno.ERANGE: e.OptionError,
}

_ENDPOINT_CLASSES: dict[int, type[e.AnymqError]] = {
    errno.EINVAL: e.AddressInvalid,
    errno.ENOENT: e.AddressInvalid,
    errno.ENOTDIR: e.AddressInvalid,
    errno.ENXIO: e.AddressInvalid,
}

_HINTS = {
    EFSM: "the socket's state does not allow this now, such as a reply before a request",
    ENOCOMPATPROTO: "this protocol cannot use that transport",
    errno.EHOSTUNREACH: "no peer has that routing id",
}


def make_error(
    code: int, doing: str, kind: Doing, strerror: Callable[[int], str], library: str
) -> e.AnymqError:
    """The exception for `code`; `kind` tells what EINVAL is about."""
    symbol = ERROR_NAMES.get(code, "")
    cls = _CLASSES.get(code, e.AnymqError)
    if kind in ("listen", "dial"):
        cls = _ENDPOINT_CLASSES.get(code, cls)
    text = f"{doing}: " if doing else ""
    text += f"{strerror(code)} ({library} error {symbol or code})"
    if code in _HINTS:
        text += f"; {_HINTS[code]}"
    system = code if code in errno.errorcode else None
    error = cls(text, backend="zmq", code=code, symbol=symbol, errno=system)
    if isinstance(error, e.UnsupportedFeature):
        error.library = "zmq"
        error.found = library.removeprefix("libzmq ")
    return error
