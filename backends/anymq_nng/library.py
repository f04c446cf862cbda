"""One opened nng library file, seen from Python."""

from __future__ import annotations

import os
import re

from anymq.errors import BackendUnavailable

from ._nng import ffi, lib

__all__ = ["Library"]

LONGEST_VERSION = 60
"""Characters of a version text that are looked at."""


class Library:
    """Loads a library and answers for what it exports; its C side is `pointer`.

    Attributes:
        path: the file that its functions really come from.
        major: 1 or 2, told by symbols, because version texts lie.
        version: numbers of the version text: `(1, 5, 2)`.
        version_text: what `nng_version()` says, and what contradicts it.
        ops: address of the table of operations.
    """

    def __init__(self, name: str) -> None:
        """Open the file or loader name.

        Raises:
            BackendUnavailable: with the loader's words, or what it is instead.
        """
        if "\0" in name:
            raise BackendUnavailable("a path holds no null character", backend="nng")
        said = ffi.new("char[]", 1024)
        self.pointer = lib.anymq_nng_open_library(os.fsencode(name), said, len(said))
        if self.pointer == ffi.NULL:
            text = ffi.string(said).decode(errors="replace")
            raise BackendUnavailable(text, backend="nng")
        self.ops = int(ffi.cast("uintptr_t", lib.anymq_nng_ops(self.pointer)))
        self.path = os.path.abspath(os.fsdecode(ffi.string(lib.anymq_nng_path(self.pointer))))
        self.major: int = lib.anymq_nng_major(self.pointer)
        said = ffi.string(lib.anymq_nng_version(self.pointer), LONGEST_VERSION)
        self.version_text = said.decode(errors="replace")
        numbers = re.match(r"\d{1,9}(?:\.\d{1,9})*", self.version_text)
        self.version = tuple(map(int, numbers.group().split("."))) if numbers else ()
        if self.version[:1] != (self.major,):
            text = self.version_text if numbers else repr(self.version_text)
            self.version_text = f"{text} (its functions are those of {self.major}.x)"

    @property
    def before_1_4(self) -> bool:
        """Whether it lacks what 1.4.0 mended, told by a function that came with it.

        The version cannot tell: what was in development before is called 1.4.0DEV.
        """
        return self.major == 1 and not self.has("nng_stat_bool")

    def context_ops(self, *, tells: bool) -> int:
        """Address of the table of operations of contexts, of those that tell event loops or not."""
        return int(ffi.cast("uintptr_t", lib.anymq_nng_context_ops(self.pointer, tells)))

    def has(self, symbol: str) -> bool:
        """Whether the library itself exports `symbol`."""
        return bool(lib.anymq_nng_has(self.pointer, symbol.encode()))

    def first(self, *symbols: str) -> str:
        """The first of these that it exports, or `""`."""
        return next((symbol for symbol in symbols if self.has(symbol)), "")

    def text(self, code: int) -> str:
        """The library's own words for an error number."""
        return str(ffi.string(lib.anymq_nng_strerror(self.pointer, code)).decode(errors="replace"))
