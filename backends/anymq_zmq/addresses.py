"""From anymq's URLs to those of libzmq, and what must be looked at before libzmq is asked.

`socket` and `ipaddress` are imported where they are needed: a socket that is only opened does not
wait for them.
"""

from __future__ import annotations

import errno
import os
import stat

from anymq.errors import AddressInUse, AddressInvalid
from anymq.url import Address

__all__ = ["check_listen", "native_url", "port_of", "resolved", "wants_ipv6"]


def native_url(address: Address) -> str:
    """The text that libzmq takes."""
    if address.scheme == "abstract":
        return f"ipc://@{address.path}"
    if address.scheme == "ipc" and address.path.startswith("@"):
        # libzmq would take it for an abstract name
        return f"ipc://./{address.path}"
    return str(address)


def wants_ipv6(address: Address, allowed: bool) -> bool:
    """Whether this endpoint is made with ZMQ_IPV6.

    libzmq reads an IPv4 number as an IPv6 one when the option is on, and then shows it back as
    such; and it never falls back from a name's IPv6 address to its IPv4 one, though other
    programs mostly listen at the IPv4 address of `localhost`.
    """
    if address.scheme == "udp":  # what follows is libzmq's own: only a number in brackets is IPv6
        return allowed and "[" in address.path
    if address.scheme not in ("tcp", "ws", "wss"):
        return allowed
    if address.is_ipv6:
        if not allowed:
            raise AddressInvalid(
                f"{address} is an IPv6 address and the option ipv6 is False", backend="zmq"
            )
        return True
    if address.host.rstrip(".").lower() == "localhost":
        return False
    import ipaddress

    try:
        ipaddress.IPv4Address(address.host)
    except ValueError:
        return allowed
    return False


def resolved(address: Address, ipv6: bool) -> Address:
    """The address with a number for a host name: libzmq listens at numbers and interfaces only.

    Raises:
        AddressInvalid: nobody knows the name.
    """
    if address.scheme not in ("tcp", "ws", "wss") or address.wildcard or address.is_ipv6:
        return address
    import socket

    if address.host in {name for _, name in socket.if_nameindex()}:
        return address
    try:
        found = socket.getaddrinfo(address.host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise AddressInvalid(
            f"cannot listen at {address}: {address.host!r} is no address or interface of this"
            f" machine ({error})",
            backend="zmq",
        ) from None
    families = (socket.AF_INET, socket.AF_INET6) if ipv6 else (socket.AF_INET,)
    for family in families:
        for entry in found:
            if entry[0] == family:
                return address.with_host(str(entry[4][0]))
    raise AddressInvalid(
        f"cannot listen at {address}: it has only an IPv6 address and the option ipv6 is False",
        backend="zmq",
    )


def port_of(native: str) -> int | None:
    """The port in an address that libzmq shows (`tcp://[::]:5555`, `ws://0.0.0.0:80/path`)."""
    text = native.rpartition(":")[2].partition("/")[0]
    return int(text) if text.isascii() and text.isdigit() else None


def check_listen(address: Address) -> None:
    """Refuse to listen where libzmq would fail for an odd reason, or silently do harm.

    It takes a local socket's path over from whoever listens there. A local socket that nobody
    listens at any more is left for libzmq to remove; any other kind of file is not, though libzmq
    would remove that as well.

    Raises:
        AddressInUse: somebody listens there, or it is a file of another kind.
        AddressInvalid: a WebSocket path of several steps, before whose last libzmq seeks the port.
    """
    if address.scheme in ("ws", "wss") and "/" in address.path[1:]:
        raise AddressInvalid(
            f"bad URL '{address}': libzmq listens at a path of one step only, such as /name",
            backend="zmq",
        )
    if address.scheme != "ipc":
        return
    try:
        mode = os.lstat(address.path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise AddressInUse(
            f"cannot listen at {address}: {address.path} exists and is not a socket",
            backend="zmq",
            symbol="EADDRINUSE",
            errno=errno.EADDRINUSE,
        )
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address.path)
        except BlockingIOError:
            pass
        except OSError:
            return
    raise AddressInUse(
        f"cannot listen at {address}: somebody listens there already",
        backend="zmq",
        symbol="EADDRINUSE",
        errno=errno.EADDRINUSE,
    )
