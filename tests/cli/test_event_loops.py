"""The programs of docs/event-loops.md, run as they stand over every library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.support import LIMIT, Sockets

PAGE = (Path(__file__).parents[2] / "docs" / "event-loops.md").read_text(encoding="utf-8")
WRITES = {
    "question.upper()": "b'HELLO'",
    "sent.append": "[b'late'] b'late'",
    "Poller()": "b'hello'",
    "selectors": "[b'one', b'two', b'three']",
    "tkinter": "[b'one', b'two', b'three']",
}
"""By words that are in one program alone: what it writes."""


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_program_is_run() -> None:
    for words in WRITES:
        assert sum(words in program for program in programs()) == 1, words
    assert len(programs()) == len(WRITES)


@pytest.mark.requires("protocol.push", "protocol.pull", "protocol.req", "protocol.rep", "poll_fd")
@pytest.mark.parametrize("words", WRITES)
def test_programs_write_what_they_should(sockets: Sockets, words: str) -> None:
    if words == "tkinter":
        pytest.importorskip("tkinter", reason="this Python was built without Tk")
    program = next(program for program in programs() if words in program)
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program, sockets.backend.name],
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == WRITES[words]
