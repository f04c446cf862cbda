"""One exchange between two sides, and the judgement on it."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .patterns import Pattern
from .plan import Cell, Plan, messages
from .process import Failed, Side, failure, replies
from .report import Run
from .workers.talk import STOPPED

__all__ = ["exchange", "judge", "new_key"]

_keys = itertools.count(secrets.randbits(40) << 16, 2)


def new_key() -> int:
    """A key for the messages of one direction; the number after it is the other direction's."""
    return next(_keys)


@dataclass(frozen=True)
class _Terms:
    """What two sides agree on, after the traits of both."""

    pattern: Pattern
    sizes: Sequence[int]
    answers_alike: bool
    repeats: bool
    note: str = ""


def _terms(
    plan: Plan, cell: Cell, sender: Mapping[str, Any], receiver: Mapping[str, Any]
) -> _Terms:
    pattern, theirs, others = cell.pattern, sender["traits"], receiver["traits"]
    both = (theirs, others)
    most = min(t.get("max_size", {}).get(cell.transport, 2**30) for t in both)
    least = max(t.get("min_size", 0) for t in both)
    single = any(t.get("single") for t in both)
    sizes = [s for s in messages(plan.sizes, plan.count, single) if least <= s <= most]
    if not sizes:
        raise Failed("unsupported", f"they share messages of {least} to {most} bytes only")
    left_out = sorted({size for size in plan.sizes if not least <= size <= most})
    note = f"without {_listed(left_out)} bytes: a limit of theirs" if left_out else ""
    repeats = pattern.sender in theirs.get("repeats", ())
    if any({pattern.sender, pattern.receiver} & set(t.get("one_way", ())) for t in both):
        pattern = replace(pattern, script="paced")
    if repeats:
        script = "paced" if pattern.script == "stream" else pattern.script
        pattern = replace(pattern, script=script, marks=False)
    alike = pattern.two_way and pattern.receiver in others.get("answers_alike", ())
    return _Terms(pattern, sizes, alike, repeats, note)


def exchange(
    plan: Plan, cell: Cell, sender: tuple[Side, Any], receiver: tuple[Side, Any], url: str
) -> Run:
    """Let two idle sides converse; each comes with what it said of itself.

    Raises:
        Failed: it could not begin, or a side hung or died, which makes both unusable.
    """
    terms = _terms(plan, cell, sender[1], receiver[1])
    protocols = {"sender": cell.pattern.sender, "receiver": cell.pattern.receiver}
    sides = {"sender": sender[0], "receiver": receiver[0]}
    listener = cell.listener
    dialer = "receiver" if listener == "sender" else "sender"
    started = time.monotonic()
    limit = plan.timeout + plan.grace
    both = [sides["sender"], sides["receiver"]]
    try:
        for part, action in ((listener, "listen"), (dialer, "dial")):
            side = sides[part]
            protocol = protocols[part]
            side.tell(do="open", protocol=protocol, action=action, url=url, limit=plan.timeout)
            url = _done(side, replies([side], limit, f"opening a {protocol}")[0])["url"]
        for command, side in zip(_talks(plan, terms), both, strict=True):
            side.tell(**command)
        told = replies(both, limit, "conversing")
        seconds = time.monotonic() - started
        said = [_done(side, answer) for side, answer in zip(both, told, strict=True)]
    except Failed as error:
        if error.usable:
            _close(both, limit)
        raise
    _close(both, limit)
    return judge(cell, terms.pattern, terms.sizes, said, seconds, terms.note)


def _talks(plan: Plan, terms: _Terms) -> list[dict[str, Any]]:
    key = new_key()
    forward = {"key": key, "sizes": terms.sizes, "constant": False, "repeats": terms.repeats}
    back = {
        "key": key + 1,
        "sizes": terms.sizes if terms.pattern.two_way else [],
        "constant": terms.answers_alike,
        "repeats": False,
    }
    common = {
        "do": "talk",
        "script": terms.pattern.script,
        "marks": terms.pattern.marks,
        "limit": plan.timeout,
    }
    return [
        {**common, "part": "first", "out": forward, "into": back},
        {**common, "part": "second", "out": back, "into": forward},
    ]


def _done(side: Side, answer: dict[str, Any]) -> dict[str, Any]:
    if "done" in answer:
        return dict(answer["done"])
    raise failure(side, answer)


def _close(sides: Sequence[Side], limit: float) -> None:
    for side in sides:
        side.tell(do="close")
    for side, answer in zip(sides, replies(sides, limit, "closing its socket"), strict=True):
        _done(side, answer)


def judge(
    cell: Cell,
    pattern: Pattern,
    sizes: Sequence[int],
    said: Sequence[Mapping[str, Any]],
    seconds: float,
    note: str = "",
) -> Run:
    """The result of a conversation, from what sender and receiver said of it."""
    ways = [_way(said[0]["sent"], said[1]["order"], cell.receiver, sizes)]
    if pattern.two_way:
        ways.append(_way(said[1]["sent"], said[0]["order"], cell.sender, sizes))
    sent, delivered = sum(way.sent for way in ways), sum(way.delivered for way in ways)
    details = [way.detail for way in ways if way.detail]
    wrong = [text for part in said for text in part["wrong"]]
    late = sorted({part["timeout"] for part in said} - {"", STOPPED})
    corrupt, lost = any(way.corrupt for way in ways), any(way.lost for way in ways)
    disordered = not all(way.ordered for way in ways)
    if corrupt:
        outcome = "corrupt"
    elif not any(part["connected"] for part in said):
        outcome = "refused"
        details.append("no connection came about")
    elif lost:
        outcome = "lost"
    elif disordered:
        outcome = "disordered"
    elif delivered < len(sizes) * len(ways):
        outcome = "timeout"
    else:
        outcome, late = "ok", []
    return Run(
        cell.id,
        cell.pattern.name,
        cell.transport,
        cell.sender,
        cell.receiver,
        cell.listener,
        outcome,
        sent,
        delivered,
        not corrupt and delivered > 0,
        not disordered,
        round(seconds, 4),
        "; ".join(filter(None, [*details, *wrong, *late, note])),
    )


@dataclass(frozen=True)
class _Way:
    """One direction of a conversation."""

    sent: int
    delivered: int
    corrupt: int
    lost: int
    ordered: bool
    detail: str


def _way(sent: int, order: int | Sequence[int], to: str, sizes: Sequence[int]) -> _Way:
    """Count what came; a plain number stands for so many in their order."""
    came = list(range(order)) if isinstance(order, int) else list(order)
    good = [number for number in came if number >= 0]
    delivered = len(set(good))
    corrupt = len(came) - len(good)
    twice = len(good) - delivered
    # One that came corrupt is the one that is missing.
    lost = max(0, sent - delivered - corrupt)
    late = sum(a > b for a, b in itertools.pairwise(good))
    counts = {"corrupt": corrupt, "lost": lost, "came twice": twice, "out of order": late}
    detail = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    detail = f"to {to}: {detail} of {sent}" if detail else ""
    if lost and not corrupt:
        missing = sorted({sizes[number] for number in set(range(sent)) - set(good)})
        detail += f", of {_listed(missing)} bytes"
    return _Way(sent, delivered, corrupt, lost, not (twice or late), detail)


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))
