"""Whether a shared library's tables are in order, before the loader acts on them.

The loader of glibc follows what an ELF file says of itself without looking twice: a file whose
headers, dynamic section, symbols or relocations were damaged ends the process. So they are followed
here first, within the bounds of the file. Code and data are not looked at: nobody can tell
whether they are right. Files that are no ELF library of this machine are left to the loader, which
refuses them; so is everything where this interpreter's own modules are of another format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["damage"]

_LOAD, _DYNAMIC, _NOTE, _PHDR, _TLS = 1, 2, 4, 6, 7
_RELRO, _PROPERTY = 0x6474E552, 0x6474E553
_KINDS_IN_MEMORY = {
    _DYNAMIC: "dynamic section",
    _NOTE: "notes",
    _PHDR: "program headers",
    _TLS: "thread-local data",
    _RELRO: "read-only data",
    _PROPERTY: "properties",
}
_EXECUTE, _WRITE, _READ = 1, 2, 4

_NEEDED, _PLTRELSZ, _PLTGOT, _HASH, _STRTAB, _SYMTAB, _RELA, _RELASZ = 1, 2, 3, 4, 5, 6, 7, 8
_RELAENT, _STRSZ, _SYMENT, _INIT, _FINI, _SONAME, _RPATH = 9, 10, 11, 12, 13, 14, 15
_REL, _PLTREL, _JMPREL, _INIT_ARRAY, _FINI_ARRAY = 17, 20, 23, 25, 26
_INIT_ARRAYSZ, _FINI_ARRAYSZ, _RUNPATH, _PREINIT_ARRAY, _RELRSZ, _RELR = 27, 28, 29, 32, 35, 36
_GNU_HASH, _VERSYM, _VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = (
    0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF,
)  # fmt: skip
_RELACOUNT = 0x6FFFFFF9
_FUNC, _INDIRECT = 2, 10

_TABLES = {
    _RELA: _RELASZ,
    _JMPREL: _PLTRELSZ,
    _RELR: _RELRSZ,
    _INIT_ARRAY: _INIT_ARRAYSZ,
    _FINI_ARRAY: _FINI_ARRAYSZ,
    _VERDEF: _VERDEFNUM,
    _VERNEED: _VERNEEDNUM,
}
"""Tables, and what tells how large each is: one is no use without the other."""

_LARGEST = 1 << 32
"""Bytes in memory beyond which a library is not believed."""


class Damage(Exception):
    """What is wrong, in words."""


class _Segment(NamedTuple):
    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    memory: int
    align: int


def damage(path: str, model: str) -> str:
    """What is wrong with the library at `path`; "" where nothing is, or where nobody can tell.

    Args:
        path: the library.
        model: a library that this process has loaded, whose format is that of this machine.

    Raises:
        OSError: one of the two cannot be read.
    """
    with open(model, "rb") as file:
        ours = file.read(20)
    with open(path, "rb") as file:
        data = file.read()
    # Another class, byte order or machine: the loader says so. Only 64 bits are followed here.
    if ours[:4] != b"\x7fELF" or ours[4:6] != b"\2\1" or data[:6] != ours[:6]:
        return ""
    if data[18:20] != ours[18:20]:
        machine, wanted = (struct.unpack("<H", h[18:20].ljust(2, b"\0"))[0] for h in (data, ours))
        return f"it is for another machine (ELF machine {machine}, here it is {wanted})"
    try:
        _Library(data).check()
    except Damage as error:
        return str(error)
    return ""


class _Library:
    """The bytes of a file, and where they will be in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.loaded: list[_Segment] = []
        self.tags: dict[int, int] = {}
        self.names: list[int] = []
        self.nowhere: set[int] = set()  # symbols that are neither here nor elsewhere

    def check(self) -> None:
        """Raise `Damage` at the first thing that is wrong."""
        dynamic = self._check_segments()
        self._read_dynamic(dynamic)
        self._check_dynamic()
        count = self._count_symbols()
        self._check_symbols(count)
        for table, size, what in (
            (_RELA, _RELASZ, "relocations"),
            (_JMPREL, _PLTRELSZ, "relocations of functions"),
        ):
            self._check_relocations(table, size, what, count)
        self._check_versions(count)

    # Where things are

    def _within(self, address: int, size: int, flags: int = 0) -> bool:
        """Whether the loader will map these addresses, with at least these rights.

        What is executed must be in the file: memory beyond it is empty.
        """
        return any(
            s.address <= address
            and address + size <= s.address + (s.size if flags & _EXECUTE else s.memory)
            and s.flags & flags == flags
            for s in self.loaded
        )

    def _bytes(self, address: int, size: int, what: str) -> bytes:
        """What the file has for these addresses."""
        for s in self.loaded:
            if s.address <= address and address + size <= s.address + s.size:
                start = s.offset + address - s.address
                return self.data[start : start + size]
        raise Damage(f"its {what} lie outside of it")

    def _unpack(self, form: str, address: int, what: str) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(address, struct.calcsize(form), what))

    # What the file says

    def _check_segments(self) -> _Segment:
        head = self.data[:64]
        if len(head) < 64:
            raise Damage("its header is cut short")
        kind, version, table, size, entry, count = struct.unpack("<H2xI8xQ8x4xHHH", head[16:58])
        if head[6] != 1 or version != 1 or size != 64 or kind != 3:
            raise Damage("its header is not that of a shared library")
        if entry != 56 or not 0 < count < 100 or table + entry * count > len(self.data):
            raise Damage("its table of segments is not where the header says")
        rows = struct.iter_unpack("<IIQQQQQQ", self.data[table : table + entry * count])
        segments = [_Segment(*row) for row in rows]
        self.loaded = [s for s in segments if s.kind == _LOAD]
        end = 0
        for s in self.loaded:
            if s.offset + s.size > len(self.data) or s.size > s.memory:
                raise Damage("a segment is larger than the file")
            if s.align & (s.align - 1) or (s.address - s.offset) % max(s.align, 4096):
                raise Damage("a segment is not aligned")
            if s.address < end or s.address + s.memory > _LARGEST or s.flags & ~7:
                raise Damage("its segments overlap, or lie nowhere")
            end = s.address + s.memory
        for s in segments:
            if s.kind in _KINDS_IN_MEMORY and not self._within(s.address, s.memory):
                raise Damage(f"its {_KINDS_IN_MEMORY[s.kind]} lie outside of its segments")
            if s.kind == _PHDR and (s.address, s.size) != (table, entry * count):
                raise Damage("its program headers are not where it says")
            if s.kind == _TLS and (s.align & (s.align - 1) or s.size > s.memory or s.align > 4096):
                raise Damage("its thread-local data are out of order")
        dynamic = [s for s in segments if s.kind == _DYNAMIC]
        if len(dynamic) != 1 or not self._within(dynamic[0].address, dynamic[0].memory, _READ):
            raise Damage("it has no dynamic section")
        if not self._within(dynamic[0].address, dynamic[0].memory, _WRITE):
            raise Damage("its dynamic section cannot be written to")
        return dynamic[0]

    def _read_dynamic(self, segment: _Segment) -> None:
        size = segment.size // 16 * 16
        rows = struct.iter_unpack("<qQ", self._bytes(segment.address, size, "dynamic section"))
        for tag, value in rows:
            if tag == 0:
                break
            if tag in (_NEEDED, _SONAME, _RPATH, _RUNPATH):
                self.names.append(value)
            self.tags[tag] = value
        else:
            raise Damage("its dynamic section has no end")
        if any(tag for tag, _ in rows):
            raise Damage("its dynamic section ends too early")

    def _check_dynamic(self) -> None:
        tags = self.tags
        if not {_STRTAB, _STRSZ, _SYMTAB} <= tags.keys() or not {_HASH, _GNU_HASH} & tags.keys():
            raise Damage("its dynamic section lacks the tables of names and symbols")
        strings = self._bytes(tags[_STRTAB], tags[_STRSZ], "names")
        if not strings or strings[0] or strings[-1]:
            raise Damage("its names are out of order")
        if any(offset >= tags[_STRSZ] for offset in self.names):
            raise Damage("a name of its dynamic section lies outside of its names")
        if tags.get(_SYMENT) != 24 or (_RELA in tags and tags.get(_RELAENT) != 24):
            raise Damage("its tables have entries of another size")
        if (
            _REL in tags
            or _PREINIT_ARRAY in tags
            or (_JMPREL in tags and tags.get(_PLTREL) != _RELA)
        ):
            raise Damage("its dynamic section has what no shared library of this machine has")
        for table, size in _TABLES.items():
            if (table in tags) != (size in tags):
                raise Damage("its dynamic section tells a table without its size")
        if (_VERSYM in tags) != bool({_VERNEED, _VERDEF} & tags.keys()):
            raise Damage("its dynamic section tells versions in part only")
        for tag in (_INIT, _FINI):
            if tags.get(tag) and not self._within(tags[tag], 1, _EXECUTE):
                raise Damage("what it runs when it is loaded is no code")
        for tag, size in ((_INIT_ARRAY, _INIT_ARRAYSZ), (_FINI_ARRAY, _FINI_ARRAYSZ)):
            if tag in tags:
                self._check_functions(tags[tag], tags[size])
        if _PLTGOT in tags and not self._within(tags[_PLTGOT], 24):
            raise Damage("its table of addresses lies outside of it")
        if _RELR in tags:
            self._bytes(tags[_RELR], tags[_RELRSZ], "relocations")

    def _check_functions(self, address: int, size: int) -> None:
        """An array of functions; each is in the file, or a relocation puts it there."""
        if size % 8 or address % 8 or not self._within(address, size, _WRITE):
            raise Damage("what it runs when it is loaded lies outside of it")
        for (function,) in struct.iter_unpack("<Q", self._bytes(address, size, "functions")):
            if function and not self._within(function, 1, _EXECUTE):
                raise Damage("what it runs when it is loaded is no code")

    # Symbols

    def _count_symbols(self) -> int:
        if _GNU_HASH in self.tags:
            return self._follow_gnu_hash(self.tags[_GNU_HASH])
        buckets, count = self._unpack("<II", self.tags[_HASH], "symbols")
        table = self._bytes(self.tags[_HASH] + 8, 4 * (buckets + count), "symbols")
        if not buckets or any(i >= count for (i,) in struct.iter_unpack("<I", table)):
            raise Damage("its table of symbols is out of order")
        return count

    def _follow_gnu_hash(self, address: int) -> int:
        buckets, first, words, shift = self._unpack("<IIII", address, "symbols")
        if not buckets or not words or words & (words - 1) or shift > 63:
            raise Damage("its table of symbols is out of order")
        start = address + 16 + 8 * words
        heads = [i for (i,) in struct.iter_unpack("<I", self._bytes(start, 4 * buckets, "symbols"))]
        self._bytes(address + 16, 8 * words, "symbols")
        if any(0 < i < first for i in heads):
            raise Damage("its table of symbols is out of order")
        last = max(heads, default=0)
        if last == 0:
            return first
        chain = start + 4 * buckets
        while not self._unpack("<I", chain + 4 * (last - first), "symbols")[0] & 1:
            last += 1
        return last + 1

    def _check_symbols(self, count: int) -> None:
        table = self._bytes(self.tags[_SYMTAB], 24 * count, "symbols")
        for i, row in enumerate(struct.iter_unpack("<IBBHQQ", table)):
            name, info, _, where, value, _ = row
            if name >= self.tags[_STRSZ]:
                raise Damage("the name of a symbol lies outside of its names")
            is_function = info & 15 in (_FUNC, _INDIRECT) and 0 < where < 0xFF00
            if is_function and not self._within(value, 1, _EXECUTE):
                raise Damage("a function of it is no code")
            if where == 0 and info >> 4 == 0:
                self.nowhere.add(i)
        self.nowhere.discard(0)

    def _check_relocations(self, table: int, size: int, what: str, symbols: int) -> None:
        if table not in self.tags:
            return
        length = self.tags[size]
        data = self._bytes(self.tags[table], length, what)
        if length % 24:
            raise Damage(f"its {what} are out of order")
        relative = self.tags.get(_RELACOUNT, 0) if table == _RELA else 0
        if relative > length // 24:
            raise Damage(f"its {what} are out of order")
        for i, (offset, info, _) in enumerate(struct.iter_unpack("<QQq", data)):
            symbol = info >> 32
            if symbol >= symbols or not self._within(offset, 8, _WRITE):
                raise Damage(f"its {what} lead out of it")
            if symbol in self.nowhere or (symbol and i < relative):
                raise Damage(f"its {what} are out of order")

    # Versions of symbols

    def _check_versions(self, symbols: int) -> None:
        if _VERSYM not in self.tags:
            return
        highest = 1
        for table, form in ((_VERNEED, "<HHIII"), (_VERDEF, "<HHHHIII")):
            if table in self.tags:
                for name, index in self._versions(table, form):
                    if name >= self.tags[_STRSZ]:
                        raise Damage("the name of a version lies outside of its names")
                    highest = max(highest, index & 0x7FFF)
        data = self._bytes(self.tags[_VERSYM], 2 * symbols, "versions")
        if any(index & 0x7FFF > highest for (index,) in struct.iter_unpack("<H", data)):
            raise Damage("a symbol of it has a version that it does not tell")

    def _versions(self, table: int, form: str) -> Iterator[tuple[int, int]]:
        """Names and numbers in a chain of entries, each of which has a chain of its own."""
        address, number = self.tags[table], self.tags[_TABLES[table]]
        for left in range(number - 1, -1, -1):
            row = self._unpack(form, address, "versions")
            inner, following = row[-2:]
            count = row[1] if table == _VERNEED else row[3]
            yield (row[2], 0) if table == _VERNEED else (0, row[2])
            entry = address + inner
            for further in range(count - 1, -1, -1):
                if table == _VERNEED:
                    _, _, index, name, step = self._unpack("<IHHII", entry, "versions")
                else:
                    (name, step), index = self._unpack("<II", entry, "versions"), 0
                yield name, index
                if bool(step) != bool(further):
                    raise Damage("its versions are out of order")
                entry += step
            if row[0] != 1 or bool(following) != bool(left):
                raise Damage("its versions are out of order")
            address += following
