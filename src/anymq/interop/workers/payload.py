"""The messages of an exchange, the same on both sides, and which of them has come.

Message number `i` is made from the exchange's key, its number and its size alone. A receiver
makes what it expects itself and compares every byte, which is more than any checksum tells. A
message of 16 bytes or more begins with key and number; shorter ones are known by their content,
and an empty one by nothing but coming.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from functools import cache

__all__ = ["MARK", "Messages", "Received", "mark", "mark_number"]

HEADER = struct.Struct(">4sIQ")
MAGIC = b"aMqI"
MARK = b"anymq interop mark "
"""How a message begins that only shows that the two are connected; it is never counted."""


@cache
def _filling(size: int) -> bytes:
    return random.Random(size).randbytes(size)


class Messages:
    """The messages that one side sends in one exchange.

    `key` differs for every exchange and direction. With `constant` all are the same as the first:
    for programs that can be told one message only.
    """

    def __init__(self, key: int, sizes: Sequence[int], constant: bool = False) -> None:
        self.key = key
        self.sizes = sizes
        self.constant = constant

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, number: int) -> bytes:
        if self.constant:
            number = 0
        size = self.sizes[number]
        if size < HEADER.size:
            return bytes((self.key + 7 * number + 13 * i) & 0xFF for i in range(size))
        return HEADER.pack(MAGIC, number, self.key) + _filling(size)[HEADER.size :]

    def all(self) -> Iterator[bytes]:
        """Every message in order, each made when it is asked for."""
        return (self[number] for number in range(len(self)))

    def number_of(self, data: bytes) -> int | None:
        """Which message this claims to be, None where it cannot be told."""
        if len(data) < HEADER.size:
            return None
        magic, number, key = HEADER.unpack_from(data)
        return number if (magic, key) == (MAGIC, self.key) and number < len(self) else None


class Received:
    """What came, in its order, compared with what was to come.

    Attributes:
        order: the number of each message that came, -1 for one that is none of them.
        wrong: a few sentences about those.
    """

    def __init__(self, expected: Messages, *, repeats: bool = False) -> None:
        self.expected = expected
        self.repeats = repeats
        self.order: list[int] = []
        self.wrong: list[str] = []
        self._next = 0
        self._again = 0
        self._seen: set[int] = set()
        self._short = [n for n, size in enumerate(expected.sizes) if size < HEADER.size]

    @property
    def complete(self) -> bool:
        """Whether as many came as were to come; what came twice counts once."""
        return len(self.order) - self._again >= len(self.expected)

    @property
    def last_came(self) -> bool:
        """Whether the last message came, so that what is missing is not just to be waited for."""
        return self._next >= len(self.expected)

    def add(self, data: bytes) -> int:
        """Note a message; its number, or -1. What a repeating sender repeats is noted once."""
        if self.is_repeated(data):
            return self._next - 1
        number = self._find(data)
        self._again += number in self._seen
        self.order.append(number)
        if number >= 0:
            self._seen.add(number)
            self._next = max(self._next, number + 1)
        elif len(self.wrong) < 3:
            self.wrong.append(self._difference(data))
        return number

    def _find(self, data: bytes) -> int:
        expected = self.expected
        if self._next < len(expected) and data == expected[self._next]:
            return self._next
        number = expected.number_of(data)
        if number is not None:
            return number if data == expected[number] else -1
        alike = [n for n in self._short if data == expected[n] and n not in self._seen]
        later = [n for n in alike if n >= self._next]
        if later or alike:
            return (later or alike)[0]
        return -1

    def is_repeated(self, data: bytes) -> bool:
        """Whether this came before, of a sender that says the same until it was heard."""
        return self.repeats and any(data == self.expected[n] for n in range(self._next))

    def _difference(self, data: bytes) -> str:
        number = self.expected.number_of(data)
        if number is None:
            number = min(len(self.order), len(self.expected)) - 1
        wanted = self.expected[number]
        if len(wanted) != len(data):
            return f"message {number} has {len(data)} bytes instead of {len(wanted)}"
        at = next(i for i, (a, b) in enumerate(zip(data, wanted, strict=True)) if a != b)
        return f"message {number}: byte {at} is 0x{data[at]:02x} instead of 0x{wanted[at]:02x}"


def mark(key: int, number: int) -> bytes:
    return MARK + b"%x %d" % (key, number)


def mark_number(data: bytes, key: int) -> int | None:
    """The number of a mark of this exchange, -1 for one of another; None for any other message."""
    if not data.startswith(MARK):
        return None
    whose, _, number = data[len(MARK) :].partition(b" ")
    return int(number) if whose == b"%x" % key and number.isdigit() else -1
