"""The backend of one opened libnanomsg."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from anymq.abc import Backend, LibraryInfo
from anymq.errors import AnymqError
from anymq.protocols import Protocol

from .failures import make_error, name_of
from .features import find_features
from .library import Library
from .options import mapping_for
from .releases import identify
from .sockets import NanomsgSocket

__all__ = ["NanomsgBackend"]


class NanomsgBackend(Backend):
    """One libnanomsg; `native` is the opened library."""

    name: ClassVar[str] = "nanomsg"
    wire: ClassVar[str] = "sp"

    def __init__(self, path: str, found_via: str) -> None:
        self.native = library = Library(path)
        self.release = identify(library)
        self.library = LibraryInfo(library.path, library.version, self.release.text, found_via)
        self.quirks = MappingProxyType(self.release.quirks)
        self.inproc_pairs = threading.Lock()
        self.constants = library.constants
        self.errors = library.errors
        self.features = find_features(library, self.release)
        self._option_mappings: dict[tuple[Protocol, bool], Mapping[str, str]] = {}

    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> NanomsgSocket:
        self.require(f"protocol.{protocol.value}")
        return NanomsgSocket(self, protocol, raw)

    def option_mapping(self, protocol: Protocol, raw: bool) -> Mapping[str, str]:
        """Portable option to nanomsg's, for those that such a socket has in this library."""
        found = self._option_mappings.get((protocol, raw))
        if found is None:
            found = MappingProxyType(mapping_for(self, protocol, raw))
            self._option_mappings[protocol, raw] = found
        return found

    def error(self, code: int, doing: str = "", **context: Any) -> AnymqError:
        symbol = name_of(code, self.errors)
        return make_error(
            code, symbol, self.native.text(code), doing, addressing=context.get("addressing")
        )
