"""Where an nng library is looked for, and what a good one has."""

from __future__ import annotations

from typing import ClassVar

from anymq.abc import Backend, Provider

__all__ = ["NngProvider"]

PROTOCOLS = (
    "pair",
    "pair1",
    "bus",
    "pub",
    "sub",
    "push",
    "pull",
    "req",
    "rep",
    "surveyor",
    "respondent",
)
TRANSPORTS = ("tcp", "ipc", "abstract", "inproc", "ws")
OPTIONS = (
    "send_timeout",
    "recv_timeout",
    "send_buffer",
    "recv_buffer",
    "recv_max_size",
    "reconnect_min",
    "reconnect_max",
    "linger",
    "tcp_nodelay",
    "tcp_keepalive",
    "ipv6",
    "name",
    "max_hops",
    "resend_interval",
    "survey_time",
    "polyamorous",
    "prefer_new",
)
CAPABILITIES = (
    "raw",
    "peers",
    "peer_events",
    "peer_address",
    "statistics",
    "flush",
    "bound_port",
)


class NngProvider(Provider):
    """Opens libnng, 1.x and 2.x, and whatever else exports its C functions."""

    name: ClassVar[str] = "nng"
    wire: ClassVar[str] = "sp"
    preference: ClassVar[int] = 10
    library_names = ("libnng.so.1", "libnng.so.2", "libnng.so")
    install_hint = (
        "apt install libnng1 (Debian, Ubuntu), dnf install nng (Fedora), brew install nng (macOS)"
    )
    known_for = frozenset(
        (
            *(f"protocol.{name}" for name in PROTOCOLS),
            *(f"transport.{name}" for name in TRANSPORTS),
            *(f"option.{name}" for name in OPTIONS),
            *CAPABILITIES,
        )
    )

    def open(self, path: str, found_via: str) -> Backend:
        from .backend import NngBackend

        return NngBackend(path, found_via)
