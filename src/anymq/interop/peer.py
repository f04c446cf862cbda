"""A peer that is already running, and anymq as its counterpart.

Of a stranger less can be known than of a side of the laboratory: whether it connects, takes what
is sent, answers, and, where it sends back what it gets (`echo`), whether that is intact.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anymq.url import parse

from .builds import Build
from .exchange import new_key
from .patterns import PATTERNS
from .plan import DEFAULT_SIZES, check_numbers, messages
from .process import Failed, Side, failure, greet, replies
from .report import Report, Run

__all__ = ["PEER_PROTOCOLS", "PeerPlan", "run_peer"]

PEER = "peer"
"""The peer's name among the builds."""

PEER_PROTOCOLS: Mapping[str, str] = {
    "rep": "ask",
    "respondent": "ask",
    "router": "ask",
    "pull": "give",
    "sub": "give",
    "xsub": "give",
    "gather": "give",
    "push": "take",
    "pub": "take",
    "scatter": "take",
    "req": "answer",
    "surveyor": "answer",
    "dealer": "answer",
    "pair": "give",
    "pair1": "give",
    "bus": "give",
    "channel": "give",
}
"""What anymq does with a peer of each protocol; two-way ones are asked where it echoes."""


@dataclass(frozen=True)
class PeerPlan:
    """Which peer, and with which builds to try it.

    Attributes:
        url: where it listens.
        protocol: the protocol that it has.
        builds: what dials it, one after the other.
        echo: it sends back what it gets, which is then compared.
        sizes, count, timeout, grace, start: as in `Plan`.
    """

    url: str
    protocol: str
    builds: Sequence[Build]
    echo: bool = False
    sizes: Sequence[int] = DEFAULT_SIZES
    count: int = 5
    timeout: float = 10.0
    grace: float = 5.0
    start: float = 30.0

    def __post_init__(self) -> None:
        parse(self.url, listen=False)
        if self.protocol not in PEER_PROTOCOLS:
            known = ", ".join(PEER_PROTOCOLS)
            raise ValueError(f"a peer cannot be {self.protocol!r}; known: {known}")
        if not self.builds:
            raise ValueError("there is no build to try")
        if self.echo and not self.can_echo:
            raise ValueError(f"a {self.protocol} peer does not answer, so it cannot echo")
        check_numbers(self.sizes, self.count, self.timeout)

    @property
    def can_echo(self) -> bool:
        """Whether such a peer can send back what it gets."""
        return PEER_PROTOCOLS[self.protocol] == "ask" or self.sender == self.receiver

    @property
    def script(self) -> str:
        return "ask" if self.echo else PEER_PROTOCOLS[self.protocol]

    @property
    def _pattern(self) -> tuple[str, str]:
        return next(
            (pattern.sender, pattern.receiver)
            for pattern in PATTERNS.values()
            if self.protocol in (pattern.sender, pattern.receiver)
        )

    @property
    def sender(self) -> str:
        return self._pattern[0]

    @property
    def receiver(self) -> str:
        return self._pattern[1]

    @property
    def counterpart(self) -> str:
        """The protocol that anymq has."""
        return self.sender if self.protocol == self.receiver else self.receiver


def run_peer(plan: PeerPlan, on_result: Callable[[Run], None] | None = None) -> Report:
    """Try the peer with each build."""
    builds: dict[str, Mapping[str, Any]] = {
        PEER: {"library": "", "version_text": "", "wire": "", "url": plan.url}
    }
    runs = []
    for build in plan.builds:
        builds[build.name] = {"library": build.backend, "version_text": "", "wire": ""}
        try:
            side = Side(build)
        except OSError as error:
            runs.append(_run(plan, build, "error", detail=f"{build.name}: {error}"))
        else:
            try:
                hello = greet(side, plan.start)
                builds[build.name] = {k: hello[k] for k in ("library", "version_text", "wire")}
                runs.append(_try(plan, build, side))
            except Failed as failure:
                runs.append(_run(plan, build, failure.outcome, detail=str(failure)))
            finally:
                side.end()
        if on_result:
            on_result(runs[-1])
    parameters = {"sizes": list(plan.sizes), "count": plan.count, "timeout": plan.timeout}
    return Report(builds, parameters, runs)


