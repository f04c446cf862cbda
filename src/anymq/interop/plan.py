"""What is to be tried: every combination, in an order that keeps processes in use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from .builds import Build
from .patterns import PATTERNS, Pattern

__all__ = ["DEFAULT_SIZES", "Cell", "Plan", "check_numbers", "messages"]

DEFAULT_SIZES = (0, 1, 100, 64 * 1024, 1024 * 1024)
DEFAULT_TRANSPORTS = ("tcp", "ipc", "ws")
LARGE = 1024 * 1024
LARGE_COUNT = 2
"""Messages of at least `LARGE` bytes are few: so many in an exchange."""


def check_numbers(sizes: Sequence[int], count: int, timeout: float) -> None:
    """Raise ValueError for what cannot be tried."""
    if not sizes or any(not 0 <= size <= 2**30 for size in sizes):
        raise ValueError("there is at least one size, and each is 0 to 1 GiB")
    if count < 1:
        raise ValueError("count is 1 or more")
    if not 0 < timeout <= 3600:
        raise ValueError("timeout is above 0 and at most 3600 s")


def messages(sizes: Sequence[int], count: int, single: bool = False) -> list[int]:
    """Sizes of the messages of one exchange, in their order; with `single` one of each size."""
    return [
        size
        for size in sizes
        for _ in range(1 if single else min(count, LARGE_COUNT) if size >= LARGE else count)
    ]


@dataclass(frozen=True)
class Cell:
    """One exchange to be tried.

    `reason` tells why it cannot be, before anything was tried; `""` where it can.
    """

    pattern: Pattern
    transport: str
    sender: str
    receiver: str
    listener: str
    reason: str = ""

    @property
    def id(self) -> str:
        return "/".join(
            (self.pattern.name, self.transport, self.sender, self.receiver, self.listener)
        )


@dataclass(frozen=True)
class Plan:
    """Which builds, protocols, transports and messages.

    Attributes:
        builds: the sides.
        protocols: names of `PATTERNS`; None: all that some build of the wire has.
        transports: URL schemes that cross processes.
        sizes: sizes of messages in bytes.
        count: how many messages of each size, but `LARGE_COUNT` at most of the large ones.
        timeout: seconds that one exchange may take.
        jobs: exchanges at the same time; None: one for each processor.
        grace: seconds after `timeout` until a side that does not answer counts as hung.
        start: seconds that a process may take to start.
        pairs: names of sender and receiver; None: every build with every build, itself included.
        again: whether what failed is run a second time. The first outcome stays; the detail tells
            of the second.
    """

    builds: Sequence[Build]
    protocols: Sequence[str] | None = None
    transports: Sequence[str] = DEFAULT_TRANSPORTS
    sizes: Sequence[int] = DEFAULT_SIZES
    count: int = 5
    timeout: float = 10.0
    jobs: int | None = None
    grace: float = 5.0
    start: float = 30.0
    pairs: Sequence[tuple[str, str]] | None = None
    again: bool = False

    def __post_init__(self) -> None:
        names = [build.name for build in self.builds]
        if not names:
            raise ValueError("there is no build to try")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two builds have the name {twice[0]!r}: give each its own")
        for name in (name for pair in self.pairs or () for name in pair):
            if name not in names:
                raise ValueError(
                    f"there is no build {name!r} for a pair; known: {', '.join(names)}"
                )
        for name in self.protocols or ():
            if name not in PATTERNS:
                raise ValueError(f"there is no pair {name!r}; known: {', '.join(PATTERNS)}")
        for name in self.transports:
            if name not in DEFAULT_TRANSPORTS:
                known = ", ".join(DEFAULT_TRANSPORTS)
                raise ValueError(
                    f"transport {name!r} is not tried between processes; known: {known}"
                )
        if not self.transports or self.protocols == ():
            raise ValueError("nothing to try: transports or protocols are empty")
        if self.jobs is not None and self.jobs < 1:
            raise ValueError("jobs are 1 or more")
        check_numbers(self.sizes, self.count, self.timeout)

    @property
    def workers(self) -> int:
        return self.jobs or min(os.cpu_count() or 1, 8)

    def cells(self, hellos: Mapping[str, Mapping[str, Any]]) -> Iterator[Cell]:
        """Every exchange, sender by sender; `hellos` is what each usable build said of itself."""
        names = [build.name for build in self.builds]
        for row, sender in enumerate(names):
            # Every other row goes backwards, so that its first receivers' processes still live.
            for receiver in names[:: -1 if row % 2 else 1]:
                if self.pairs is not None and (sender, receiver) not in self.pairs:
                    continue
                a, b = hellos.get(sender), hellos.get(receiver)
                for name in self._protocols(a, b, hellos):
                    for transport, listener in product(self.transports, ("sender", "receiver")):
                        reason = _reason(PATTERNS[name], transport, (sender, a), (receiver, b))
                        yield Cell(PATTERNS[name], transport, sender, receiver, listener, reason)

    def _protocols(
        self,
        a: Mapping[str, Any] | None,
        b: Mapping[str, Any] | None,
        hellos: Mapping[str, Mapping[str, Any]],
    ) -> list[str]:
        """Names of patterns for this pair of builds."""
        if self.protocols is not None:
            return list(dict.fromkeys(self.protocols))
        wires = {hello["wire"] for hello in (a, b) if hello} or {"sp", "zmtp"}
        return [
            pattern.name
            for pattern in PATTERNS.values()
            if wires <= set(pattern.wires)
            and any(
                hello["wire"] in wires
                and {pattern.sender, pattern.receiver} & set(hello["protocols"])
                for hello in hellos.values()
            )
        ]


def _reason(
    pattern: Pattern,
    transport: str,
    sender: tuple[str, Mapping[str, Any] | None],
    receiver: tuple[str, Mapping[str, Any] | None],
) -> str:
    """Why these two cannot do it, `""` where they can or where one of them is not usable."""
    if sender[1] and receiver[1] and sender[1]["wire"] != receiver[1]["wire"]:
        wires = " and ".join(
            f"{name} speaks {h['wire'].upper()}" for name, h in (sender, receiver) if h
        )
        return f"different wires: {wires}"
    parts = ((*sender, pattern.sender), (*receiver, pattern.receiver))
    for name, hello, protocol in parts:
        if hello and protocol not in hello["protocols"]:
            return f"{name} has no {protocol}"
        if hello and transport not in hello["transports"]:
            return f"{name} has no {transport}"
    return ""
