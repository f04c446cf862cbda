"""Addresses as nanomsg wants them.

nanomsg binds only to numeric addresses and `*`, knows no port 0, takes no path in a `ws` address to
listen at, and aborts the process where other libraries return an error: a local socket's file that
it may not remove, a local address to dial from that is not one of this machine, or of the other
version of IP. So names are resolved here, free ports chosen here, and all of that looked at here.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import os
import socket
import stat
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anymq.errors import AddressInUse, AddressInvalid

from .failures import make_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anymq.errors import AnymqError
    from anymq.url import Address

__all__ = [
    "FREE_PORT_ATTEMPTS",
    "check_ipc_path",
    "dial_url",
    "has_ipv6",
    "listen_host",
    "listen_url",
    "reserved_port",
    "wait_until_free",
]

FREE_PORT_ATTEMPTS = 20
"""How many ports are tried where any is asked for."""

LONGEST_URL = 127

UNBIND_SECONDS = 0.5
"""How long closing a listener waits for the library to let go of the address."""


def _from_os(error: OSError, doing: str) -> AnymqError:
    code = error.errno or 0
    text = error.strerror or str(error)
    return make_error(code, errno.errorcode.get(code, ""), text, doing, addressing=True)


def _checked(url: str) -> str:
    size = len(os.fsencode(url))
    if size > LONGEST_URL:
        raise AddressInvalid(
            f"nanomsg takes URLs of at most {LONGEST_URL} bytes, {url!r} has {size}",
            backend="nanomsg",
        )
    return url


def _loopback(host: str) -> str:
    # A resolver may name ::1 first, where a listener at 127.0.0.1 is never found.
    return "127.0.0.1" if host.lower().rstrip(".") == "localhost" else host


def _need_ipv6(address: Address, ipv6: bool) -> None:
    if address.is_ipv6 and not ipv6:
        why = "the option ipv6 is False" if has_ipv6() else "this machine has no IPv6"
        raise AddressInvalid(f"{address} is an IPv6 address, and {why}", backend="nanomsg")


@functools.cache
def has_ipv6() -> bool:
    """Whether this machine has IPv6 at all."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def listen_host(address: Address, ipv6: bool) -> str:
    """The numeric address to bind to.

    `"*"` becomes `"::"` (which also accepts IPv4) or `"0.0.0.0"`; a name is resolved, to an IPv4
    address where it has one.

    Raises:
        AddressInvalid: the name has no address, or only ones that the options exclude.
    """
    _need_ipv6(address, ipv6)
    if address.wildcard:
        return "::" if ipv6 else "0.0.0.0"
    host = _loopback(address.host)
    if address.is_ipv6:
        return host
    try:
        found = socket.getaddrinfo(
            host, None, socket.AF_UNSPEC if ipv6 else socket.AF_INET, socket.SOCK_STREAM
        )
    except OSError as error:
        hint = ""
        if any(name == host for _, name in socket.if_nameindex()):
            hint = "; it is a network interface: nanomsg binds to addresses, name one of its own"
        raise AddressInvalid(
            f"listen at {address}: {host!r} has no address here ({error.strerror}){hint}",
            backend="nanomsg",
        ) from None
    numbers = [(family != socket.AF_INET, str(where[0])) for family, _, _, _, where in found]
    return min(numbers)[1]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def listen_url(address: Address, host: str, port: int | None) -> tuple[str, str]:
    """What nn_bind is given, and the same address in anymq's grammar."""
    if port is None:
        return _checked(str(address)), str(address)
    native = f"{address.scheme}://{_bracketed(host)}:{port}"
    # A nanomsg listener answers to every path; the path is kept for those who dial.
    return _checked(native), native + (address.path if address.scheme == "ws" else "")


