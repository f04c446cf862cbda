"""Where a library cannot do as the others, and anymq cannot make it: the whole list.

Each entry is keyed by what a backend says of itself, never by its name, is explained in
`docs/semantics.md` under its id, and is strict: a test marked `differs("D2")` must fail where the
difference applies, so that an entry goes when its reason does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anymq.abc import Backend


@dataclass(frozen=True)
class Difference:
    """One expected difference.

    Attributes:
        reason: one sentence for people.
        applies: whether it concerns this backend.
    """

    reason: str
    applies: Callable[[Backend], bool]


DIFFERENCES: dict[str, Difference] = {
    "D2": Difference(
        "the library always sends small messages at once: `tcp_nodelay=False` is refused",
        lambda backend: backend.wire == "zmtp",
    ),
    "D3": Difference(
        "a ws listener that closes a connection for good reason, as for a message above the limit, "
        "is not dialled again",
        lambda backend: backend.wire == "sp" and backend.features["bound_port"].status != "native",
    ),
    "D4": Difference(
        "a REP must answer each request before it takes the next one",
        lambda backend: backend.wire == "zmtp",
    ),
}
