"""Where a library cannot do as the others, and anymq cannot make it: the whole list.

Each entry is keyed by what a backend says of itself (its `features`, its `quirks`), never by its
name, is explained in
`docs/semantics.md` under its id, and is strict: a test marked `differs("D2")` must fail where the
difference applies, so that an entry goes when its reason does. Only where a library would crash,
hang, or differ just now and then is the test not run at all (`run=False`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anymq
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
            axis not in params or str(params[axis]) in cases for axis, cases in self.only.items()
        )


def _zmtp_before(*version: int) -> Callable[[Backend], bool]:
    return lambda backend: backend.wire == "zmtp" and backend.library.version < version


def _publishes_nothing_over_ws(backend: Backend) -> bool:
    return backend.wire == "zmtp" and backend.library.version == (4, 3, 3)


def _hands_down_descriptors(backend: Backend) -> bool:
    """Whether programs that this one executes inherit sockets that the library made for itself."""
    if backend.wire != "zmtp":
        return False
    with anymq.Socket("pair", backend=backend) as socket:
        fd = socket.get_native("ZMQ_FD")
        return stat.S_ISSOCK(os.fstat(fd).st_mode) and os.get_inheritable(fd)


def _makes_contexts(backend: Backend) -> bool:
    """Whether anymq itself makes contexts, over a socket of another kind."""
    return backend.features["contexts"].status == "emulated"


DIFFERENCES: dict[str, Difference] = {
    "D2": Difference(
        "the library always sends small messages at once: `tcp_nodelay=False` is refused",
        lambda backend: backend.wire == "zmtp",
    ),
    "D3": Difference(
        "a ws listener that closes a connection for good reason, as for a message above the limit, "
        "is not dialled again",
        lambda backend: (
            "ws-close-is-final" in backend.quirks and "may-end-the-process" not in backend.quirks
        ),
        run=False,
    ),
    "D4": Difference(
        "a REP must answer each request before it takes the next one",
        lambda backend: backend.wire == "zmtp",
    ),
    "D10": Difference(
        "a ws dialler whose first attempt fails may never try again",
        lambda backend: "ws-dials-by-chance" in backend.quirks,
        only={"transport": frozenset({"ws"})},
        run=False,
    ),
    "D11": Difference(
        "an inproc listener that is closed before those who dialled it leaves memory behind",
        lambda backend: "inproc-leaks" in backend.quirks,
        only={"transport": frozenset({"inproc"})},
    ),
    "D12": Difference(
        "a connection that a ws listener closes, as for a message above the limit, may end the "
        "process of who sends on",
        lambda backend: "may-end-the-process" in backend.quirks,
        run=False,
    ),
    "D25": Difference(
        "a PUSH may use a connection that has ended in the moment its message was written",
        lambda backend: "push-uses-what-ended" in backend.quirks,
        only={"pattern": frozenset({"push-pull"})},
        run=False,
    ),
    "D30": Difference(
        "a message that is too large for the system's buffers is cut short by a close right behind",
        _zmtp_before(4, 1, 6),
        only={"transport": frozenset({"tcp", "ipc"})},
    ),
    "D31": Difference(
        "programs that are executed inherit sockets by which the library wakes its own threads",
        _hands_down_descriptors,
    ),
    "D32": Difference(
        "a second request, sent before the first was answered, loses the way to the replier",
        _zmtp_before(4, 2),
    ),
    "D33": Difference(
        "handshakes are not told of: a peer counts before it can be sent to, if it ever can",
        _zmtp_before(4, 3),
        run=False,
    ),
    "D34": Difference(
        "a publisher over ws never learns of its subscribers' topics",
        _publishes_nothing_over_ws,
        only={"transport": frozenset({"ws"})},
    ),
    "D36": Difference(
        "a publisher over ws never learns of its subscribers' topics (D34), pattern by pattern",
        _publishes_nothing_over_ws,
        only={"transport": frozenset({"ws"}), "pattern": frozenset({"pub-sub"})},
    ),
    "D37": Difference(
        "a PAIR that is dialled again before it has let go of the former connection turns the new "
        "one away for good",
        lambda backend: backend.wire == "zmtp",
        only={"pattern": frozenset({"pair-pair"})},
        run=False,
    ),
    "D40": Difference(
        "the first context must be opened before the socket listens or dials",
        _makes_contexts,
    ),
    "D41": Difference(
        "a socket that has contexts speaks through them alone",
        _makes_contexts,
    ),
    "D35": Difference(
        "a connection that comes or goes while its socket is closed may end the process: two "
        "threads use the socket's monitor at once",
        _zmtp_before(4, 1, 6),
        run=False,
    ),
}
