"""One open nanomsg socket: what is rare enough to be done in Python."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from anymq._engine import Handle
from anymq.abc import NativeEndpoint, NativeSocket
from anymq.errors import AddressInUse, AnymqError, Closed, OptionError
from anymq.options import PORTABLE_DEFAULTS
from anymq.protocols import Protocol

from . import addresses
from ._nanomsg import ffi
from ._nanomsg import lib as adapter
from .library import NativeError, NativeOption
from .options import MAPPED, native_option

if TYPE_CHECKING:
    from anymq.url import Address

    from .backend import NanomsgBackend

__all__ = ["NanomsgSocket"]

T = TypeVar("T")

KINDS = {"ipc": adapter.ANYMQ_NN_IPC, "inproc": adapter.ANYMQ_NN_INPROC}

NORMALISED = {
    "messages_sent": "NN_STAT_MESSAGES_SENT",
    "messages_received": "NN_STAT_MESSAGES_RECEIVED",
    "bytes_sent": "NN_STAT_BYTES_SENT",
    "bytes_received": "NN_STAT_BYTES_RECEIVED",
    "peers": "NN_STAT_CURRENT_CONNECTIONS",
    "connect_errors": "NN_STAT_CONNECT_ERRORS",
}


@dataclass(frozen=True, slots=True)
class Place:
    """What an endpoint is in the library, and what a listener occupies: a port or a file."""

    eid: int = 0
    host: str = ""
    port: int | None = None
    path: str = ""


class NanomsgSocket(NativeSocket):
    """A socket of one opened library; its C side belongs to `handle`."""

    def __init__(self, backend: NanomsgBackend, protocol: Protocol, raw: bool) -> None:
        self.backend: NanomsgBackend = backend
        self.protocol = protocol
        self.raw = raw
        self._library = library = backend.native
        self._nn = library.functions
        error = ffi.new("int *")
        kind = library.constants[f"NN_{protocol.name}"]
        self._c = adapter.anymq_nn_socket_new(self._nn, kind, raw, error)
        if self._c == ffi.NULL:
            raise backend.error(error[0], f"open a {protocol} socket")
        self._number = int(self._c.s)
        self._ipv6_wanted = False
        self._mapping = backend.option_mapping(protocol, raw)
        ops = int(ffi.cast("uintptr_t", adapter.anymq_nn_table()))
        try:
            self.handle = Handle(
                ops,
                int(ffi.cast("uintptr_t", self._c)),
                backend.error,
                backend.name,
                protocol.value,
                protocol.can_send,
                protocol.can_recv,
                backend,
            )
        except BaseException:
            adapter.anymq_nn_socket_close(self._c, 0)
            raise

    def _call(self, doing: str, work: Callable[[], T]) -> T:
        """`work()` with the socket in use; what the library refuses becomes anymq's error."""
        try:
            with self.handle:
                return work()
        except NativeError as error:
            raise self.backend.error(error.code, doing) from None

    # Endpoints

    def _ipv6(self) -> bool:
        return bool(self.get_option("ipv6")) and addresses.has_ipv6()

    def listen(self, address: Address) -> NativeEndpoint:
        self.backend.require(f"transport.{address.scheme}")
        doing = f"listen at {address}"
        if address.port is None:
            if address.scheme == "ipc":
                addresses.check_ipc_path(address.path, doing)
            return self._bind(address, doing, Place(path=self._file(address)))
        host = addresses.listen_host(address, self._ipv6())
        if address.port:
            return self._bind(address, doing, Place(0, host, address.port))
        last: AnymqError | None = None
        for _ in range(addresses.FREE_PORT_ATTEMPTS):
            with addresses.reserved_port(host, doing) as port:
                try:
                    return self._bind(address, doing, Place(0, host, port))
                except AddressInUse as error:
                    last = error
        assert last is not None
        raise last

    @staticmethod
    def _file(address: Address) -> str:
        return address.path if address.scheme == "ipc" else ""

    def _bind(self, address: Address, doing: str, place: Place) -> NativeEndpoint:
        native, url = addresses.listen_url(address, place.host, place.port)
        eid = self._add(address, doing, lambda text: self._nn.nn_bind(self._number, text), native)
        return self._endpoint(url, native, replace(place, eid=eid))

    def dial(self, address: Address) -> NativeEndpoint:
        self.backend.require(f"transport.{address.scheme}")
        native = addresses.dial_url(address, self._ipv6())
        eid = self._add(
            address, f"dial {address}", lambda text: self._nn.nn_connect(self._number, text), native
        )
        return self._endpoint(str(address), native, Place(eid))

    @staticmethod
    def _endpoint(url: str, native: str, place: Place) -> NativeEndpoint:
        # Number 0: nanomsg does not count peers by endpoint.
        return NativeEndpoint(0, url, native, place)

    def _add(self, address: Address, doing: str, call: Callable[[bytes], int], native: str) -> int:
        text = native.encode("utf-8", "surrogateescape")

        def work() -> int:
            number = self._library.check(call(text))
            kind = KINDS.get(address.scheme, adapter.ANYMQ_NN_REMOTE)
            if adapter.anymq_nn_note(self._c, kind, os.fsencode(address.path)) != 0:
                raise MemoryError
            return number

        if self.protocol is not Protocol.PAIR or not self.backend.release.before_1_1:
            return self._call(doing, work)
        with self.backend.inproc_pairs:
            self._check_pair(address)
            return self._call(doing, work)

    def _check_pair(self, address: Address) -> None:
        """Before 1.1.0 an inproc PAIR that gets a second connection ends the process."""
        name = os.fsencode(address.path) if address.scheme == "inproc" else b""
        with self.handle:
            if adapter.anymq_nn_inproc_crowded(self._c, name):
                raise self.backend.unsupported(
                    f"transport.{address.scheme}",
                    f"{address}: before nanomsg 1.1.0 two PAIR sockets may share a name over "
                    "inproc, once, and have no other endpoint: one more connection would end the "
                    "process",
                )

    def close_endpoint(self, endpoint: NativeEndpoint) -> None:
        place: Place = endpoint.state

        def work() -> None:
            # Fails only where there is no such endpoint any more.
            with contextlib.suppress(NativeError):
                self._library.check(self._nn.nn_shutdown(self._number, place.eid))

        try:
            self._call(f"close {endpoint.url}", work)
        except Closed:
            return
        if place.port is not None or place.path:
            addresses.wait_until_free(place.host, place.port, place.path)

    # Options

    @property
    def option_mapping(self) -> Mapping[str, str]:
        return self._mapping

    def _require_option(self, name: str) -> None:
        if name not in self._mapping:
            self.backend.require(f"option.{name}")
            raise self.backend.unsupported(
                f"option.{name}",
                f"a {'raw ' if self.raw else ''}{self.protocol} socket has no {name}",
            )

    def set_option(self, name: str, value: Any) -> None:
        self._require_option(name)
        option, native = self._to_native(name, value)
        self._call(
            f"set option {name} to {value!r}",
            lambda: self._library.set_option(self._number, option, native),
        )

    def set_defaults(self, names: Iterable[str]) -> None:
        def work() -> None:
            for name in names:
                option, native = self._to_native(name, PORTABLE_DEFAULTS[name])
                self._library.set_option(self._number, option, native)

        self._call("set the options of a new socket", work)

    def _to_native(self, name: str, value: Any) -> tuple[NativeOption, int | bytes]:
        conversion = MAPPED[name]
        native = conversion.to_native(value)
        if name == "ipv6":
            # Where there is no IPv6, IPv4 addresses are nevertheless to work.
            self._ipv6_wanted = value
            native = native or not addresses.has_ipv6()
        return self._library.options[conversion.native], native

    def get_option(self, name: str) -> Any:
        self._require_option(name)
        conversion = MAPPED[name]
        option = self._library.options[conversion.native]
        value = self._call(
            f"get option {name}", lambda: self._library.get_option(self._number, option)
        )
        if name == "ipv6" and not addresses.has_ipv6():
            return self._ipv6_wanted
        return conversion.to_portable(value)

    def subscribe(self, topic: bytes) -> None:
        self._topic("NN_SUB_SUBSCRIBE", topic)

    def unsubscribe(self, topic: bytes) -> None:
        self._topic("NN_SUB_UNSUBSCRIBE", topic)

    def _topic(self, name: str, topic: bytes) -> None:
        if self.protocol is not Protocol.SUB or self.raw:
            what = f"a {'raw ' if self.raw else ''}{self.protocol} socket cannot subscribe"
            raise self.backend.unsupported("protocol.sub", what)
        option = self._library.options[name]
        self._call(
            f"set option {name}",
            lambda: self._library.set_option(self._number, option, bytes(topic)),
        )

    # Statistics and the library's own

    def statistics(self) -> dict[str, int]:
        def read() -> dict[str, int]:
            return {
                symbol.name: int(self._nn.nn_get_statistic(self._number, symbol.value))
                for symbol in self._library.named("STATISTIC")
            }

        # "Not known" is all ones.
        found = {
            name: -1 if value == 2**64 - 1 else value
            for name, value in self._call("read statistics", read).items()
        }
        result = {name: found[native] for name, native in NORMALISED.items() if native in found}
        made = ("NN_STAT_ESTABLISHED_CONNECTIONS", "NN_STAT_ACCEPTED_CONNECTIONS")
        result["connections"] = sum(found.get(name, 0) for name in made)
        result.update((f"native.{name}", value) for name, value in found.items())
        return result

    @property
    def native(self) -> int:
        with self.handle:
            return self._number

    def get_native(self, option: Any, type: str | None = None) -> Any:
        known = self._call("get option", lambda: native_option(self._library, option, type))
        return self._call(
            f"get option {known.name}", lambda: self._library.get_option(self._number, known)
        )

    def set_native(self, option: Any, value: Any, type: str | None = None) -> None:
        known = self._call("set option", lambda: native_option(self._library, option, type))
        if known.type == "str":
            if isinstance(value, str):
                value = value.encode()
            if not isinstance(value, bytes | bytearray | memoryview):
                raise OptionError(f"{known.name} takes str or bytes, not {value!r}")
            value = bytes(value)
        elif not isinstance(value, int) or not -(2**31) <= value < 2**31:
            raise OptionError(f"{known.name} takes an int of 32 bits, not {value!r}")
        self._call(
            f"set option {known.name} to {value!r}",
            lambda: self._library.set_option(self._number, known, value),
        )
