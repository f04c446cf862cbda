"""One URL grammar for all libraries, checked before any C code sees a URL.

`parse` turns a URL into an `Address`; each backend turns an address into the text that its library
wants. Schemes that only one library knows are passed on as they are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import AddressInvalid
from .features import TRANSPORTS

__all__ = ["Address", "parse"]

_HOST_SCHEMES = frozenset({"tcp", "tls+tcp", "ws", "wss"})
_PATH_SCHEMES = frozenset({"ipc", "inproc", "abstract"})
_HOSTNAME = re.compile(r"^(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$")
_INTERFACE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$")

MAX_IPC_PATH = 107
"""Longest path of a local socket in bytes (`sun_path` of Linux, less its terminator)."""


class Address(NamedTuple):
    """A URL taken apart.

    Attributes:
        scheme: in lower case: `tcp`, `ipc`, `abstract`, `inproc`, `ws`, ...
        host: of `tcp`, `tls+tcp`, `ws`, `wss`: a name or a number without brackets; `"*"` for
            every interface; else `""`.
        port: 0 where any free port is asked for; None for schemes without one.
        path: what `ipc`, `abstract` and `inproc` name; the path of `ws` (`"/"` where none was
            given); for a library's own scheme, all after `://`.
        source: local `interface;` part of a libzmq tcp address to dial, else `""`.
    """

    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""
    source: str = ""

    @property
    def wildcard(self) -> bool:
        """Whether every interface is meant."""
        return self.host == "*"

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    @property
    def bracketed(self) -> str:
        """The host as it stands in a URL: IPv6 numbers in brackets."""
        return f"[{self.host}]" if self.is_ipv6 else self.host

    def with_host(self, host: str) -> Address:
        return self._replace(host=host)

    def with_port(self, port: int) -> Address:
        return self._replace(port=port)

    def __str__(self) -> str:
        if self.scheme in _HOST_SCHEMES:
            path = self.path if self.scheme in ("ws", "wss") else ""
            source = f"{self.source};" if self.source else ""
            return f"{self.scheme}://{source}{self.bracketed}:{self.port}{path}"
        return f"{self.scheme}://{self.path}"


def parse(url: str, *, listen: bool) -> Address:
    """Take a URL apart and check it.

    `listen` tells what it is for: a wildcard host or port can be listened at, not dialled.

    Raises:
        AddressInvalid: what is wrong with it, and what would be right.
        TypeError: not a str.
    """
    if not isinstance(url, str):
        raise TypeError(f"a URL is a str, not {type(url).__name__}")
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise _bad(url, "it has no '://'; a URL looks like tcp://127.0.0.1:5555 or ipc:///tmp/a")
    scheme = scheme.lower()
    if scheme not in TRANSPORTS:
        raise _bad(url, f"unknown scheme {scheme!r}; known: {', '.join(TRANSPORTS)}")
    if any(ord(c) < 32 or ord(c) == 127 for c in rest):
        raise _bad(url, "it holds a control character")
    if not rest:
        raise _bad(url, f"nothing follows {scheme}://")
    if scheme in _HOST_SCHEMES:
        return _parse_host(url, scheme, rest, listen)
    if scheme in _PATH_SCHEMES:
        return _parse_path(url, scheme, rest)
    return Address(scheme, path=rest)


def _parse_path(url: str, scheme: str, rest: str) -> Address:
    size = len(rest.encode())
    if scheme == "inproc":
        if size > 127:
            raise _bad(url, f"an inproc name has at most 127 bytes, this has {size}")
    elif size > MAX_IPC_PATH - (scheme == "abstract"):
        limit = MAX_IPC_PATH - (scheme == "abstract")
        raise _bad(url, f"a local socket's name has at most {limit} bytes, this has {size}")
    return Address(scheme, path=rest)


def _parse_host(url: str, scheme: str, rest: str, listen: bool) -> Address:
    source = ""
    if scheme == "tcp" and ";" in rest:
        source, _, rest = rest.partition(";")
        if not source:
            raise _bad(url, "the local interface before ';' is empty")
    path = ""
    if scheme in ("ws", "wss"):
        rest, slash, tail = rest.partition("/")
        path = slash + tail or "/"
        if "#" in path:
            raise _bad(url, "a WebSocket address has no fragment (#)")
    elif "/" in rest:
        raise _bad(url, f"{scheme} has no path: nothing may follow the port")
    if "@" in rest:
        raise _bad(url, "user names and passwords do not belong in a URL")
    if rest.startswith("["):
        host, bracket, port_text = rest[1:].partition("]")
        if not bracket:
            raise _bad(url, "the bracket of the IPv6 address is not closed")
        _check_ipv6(url, host)
        if not port_text.startswith(":"):
            raise _bad(url, "the port is missing: [address]:port")
        port_text = port_text[1:]
    else:
        host, colon, port_text = rest.rpartition(":")
        if not colon:
            raise _bad(url, f"the port is missing: {scheme}://host:port")
        if ":" in host:
            raise _bad(url, "an IPv6 address goes in brackets: [::1]:5555")
        host = _check_host(url, host, listen)
    return Address(scheme, host, _check_port(url, port_text, listen), path, source)


def _check_ipv6(url: str, host: str) -> None:
    import ipaddress  # imported where a host is a number

    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise _bad(url, f"{host!r} is not an IPv6 address") from None


def _check_host(url: str, host: str, listen: bool) -> str:
    if host in ("*", ""):
        if not listen:
            raise _bad(url, "a host to dial must be named; '*' is for listening")
        if host == "":
            raise _bad(url, "the host is missing; '*' listens on every interface")
        return host
    if re.fullmatch(r"[0-9.]+", host):
        import ipaddress

        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise _bad(url, f"{host!r} is not an IPv4 address") from None
    elif not _HOSTNAME.match(host) and not (listen and _INTERFACE.match(host)):
        raise _bad(url, f"{host!r} is not a host name")
    return host


def _check_port(url: str, text: str, listen: bool) -> int:
    if text in ("*", "0"):
        if not listen:
            raise _bad(url, "a port to dial must be a number from 1 to 65535")
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise _bad(url, f"the port must be a number from 0 to 65535, or '*', not {text!r}")
    return int(text)


def _bad(url: str, why: str) -> AddressInvalid:
    return AddressInvalid(f"bad URL {url!r}: {why}")
