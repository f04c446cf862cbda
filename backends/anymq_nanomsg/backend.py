"""The backend of one opened libnanomsg."""

from __future__ import annotations

from typing import Any, ClassVar

from anymq.abc import Backend, LibraryInfo
from anymq.errors import AnymqError
from anymq.protocols import Protocol

from .failures import make_error, name_of
from .features import find_features
from .library import Library
from .sockets import NanomsgSocket

__all__ = ["NanomsgBackend"]

RELEASES: dict[tuple[int, ...], str] = {
    (5, 0): "0.9-1.0.0",
    (5, 1): "1.1.0-1.1.5",
    (6, 0): "1.2",
}
"""Releases by interface number and revision: the library tells no other version."""


class NanomsgBackend(Backend):
    """One libnanomsg; `native` is the opened library."""

    name: ClassVar[str] = "nanomsg"
    wire: ClassVar[str] = "sp"

    def __init__(self, path: str, found_via: str) -> None:
        self.native = library = Library(path)
        abi = ":".join(map(str, library.version))
        release = RELEASES.get(library.version[:2], "unknown release")
        self.library = LibraryInfo(
            library.path, library.version, f"{release} (ABI {abi})", found_via
        )
        self.constants = library.constants
        self.errors = library.errors
        self.features = find_features(library)

    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> NanomsgSocket:
        self.require(f"protocol.{protocol.value}")
        return NanomsgSocket(self, protocol, raw)

    def error(self, code: int, doing: str = "", **context: Any) -> AnymqError:
        symbol = name_of(code, self.errors)
        return make_error(
            code, symbol, self.native.text(code), doing, addressing=context.get("addressing")
        )