def _try(plan: PeerPlan, build: Build, side: Side) -> Run:
    limit = plan.timeout + plan.grace
    out = {"key": new_key(), "sizes": messages(plan.sizes, plan.count), "constant": False}
    common = {"url": plan.url, "limit": plan.timeout}
    started = time.monotonic()
    side.tell(do="open", protocol=plan.counterpart, action="dial", **common)
    _done(side, replies([side], limit, "dialling")[0])
    side.tell(do="talk", script=plan.script, part="alone", out=out, **common)
    said = _done(side, replies([side], limit, "conversing")[0])
    seconds = time.monotonic() - started
    side.tell(do="close")
    _done(side, replies([side], limit, "closing its socket")[0])
    return _judge(plan, build, said, seconds)


def _done(side: Side, answer: dict[str, Any]) -> dict[str, Any]:
    if "done" in answer:
        return dict(answer["done"])
    raise failure(side, answer)


def _judge(plan: PeerPlan, build: Build, said: Mapping[str, Any], seconds: float) -> Run:
    sent, came, planned = said["sent"], said["received"], said["planned"]
    intact: bool | None = None
    delivered: int | None = came
    detail, outcome = "", "ok"
    match plan.script:
        case "ask":
            if came < planned:
                outcome, detail = "timeout", f"{came} of {planned} were answered"
            elif not plan.echo:
                detail = "answered; what the answers should be only the peer knows"
        case "give":
            delivered = None
            detail = "sent; what of it came only the peer knows"
            if sent < planned:
                outcome, detail = "timeout", f"the peer took {sent} of {planned}"
        case "take":
            sent = came
            detail = f"received {came}; what they should be only the peer knows"
        case "answer":
            detail = f"answered {came} with what they said"
    if plan.echo:
        intact = not said["wrong"]
        if not intact:
            outcome, detail = "corrupt", "the answers are no echo: " + "; ".join(said["wrong"])
    if plan.script in ("take", "answer") and not came:
        outcome, detail = "timeout", "nothing came"
    if not said["connected"]:
        outcome, detail = "refused", _refusal(plan)
    late = f" within {plan.timeout:g} s" if outcome in ("timeout", "refused") else ""
    return _run(plan, build, outcome, sent, delivered, intact, seconds, detail + late)


def _refusal(plan: PeerPlan) -> str:
    """Why there was no connection, as far as a plain connection of our own can tell."""
    address = parse(plan.url, listen=False)
    try:
        if address.scheme == "ipc":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(2)
                probe.connect(address.path)
        elif address.port:
            socket.create_connection((address.host, address.port), 2).close()
        else:
            return "no connection came about"
    except OSError as error:
        return f"nobody listens at {plan.url} ({error.strerror or error}): no connection"
    return f"somebody listens at {plan.url}, but did not connect as a {plan.protocol}"


def _run(
    plan: PeerPlan,
    build: Build,
    outcome: str,
    sent: int = 0,
    delivered: int | None = 0,
    intact: bool | None = None,
    seconds: float = 0.0,
    detail: str = "",
) -> Run:
    peer_sends = plan.protocol == plan.sender and plan.sender != plan.receiver
    sender, receiver = (PEER, build.name) if peer_sends else (build.name, PEER)
    name = f"{plan.sender}-{plan.receiver}"
    transport = plan.url.partition("://")[0]
    listener = "sender" if peer_sends else "receiver"
    return Run(
        "/".join((name, transport, sender, receiver, listener)),
        name,
        transport,
        sender,
        receiver,
        listener,
        outcome,
        sent,
        delivered,
        intact,
        outcome == "ok",
        round(seconds, 4),
        detail,
    )
