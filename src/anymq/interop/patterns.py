"""The pairs of protocols that talk, and how each conversation goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PATTERNS", "Pattern"]


@dataclass(frozen=True)
class Pattern:
    """Two protocols that talk.

    Attributes:
        sender, receiver: their names; of two-way ones the sender speaks first.
        script: the conversation (`workers.talk`): `stream`, `turns`, `paced` or `dialogue`.
        marks: whether what nobody hears yet is dropped, so that marks must show the connection.
        wires: on which it exists.
    """

    sender: str
    receiver: str
    script: str
    wires: tuple[str, ...]
    marks: bool = False

    @property
    def name(self) -> str:
        return f"{self.sender}-{self.receiver}"

    @property
    def two_way(self) -> bool:
        return self.script in ("turns", "dialogue")


_BOTH = ("sp", "zmtp")

PATTERNS: Mapping[str, Pattern] = {
    pattern.name: pattern
    for pattern in (
        Pattern("push", "pull", "stream", _BOTH),
        Pattern("pub", "sub", "paced", _BOTH, marks=True),
        Pattern("req", "rep", "dialogue", _BOTH),
        Pattern("pair", "pair", "turns", _BOTH),
        Pattern("pair1", "pair1", "turns", ("sp",)),
        Pattern("bus", "bus", "dialogue", ("sp",), marks=True),
        Pattern("surveyor", "respondent", "dialogue", ("sp",), marks=True),
        Pattern("dealer", "router", "dialogue", ("zmtp",)),
        Pattern("xpub", "xsub", "paced", ("zmtp",), marks=True),
        Pattern("scatter", "gather", "stream", ("zmtp",)),
        Pattern("channel", "channel", "turns", ("zmtp",)),
    )
}
"""Every pattern by name (`"req-rep"`)."""
