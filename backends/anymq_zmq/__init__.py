"""libzmq under `anymq.Socket`: everything that anymq knows about that library.

Importing this package loads no library and no compiled code: `provider.open` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anymq.abc import Provider

if TYPE_CHECKING:
    from anymq.abc import Backend

__all__ = ["ZmqProvider", "provider"]

_PROTOCOLS = (
    "pair", "pub", "sub", "push", "pull", "req", "rep", "dealer", "router", "xpub", "xsub",
    "stream",
)  # fmt: skip
_OPTIONS = (
    "send_timeout", "recv_timeout", "send_buffer", "recv_buffer", "recv_max_size", "reconnect_min",
    "reconnect_max", "linger", "tcp_nodelay", "tcp_keepalive", "ipv6", "name", "routing_id",
    "conflate", "immediate", "curve", "plain",
)  # fmt: skip
_CAPABILITIES = (
    "multipart", "peers", "peer_events", "peer_address", "statistics", "bound_port", "poll_fd",
    "curve", "plain",
)  # fmt: skip


class ZmqProvider(Provider):
    """Opens libzmq files."""

    name: ClassVar[str] = "zmq"
    wire: ClassVar[str] = "zmtp"
    preference: ClassVar[int] = 30
    library_names = ("libzmq.so.5", "libzmq.so")
    install_hint = "apt install libzmq5 (Debian, Ubuntu), dnf install zeromq (Fedora)"
    known_for = frozenset(
        [f"protocol.{name}" for name in _PROTOCOLS]
        + [f"transport.{name}" for name in ("tcp", "ipc", "abstract", "inproc", "ws")]
        + [f"option.{name}" for name in _OPTIONS]
        + list(_CAPABILITIES)
    )

    def open(self, path: str, found_via: str) -> Backend:
        from .backend import open_backend

        return open_backend(path, found_via)


provider = ZmqProvider()
