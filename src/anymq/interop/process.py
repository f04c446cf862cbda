"""The process of one side, as the coordinator holds it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .builds import Build

__all__ = ["Failed", "Side", "failure", "greet", "replies"]

LAST_LINES = 3
"""How many lines of a process's standard error are told when it died."""


class Failed(Exception):
    """Something that was to be done by a side was not.

    Attributes:
        outcome: what it makes of the run, one of `report.OUTCOMES`.
        usable: whether the processes of both sides still are.
    """

    def __init__(self, outcome: str, detail: str, usable: bool = True) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.usable = usable


class Side:
    """A side's process: takes messages, and has the lines that it answered."""

    def __init__(self, build: Build, folder: str | None = None) -> None:
        """Start it; it makes its temporary files in `folder`, where one is given."""
        self.build = build
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        try:
            self._process = subprocess.Popen(
                build.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **({"TMPDIR": folder} if folder else {}), **build.env},
                bufsize=0,
                process_group=0,  # Ctrl-C is the coordinator's; whatever a side starts ends with it
            )
        except BaseException:
            self._errors.close()
            raise
        self._buffer = b""

    def tell(self, **message: Any) -> None:
        """Send a command or a hint; one that is gone shows when its answer is read."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def read(self, doing: str) -> list[dict[str, Any]]:
        """What it has answered; called when `fileno` is readable.

        Raises:
            Failed: it ended, or wrote what is no answer.
        """
        chunk = os.read(self.fileno(), 1 << 16)
        if not chunk:
            raise Failed("crashed", f"{self.build.name} {self._ending(doing)}", usable=False)
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        try:
            return [dict(json.loads(line)) for line in lines]
        except ValueError:
            raise self.babbles(lines) from None

    def babbles(self, said: object) -> Failed:
        """It answered what nobody asked it, as only a defect of its worker can bring about."""
        return Failed("error", f"{self.build.name} answered {str(said)[:200]!r}", usable=False)

    def _ending(self, doing: str) -> str:
        """How the process ended, in words."""
        try:
            status = self._process.wait(2)
        except subprocess.TimeoutExpired:
            return f"closed its output while {doing}{self.said()}"
        if status >= 0:
            return f"ended with status {status} while {doing}{self.said()}"
        try:
            how = signal.Signals(-status).name
        except ValueError:
            how = f"signal {-status}"
        return f"was ended by {how} while {doing}{self.said()}"

    def said(self) -> str:
        """The last lines of its standard error, to be put after a sentence."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        lines = self._errors.read().decode(errors="replace").split("\n")
        told = [line.strip() for line in lines if line.strip()][-LAST_LINES:]
        return ": " + " | ".join(told) if told else ""

    def kill(self) -> None:
        """End the process and all that it started, now; may be called by another thread."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and let go of all that belonged to it."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()
        self._process.wait()


def replies(
    sides: Sequence[Side], limit: float, doing: str, stop_after: float = 2.0
) -> list[dict[str, Any]]:
    """The answer of each of one or two sides to its last command, in their order.

    What one heard is passed on to the other meanwhile. When one has failed, the other is told to
    stop, and given `stop_after` seconds for that. `doing` says what they do, for failures.

    Raises:
        Failed: one ended, hangs, or makes no sense; neither is of use then.
    """
    waiting = list(sides)
    answers: dict[Side, dict[str, Any]] = {}
    end = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        for side in sides:
            selector.register(side, selectors.EVENT_READ, side)
        while waiting:
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                raise _unanswered(waiting, answers, doing)
            for key, _ in ready:
                side = key.data
                others = [other for other in sides if other is not side]
                for message in side.read(doing):
                    if "heard" in message:
                        for other in others:
                            other.tell(**message)
                        continue
                    if side not in waiting:
                        raise side.babbles(message)
                    answers[side] = message
                    waiting.remove(side)
                    if waiting and _failed(message):
                        for other in others:
                            other.tell(do="stop")
                        end = min(end, time.monotonic() + stop_after)
    return [answers[side] for side in sides]


def _unanswered(
    waiting: Sequence[Side], answers: Mapping[Side, dict[str, Any]], doing: str
) -> Failed:
    """What it makes of the run that these did not answer.

    They hang, unless the other side told of a failure of its own: after that it is no wonder that
    one cannot be stopped.
    """
    told = "; ".join(f"{s.build.name} did not answer while {doing}{s.said()}" for s in waiting)
    for side, answer in answers.items():
        if "failed" in answer:
            cause = failure(side, answer)
            return Failed(cause.outcome, f"{cause}; {told}", usable=False)
    return Failed("hung", told, usable=False)


def _failed(message: dict[str, Any]) -> bool:
    return "failed" in message or bool(message.get("done", {}).get("timeout"))


def greet(side: Side, limit: float) -> dict[str, Any]:
    """What a side that was just started says of itself.

    Raises:
        Failed: it did not start, or says that it is of no use.
    """
    name = side.build.name
    answer = replies([side], limit, "starting")[0]
    if "hello" in answer:
        return dict(answer["hello"])
    if "absent" in answer:
        raise Failed("unsupported", f"{name} is absent: {answer['absent']}")
    raise failure(side, answer)


def failure(side: Side, answer: dict[str, Any]) -> Failed:
    """What an answer that tells of a failure makes of the run."""
    failed = answer.get("failed", {"kind": "error", "text": f"answered {answer}"})
    outcome = "unsupported" if failed["kind"] == "unsupported" else "error"
    return Failed(outcome, f"{side.build.name}: {failed['text']}")
