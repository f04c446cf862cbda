"""Files that are cut short are recognised; all others are the loader's matter."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from anymq import _engine
from anymq._elf import missing_bytes

WHOLE = Path(_engine.__file__)


def test_a_whole_library() -> None:
    assert missing_bytes(str(WHOLE)) == 0


@pytest.mark.parametrize("size", [64, 65, 500, 5000])
def test_a_part_of_one(tmp_path: Path, size: int) -> None:
    path = tmp_path / "part"
    path.write_bytes(WHOLE.read_bytes()[:size])
    assert missing_bytes(str(path)) > 0


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\x7fELF", b"\x7fELF" + b"\xff" * 60, b"x" * 1000, b"\xcf\xfa\xed\xfe" * 100],
)
def test_anything_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    assert missing_bytes(str(path)) == 0


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_library_of_32_bits(tmp_path: Path, length: int) -> None:
    """One segment of 100 bytes behind the headers, and `length` bytes of it there."""
    head = bytearray(52)
    head[:6] = b"\x7fELF\x01\x01"
    struct.pack_into("<I", head, 28, 52)
    struct.pack_into("<HH", head, 42, 32, 1)
    segment = struct.pack("<IIIIIIII", 1, 84, 0, 0, 100, 100, 5, 4096)
    path = tmp_path / "small"
    path.write_bytes(bytes(head) + segment + b"x" * length)
    assert missing_bytes(str(path)) == 100 - length


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        missing_bytes(str(tmp_path / "missing"))
