"""Where a library cannot do as the others, and anymq cannot make it: the whole list.

Each entry is keyed by what a backend says of itself, never by its name, is explained in
`docs/semantics.md` under its id, and is strict: a test marked `differs("D2")` must fail where the
difference applies, so that an entry goes when its reason does. Only where a library would crash,
hang, or differ just now and then is the test not run at all (`run=False`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anymq.abc import Backend


@dataclass(frozen=True)
class Difference:
    """One expected difference.

    Attributes:
        reason: one sentence for people.
        applies: whether it concerns this backend.
        only: the cases concerned, by axis of the suite ("transport", "pattern", "protocol").
        run: False where the test must not be run, since it could end or stop the whole process, or
            where its outcome is a matter of chance.
    """

    reason: str
    applies: Callable[[Backend], bool]
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    run: bool = True

    def concerns(self, params: Mapping[str, Any]) -> bool:
        """Whether it concerns a test with these parameters, `backend` among them."""
        return self.applies(params["backend"]) and all(
            str(params[axis]) in cases for axis, cases in self.only.items()
        )


def _polyamorous_before(backend: Backend, *version: int) -> bool:
    """Libraries with a polyamorous PAIR1, up to the version that mended something."""
    return backend.supports("option.polyamorous") and backend.library.version < version


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
    "D20": Difference(
        "an empty message is lost over ws, unless the protocol puts a header before it",
        lambda backend: _polyamorous_before(backend, 1, 2),
        {
            "transport": frozenset({"ws"}),
            "pattern": frozenset({"pair-pair", "push-pull", "pub-sub", "bus-bus"}),
        },
    ),
}
