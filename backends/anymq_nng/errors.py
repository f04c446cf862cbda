"""nng's error numbers: their names, and which of anymq's errors each becomes.

nng exports no names, only texts; the numbers have been the same in every version. Numbers at and
above NNG_ESYSERR carry an errno of the system.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from types import MappingProxyType

from anymq.errors import (
    AddressInUse,
    AddressInvalid,
    AnymqError,
    AuthenticationFailed,
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

__all__ = ["ERRORS", "NUMBERS", "make_error", "name_of"]

NNG_ESYSERR = 0x10000000
NNG_ETRANERR = 0x20000000

_TABLE: tuple[tuple[int, str, type[AnymqError], int | None], ...] = (
    (1, "NNG_EINTR", StateError, errno.EINTR),
    (2, "NNG_ENOMEM", ResourceExhausted, errno.ENOMEM),
    (3, "NNG_EINVAL", AnymqError, errno.EINVAL),
    (4, "NNG_EBUSY", StateError, errno.EBUSY),
    (5, "NNG_ETIMEDOUT", Timeout, errno.ETIMEDOUT),
    (6, "NNG_ECONNREFUSED", ConnectionRefused, errno.ECONNREFUSED),
    (7, "NNG_ECLOSED", Closed, errno.EBADF),
    (8, "NNG_EAGAIN", WouldBlock, errno.EAGAIN),
    (9, "NNG_ENOTSUP", UnsupportedFeature, errno.ENOTSUP),
    (10, "NNG_EADDRINUSE", AddressInUse, errno.EADDRINUSE),
    (11, "NNG_ESTATE", StateError, None),
    (12, "NNG_ENOENT", AnymqError, errno.ENOENT),
    (13, "NNG_EPROTO", ConnectionLost, errno.EPROTO),
    (14, "NNG_EUNREACHABLE", ConnectionRefused, errno.EHOSTUNREACH),
    (15, "NNG_EADDRINVAL", AddressInvalid, errno.EADDRNOTAVAIL),
    (16, "NNG_EPERM", PermissionDenied, errno.EACCES),
    (17, "NNG_EMSGSIZE", MessageTooLarge, errno.EMSGSIZE),
    (18, "NNG_ECONNABORTED", ConnectionLost, errno.ECONNABORTED),
    (19, "NNG_ECONNRESET", ConnectionLost, errno.ECONNRESET),
    (20, "NNG_ECANCELED", StateError, errno.ECANCELED),
    (21, "NNG_ENOFILES", ResourceExhausted, errno.EMFILE),
    (22, "NNG_ENOSPC", ResourceExhausted, errno.ENOSPC),
    (23, "NNG_EEXIST", StateError, errno.EEXIST),
    (24, "NNG_EREADONLY", OptionError, None),
    (25, "NNG_EWRITEONLY", OptionError, None),
    (26, "NNG_ECRYPTO", AuthenticationFailed, None),
    (27, "NNG_EPEERAUTH", AuthenticationFailed, None),
    (28, "NNG_ENOARG", AnymqError, None),
    (29, "NNG_EAMBIGUOUS", AnymqError, None),
    (30, "NNG_EBADTYPE", OptionError, None),
    (31, "NNG_ECONNSHUT", ConnectionLost, errno.ESHUTDOWN),
    (999, "NNG_ESTOPPED", Closed, None),
    (1000, "NNG_EINTERNAL", AnymqError, None),
    (NNG_ESYSERR, "NNG_ESYSERR", AnymqError, None),
    (NNG_ETRANERR, "NNG_ETRANERR", AnymqError, None),
)

ERRORS: Mapping[int, str] = MappingProxyType({row[0]: row[1] for row in _TABLE})
NUMBERS: Mapping[str, int] = MappingProxyType({row[1]: row[0] for row in _TABLE})

_CLASSES: Mapping[int, tuple[type[AnymqError], int | None]] = {
    number: (cls, system) for number, _, cls, system in _TABLE
}
_SYSTEM: Mapping[int, type[AnymqError]] = {
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EADDRINUSE: AddressInUse,
    errno.EADDRNOTAVAIL: AddressInvalid,
    errno.EMFILE: ResourceExhausted,
    errno.ENFILE: ResourceExhausted,
    errno.ENOMEM: ResourceExhausted,
    errno.ENOSPC: ResourceExhausted,
    errno.ENOBUFS: ResourceExhausted,
    errno.ECONNREFUSED: ConnectionRefused,
    errno.ECONNRESET: ConnectionLost,
    errno.EPIPE: ConnectionLost,
}


def name_of(code: int) -> str:
    """The native name of a number, `""` where there is none."""
    if NNG_ESYSERR <= code < NNG_ETRANERR:
        return "NNG_ESYSERR"
    return "NNG_ETRANERR" if code >= NNG_ETRANERR else ERRORS.get(code, "")


def make_error(
    code: int, text: str, doing: str = "", *, invalid: type[AnymqError] | None = None
) -> AnymqError:
    """The exception for a number.

    `text` is the library's own wording. `invalid` is what an invalid argument or a missing file
    means for what was tried: a bad option value, a bad address.
    """
    symbol = name_of(code)
    cls, system = _CLASSES.get(code, (AnymqError, None))
    if symbol == "NNG_ESYSERR" and code != NNG_ESYSERR:
        system = code - NNG_ESYSERR
        cls = _SYSTEM.get(system, AnymqError)
        text = os.strerror(system)
    if invalid is not None and symbol in ("NNG_EINVAL", "NNG_ENOENT", "NNG_ESYSERR"):
        cls = invalid if cls is AnymqError else cls
    head = f"{doing}: " if doing else ""
    tail = f" ({symbol}, {code})" if symbol else f" ({code})"
    return cls(f"{head}{text}{tail}", backend="nng", code=code, symbol=symbol, errno=system)
