"""anymq's addresses as the URLs that nng takes.

nng 1.x reads `*` as IPv4's wildcard and 2.x does not read it at all; both take the wildcard
addresses themselves, and `[::]` accepts IPv4 and IPv6.
"""

from __future__ import annotations

import errno
import socket

from anymq.url import Address

__all__ = ["COUNTED", "HOST_SCHEMES", "free_port", "has_listener", "native_url", "wildcards"]

HOST_SCHEMES = frozenset({"tcp", "tls+tcp", "ws", "wss"})
COUNTED = frozenset({"tcp", "tls+tcp", "ipc", "abstract"})
"""Transports for which nng counts what was written."""


def wildcards(address: Address, ipv6: bool) -> list[Address]:
    """What to try, in order, to listen at an address."""
    if not address.wildcard:
        return [address]
    hosts = ["::", "0.0.0.0"] if ipv6 and socket.has_ipv6 else ["0.0.0.0"]
    return [address.with_host(host) for host in hosts]


def native_url(address: Address) -> str:
    """The text for nng; names of abstract sockets are URI-encoded there."""
    if address.scheme == "abstract":
        return f"abstract://{address.path.replace('%', '%25')}"
    return str(address)


def has_listener(path: str) -> bool:
    """Whether somebody listens at a path, found out without disturbing them.

    To learn that, nng 1.x connects and hangs up, whereupon a listener that is nng's too may never
    accept again. A datagram socket cannot connect to a listener, but is told that there is one.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            return probe.connect_ex(path) == errno.EPROTOTYPE
        except OSError:  # too long, or not a name at all: nng has its own words for that
            return False


def free_port(host: str) -> int:
    """A port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(("" if host == "*" else host, 0))
        return int(probe.getsockname()[1])
