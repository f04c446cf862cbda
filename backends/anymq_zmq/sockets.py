"""A libzmq socket: the operations that are rare enough to be written in Python."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from anymq._engine import Handle
from anymq.abc import NativeEndpoint, NativeSocket
from anymq.errors import AddressInvalid, OptionError, StateError
from anymq.protocols import Protocol
from anymq.url import Address

from . import options
from ._zmq import ffi, lib
from .addresses import check_listen, native_url, port_of, resolved, wants_ipv6
from .constants import CONSTANTS, OPTION_TYPES, SOCKET_TYPES, ValueType
from .contexts import CARRIERS, ZmqContext

if TYPE_CHECKING:
    from anymq.security import CurveConfig, PlainConfig

    from .backend import ZmqBackend
    from .zap import Rules

__all__ = ["ZmqSocket"]

_HEADED = frozenset({Protocol.SERVER, Protocol.PEER, Protocol.RADIO, Protocol.DISH})

_LINGER_MS = 30_000
"""For endpoints that are closed while the socket stays open; closing sets its own."""


class ZmqSocket(NativeSocket):
    """Made by `ZmqBackend.open_socket`."""

    backend: ZmqBackend

    def __init__(self, backend: ZmqBackend, protocol: Protocol) -> None:
        self.backend = backend
        self.protocol = protocol
        self.raw = False
        self.headed = protocol in _HEADED
        self._ipv6 = True
        self._immediate = True
        self._mapping = backend.option_mapping(protocol)
        self._security: dict[str, CurveConfig | PlainConfig] = {}
        self._rules: Rules | None = None
        self._used = False
        self._carries = False
        self._becoming = threading.Lock()
        self._by_number: list[tuple[int, str, ValueType, Any]] = []
        result = ffi.new("azmq_sock **")
        code = lib.azmq_socket(backend.lib, SOCKET_TYPES[protocol.value], result)
        if code:
            raise backend.error(code, f"open a {protocol} socket")
        self._sock = result[0]
        try:
            self._set("ZMQ_LINGER", _LINGER_MS)
            if protocol is Protocol.REQ:
                self._set("ZMQ_REQ_RELAXED", 1)
                self._set("ZMQ_REQ_CORRELATE", 1)
            self.handle = Handle(
                lib.azmq_ops(backend.lib),
                int(ffi.cast("uintptr_t", self._sock)),
                backend.error,
                backend.name,
                protocol.value,
                protocol.can_send,
                protocol.can_recv,
                backend,
            )
        except BaseException:
            lib.azmq_discard(self._sock)
            raise

    def set_defaults(self, names: Iterable[str]) -> None:
        with self.handle:
            for name in names:
                if name == "immediate":
                    self._set_immediate(True)
                elif name in options.DEFAULTS:  # tcp_nodelay is no option of libzmq's
                    option, number, data, size = options.DEFAULTS[name]
                    code = lib.azmq_setopt(self._sock, number, data, size)
                    if code:
                        raise self.backend.error(code, f"set {option}", kind="option")

    def _set_immediate(self, value: bool) -> None:
        self._immediate = value
        self._set("ZMQ_IMMEDIATE", int(value and self.protocol in options.IMMEDIATE))
        lib.azmq_set_gated(self._sock, value and self.protocol in options.GATED)

    def _set(self, option: str, value: Any) -> None:
        number = CONSTANTS[option]
        name, kind = OPTION_TYPES[number]
        code = options.write(self._sock, number, name, kind, value)
        if code:
            raise self.backend.error(code, options.setting(name, value), kind="option")

    def listen(self, address: Address) -> NativeEndpoint:
        self.backend.require(f"transport.{address.scheme}")
        check_listen(address)
        self._check_secured(address)
        numeric = resolved(address, self._ipv6)
        ipv6 = self._wants_ipv6(numeric)
        url = native_url(numeric)
        number = ffi.new("uint32_t *")
        actual = ffi.new("char[]", 256)
        with self.handle:
            self._used = True
            self._set("ZMQ_IPV6", int(ipv6))
            code = lib.azmq_listen(self._sock, url.encode(), number, actual, 256)
            if code in _NO_IPV6 and ipv6 and address.wildcard:
                # a machine without IPv6: every interface means every one of IPv4
                self._set("ZMQ_IPV6", 0)
                code = lib.azmq_listen(self._sock, url.encode(), number, actual, 256)
        self.backend.check(code, f"listen at {address}", "listen")
        shown = ffi.string(actual).decode(errors="replace")
        port = port_of(shown)
        if address.port == 0 and port:
            address = address.with_port(port)
        return NativeEndpoint(int(number[0]), str(address), shown or url)

    def dial(self, address: Address) -> NativeEndpoint:
        self.backend.require(f"transport.{address.scheme}")
        self._check_secured(address)
        ipv6 = self._wants_ipv6(address)
        url = native_url(address)
        number, peer = ffi.new("uint32_t *"), ffi.new("uint32_t *")
        with self.handle:
            self._used = True
            self._set("ZMQ_IPV6", int(ipv6))
            code = lib.azmq_dial(self._sock, url.encode(), number, peer)
        self.backend.check(code, f"dial {address}", "dial")
        return NativeEndpoint(int(number[0]), str(address), url, peer=int(peer[0]))

    def _wants_ipv6(self, address: Address) -> bool:
        wanted = wants_ipv6(address, self._ipv6)
        if wanted and self.protocol is Protocol.DGRAM:
            # libzmq would end the process when the first datagram arrives
            raise AddressInvalid(f"{address}: libzmq's dgram knows IPv4 only", backend="zmq")
        return wanted

    def close_endpoint(self, endpoint: NativeEndpoint) -> None:
        with self.handle:
            code = lib.azmq_close_endpoint(self._sock, endpoint.number)
        self.backend.check(code, f"close {endpoint.url}")

    @property
    def option_mapping(self) -> Mapping[str, str]:
        return self._mapping

    def set_option(self, name: str, value: Any) -> None:
        self._require_option(name)
        if name == "tcp_nodelay":
            if not value:
                raise OptionError(
                    "libzmq always sends small messages at once: tcp_nodelay cannot be False",
                    backend="zmq",
                )
            return
        if name in ("curve", "plain"):
            self._set_security(name, value)
            return
        portable = options.PORTABLE[name]
        with self.handle:
            if name == "immediate":
                self._set_immediate(value)
            else:
                self._set(portable.option, portable.to_native(value))
        if name == "ipv6":
            self._ipv6 = value

    def get_option(self, name: str) -> Any:
        self._require_option(name)
        if name == "tcp_nodelay":
            return True
        if name == "ipv6":  # libzmq's own value is that of the address used last
            return self._ipv6
        if name == "immediate":
            return self._immediate
        if name in ("curve", "plain"):
            with self.handle:
                return self._security.get(name)
        portable = options.PORTABLE[name]
        return portable.to_portable(self.get_native(portable.option))

    def _set_security(self, name: str, config: CurveConfig | PlainConfig | None) -> None:
        with self.handle:
            if config is self._security.get(name):
                return
            if self._used:
                raise OptionError(f"set {name} before the first listen or dial", backend="zmq")
            other = "plain" if name == "curve" else "curve"
            if other in self._security:
                raise OptionError(
                    f"a libzmq socket has curve or plain, and this one has {other}", backend="zmq"
                )
            if self._rules is not None:  # libzmq does not let a ZMQ_ZAP_DOMAIN be taken back
                raise OptionError(
                    f"{name} has users or a list of clients, which stay: open another socket",
                    backend="zmq",
                )
        from . import secured

        rules = None if config is None else secured.rules_for(config)
        if rules is not None:
            self.backend.zap.add(rules)
        with self.handle:
            if name in self._security:
                secured.clear(self, name)
                del self._security[name]
            if config is not None:
                secured.apply(self, config, rules)
                self._security[name], self._rules = config, rules

    def _check_secured(self, address: Address) -> None:
        if self._security and address.scheme in ("inproc", "udp"):
            raise OptionError(
                f"libzmq neither encrypts nor asks for passwords over {address.scheme}: "
                f"{', '.join(self._security)} cannot be had at {address}",
                backend="zmq",
            )

    def _require_option(self, name: str) -> None:
        if name not in self._mapping:
            raise self.backend.unsupported(
                f"option.{name}",
                f"a {self.protocol} socket has no use for it"
                if self.backend.supports(f"option.{name}")
                else "",
            )

    def subscribe(self, topic: bytes) -> None:
        if self.protocol is Protocol.DISH:
            self._in_group(lib.azmq_join, "join", topic)
            return
        if self.protocol is not Protocol.SUB:
            super().subscribe(topic)
        with self.handle:
            self._set("ZMQ_SUBSCRIBE", topic)

    def unsubscribe(self, topic: bytes) -> None:
        if self.protocol is Protocol.DISH:
            self._in_group(lib.azmq_leave, "leave", topic)
            return
        if self.protocol is not Protocol.SUB:
            super().unsubscribe(topic)
        with self.handle:
            self._set("ZMQ_UNSUBSCRIBE", topic)

    def open_context(self) -> ZmqContext:
        kind = CARRIERS.get(self.protocol)
        if kind is None:
            raise self.backend.unsupported("contexts", f"not for a {self.protocol} socket")
        with self._becoming:
            if not self._carries:
                self._become(kind)
            return ZmqContext(self)

    def _become(self, kind: Protocol) -> None:
        """Be a socket that shows its envelopes, with the options that were set until now."""
        kept = {name: self.get_option(name) for name in self._mapping}
        with self.handle:
            if self._used:
                raise StateError(
                    f"on libzmq the first context of a {self.protocol} socket must be opened "
                    "before it listens or dials",
                    backend="zmq",
                )
            code = lib.azmq_become(self._sock, SOCKET_TYPES[kind.value])
            self.backend.check(code, "prepare for contexts")
            self._carries = True
            self._set("ZMQ_LINGER", _LINGER_MS)
            if kind is Protocol.ROUTER:
                self._set("ZMQ_ROUTER_MANDATORY", 1)
            for config in self._security.values():
                from . import secured

                secured.apply(self, config, self._rules)
        for name, value in kept.items():
            if name not in ("curve", "plain") and not (name == "routing_id" and not value):
                self.set_option(name, value)
        with self.handle:
            for number, name, value_kind, value in self._by_number:
                options.write(self._sock, number, name, value_kind, value)

    def _in_group(self, call: Any, doing: str, group: bytes) -> None:
        if b"\0" in group:
            raise OptionError("the name of a group has no zero byte", backend="zmq")
        with self.handle:
            code = call(self._sock, group)
        self.backend.check(code, f"{doing} group {group!r}", "option")

    def statistics(self) -> dict[str, int]:
        counts = ffi.new("azmq_counts *")
        with self.handle:
            lib.azmq_get_counts(self._sock, counts)
        return {
            "messages_sent": self.handle.sent,
            "messages_received": self.handle.received,
            "peers": int(counts.peers),
            "connections": int(counts.connections),
            "connect_errors": int(counts.connect_errors),
            "native.handshake_errors": int(counts.handshake_errors),
            "native.accept_errors": int(counts.accept_errors),
            "native.events_dropped": int(counts.events_dropped),
        }

    @property
    def native(self) -> int:
        with self.handle:
            return int(lib.azmq_native(self._sock))

    def get_native(self, option: Any, type: str | None = None) -> Any:
        with self.handle:
            number, name, kind = options.resolve(option, type)
            code, value = options.read(self._sock, number, kind)
        self.backend.check(code, f"get {name}", "option")
        return value

    def set_native(self, option: Any, value: Any, type: str | None = None) -> None:
        with self.handle:
            number, name, kind = options.resolve(option, type)
            code = options.write(self._sock, number, name, kind, value)
        self.backend.check(code, options.setting(name, value), "option")
        if not self._used:
            self._by_number.append((number, name, kind, value))
        if number == CONSTANTS["ZMQ_IPV6"]:
            self._ipv6 = bool(value)


_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENODEV)
