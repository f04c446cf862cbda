"""Every error that anymq raises.

All derive from `AnymqError`, and each also from the builtin that a Python programmer would catch,
so that code written for the standard library's sockets keeps working. A backend translates its
library's error numbers into these; the number and its native name stay readable on the error.
"""

from __future__ import annotations

__all__ = [
    "AddressInUse",
    "AddressInvalid",
    "AnymqError",
    "AuthenticationFailed",
    "BackendUnavailable",
    "Closed",
    "ConfigError",
    "ConnectionLost",
    "ConnectionRefused",
    "ForkedError",
    "MessageTooLarge",
    "OptionError",
    "PermissionDenied",
    "ResourceExhausted",
    "StateError",
    "Timeout",
    "UnsupportedFeature",
    "WouldBlock",
]


class AnymqError(Exception):
    """Root of all errors of anymq.

    Attributes:
        backend: name of the backend that raised it, or None when no backend was involved.
        code: the library's own error number, 0 when the error did not come from the library.
        symbol: the library's own name of that number (`"NNG_ECLOSED"`, `"ETERM"`), or `""`.
        errno: the operating system's error number where the library maps to one, else None.
    """

    backend: str | None = None
    code: int = 0
    symbol: str = ""
    errno: int | None = None

    def __init__(
        self,
        message: str = "",
        *,
        backend: str | None = None,
        code: int = 0,
        symbol: str = "",
        errno: int | None = None,
    ) -> None:
        super().__init__(message)
        self.backend = backend
        self.code = code
        self.symbol = symbol
        self.errno = errno

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(
    cls: type[AnymqError], args: tuple[object, ...], state: dict[str, object]
) -> AnymqError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class Timeout(AnymqError, TimeoutError):
    """The time that was allowed is over; nothing was sent or received, and the socket is usable.

    `sent` counts the messages that `send_many` had sent before.
    """

    sent: int = 0


class WouldBlock(Timeout, BlockingIOError):
    """The operation would have to wait, and `timeout=0` was asked for."""


class Closed(AnymqError):
    """The socket, context or endpoint is closed, or was closed while this call waited."""


class StateError(AnymqError):
    """The operation does not fit the state: a reply before a request, a message already sent."""


class AddressInUse(AnymqError, OSError):
    """Somebody already listens at that address."""


class AddressInvalid(AnymqError, ValueError):
    """The URL is malformed, or names nothing that this machine can listen at or dial."""


class ConnectionRefused(AnymqError, ConnectionRefusedError):
    """The peer's machine answered that nobody listens there."""


class ConnectionLost(AnymqError, ConnectionError):
    """The connection ended before the operation was complete."""


class MessageTooLarge(AnymqError, ValueError):
    """The message does not fit the buffer or the limit; where it was received it stays receivable.

    `size` is the size of the message in bytes, or None where it is not known.
    """

    size: int | None = None


class PermissionDenied(AnymqError, PermissionError):
    """The operating system or the peer does not allow it."""


class AuthenticationFailed(AnymqError, ConnectionError):
    """The peer did not accept the credentials, or its own did not hold."""


class OptionError(AnymqError, ValueError):
    """An option's value has the wrong type or is out of range, or the option cannot be set now."""


class ConfigError(AnymqError, ValueError):
    """The configuration is wrong: the message names the file, the key and what would be right."""


class UnsupportedFeature(AnymqError, NotImplementedError):
    """The library lacks a feature.

    Attributes:
        feature: dotted name of the feature.
        library: name of the library that was asked.
        found: version text of the library that was asked.
        needed: the version or build that has it, or `""` when none does.
    """

    feature: str = ""
    library: str = ""
    found: str = ""
    needed: str = ""


class BackendUnavailable(AnymqError, ImportError):
    """No library could be loaded for the backend; `tried` lists (path, what the loader said)."""

    tried: tuple[tuple[str, str], ...] = ()


class ForkedError(AnymqError, RuntimeError):
    """The socket was made by a parent process; after `fork()` the child may not use it."""


class ResourceExhausted(AnymqError, OSError):
    """The process or the library ran out of memory, descriptors or sockets."""
