"""Library files that are damaged: refused with a report, or usable where nothing that matters was
hit. The process survives each."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from .conftest import Look, real_library

LOAD, DYNAMIC = 1, 2


class Elf:
    """A copy of a real library to be damaged, and where its parts are."""

    def __init__(self, name: str) -> None:
        self.data = bytearray(Path(real_library(name)).read_bytes())
        assert self.data[:6] == b"\x7fELF\2\1", "a library of 64 bits, little-endian"
        (self.segments,) = struct.unpack_from("<Q", self.data, 32)
        (self.sections,) = struct.unpack_from("<Q", self.data, 40)
        (self.count,) = struct.unpack_from("<H", self.data, 56)
        (self.section_count,) = struct.unpack_from("<H", self.data, 60)

    def rows(self, kind: int) -> list[int]:
        """Offsets of the program headers of this kind."""
        offsets = range(self.segments, self.segments + 56 * self.count, 56)
        return [at for at in offsets if struct.unpack_from("<I", self.data, at)[0] == kind]

    def dynamic(self) -> dict[int, int]:
        """Where the entry of each tag of the dynamic section is in the file."""
        (at,) = struct.unpack_from("<Q", self.data, self.rows(DYNAMIC)[0] + 8)
        found = {}
        while (tag := struct.unpack_from("<q", self.data, at)[0]) != 0:
            found.setdefault(tag, at)
            at += 16
        return found

    def put(self, form: str, at: int, *values: int) -> None:
        struct.pack_into(form, self.data, at, *values)

    def save(self, folder: Path) -> Path:
        path = folder / "damaged.so"
        path.write_bytes(self.data)
        return path


@pytest.fixture
def elf(name: str) -> Elf:
    return Elf(name)


@pytest.mark.parametrize("part", [0.0001, 0.01, 0.3, 0.6, 0.9])
def test_cut_short(name: str, elf: Elf, part: float, look: Look, tmp_path: Path) -> None:
    del elf.data[int(len(elf.data) * part) :]
    assert look(name, elf.save(tmp_path)).refused


@pytest.mark.parametrize(
    ("at", "form", "value", "said"),
    [
        (0, "<I", 0, "header"),  # what every ELF file begins with
        (4, "<B", 1, "ELFCLASS32"),
        (5, "<B", 2, ""),  # the other byte order
        (16, "<H", 4, "not that of a shared library"),  # a core dump
        (18, "<H", 243, "for another machine"),
        (32, "<Q", 1 << 62, "cut short"),  # where the program headers are
        (32, "<Q", 3, "damaged"),
        (54, "<H", 7, "damaged"),  # the size of a program header
        (56, "<H", 0, "damaged"),  # how many there are
    ],
)
def test_the_header(
    name: str, elf: Elf, at: int, form: str, value: int, said: str, look: Look, tmp_path: Path
) -> None:
    elf.put(form, at, value)
    assert said in look(name, elf.save(tmp_path)).refused


@pytest.mark.parametrize(
    ("field", "value"),
    [(8, 3), (16, 1 << 47), (16, 12345), (32, 0), (40, 1), (40, 1 << 60), (48, 3)],
    ids=["offset", "address", "unaligned", "size", "memory", "huge", "align"],
)
def test_a_segment(name: str, elf: Elf, field: int, value: int, look: Look, tmp_path: Path) -> None:
    """Of each to be loaded one number is wrong."""
    for at in elf.rows(LOAD):
        elf.put("<Q", at + field, value)
    assert look(name, elf.save(tmp_path)).refused


def test_program_headers_overwritten(name: str, elf: Elf, look: Look, tmp_path: Path) -> None:
    for i in range(56 * elf.count):
        elf.data[elf.segments + i] = (i * 37 + 11) % 256
    assert look(name, elf.save(tmp_path)).refused


def test_section_headers_overwritten(name: str, elf: Elf, look: Look, tmp_path: Path) -> None:
    """Only debuggers and linkers read them: such a library works."""
    for i in range(64 * elf.section_count):
        elf.data[elf.sections + i] = (i * 37 + 11) % 256
    report = look(name, elf.save(tmp_path))
    assert report.received
    assert not report.refused


TAGS = {
    "STRTAB": 5,
    "SYMTAB": 6,
    "RELA": 7,
    "RELASZ": 8,
    "STRSZ": 10,
    "SYMENT": 11,
    "INIT": 12,
    "JMPREL": 23,
    "INIT_ARRAY": 25,
    "GNU_HASH": 0x6FFFFEF5,
    "VERSYM": 0x6FFFFFF0,
    "VERNEED": 0x6FFFFFFE,
}


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("value", [0xDEADBEEF000, 3], ids=["wild", "small"])
def test_the_dynamic_section(
    name: str, elf: Elf, tag: str, value: int, look: Look, tmp_path: Path
) -> None:
    entries = elf.dynamic()
    if TAGS[tag] not in entries:
        pytest.skip(f"this library has no {tag}")
    elf.put("<Q", entries[TAGS[tag]] + 8, value)
    assert "damaged" in look(name, elf.save(tmp_path)).refused


@pytest.mark.parametrize("fill", [0, 0xFF, 0x41])
def test_the_dynamic_section_overwritten(
    name: str, elf: Elf, fill: int, look: Look, tmp_path: Path
) -> None:
    start, size = struct.unpack_from("<Q16xQ", elf.data, elf.rows(DYNAMIC)[0] + 8)
    elf.data[start : start + size] = bytes([fill]) * size
    assert "damaged" in look(name, elf.save(tmp_path)).refused


@pytest.mark.parametrize(
    "content",
    [b"", b"#!/bin/sh\nexit 0\n", b"\x7fELF", b"\x7fELF" + b"\xff" * 4092, b"\0" * 100_000],
    ids=["empty", "script", "beginning", "rubbish", "zeros"],
)
def test_no_library_at_all(name: str, content: bytes, look: Look, tmp_path: Path) -> None:
    path = tmp_path / "libnothing.so"
    path.write_bytes(content)
    assert look(name, path).refused


def test_a_folder(name: str, look: Look, tmp_path: Path) -> None:
    assert "directory" in look(name, tmp_path).refused


def test_a_library_of_32_bits(name: str, look: Look, tmp_path: Path) -> None:
    """Whole in itself: a header and one empty segment."""
    head = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIII", 3, 3, 1, 0, 52, 0)
    head += struct.pack("<IHHHHHH", 0, 52, 32, 1, 0, 0, 0)
    path = tmp_path / "lib32.so"
    path.write_bytes(head + struct.pack("<IIIIIIII", 1, 0, 0, 0, 84, 84, 5, 4096) + bytes(4096))
    assert "ELFCLASS32" in look(name, path).refused