def dial_url(address: Address, ipv6: bool) -> str:
    """What nn_connect is given."""
    _need_ipv6(address, ipv6)
    if address.port is None:
        if address.scheme == "ipc" and "\0" in address.path:
            raise AddressInvalid("a path holds no null character", backend="nanomsg")
        return _checked(str(address))
    host = _loopback(address.host)
    source = _source(address, host, ipv6)
    path = address.path if address.scheme == "ws" else ""
    if ";" in path:
        raise AddressInvalid(f"dial {address}: nanomsg takes no ';' in the path", backend="nanomsg")
    return _checked(f"{address.scheme}://{source}{_bracketed(host)}:{address.port}{path}")


def _version(host: str) -> int | None:
    """Of IP: 4 or 6 of a numeric address, None of a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


def _source(address: Address, host: str, ipv6: bool) -> str:
    """The local address to dial from, as it stands in front of the host.

    Of the version of IP that nanomsg will use: that of a number, for a name that of the option
    NN_IPV4ONLY. With that option off, its own choice is IPv6 for every host.
    """
    version = _version(host) or (6 if ipv6 else 4)
    source = address.source.strip("[]")
    if not source:
        return "0.0.0.0;" if ipv6 and version == 4 else ""
    doing = f"dial {address}"
    if _version(source) != version:
        raise AddressInvalid(
            f"{doing}: before ';' nanomsg wants an IPv{version} address of this machine, "
            f"not {source!r}",
            backend="nanomsg",
        )
    with _probe_socket(source) as probe:
        try:
            probe.bind((source, 0))
        except OSError as error:
            raise _from_os(error, doing) from None
    return f"{_bracketed(source)};"


def _probe_socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return probe


@contextmanager
def reserved_port(host: str, doing: str) -> Iterator[int]:
    """A port that nobody uses on `host`; the system gives it to nobody else meanwhile.

    It is bound but not listened at, and with SO_REUSEADDR, as nanomsg binds too: so nanomsg may
    listen at it, while no other program is given it as a free one.
    """
    with _probe_socket(host) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise _from_os(error, doing) from None
        yield int(probe.getsockname()[1])


def check_ipc_path(path: str, doing: str) -> None:
    """Make sure that nanomsg can bind a local socket at `path`.

    nanomsg removes a file in its way, whatever it is, when nobody answers there, and aborts the
    process when it may not.

    Raises:
        AddressInUse: somebody listens there, or it is no socket.
        AddressInvalid, PermissionDenied: the folder is missing or may not be written.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        _check_folder(path, doing)
        return
    except OSError as error:
        raise _from_os(error, doing) from None
    except ValueError as error:
        raise AddressInvalid(f"{doing}: {error}", backend="nanomsg") from None
    if not stat.S_ISSOCK(mode):
        raise AddressInUse(
            f"{doing}: {path!r} exists and is not a socket; remove it or choose another path",
            backend="nanomsg",
            errno=errno.EADDRINUSE,
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            pass
        except FileNotFoundError:
            return
        except BlockingIOError:  # a listener whose queue is full
            raise _in_use(path, doing) from None
        except OSError as error:
            raise _from_os(error, doing) from None
        else:
            raise _in_use(path, doing)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _from_os(error, doing) from None


def _in_use(path: str, doing: str) -> AddressInUse:
    return AddressInUse(
        f"{doing}: somebody already listens at {path!r}",
        backend="nanomsg",
        errno=errno.EADDRINUSE,
    )


def _check_folder(path: str, doing: str) -> None:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise AddressInvalid(
            f"{doing}: there is no folder {folder!r}", backend="nanomsg", errno=errno.ENOENT
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _from_os(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), doing)


def wait_until_free(host: str, port: int | None, path: str) -> None:
    """Return when a listener that is being closed has let go, or after UNBIND_SECONDS.

    nn_shutdown only asks the library's thread to close it. To listen at the same address again
    would fail, or, for a local socket, have its file removed by the old listener.
    """

    def free() -> bool:
        if port is None:
            return not os.path.lexists(path)
        with _probe_socket(host) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                return error.errno != errno.EADDRINUSE
        return True

    _wait(free)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + UNBIND_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
