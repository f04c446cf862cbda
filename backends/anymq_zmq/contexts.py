"""Contexts of REQ and REP, which libzmq has none of: made by the engine.

The socket becomes one that shows its envelopes: a DEALER asks, with a number before each request
as a REQ with ZMQ_REQ_CORRELATE has it, and a ROUTER answers. Ordinary REP and REQ sockets cannot
tell the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from anymq._engine import Handle
from anymq.abc import NativeContext
from anymq.protocols import Protocol

from .constants import EFSM

if TYPE_CHECKING:
    from .backend import ZmqBackend
    from .sockets import ZmqSocket

__all__ = ["CARRIERS", "ZmqContext"]

CARRIERS: Mapping[Protocol, Protocol] = {
    Protocol.REQ: Protocol.DEALER,
    Protocol.REP: Protocol.ROUTER,
}
"""What a socket with contexts becomes."""


class ZmqContext(NativeContext):
    """One request or answer of a socket that carries several."""

    def __init__(self, socket: ZmqSocket) -> None:
        self.backend: ZmqBackend = socket.backend
        asks = socket.protocol is Protocol.REQ
        ops, branch = socket.handle.branch(asks, EFSM)
        self.handle = Handle(
            ops,
            branch,
            self.backend.error,
            self.backend.name,
            socket.protocol.value,
            True,
            True,
            self.backend,
        )

    @property
    def option_mapping(self) -> Mapping[str, str]:
        return MappingProxyType({})

    def set_option(self, name: str, value: Any) -> None:
        raise self.backend.unsupported(f"option.{name}", "a context has no options here")

    def get_option(self, name: str) -> Any:
        raise self.backend.unsupported(f"option.{name}", "a context has no options here")
