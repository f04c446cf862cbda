"""The programs of docs/event-loops.md, run as they stand over every library."""

from __future__ import annotations

import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

import anymq
from tests.conformance.support import LIMIT, Sockets

PAGE = (Path(__file__).parents[2] / "docs" / "event-loops.md").read_text(encoding="utf-8")
WRITES = {
    "question.upper()": "b'HELLO'",
    "sent.append": "[b'late'] b'late'",
    "Poller()": "b'hello'",
    "Receive all there is": "[b'one', b'two', b'three']",
    "socket.send_fd": "waits\nTrue",
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


@pytest.mark.requires("protocol.req", "poll_fd")
def test_a_req_has_a_descriptor_to_send_or_says_that_it_has_none(sockets: Sockets) -> None:
    """None on nanomsg, as the page says; on the others it tells when the question can be sent."""
    req = sockets.open("req")
    if sockets.backend.name == "nanomsg":
        with pytest.raises(anymq.UnsupportedFeature, match="no descriptor for this req") as caught:
            _ = req.send_fd
        assert caught.value.feature == "poll_fd"
        return
    url = sockets.open("rep").listen(sockets.url()).url
    with pytest.raises(anymq.WouldBlock):
        req.send(b"x", timeout=0)
    fd = req.send_fd
    req.dial(url)
    while True:
        assert select.select([fd], [], [], LIMIT)[0]
        try:
            req.send(b"x", timeout=0)
        except anymq.WouldBlock:
            fd = req.send_fd
        else:
            break
