"""What is done with builds: asking them, running the suite over them, letting them talk.

Everything that touches a library happens in a process of its own; nothing that a build does ends
the run of the others. All results are plain data, as they are written to `compat_matrix/`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.conformance.runner import run_suite

from .collection import Found

__all__ = ["PROBE_LIMIT", "ask", "conformance", "interop"]

PROBE = Path(__file__).with_name("probe.py")
PROBE_LIMIT = 60.0
"""Seconds for a build to say what it is."""

IDENTIFIED = {
    "nng": "nng_version() of the mapped file, and the functions that it exports",
    "nanomsg": "the ABI triple that nn_symbol() of the mapped file tells",
    "zmq": "zmq_version() of the mapped file, zmq_has() and the functions that it exports",
}
KEPT = ("build", "outcome", "python", "passed", "seconds", "failed", "differences", "skipped")
Say = Callable[[str], None]


def ask(found: Iterable[Found], say: Say = print) -> list[dict[str, Any]]:
    """What each build is and says of itself; one that is not here or does not load says why."""
    return [_ask(one, say) for one in found]


def _ask(found: Found, say: Say) -> dict[str, Any]:
    build = found.build
    answer: dict[str, Any]
    answer = _probe(found) if found.library else {"loads": False, "reason": found.reason}
    reason: str | None = answer["reason"]
    say(f"{build.name}: {answer['version_text'] if answer['loads'] else reason}")
    return {
        "name": build.name,
        "library": build.library,
        "wire": build.wire,
        "manifest_version": build.version,
        "origin": str(build.origin),
        "sha256": build.sha256,
        "file": build.member,
        "built": build.built,
        "runtime": found.runtime,
        "loads": answer["loads"],
        "reason": reason and _without_paths(reason, found),
        "version": answer.get("version"),
        "version_text": answer.get("version_text"),
        "identified_by": IDENTIFIED[build.library] if answer["loads"] else None,
        "in_ci": bool(build.ci),
        "features": _named(answer.get("features"), answer.get("path"), found),
        "quirks": answer.get("quirks"),
    }


def _named(features: Any, path: str | None, found: Found) -> Any:
    """What a build says of its features, with its name wherever it says its path."""
    text = json.dumps(features)
    for place in filter(None, (path, str(found.library))):
        text = text.replace(json.dumps(place)[1:-1], found.build.name)
    return json.loads(text)


def _probe(found: Found) -> dict[str, Any]:
    command = [str(found.python), "-P", str(PROBE), found.build.library, str(found.library)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **found.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"loads": False, "reason": f"hung when it was loaded, for {PROBE_LIMIT:.0f} s"}
    if done.returncode < 0:
        how = signal.Signals(-done.returncode).name
        return {"loads": False, "reason": f"the process that loaded it was ended by {how}"}
    if done.returncode > 0:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        return {"loads": False, "reason": f"the process that loaded it ended: {last}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def conformance(
    found: Iterable[Found],
    *,
    jobs: int,
    limit: float,
    say: Say = print,
    done: Callable[[dict[str, Any]], None] = lambda result: None,
    selection: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Run the suite over each build, so many at a time; `done` hears of each result as it comes."""
    builds = list(found)
    lock = threading.Lock()

    def one(build: Found) -> dict[str, Any]:
        name = build.build.name
        result = run_suite(
            build.library,
            build.build.library,
            build=name,
            python=build.python,
            env=build.env,
            timeout=limit,
            selection=list(selection),
            progress=lambda text: say(f"   {name}: {text}"),
        )
        kept = {key: result[key] for key in KEPT}
        kept["command"] = f"python tools/lab run conformance --builds {name}"
        kept["detail"] = result["detail"]
        return kept

    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(one, build) for build in builds]):
            result = future.result()
            results.append(result)
            with lock:
                say(f"{result['build']}: {summary(result)}")
                done(result)
    order = [build.build.name for build in builds]
    return sorted(results, key=lambda result: order.index(result["build"]))


def summary(result: Mapping[str, Any]) -> str:
    """A result of the suite in a line."""
    counts = f"{result['passed']} passed, {len(result['differences'])} documented differences"
    failed = f", {len(result['failed'])} failed" if result["failed"] else ""
    return f"{result['outcome']}: {counts}{failed}, {result['seconds']:.0f} s"


def interop(
    found: Iterable[Found],
    *,
    jobs: int,
    protocols: list[str] | None = None,
    transports: list[str] | None = None,
    again: bool = False,
    say: Say = print,
) -> dict[str, Any]:
    """Let each build talk to each; they must be of one wire. With `again` failures run twice."""
    from anymq.interop import Build, Plan, run

    builds = list(found)
    sides = [
        Build(one.build.name, one.build.library, str(one.library), (str(one.python),), env=one.env)
        for one in builds
    ]
    choice: dict[str, Any] = {"transports": transports} if transports else {}
    plan = Plan(
        sides,
        protocols,
        jobs=jobs * EXCHANGES,
        sizes=SIZES,
        count=3,
        timeout=TIME,
        again=again,
        **choice,
    )
    count = 0

    def heard(result: Any) -> None:
        nonlocal count
        count += 1
        if result.outcome not in ("ok", "unsupported"):
            say(f"   {result.id}: {result.outcome}: {result.detail}")
        if count % 500 == 0:
            say(f"   {count} exchanges")

    report = run(plan, heard)
    document = report.to_dict()
    reasons = {n: b["reason"] for n, b in report.builds.items() if b.get("reason")}
    for name, reason in reasons.items():
        say(f"{name} takes no part: {reason}")
    return {
        "anymq": document["anymq"],
        "builds": {
            name: {"library": side["library"], "version_text": side["version_text"]}
            for name, side in document["builds"].items()
        },
        "parameters": document["parameters"],
        "runs": [_clean(asdict(run), builds) for run in report.runs],
    }


EXCHANGES = 2
"""How many at the same time for each job: an exchange mostly waits."""

SIZES = (1, 100, 64 * 1024, 0, 1024 * 1024)
"""Bytes of the messages that builds exchange. The empty ones come late: where a library loses one,
a dialogue ends there, and the others have been tried."""

TIME = 5.0
"""Seconds that an exchange may take; one that goes well takes a hundredth of that."""


def _clean(run: dict[str, Any], builds: list[Found]) -> dict[str, Any]:
    """One run as it is recorded: times in milliseconds at most, and no path of this machine."""
    if run["detail"]:
        for one in builds:
            run["detail"] = _without_paths(run["detail"], one)
    run["seconds"] = round(run["seconds"], 3)
    return run


def _without_paths(text: str, found: Found) -> str:
    if found.library is not None:
        for path in {str(found.library), os.path.realpath(found.library)}:
            text = text.replace(path, f"<{found.build.name}>")
    return text
