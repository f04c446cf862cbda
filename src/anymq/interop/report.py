"""What came of it: a `Run` for each exchange, and the `Report` of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["OUTCOMES", "Report", "Run"]

OUTCOMES: Mapping[str, str] = {
    "ok": "everything came, as it was sent and in its order",
    "lost": "messages that were sent did not come",
    "corrupt": "something came that was not what was sent",
    "disordered": "all came, but not in their order, or more than once",
    "refused": "no connection came about",
    "error": "a side could not do its part: detail tells",
    "timeout": "connected, but not done within the time limit",
    "hung": "a side did not even answer after the time limit, and was ended",
    "crashed": "a side's process died",
    "unsupported": "one of the two lacks the protocol or transport, or they speak different wires",
}


@dataclass(frozen=True)
class Run:
    """One exchange and its result.

    Attributes:
        id: protocol, transport, sender, receiver and listener.
        protocol: name of the pattern.
        sender, receiver: names of builds; of two-way patterns the sender speaks first.
        listener: `"sender"` or `"receiver"`.
        outcome: one of `OUTCOMES`.
        sent, delivered: messages, both ways together; `delivered` is None where only a peer that is
            no side knows.
        intact: whether all that came was byte for byte what was sent; None where that cannot be
            known, of a peer that sends what it likes.
        ordered: whether what came was in order, and nothing twice.
        seconds: time of the exchange, without starting processes.
        detail: for people; `""` where all is well.
    """

    id: str
    protocol: str
    transport: str
    sender: str
    receiver: str
    listener: str
    outcome: str
    sent: int = 0
    delivered: int | None = 0
    intact: bool | None = False
    ordered: bool = False
    seconds: float = 0.0
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether it was possible and went wrong."""
        return self.outcome not in ("ok", "unsupported")

    def followed_by(self, second: Run) -> Run:
        """This run, with the outcome of a second one of the same in its detail."""
        told = f"run again: {second.outcome}"
        return replace(self, detail=f"{self.detail}; {told}" if self.detail else told)


@dataclass(frozen=True)
class Report:
    """All runs of a plan, in the plan's order.

    Attributes:
        builds: by name: `library`, `version_text` and `wire`; of one that is not usable `reason`.
        parameters: `sizes`, `count` and `timeout`.
    """

    builds: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]
    runs: Sequence[Run]

    @property
    def failures(self) -> list[Run]:
        """Runs that were possible and went wrong."""
        return [run for run in self.runs if run.failed]

    @property
    def ok(self) -> bool:
        """Whether something was tried, and all of that went well."""
        return not self.failures and any(run.outcome == "ok" for run in self.runs)

    @property
    def counts(self) -> dict[str, int]:
        """How many runs had each outcome."""
        found = Counter(run.outcome for run in self.runs)
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; documented in `docs/interop.md`."""
        from anymq import __version__

        return {
            "anymq": __version__,
            "builds": {name: dict(build) for name, build in self.builds.items()},
            "parameters": dict(self.parameters),
            "runs": [asdict(run) for run in self.runs],
        }

    def to_json(self) -> str:
        """One document; each run on a line of its own, so that two of them can be compared."""
        document = self.to_dict()
        runs = document.pop("runs")
        head = json.dumps(document, indent=1, ensure_ascii=False)[:-2]
        lines = ",\n".join(f"  {json.dumps(run, ensure_ascii=False)}" for run in runs)
        return f'{head},\n "runs": [\n{lines}\n ]\n}}\n'

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Report:
        """The report that `to_dict` made this of."""
        runs = [Run(**run) for run in document["runs"]]
        return cls(document["builds"], document["parameters"], runs)
