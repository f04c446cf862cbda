"""Peer events of the engine, in words."""

from __future__ import annotations

from typing import Final

from .abc import PeerEvent

__all__ = ["peer_event"]

_EVENT_KINDS: Final = (
    "",
    "connected",
    "disconnected",
    "refused",
    "handshake_failed",
    "accept_failed",
    "listening",
    "listen_failed",
    "closed",
    "rejected",
)
"""By the numbers of `anymq_ops.h`."""


def peer_event(event: tuple[int, str, int, int, int, int]) -> PeerEvent:
    """The engine's event in words."""
    kind, address, peer, time_ns, native, code = event
    return PeerEvent(_EVENT_KINDS[kind], address or None, peer or None, time_ns / 1e9, native, code)
