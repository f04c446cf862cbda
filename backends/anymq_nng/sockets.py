"""One open nng socket: what is rare enough to be done in Python."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from anymq._engine import Handle
from anymq.abc import NativeEndpoint, NativeSocket
from anymq.errors import AddressInUse, AddressInvalid, AnymqError, OptionError
from anymq.options import PORTABLE_DEFAULTS
from anymq.protocols import Protocol

from ._nng import ffi, lib
from .addresses import COUNTED, HOST_SCHEMES, free_port, has_listener, native_url, wildcards
from .contexts import SINCE, NngContext
from .counters import normalise
from .errors import NUMBERS
from .options import (
    DEFAULT_TYPES,
    ENDPOINT_OPTIONS,
    SOCKET_OPTIONS,
    TYPES,
    Type,
    from_native,
    get_typed,
    set_typed,
    to_native,
)
from .protocols import flags_for, opener
from .tls import TLS_SCHEMES, set_tls

if TYPE_CHECKING:
    from anymq.security import TLSConfig
    from anymq.url import Address

    from .backend import NngBackend

__all__ = ["NngSocket"]

LISTENER_BIT = 0x80000000
"""Dialers and listeners are both numbered from 1; listeners carry this bit towards the engine."""

PORT_ATTEMPTS = 20
NAME_RELEASE = 0.25
"""Seconds that nng may take to give up the name of a closed abstract listener."""

SUBSCRIBER_BUFFER = 128
"""Messages that a SUB keeps by itself since nng 1.2."""

NOT_THERE = frozenset({lib.NNG_NO_FUNCTION, NUMBERS["NNG_ENOTSUP"]})
"""What nng says to an option that an endpoint or a socket does not have."""


class NngSocket(NativeSocket):
    """A socket of one opened library; its C side belongs to `handle`."""

    def __init__(self, backend: NngBackend, protocol: Protocol, raw: bool) -> None:
        self.backend: NngBackend = backend
        self.protocol = protocol
        self.raw = raw
        self._library = backend.native
        self._endpoint_options: dict[str, Any] = {}
        self._socket_options: dict[str, Any] = {}
        self._ipv6 = True
        self._tls: TLSConfig | None = None
        self._polyamorous = False
        error = ffi.new("int *")
        name = opener(protocol, raw=raw)
        flags = flags_for(protocol, raw=raw)
        self._c = lib.anymq_nng_open(self._library.pointer, name.encode(), flags, error)
        if self._c == ffi.NULL:
            raise backend.error(error[0], f"cannot open a {protocol} socket")
        try:
            kind = protocol, raw
            self._mapping = backend.option_mappings.get(kind) or self._find_options()
            backend.option_mappings[kind] = self._mapping
            self._enlarge_subscriber()
            self.handle = Handle(
                self._library.ops,
                int(ffi.cast("uintptr_t", self._c)),
                backend.error,
                backend.name,
                protocol.value,
                protocol.can_send,
                protocol.can_recv,
                backend,
            )
        except BaseException:
            lib.anymq_nng_close(self._c)
            raise

    # Endpoints

    def listen(self, address: Address) -> NativeEndpoint:
        error: AnymqError | None = None
        for candidate in wildcards(address, self._ipv6):
            try:
                return self._listen_somewhere(address, candidate)
            except (AddressInvalid, OSError) as failure:
                if isinstance(failure, AddressInUse):
                    raise
                error = error or cast(AnymqError, failure)
        assert error is not None
        raise error

    def _listen_somewhere(self, address: Address, bound: Address) -> NativeEndpoint:
        """Bind, and step around two of nng's habits.

        Port 0 of ws is one port for all sockets of the process: choose another here. The name of
        an abstract socket is free a moment after its listener was closed, not at once.
        """
        until = time.monotonic() + (NAME_RELEASE if address.scheme == "abstract" else 0)
        while True:
            try:
                endpoint = self._listen_at(address, bound)
                if endpoint is not None:
                    return endpoint
                break
            except AddressInUse:
                if time.monotonic() < until:
                    time.sleep(0.001)
                elif address.port != 0 or address.scheme not in ("ws", "wss"):
                    raise
                else:
                    break
        for attempt in range(PORT_ATTEMPTS):
            try:
                endpoint = self._listen_at(address, bound.with_port(free_port(bound.host)))
            except AddressInUse:
                if attempt == PORT_ATTEMPTS - 1:
                    raise
            else:
                assert endpoint is not None, "the port was chosen here"
                return endpoint
        raise AssertionError

    def _listen_at(self, address: Address, bound: Address) -> NativeEndpoint | None:
        """Bind; None where the port that was given cannot be known."""
        url = native_url(bound)
        doing = f"cannot listen at {address}"
        number = ffi.new("uint32_t *")
        with self.handle:
            if bound.scheme == "ipc" and has_listener(bound.path):
                self._check(NUMBERS["NNG_EADDRINUSE"], doing)
            self._check(
                lib.anymq_nng_listener_create(self._c, url.encode(), number), doing, AddressInvalid
            )
            listener: int = number[0]
            try:
                self._prepare(lib.NNG_LISTENER, listener, bound)
                code = lib.anymq_nng_listener_start(self._c, listener)
                self._check(code, doing, AddressInvalid)
                if bound.scheme in HOST_SCHEMES:
                    port: int = lib.anymq_nng_listener_port(self._c, listener) or bound.port or 0
                    if port == 0:
                        self._drop_listener(listener)
                        return None
                    address, bound = address.with_port(port), bound.with_port(port)
            except BaseException:
                self._drop_listener(listener)
                raise
        return NativeEndpoint(
            listener | LISTENER_BIT, str(address), native_url(bound), ("listener", listener)
        )

    def _drop_listener(self, listener: int) -> None:
        lib.anymq_nng_listener_close(self._c, listener)
        lib.anymq_nng_remove_endpoint(self._c, listener | LISTENER_BIT)

    def dial(self, address: Address) -> NativeEndpoint:
        url = native_url(address)
        doing = f"cannot dial {address}"
        number = ffi.new("uint32_t *")
        with self.handle:
            self._check(
                lib.anymq_nng_dialer_create(self._c, url.encode(), number), doing, AddressInvalid
            )
            dialer: int = number[0]
            try:
                self._prepare(lib.NNG_DIALER, dialer, address)
                code = lib.anymq_nng_dialer_start(self._c, dialer)
                self._check(code, doing, AddressInvalid)
            except BaseException:
                lib.anymq_nng_dialer_close(self._c, dialer)
                lib.anymq_nng_remove_endpoint(self._c, dialer)
                raise
        return NativeEndpoint(dialer, str(address), url, ("dialer", dialer))

    def _prepare(self, kind: int, number: int, address: Address) -> None:
        """Set an endpoint's options and tell the adapter what it is, before it starts."""
        tagged = number | LISTENER_BIT if kind == lib.NNG_LISTENER else number
        counted = address.scheme in COUNTED
        shown = str(address).encode()
        self._check(lib.anymq_nng_add_endpoint(self._c, tagged, counted, shown), str(address))
        if address.scheme in TLS_SCHEMES:
            code, what = set_tls(self._library, kind, number, address, self._tls)
            self._check(code, f"cannot use {what} of the TLSConfig for {address}", OptionError)
        for name, value in self._endpoint_options.items():
            mapped = ENDPOINT_OPTIONS[name]
            if mapped.dialer and kind != lib.NNG_DIALER:
                continue
            names = [mapped.native]
            if name == "recv_max_size" and address.scheme in ("ws", "wss"):
                names.append("ws:rxframe-max")  # a message is one frame, limited on its own
            for native in names:
                code = set_typed(
                    self._library, kind, number, native, mapped.type, to_native(mapped, value)
                )
                if code not in NOT_THERE:
                    self._check(code, f"cannot set {name} of {address}", OptionError)

    def close_endpoint(self, endpoint: NativeEndpoint) -> None:
        kind, number = endpoint.state
        with self.handle:
            if kind == "listener":
                code = lib.anymq_nng_listener_close(self._c, number)
            else:
                code = lib.anymq_nng_dialer_close(self._c, number)
            lib.anymq_nng_remove_endpoint(self._c, endpoint.number)
            if code not in (NUMBERS["NNG_ENOENT"], NUMBERS["NNG_ECLOSED"]):
                self._check(code, f"cannot close {endpoint.url}")

    # Options

    def _enlarge_subscriber(self) -> None:
        """Before nng 1.2 a SUB keeps one message and drops the next: give it what it has later."""
        if self.protocol is Protocol.SUB and not self.backend.supports("option.prefer_new"):
            code = self._write("recv-buffer", "int", SUBSCRIBER_BUFFER)
            self._check(code, "cannot enlarge recv_buffer", OptionError)

    def _find_options(self) -> Mapping[str, str]:
        found = {name: mapped.native for name, mapped in ENDPOINT_OPTIONS.items()}
        for name, mapped in SOCKET_OPTIONS.items():
            native = self.backend.features[f"option.{name}"].status == "native"
            if native and mapped.fits(self.protocol):
                opened = name == "polyamorous" and not self.raw
                if opened or self._read(mapped.native, mapped.type)[0] == 0:
                    found[name] = mapped.native
        found["ipv6"] = "the wildcard address"
        if self.backend.supports("option.tls"):
            found["tls"] = "tls-config"
        return MappingProxyType(found)

    @property
    def option_mapping(self) -> Mapping[str, str]:
        return self._mapping

    def set_defaults(self, names: Iterable[str]) -> None:
        with self.handle:
            for name in names:
                self._set_option(name, PORTABLE_DEFAULTS[name])

    def set_option(self, name: str, value: Any) -> None:
        with self.handle:
            self._set_option(name, value)

    def _set_option(self, name: str, value: Any) -> None:
        if name == "ipv6":
            self._ipv6 = value
        elif name == "tls":
            self._tls = value
        elif name in ENDPOINT_OPTIONS:
            self._endpoint_options[name] = value
        elif name == "polyamorous":
            self._set_polyamorous(value)
        else:
            self._set_socket_option(name, value)

    def _set_socket_option(self, name: str, value: Any) -> None:
        mapped = SOCKET_OPTIONS[name]
        outside = (mapped.low is not None and value < mapped.low) or (
            mapped.high is not None and value > mapped.high
        )
        if outside:
            raise OptionError(
                f"{name} must be {mapped.low or 0} to {mapped.high} with nng, not {value!r}",
                backend=self.backend.name,
            )
        if mapped.type == "string" and "\0" in value:
            raise OptionError(f"{name} cannot hold a null character", backend=self.backend.name)
        code = self._write(mapped.native, mapped.type, to_native(mapped, value))
        self._check(code, f"cannot set {name} to {value!r}", OptionError)
        self._socket_options[name] = value

    def _set_polyamorous(self, value: bool) -> None:
        """nng decides this when a socket is opened: open it again, as long as that is unseen."""
        if value == self._polyamorous:
            return
        name = "nng_pair1_open_poly" if value else "nng_pair1_open"
        if self._library.has(name):
            flags = flags_for(self.protocol, raw=self.raw, polyamorous=value)
            code = lib.anymq_nng_reopen(self._c, name.encode(), flags)
            if code == NUMBERS["NNG_EBUSY"]:
                raise OptionError(
                    "polyamorous must be set before the socket listens or dials",
                    backend=self.backend.name,
                )
            self._check(code, "cannot make the socket polyamorous", OptionError)
            self._polyamorous = value
            for option, kept in self._socket_options.items():
                self._set_socket_option(option, kept)
        else:
            code = self._write("pair1:polyamorous", "bool", value)
            self._check(code, f"cannot set polyamorous to {value}", OptionError)
            self._polyamorous = value

    def get_option(self, name: str) -> Any:
        with self.handle:
            if name == "ipv6":
                return self._ipv6
            if name == "tls":
                return self._tls
            if name == "polyamorous":
                return self._polyamorous
            if name in ENDPOINT_OPTIONS:
                return self._endpoint_option(name)
            mapped = SOCKET_OPTIONS[name]
            code, value = self._read(mapped.native, mapped.type)
            self._check(code, f"cannot read {name}")
            if name == "name" and name not in self._socket_options:
                return ""  # nng's own name is the socket's number
            return from_native(mapped, value)

    def _endpoint_option(self, name: str) -> Any:
        if name in self._endpoint_options:
            return self._endpoint_options[name]
        mapped = ENDPOINT_OPTIONS[name]
        code, value = self._read(mapped.native, mapped.type)
        self._check(code, f"cannot read {name}")
        return from_native(mapped, value)

    def _read(self, name: str, type: Type) -> tuple[int, Any]:
        return get_typed(self._library, lib.NNG_SOCKET, lib.anymq_nng_id(self._c), name, type)

    def _write(self, name: str, type: Type, value: Any) -> int:
        number = lib.anymq_nng_id(self._c)
        return set_typed(self._library, lib.NNG_SOCKET, number, name, type, value)

    # Subscriptions

    def subscribe(self, topic: bytes) -> None:
        if self.protocol is not Protocol.SUB or self.raw:
            super().subscribe(topic)
        with self.handle:
            self._check(lib.anymq_nng_subscribe(self._c, topic, len(topic)), "cannot subscribe")

    def unsubscribe(self, topic: bytes) -> None:
        if self.protocol is not Protocol.SUB or self.raw:
            super().unsubscribe(topic)
        with self.handle:
            self._check(lib.anymq_nng_unsubscribe(self._c, topic, len(topic)), "cannot unsubscribe")

    # Contexts

    def open_context(self) -> NngContext:
        since = SINCE.get(self.protocol)
        if since is not None and self._library.version < since:
            version = ".".join(map(str, since))
            raise self.backend.unsupported(
                "contexts",
                f"it has none for a {self.protocol} socket",
                needed=f"nng {version} or later",
            )
        with self.handle:
            return NngContext(self, self._c)

    # What the library tells

    def statistics(self) -> dict[str, int]:
        with self.handle:
            self.backend.require("statistics")
            room = 256
            while True:
                out = ffi.new("anymq_nng_statistic[]", room)
                count = lib.anymq_nng_statistics(self._c, out, room)
                if count <= room:
                    break
                room = 2 * count
            rows = [
                (ffi.string(out[i].path).decode(), int(out[i].value)) for i in range(max(0, count))
            ]
        return normalise(rows)

    @property
    def native(self) -> int:
        with self.handle:
            return int(lib.anymq_nng_id(self._c))

    def get_native(self, option: Any, type: str | None = None) -> Any:
        name = self._native_name(option)
        types = self._native_types(name, type)
        code = lib.NNG_NO_FUNCTION
        with self.handle:
            for one in types:
                code, value = self._read(name, one)
                if code == 0:
                    return value
                if code not in (NUMBERS["NNG_EBADTYPE"], NUMBERS["NNG_EINVAL"], *NOT_THERE):
                    break
        raise self._native_error(code, f"cannot read {name!r}")

    def set_native(self, option: Any, value: Any, type: str | None = None) -> None:
        name = self._native_name(option)
        if type is None and name not in DEFAULT_TYPES:
            type = {bool: "bool", int: "int", float: "ms", str: "string"}.get(value.__class__)
        one = self._native_types(name, type)[0]
        with self.handle:
            try:
                code = self._write(name, one, value)
            except (TypeError, OverflowError, AttributeError) as error:
                raise OptionError(
                    f"{name!r} takes a value of type {one}, not {value!r}: {error}",
                    backend=self.backend.name,
                ) from None
        if code != 0:
            raise self._native_error(code, f"cannot set {name!r} to {value!r}")

    def _native_name(self, option: Any) -> str:
        if not isinstance(option, str) or not option or "\0" in option:
            raise OptionError(
                f"nng's options are named by strings such as 'recv-buffer', not {option!r}",
                backend=self.backend.name,
            )
        return option

    def _native_types(self, name: str, type: str | None) -> tuple[Type, ...]:
        if type is not None:
            if type not in TYPES:
                raise OptionError(
                    f"there is no option type {type!r}; known: {', '.join(TYPES)}",
                    backend=self.backend.name,
                )
            return (type,)
        return (DEFAULT_TYPES[name],) if name in DEFAULT_TYPES else TYPES

    def _native_error(self, code: int, doing: str) -> AnymqError:
        """A socket that lacks an option has refused it, as a bad value."""
        if code in NOT_THERE:
            text = "this socket has no such option"
            return OptionError(f"{doing}: {text}", backend=self.backend.name, code=max(code, 0))
        return self.backend.error(code, doing, invalid=OptionError)

    def _check(self, code: int, doing: str, invalid: type[AnymqError] | None = None) -> None:
        if code == 0:
            return
        if code == lib.NNG_NO_FUNCTION:
            raise self.backend.unsupported("", f"{doing}: this version lacks the function")
        raise self.backend.error(code, doing, invalid=invalid)
