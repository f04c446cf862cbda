"""What became of every message: a number, a checksum and two entries for each."""

from __future__ import annotations

import random
import struct
import zlib

__all__ = ["Ledger"]

HEAD = struct.Struct("<QI")
UNDER_WAY, SENT, NOT_SENT = range(3)
LARGE = 100_000


class Ledger:
    """Makes messages, and is told by those who send them and those who receive them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._pool = chance.randbytes(2 * LARGE)
        self._fates = bytearray()
        self._receipts = bytearray()
        self._sums: list[int] = [0, 0]  # of the checksums sent and received
        self.sent = self.not_sent = self.received = self.bytes = self.damaged = 0

    def make(self) -> bytes:
        """A new message, small as a rule."""
        number = len(self._fates)
        self._fates.append(UNDER_WAY)
        self._receipts.append(0)
        size = self._chance.randrange(LARGE if self._chance.random() < 0.002 else 2000)
        start = self._chance.randrange(LARGE)
        body = self._pool[start : start + size]
        return HEAD.pack(number, zlib.crc32(body, number & 0xFFFFFFFF)) + body

    def was_sent(self, message: bytes) -> None:
        number, checksum = HEAD.unpack_from(message)
        self._fates[number] = SENT
        self._sums[0] += checksum
        self.sent += 1

    def was_not_sent(self, message: bytes) -> None:
        number, _ = HEAD.unpack_from(message)
        self._fates[number] = NOT_SENT
        self.not_sent += 1

    def was_received(self, message: bytes | memoryview) -> None:
        self.received += 1
        self.bytes += len(message)
        if len(message) < HEAD.size:
            self.damaged += 1
            return
        number, checksum = HEAD.unpack_from(message)
        if number >= len(self._fates) or checksum != zlib.crc32(
            message[HEAD.size :], number & 0xFFFFFFFF
        ):
            self.damaged += 1
            return
        self._sums[1] += checksum
        self._receipts[number] = min(255, self._receipts[number] + 1)

    def receipts(self, message: bytes) -> int:
        """How often it was received."""
        number: int = HEAD.unpack_from(message)[0]
        return self._receipts[number]

    def faults(self) -> list[str]:
        """What does not add up, once nobody sends or receives any more."""
        counts = {
            "damaged": self.damaged,
            "lost": 0,
            "received more than once": 0,
            "received though its sender was told that it was not sent": 0,
            "of which the sender was told nothing": self._fates.count(UNDER_WAY),
        }
        for fate, receipts in zip(self._fates, self._receipts, strict=True):
            counts["lost"] += fate == SENT and not receipts
            counts["received more than once"] += receipts > 1
            counts["received though its sender was told that it was not sent"] += (
                fate == NOT_SENT and receipts > 0
            )
        found = [f"{count} messages {what}" for what, count in counts.items() if count]
        if self.sent != self.received:
            found.append(f"{self.sent} messages were sent and {self.received} received")
        if self._sums[0] != self._sums[1]:
            found.append("the sums of the checksums sent and received differ")
        return found
