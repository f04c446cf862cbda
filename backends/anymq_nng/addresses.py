"""anymq's addresses as the URLs that nng takes.

nng 1.x reads `*` as IPv4's wildcard and 2.x does not read it at all; both take the wildcard
addresses themselves, and `[::]` accepts IPv4 and IPv6.
"""

from __future__ import annotations

import socket
from dataclasses import replace

from anymq.url import Address

__all__ = ["COUNTED", "HOST_SCHEMES", "free_port", "native_url", "wildcards"]

HOST_SCHEMES = frozenset({"tcp", "tls+tcp", "ws", "wss"})
COUNTED = frozenset({"tcp", "tls+tcp", "ipc", "abstract"})
"""Transports for which nng counts what was written."""


def wildcards(address: Address, ipv6: bool) -> list[Address]:
    """What to try, in order, to listen at an address."""
    if not address.wildcard:
        return [address]
    hosts = ["::", "0.0.0.0"] if ipv6 and socket.has_ipv6 else ["0.0.0.0"]
    return [replace(address, host=host) for host in hosts]


def native_url(address: Address) -> str:
    """The text for nng; names of abstract sockets are URI-encoded there."""
    if address.scheme == "abstract":
        return f"abstract://{address.path.replace('%', '%25')}"
    return str(address)


def free_port(host: str) -> int:
    """A port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
