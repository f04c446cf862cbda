"""What an ELF file says of itself, read before or without the loader.

The loader of glibc trusts a file's headers: it maps what they promise, and a library that was cut
short (a broken download, a full disk) ends the process with SIGBUS. It also says only of the first
library that it misses that it is missing. Files of other formats, and those that are no library at
all, are left to the loader, which says what is wrong with them.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

__all__ = ["Wanted", "missing_bytes", "wanted"]

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB, _STRSZ, _RPATH, _RUNPATH = 1, 5, 10, 15, 29
_LONGEST = 1 << 20
"""Bytes of a table beyond which a file is not believed."""


class Wanted(NamedTuple):
    """What a library asks of the loader.

    Attributes:
        needed: names of the libraries that it needs (`DT_NEEDED`), in the loader's order.
        folders: where it says that they lie (`DT_RUNPATH`, `DT_RPATH`), `$ORIGIN` not replaced.
    """

    needed: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


class _File:
    """The headers of an open ELF file of this byte order; `known` is False for any other file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = os.fstat(file.fileno()).st_size
        head = file.read(64)
        self.known = (
            len(head) == 64 and head[:4] == b"\x7fELF" and head[4] in (1, 2) and head[5] == 1
        )
        if not self.known:
            return
        self.wide = head[4] == 2
        if self.wide:
            (self.table,) = struct.unpack_from("<Q", head, 32)
            self.entry_size, self.count = struct.unpack_from("<HH", head, 54)
        else:
            (self.table,) = struct.unpack_from("<I", head, 28)
            self.entry_size, self.count = struct.unpack_from("<HH", head, 42)
        self.table_end = self.table + self.entry_size * self.count

    def segments(self) -> list[tuple[int, int, int, int]]:
        """(type, offset, address, size in the file) of each; zeros where the table is cut short."""
        entry = struct.Struct("<I4xQQ8xQ" if self.wide else "<III4xI")
        self.file.seek(self.table)
        return [
            entry.unpack_from(self.file.read(self.entry_size).ljust(entry.size, b"\0"))
            for _ in range(self.count)
        ]

    def read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(min(length, _LONGEST))


def missing_bytes(path: str) -> int:
    """How many bytes the file's segments need beyond its end; 0 where nothing is missing.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        elf = _File(file)
        if not elf.known:
            return 0
        needed = elf.table_end
        if needed <= elf.size:
            for kind, offset, _, length in elf.segments():
                if kind == _LOAD:
                    needed = max(needed, offset + length)
        return int(max(0, needed - elf.size))


def wanted(path: str) -> Wanted:
    """Which libraries the file needs; nothing for what is no whole ELF library.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        elf = _File(file)
        if not elf.known or elf.table_end > elf.size:
            return Wanted()
        segments = elf.segments()
        dynamic = [segment for segment in segments if segment[0] == _DYNAMIC]
        if not dynamic:
            return Wanted()
        _, offset, _, length = dynamic[0]
        entry = struct.Struct("<qQ" if elf.wide else "<iI")
        data = elf.read(offset, length)
        tags = list(entry.iter_unpack(data[: len(data) // entry.size * entry.size]))
        values = dict(reversed(tags))  # of those that occur once
        address = values.get(_STRTAB, 0)
        for kind, start, at, size in segments:
            if kind == _LOAD and at <= address < at + size:
                texts = elf.read(start + address - at, values.get(_STRSZ, 0))
                break
        else:
            return Wanted()

    def text(where: int) -> str:
        return os.fsdecode(texts[where:].partition(b"\0")[0])

    names = [text(value) for tag, value in tags if tag == _NEEDED]
    paths = [text(value) for tag, value in tags if tag in (_RUNPATH, _RPATH)]
    return Wanted(
        tuple(name for name in names if name),
        tuple(folder for path in paths for folder in path.split(":") if folder),
    )
