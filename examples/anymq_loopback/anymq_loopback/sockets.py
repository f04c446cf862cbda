"""One open socket: all but the way of a message, which the engine and adapter.c go alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anymq.abc import Handle, NativeEndpoint, NativeSocket
from anymq.errors import AddressInvalid, Closed, OptionError
from anymq.protocols import Protocol

from ._loopback import ffi, lib

if TYPE_CHECKING:
    from anymq.url import Address

    from .backend import LoopbackBackend

__all__ = ["LoopbackSocket"]


class LoopbackSocket(NativeSocket):
    """A pair, push or pull socket of libloopback."""

    def __init__(self, backend: LoopbackBackend, protocol: Protocol) -> None:
        self.backend: LoopbackBackend = backend
        self.protocol = protocol
        self.raw = False
        self._lb = backend.native
        self._mapping = {
            feature.removeprefix("option."): native
            for feature, native in OPTIONS.items()
            if backend.supports(feature)
        }
        error = ffi.new("int *")
        self._c = lib.anymq_lb_new(self._lb, backend.numbers[f"kind.{protocol.value}"], error)
        if self._c == ffi.NULL:
            raise backend.error(error[0], f"open a {protocol} socket")
        try:
            # From here on the handle owns the C socket, and closes it.
            self.handle = Handle(
                int(ffi.cast("uintptr_t", lib.anymq_lb_ops())),
                int(ffi.cast("uintptr_t", self._c)),
                backend.error,
                backend.name,
                protocol.value,
                protocol.can_send,
                protocol.can_recv,
                backend,
            )
        except BaseException:
            lib.anymq_lb_close(self._c, 0)
            raise

    def _call(self, doing: str, function: Callable[..., int], *arguments: Any) -> int:
        """The result of a call of the library, with the socket in use."""
        with self.handle:
            result = function(self._c.s, *arguments)
        if result < 0:
            raise self.backend.error(-result, doing)
        return result

    def listen(self, address: Address) -> NativeEndpoint:
        return self._endpoint(f"listen at {address}", self._lb.lb_listen, address)

    def dial(self, address: Address) -> NativeEndpoint:
        if address.source:
            raise AddressInvalid(f"{address}: libloopback cannot choose an interface to dial from")
        return self._endpoint(f"dial {address}", self._lb.lb_dial, address)

    def _endpoint(
        self, doing: str, function: Callable[..., int], address: Address
    ) -> NativeEndpoint:
        where = "0.0.0.0" if address.wildcard else address.host or address.path
        port = -1 if address.port is None else address.port
        number = self._call(doing, function, os.fsencode(where), port)
        url = str(address)
        if address.port is not None:
            host = f"[{where}]" if address.is_ipv6 else where
            port = self._call(doing, self._lb.lb_port, number)
            url = f"{address.scheme}://{host}:{port}"
        return NativeEndpoint(number, url, where)

    def close_endpoint(self, endpoint: NativeEndpoint) -> None:
        try:
            with self.handle:
                self._lb.lb_end(self._c.s, endpoint.number)  # one that is gone is no error
        except Closed:
            return

    @property
    def option_mapping(self) -> Mapping[str, str]:
        return self._mapping

    def _option(self, name: str) -> int:
        if name not in self._mapping:
            raise self.backend.unsupported(f"option.{name}")
        return int(self.backend.numbers[self._mapping[name]])

    def set_option(self, name: str, value: Any) -> None:
        if name == "recv_max_size":
            value = -1 if value is None else value
        elif name == "reconnect_min":
            value = max(1, round(value * 1000))
        self._call(f"set option {name} to {value!r}", self._lb.lb_set, self._option(name), value)

    def get_option(self, name: str) -> Any:
        number = self._option(name)
        with self.handle:
            value = int(self._lb.lb_get(self._c.s, number))
        if name == "recv_max_size":
            return None if value < 0 else value
        return value / 1000 if name == "reconnect_min" else value

    def statistics(self) -> dict[str, int]:
        return {}  # `Socket` adds what the engine counts

    @property
    def native(self) -> int:
        with self.handle:
            return int(ffi.cast("uintptr_t", self._c.s))

    def get_native(self, option: Any, type: str | None = None) -> Any:
        raise OptionError(f"libloopback has no options but the portable ones, not {option!r}")

    def set_native(self, option: Any, value: Any, type: str | None = None) -> None:
        raise OptionError(f"libloopback has no options but the portable ones, not {option!r}")


OPTIONS = {
    "option.recv_max_size": "option.recv-max-size",
    "option.reconnect_min": "option.reconnect-ms",
    "option.send_buffer": "option.send-buffer",
    "option.recv_buffer": "option.recv-buffer",
}
"""Portable options, and what the library calls them."""
