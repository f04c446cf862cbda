"""One opened libzmq file as a backend."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from anymq.abc import Backend, LibraryInfo, NativeSocket
from anymq.errors import AnymqError, BackendUnavailable
from anymq.features import Support
from anymq.protocols import Protocol

from ._zmq import ffi, lib
from .constants import CONSTANTS, ERROR_NAMES, SOCKET_TYPES
from .errors import Doing, make_error
from .features import Library, detect
from .options import mapping_for
from .sockets import ZmqSocket
from .zap import ZapHandler

__all__ = ["ZmqBackend", "open_backend"]

NEWEST = (4, 3)

BROUGHT = {(4, 1): "zmq_has", (4, 2): "zmq_curve_public", (4, 3): "zmq_timers_new"}
"""A function that every libzmq has from a version on."""

_SLICE_MS = 50
"""How long a wait for libzmq goes on before Python may see a signal."""


def open_backend(path: str, found_via: str) -> ZmqBackend:
    """Open the file at `path`, or what the loader finds under that name.

    Raises:
        BackendUnavailable: it does not load, or is not libzmq 4.0 or later.
    """
    message = ffi.new("char[]", 1024)
    opened = lib.azmq_open(path.encode(), message, 1024)
    if opened == ffi.NULL:
        text = ffi.string(message).decode(errors="replace")
        error = BackendUnavailable(f"cannot use {path} as libzmq: {text}", backend="zmq")
        error.tried = ((path, text),)
        raise error
    return ZmqBackend(opened, found_via)


class ZmqBackend(Backend):
    """Made by `open_backend`; the same file opened twice shares one libzmq context."""

    name: ClassVar[str] = "zmq"
    wire: ClassVar[str] = "zmtp"
    fork_safe: ClassVar[bool] = True

    constants: Mapping[str, int] = CONSTANTS
    errors: Mapping[int, str] = ERROR_NAMES

    def __init__(self, opened: Any, found_via: str) -> None:
        self.lib = opened
        numbers = ffi.new("int[3]")
        lib.azmq_version(opened, numbers)
        version = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
        self.library = LibraryInfo(
            path=ffi.string(lib.azmq_path(opened)).decode(errors="surrogateescape"),
            version=version,
            version_text=self._describe(version),
            found_via=found_via,
        )
        self.features: Mapping[str, Support] = detect(
            Library(version, self._has, self._symbol, self._probe)
        )

        self.zap = ZapHandler(self)
        self._option_mappings: dict[Protocol, Mapping[str, str]] = {}

    def _describe(self, version: tuple[int, ...]) -> str:
        """The version for people, with what contradicts it."""
        text = ".".join(map(str, version))
        if version[:2] > NEWEST:
            return f"{text} (unknown to anymq)"
        for since, symbol in BROUGHT.items():
            if version[:2] >= since and not self._symbol(symbol):
                return f"{text} (without {symbol}, which {'.'.join(map(str, since))} brought)"
        return text

    def _has(self, capability: str) -> bool | None:
        answer = lib.azmq_has(self.lib, capability.encode())
        return None if answer < 0 else bool(answer)

    def _symbol(self, name: str) -> bool:
        return bool(lib.azmq_symbol(self.lib, name.encode()))

    def _probe(self, url: str) -> int:
        return int(lib.azmq_probe(self.lib, SOCKET_TYPES["pub"], url.encode()))

    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> NativeSocket:
        if raw:
            raise self.unsupported("raw")
        self.require(f"protocol.{protocol.value}")
        return ZmqSocket(self, protocol)

    def option_mapping(self, protocol: Protocol) -> Mapping[str, str]:
        """Portable option to libzmq's, for those that such a socket has in this library."""
        found = self._option_mappings.get(protocol)
        if found is None:
            found = self._option_mappings[protocol] = MappingProxyType(
                {
                    name: native
                    for name, native in mapping_for(protocol).items()
                    if self.supports(f"option.{name}")
                }
            )
        return found

    def curve_keypair(self) -> tuple[str, str]:
        """A new CURVE key pair, public and secret, in Z85.

        Raises:
            UnsupportedFeature: this libzmq was built without CURVE.
        """
        self.require("curve")
        public, secret = ffi.new("char[]", 41), ffi.new("char[]", 41)
        self.check(lib.azmq_curve_keypair(self.lib, public, secret), "make a CURVE key pair")
        return ffi.string(public).decode(), ffi.string(secret).decode()

    def check(self, code: int, doing: str, kind: Doing = "") -> None:
        """Raise the exception for `code` unless it is 0."""
        if code:
            raise self.error(code, doing, kind=kind)

    def error(self, code: int, doing: str = "", *, kind: Doing = "", **context: Any) -> AnymqError:
        return make_error(code, doing, kind, self._strerror, f"libzmq {self.library.version_text}")

    def _strerror(self, code: int) -> str:
        return str(ffi.string(lib.azmq_strerror(self.lib, code)).decode(errors="replace"))

    def shutdown(self, timeout: float | None) -> None:
        """End the context once all sockets are closed and their linger is over.

        Waits for what lingers, at most `timeout` seconds; Ctrl-C ends the wait. A socket that is
        opened later gets a new context. In the child of a fork it does nothing.
        """
        self.zap.stop()
        ending = lib.azmq_term_begin(self.lib)
        if ending == ffi.NULL:
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while not lib.azmq_term_wait(ending, _SLICE_MS):
                if deadline is not None and time.monotonic() >= deadline:
                    return
        finally:
            lib.azmq_term_forget(ending)
