"""Whether an ELF file is all there, before the loader maps it.

The loader of glibc trusts a file's headers: it maps what they promise, and a library that was cut
short (a broken download, a full disk) ends the process with SIGBUS. Files of other formats, and
those that are no library at all, are left to the loader, which says what is wrong with them.
"""

from __future__ import annotations

import os
import struct

__all__ = ["missing_bytes"]

_LOAD = 1


def missing_bytes(path: str) -> int:
    """How many bytes the file's segments need beyond its end; 0 where nothing is missing.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(64)
        if len(head) < 64 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] != 1:
            return 0
        if head[4] == 2:
            (table,) = struct.unpack_from("<Q", head, 32)
            entry_size, count = struct.unpack_from("<HH", head, 54)
            entry = struct.Struct("<I4xQ16xQ")  # type, offset, size in the file
        else:
            (table,) = struct.unpack_from("<I", head, 28)
            entry_size, count = struct.unpack_from("<HH", head, 42)
            entry = struct.Struct("<II8xI")
        needed = table + entry_size * count
        if needed > size:
            return int(needed - size)
        file.seek(table)
        for _ in range(count):
            kind, offset, length = entry.unpack_from(file.read(entry_size).ljust(entry.size, b"\0"))
            if kind == _LOAD:
                needed = max(needed, offset + length)
    return int(max(0, needed - size))
