"""Contexts: nng's own, each driven by a handle of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from anymq._engine import Handle
from anymq.abc import NativeContext
from anymq.errors import AnymqError, OptionError
from anymq.protocols import Protocol

from ._nng import ffi, lib
from .options import SOCKET_OPTIONS, from_native, get_typed, set_typed, to_native

if TYPE_CHECKING:
    from .backend import NngBackend
    from .sockets import NngSocket

__all__ = ["SINCE", "NngContext"]

SINCE: Mapping[Protocol, tuple[int, int]] = {Protocol.SUB: (1, 2)}
"""The version that brought contexts of a protocol, where it was not the first that had any."""

OPTIONS: Mapping[Protocol, str] = {
    Protocol.REQ: "resend_interval",
    Protocol.SURVEYOR: "survey_time",
}
"""What each context has of its own."""


class NngContext(NativeContext):
    """A context of one socket; its C side belongs to `handle`."""

    def __init__(self, socket: NngSocket, pointer: Any) -> None:
        self.backend: NngBackend = socket.backend
        self.protocol = socket.protocol
        self._library = socket.backend.native
        error = ffi.new("int *")
        self._c = lib.anymq_nng_open_context(pointer, error)
        if self._c == ffi.NULL:
            raise self.backend.error(error[0], f"cannot open a context of a {self.protocol} socket")
        name = OPTIONS.get(self.protocol)
        has = name is not None and name in socket.option_mapping
        self._mapping = {name: SOCKET_OPTIONS[name].native} if has and name else {}
        try:
            self.handle = Handle(
                self._library.context_ops(tells=self.protocol is not Protocol.REQ),
                int(ffi.cast("uintptr_t", self._c)),
                self.backend.error,
                self.backend.name,
                self.protocol.value,
                self.protocol.can_send,
                self.protocol.can_recv,
                self.backend,
            )
        except BaseException:
            lib.anymq_nng_close_context(self._c)
            raise

    @property
    def option_mapping(self) -> Mapping[str, str]:
        return MappingProxyType(self._mapping)

    def set_option(self, name: str, value: Any) -> None:
        mapped = SOCKET_OPTIONS[name]
        with self.handle:
            number = lib.anymq_nng_id(self._c)
            code = set_typed(
                self._library,
                lib.NNG_CONTEXT,
                number,
                mapped.native,
                mapped.type,
                to_native(mapped, value),
            )
            self._check(code, f"cannot set {name} to {value!r}", OptionError)

    def get_option(self, name: str) -> Any:
        mapped = SOCKET_OPTIONS[name]
        with self.handle:
            number = lib.anymq_nng_id(self._c)
            code, value = get_typed(
                self._library, lib.NNG_CONTEXT, number, mapped.native, mapped.type
            )
            self._check(code, f"cannot read {name}")
            return from_native(mapped, value)

    def subscribe(self, topic: bytes) -> None:
        if self.protocol is not Protocol.SUB:
            super().subscribe(topic)
        with self.handle:
            self._check(lib.anymq_nng_subscribe(self._c, topic, len(topic)), "cannot subscribe")

    def unsubscribe(self, topic: bytes) -> None:
        if self.protocol is not Protocol.SUB:
            super().unsubscribe(topic)
        with self.handle:
            self._check(lib.anymq_nng_unsubscribe(self._c, topic, len(topic)), "cannot unsubscribe")

    def _check(self, code: int, doing: str, invalid: type[AnymqError] | None = None) -> None:
        if code == lib.NNG_NO_FUNCTION:
            raise self.backend.unsupported("", f"{doing}: this version lacks the function")
        if code != 0:
            raise self.backend.error(code, doing, invalid=invalid)
