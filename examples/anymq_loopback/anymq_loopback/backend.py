"""One opened libloopback: what it can do, and its errors."""

from __future__ import annotations

import errno
import os
from types import MappingProxyType
from typing import Any, ClassVar

from anymq.abc import Backend, LibraryInfo
from anymq.errors import (
    AddressInUse,
    AddressInvalid,
    AnymqError,
    BackendUnavailable,
    OptionError,
    PermissionDenied,
    ResourceExhausted,
)
from anymq.features import Support, absent, emulated, known_features, native
from anymq.protocols import Protocol

from ._loopback import ffi, lib
from .sockets import LoopbackSocket

__all__ = ["LoopbackBackend"]

ASKED = {
    "protocol.pair": "kind.pair",
    "protocol.push": "kind.push",
    "protocol.pull": "kind.pull",
    "transport.tcp": "transport.tcp",
    "transport.ipc": "transport.ipc",
    "option.recv_max_size": "option.recv-max-size",
    "option.reconnect_min": "option.reconnect-ms",
    "option.send_buffer": "option.send-buffer",
    "option.recv_buffer": "option.recv-buffer",
}
"""Features, and what the library calls them when it is asked whether it has them."""

KINDS: dict[int, type[AnymqError]] = {
    errno.EINVAL: OptionError,
    errno.EADDRINUSE: AddressInUse,
    errno.EADDRNOTAVAIL: AddressInvalid,
    errno.ENAMETOOLONG: AddressInvalid,
    errno.ENOENT: AddressInvalid,
    errno.ENOTDIR: AddressInvalid,
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.ENOMEM: ResourceExhausted,
    errno.EMFILE: ResourceExhausted,
    errno.ENFILE: ResourceExhausted,
}


class LoopbackBackend(Backend):
    name: ClassVar[str] = "loopback"
    wire: ClassVar[str] = "loopback"
    fork_safe: ClassVar[bool] = True  # it keeps nothing beside its sockets

    def __init__(self, path: str, found_via: str) -> None:
        said = ffi.new("char[]", 1024)
        if "\0" in path:
            raise BackendUnavailable("a file name holds no null character")
        self.native = lib.anymq_lb_load(os.fsencode(path), said, len(said))
        if self.native == ffi.NULL:
            raise BackendUnavailable(ffi.string(said).decode(errors="replace"), backend=self.name)
        version = ffi.string(self.native.lb_version()).decode()
        self.library = LibraryInfo(
            path=os.path.abspath(os.fsdecode(ffi.string(self.native.path))),
            version=tuple(map(int, version.split("."))),
            version_text=version,
            found_via=found_via,
        )
        self.numbers = {name: self.native.lb_number(name.encode()) for name in ASKED.values()}
        self.errors = MappingProxyType({code: errno.errorcode[code] for code in KINDS})
        self.constants = MappingProxyType(
            {name: number for name, number in self.numbers.items() if number >= 0}
            | {symbol: code for code, symbol in self.errors.items()}
        )
        self.features = MappingProxyType({name: self._find(name) for name in known_features()})

    def _find(self, feature: str) -> Support:
        """Every known feature gets an answer, and each answer says how it is known."""
        if feature in ASKED:
            asked = ASKED[feature]
            evidence = f'lb_number("{asked}") = {self.numbers[asked]}'
            if self.numbers[asked] < 0:
                return absent("this build leaves it out", evidence, needed="a build with it")
            return native(evidence)
        found = {
            "option.send_timeout": emulated("kept by anymq's own waits", "lb_fd"),
            "option.recv_timeout": emulated("kept by anymq's own waits", "lb_fd"),
            "option.linger": emulated("close waits until lb_unsent is 0", "lb_unsent"),
            "option.name": emulated("kept by anymq; the library has no names"),
            "peers": native("symbol lb_peers"),
            "statistics": emulated("counted by anymq"),
            "flush": native("symbol lb_unsent"),
            "bound_port": native("symbol lb_port"),
            "poll_fd": native("symbol lb_fd"),
        }
        return found.get(feature) or absent("libloopback has nothing like it")

    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> LoopbackSocket:
        self.require(f"protocol.{protocol.value}")
        if raw:
            self.require("raw")
        return LoopbackSocket(self, protocol)

    def error(self, code: int, doing: str = "", **context: Any) -> AnymqError:
        symbol = errno.errorcode.get(code, "")
        text = f"{os.strerror(code)} ({symbol or code})"
        return KINDS.get(code, AnymqError)(
            f"{doing}: {text}" if doing else text,
            backend=self.name,
            code=code,
            symbol=symbol,
            errno=code if symbol else None,
        )
