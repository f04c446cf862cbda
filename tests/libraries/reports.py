"""Opens a library in a process of its own and tells what became of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import asyncio, json, sys
import anymq
from anymq.errors import AnymqError, BackendUnavailable
name, path, told = sys.argv[1:4]
report = {}
def save():
    with open(told, "w") as file:
        json.dump(report, file)
try:
    backend = anymq.get_backend(name, library=path)
except BackendUnavailable as error:
    report["refused"] = str(error)
    report["tried"] = error.tried
else:
    library = backend.library
    report |= {"version": library.version, "version_text": library.version_text}
    report["features"] = {
        name: [s.status, s.reason, s.evidence, s.needed] for name, s in backend.features.items()
    }
    with (
        anymq.Socket("pull", backend=backend, recv_timeout=10) as pull,
        anymq.Socket("push", backend=backend, send_timeout=10, linger=1) as push,
    ):
        url = pull.listen("tcp://127.0.0.1:0").url
        push.dial(url)
        push.send(b"through it")
        report["received"] = pull.recv().decode()
        calls = {
            "peers": lambda: push.peers,
            "statistics": lambda: push.statistics(),
            "events": lambda: next(push.events(timeout=0), None),
            "wait_for_peers": lambda: push.wait_for_peers(0),
            "dial": lambda: push.dial(url, wait=True, timeout=10),
        }
        awaiting = {
            "events": lambda: anext(push.aevents(timeout=0), None),
            "wait_for_peers": lambda: push.await_peers(0),
            "dial": lambda: push.adial(url, timeout=10),
        }
        async def awaited(call):
            return await call()
        for name, call in awaiting.items():
            calls["awaiting " + name] = lambda call=call: asyncio.run(awaited(call))
        for name, call in calls.items():
            try:
                call()
            except AnymqError as error:
                report["refused " + name] = type(error).__name__ + ": " + str(error)
save()
"""


@dataclass
class Report:
    """What the process said of the library; `refused` is empty where it took it."""

    refused: str = ""
    received: str = ""
    version: tuple[int, ...] = ()
    version_text: str = ""
    features: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)

    def absent(self, feature: str) -> str:
        """The reason why a feature is absent; fails where it is not."""
        status, reason, *_ = self.features[feature]
        assert status == "absent", f"{feature} is {status}"
        assert reason, feature
        return reason


def look_at(name: str, path: Path, folder: Path, *, limit: float = 50.0) -> Report:
    """Open the library for the backend `name`, send a message through it, and end.

    Fails where the process does not survive that, or hangs.
    """
    told = folder / "told.json"
    told.unlink(missing_ok=True)
    command = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, name, str(path), str(told)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"the process hung\n{error.stdout!r}\n{error.stderr!r}")
    assert done.returncode == 0, f"it ended with {done.returncode}\n{done.stdout}{done.stderr}"
    document: dict[str, Any] = json.loads(told.read_text())
    if document.get("refused"):
        assert str(path) in document["refused"], "the refusal names the file"
        assert [str(path)] == [tried for tried, said in document["tried"] if said]
    else:
        assert document["received"] == "through it", document
    return Report(
        refused=document.get("refused", ""),
        received=document.get("received", ""),
        version=tuple(document.get("version", ())),
        version_text=document.get("version_text", ""),
        features=document.get("features", {}),
        calls={k.removeprefix("refused "): v for k, v in document.items() if " " in k},
    )
