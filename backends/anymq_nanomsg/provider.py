"""Where a libnanomsg is looked for, and what a good one has."""

from __future__ import annotations

from typing import ClassVar

from anymq.abc import Backend, Provider

__all__ = ["NanomsgProvider"]

PROTOCOLS = ("pair", "bus", "pub", "sub", "push", "pull", "req", "rep", "surveyor", "respondent")
TRANSPORTS = ("tcp", "ipc", "inproc", "ws")
OPTIONS = (
    "send_timeout",
    "recv_timeout",
    "send_buffer_bytes",
    "recv_buffer_bytes",
    "recv_max_size",
    "reconnect_min",
    "reconnect_max",
    "linger",
    "tcp_nodelay",
    "ipv6",
    "name",
    "max_hops",
    "resend_interval",
    "survey_time",
    "send_priority",
    "recv_priority",
)
CAPABILITIES = ("raw", "peers", "peer_events", "statistics", "flush", "bound_port", "poll_fd")


class NanomsgProvider(Provider):
    """Opens libnanomsg, from ABI 5 (nanomsg 1.0) on."""

    name: ClassVar[str] = "nanomsg"
    wire: ClassVar[str] = "sp"
    preference: ClassVar[int] = 20
    library_names = ("libnanomsg.so.6", "libnanomsg.so.5", "libnanomsg.so")
    install_hint = (
        "apt install libnanomsg5 (Debian, Ubuntu), dnf install nanomsg (Fedora), "
        "brew install nanomsg (macOS)"
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
        from .backend import NanomsgBackend

        return NanomsgBackend(path, found_via)
