"""The backend of one opened nng library."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from anymq.abc import Backend, LibraryInfo
from anymq.errors import AnymqError
from anymq.protocols import Protocol

from .constants import CONSTANTS
from .errors import ERRORS, make_error
from .features import find_features
from .library import Library
from .sockets import NngSocket

__all__ = ["NngBackend"]


class NngBackend(Backend):
    """One nng library; `native` is the opened file."""

    name: ClassVar[str] = "nng"
    wire: ClassVar[str] = "sp"

    def __init__(self, path: str, found_via: str) -> None:
        self.native = library = Library(path)
        self.library = LibraryInfo(library.path, library.version, library.version_text, found_via)
        self.constants = CONSTANTS
        self.errors = ERRORS
        self.features = find_features(library)
        self.quirks = find_quirks(library)
        self.option_mappings: dict[tuple[Protocol, bool], Mapping[str, str]] = {}
        """What the first socket of each kind found its options to be."""

    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> NngSocket:
        self.require(f"protocol.{protocol.value}")
        if raw:
            self.require("raw")
        return NngSocket(self, protocol, raw)

    def error(self, code: int, doing: str = "", **context: Any) -> AnymqError:
        return make_error(code, self.native.text(code), doing, invalid=context.get("invalid"))


def find_quirks(library: Library) -> Mapping[str, str]:
    """All versions since 1.4 have the same PUSH."""
    if library.before_1_4:
        return MappingProxyType({})
    return MappingProxyType(
        {
            "push-uses-what-ended": "a PUSH may send on a connection that ended in the moment its "
            "last message was written, which ends the process"
        }
    )
