"""Runs the suite over one library in a process of its own, and outlives whatever that process does.

A test that ends the process, or does not end, is a result: it is recorded as what went wrong with
that test, and the rest of the suite is run by a new process. What comes back is plain data, to be
written as JSON; it names no path of this machine.

    python -m tests.conformance.runner nng --library /path/libnng.so      (in a checkout)
    python -m anymq_conformance.runner nng --library /path/libnng.so      (installed)
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUITE = Path(__file__).resolve().parent
ROOT = next(folder for folder in SUITE.parents if not (folder / "__init__.py").is_file())
"""The folder from which pytest imports the suite, whatever else leads to it."""

PACKAGE = ".".join(SUITE.relative_to(ROOT).parts)
"""What pytest calls it: `anymq_conformance` where it is installed."""

TEST_LIMIT = 60.0
"""Seconds for a test that does not say otherwise."""

GRACE = 15.0
"""Seconds for a process to end by itself when its time is over."""

START_LIMIT = 120.0
"""Seconds from the start of a process to its first test."""

MOST_DEATHS = 25
"""After so many processes that died, the rest of the suite is not run."""

Progress = Callable[[str], None]
Each = Callable[[str, str, str], None]
"""Called with a test's id, its outcome (`passed`, `failed`, `skipped`, `difference`), and why."""


@dataclass
class _Run:
    """What is known so far."""

    collected: int = 0
    python: str = ""
    library: dict[str, Any] = field(default_factory=dict)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    deaths: dict[str, str] = field(default_factory=dict)
    detail: list[str] = field(default_factory=list)


def run_suite(
    library: str | os.PathLike[str] | None,
    backend: str,
    *,
    build: str | None = None,
    python: str | os.PathLike[str] = sys.executable,
    env: Mapping[str, str] | None = None,
    timeout: float = 1800.0,
    test_timeout: float = TEST_LIMIT,
    selection: Sequence[str] = (),
    keyword: str = "",
    folder: Path = SUITE,
    progress: Progress | None = None,
    each: Each | None = None,
) -> dict[str, Any]:
    """Run the suite over one library.

    Args:
        library: the file; None for the backend's default.
        backend: its backend's name.
        build: what to call it in the result; default: the file's name, or the backend's.
        python: the interpreter, which must have anymq and pytest.
        env: variables beside those of this process.
        timeout: seconds for everything.
        test_timeout: seconds for one test that has no limit of its own.
        selection: files or test ids of the suite, such as `test_reqrep.py`; default: all.
        keyword: as pytest's `-k`.
        folder: the suite; another one for tests of this runner.
        progress: called with a line of text now and then.
        each: called for every test that was run, when all is over.

    Returns:
        `build`, `outcome` (`passed`, `failed`, `crashed` or `hung`), `python`, `passed` (how many),
        `seconds`, `failed`, `differences`, `skipped` (lists), `command`, `detail`; and `version`,
        `version_text` and `path` under `library`, None where it could not be opened.
    """
    path = None if library is None else os.path.realpath(library)
    name = build or (Path(path).name if path else backend)
    arguments = [*selection, *(["-k", keyword] if keyword else [])]
    run = _Run()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="anymq-suite-") as place:
        environment = _environment(backend, path, env, test_timeout, Path(place))
        command = _command(python, folder, selection, keyword)
        _run_to_the_end(run, command, environment, started + timeout, Path(place), progress)
    result = _result(run, name, backend, time.monotonic() - started)
    if each:
        died = {test: ("failed", how) for test, how in run.deaths.items()}
        for test, told in ({test: _told(end) for test, end in run.ends.items()} | died).items():
            each(test, *told)
    shown = f"python -m {PACKAGE}.runner {backend}"
    shown += f" --library {name}" if path else ""
    result["command"] = shlex.join([*shown.split(), *arguments])
    clean: dict[str, Any] = _without_paths(result, {path: f"<{name}>"} if path else {})
    clean["library"] = run.library or None
    return clean


def list_tests(
    library: str | os.PathLike[str] | None,
    backend: str,
    *,
    selection: Sequence[str] = (),
    keyword: str = "",
) -> list[str]:
    """The ids of the tests that are made for this library.

    Raises:
        RuntimeError: with what pytest said.
    """
    path = None if library is None else os.path.realpath(library)
    with tempfile.TemporaryDirectory(prefix="anymq-suite-") as place:
        environment = _environment(backend, path, None, TEST_LIMIT, Path(place))
        del environment["ANYMQ_TEST_EVENTS"]
        done = subprocess.run(
            [*_command(sys.executable, SUITE, selection, keyword), "--collect-only"],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
    if done.returncode not in (0, NOTHING_CHOSEN):
        raise RuntimeError(_interesting(done.stdout + done.stderr))
    lines = [line for line in done.stdout.splitlines() if ".py::" in line]
    return [line for line in lines if "NOTSET" not in line]


NOTHING_CHOSEN = 5
"""pytest's exit status where no test was chosen."""


def _environment(
    backend: str,
    path: str | None,
    env: Mapping[str, str] | None,
    test_timeout: float,
    place: Path,
) -> dict[str, str]:
    environment = {**os.environ, **(env or {})}
    environment["ANYMQ_TEST_ONLY"] = "1"
    environment["ANYMQ_TEST_LIBRARIES"] = f"{backend}={path}" if path else backend
    environment["ANYMQ_TEST_EXPECT"] = backend
    environment["ANYMQ_TEST_EVENTS"] = str(place / "events")
    environment["ANYMQ_TEST_DONE"] = str(place / "done")
    environment["ANYMQ_TEST_LIMIT"] = str(test_timeout)
    if path:
        # Programs that a test starts and that name no library get this one too.
        environment[f"ANYMQ_{backend.upper()}_LIBRARY"] = path
    if str(ROOT) not in sysconfig.get_paths().values():
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [inherited])])
    return environment


def _command(
    python: str | os.PathLike[str], folder: Path, selection: Sequence[str], keyword: str
) -> list[str]:
    command = [os.fspath(python), "-P", "-m", "pytest", "-c", os.devnull]
    command += [f"--rootdir={folder}", f"--confcutdir={folder}", "--tb=short", "-q"]
    # The limits are kept by the events' plugin, from C, and by this process.
    command += ["-p", "no:timeout", "-p", "no:cacheprovider"]
    command += ["-p", f"{PACKAGE}.plugin", "-p", f"{PACKAGE}.events"]
    command += ["-k", keyword] if keyword else []
    return [*command, *(str(folder / name) for name in selection or ["."])]


def _run_to_the_end(
    run: _Run,
    command: list[str],
    environment: Mapping[str, str],
    deadline: float,
    place: Path,
    progress: Progress | None,
) -> None:
    """One process after another, until one has come to its end or there is no point in more."""
    while True:
        (place / "events").write_bytes(b"")
        (place / "done").write_text("\n".join([*run.ends, *run.deaths]), encoding="utf-8")
        over = _one_process(run, command, environment, deadline, place, progress)
        if over:
            return
        if len(run.deaths) >= MOST_DEATHS:
            run.detail.append(f"given up after {MOST_DEATHS} processes that died")
            return


def _one_process(
    run: _Run,
    command: list[str],
    environment: Mapping[str, str],
    deadline: float,
    place: Path,
    progress: Progress | None,
) -> bool:
    """Run one process and take up what it tells; whether the run is over."""
    with open(place / "output", "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    watch = _Watch(run, place / "events", progress)
    try:
        status = watch.until_end(process, deadline)
    finally:
        # Programs that its tests started and left behind end with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = (place / "output").read_text(encoding="utf-8", errors="replace")
    if watch.over and watch.current is None:  # else it was interrupted within a test
        return True
    if watch.current is not None:
        test, begun, limit = watch.current
        took = time.monotonic() - begun
        run.deaths[test] = _how_it_died(status, took >= limit - 0.5, limit)
        run.detail.append(f"{test}: {run.deaths[test]}\n{_interesting(said)}")
        if progress:
            progress(f"{run.deaths[test]}: {test}; going on after it")
    if watch.timed_out:
        run.detail.append("the time for the whole run is over")
        return True
    if watch.current is None:
        how = _how_it_died(status, status is None, START_LIMIT)
        run.detail.append(f"outside of any test: {how}\n{_interesting(said)}")
        return True
    return False


class _Watch:
    """Reads the events of one process as they come."""

    def __init__(self, run: _Run, path: Path, progress: Progress | None) -> None:
        self._run = run
        self._path = path
        self._progress = progress
        self._rest = ""
        self._last_said = time.monotonic()
        self.current: tuple[str, float, float] | None = None
        self.over = False
        self.timed_out = False

    def until_end(self, process: subprocess.Popen[bytes], deadline: float) -> int | None:
        """The process's exit status; None where it had to be killed."""
        begun = time.monotonic()
        collected = False
        with open(self._path, encoding="utf-8") as events:
            while True:
                status = process.poll()
                for event in self._events(events.read()):
                    collected = collected or event["event"] == "collected"
                    self._take(event)
                if status is not None:
                    return status
                now = time.monotonic()
                if self.current is not None:
                    too_long = now > self.current[1] + self.current[2] + GRACE
                else:
                    too_long = not collected and now > begun + START_LIMIT
                self.timed_out = now > deadline
                if too_long or self.timed_out:
                    process.send_signal(signal.SIGABRT)  # its fault handler shows every thread
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(2)
                    return None
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)

    def _events(self, text: str) -> Iterator[dict[str, Any]]:
        *lines, self._rest = (self._rest + text).split("\n")
        yield from (json.loads(line) for line in lines if line)

    def _take(self, event: dict[str, Any]) -> None:
        run = self._run
        match event["event"]:
            case "collected":
                run.collected = run.collected or event["tests"]
                run.python = event["python"]
                run.library = event["libraries"][0]
            case "uncollected":
                run.ends[event["test"]] = {**event, "outcome": "failed"}
            case "start":
                self.current = (event["test"], time.monotonic(), event["limit"])
            case "end":
                run.ends[event["test"]] = event
            case "finish":
                self.current = None
            case "over":
                self.over = True
        now = time.monotonic()
        if self._progress and now > self._last_said + 10:
            self._last_said = now
            done = len(run.ends) + len(run.deaths)
            self._progress(f"{done} of {run.collected} tests")


def _how_it_died(status: int | None, too_long: bool, limit: float) -> str:
    if status is None or too_long:
        return f"hung: no end after {limit:.0f} s"
    if status < 0:
        return f"crashed: {signal.Signals(-status).name}"
    return f"crashed: the process ended with status {status}"


def _interesting(output: str) -> str:
    """The end of what the process said, and where its threads were, without pytest's own frames."""
    of_pytest = re.compile(r"/site-packages/(_pytest|pytest|pluggy)/|<frozen runpy>")
    lines = [line for line in output.splitlines() if not of_pytest.search(line)]
    marks = ("Timeout (", "Fatal Python error")
    stacks = [i for i, line in enumerate(lines) if any(mark in line for mark in marks)]
    return "\n".join(lines[stacks[-1] :][:60] if stacks else lines[-15:])


def _result(run: _Run, build: str, backend: str, seconds: float) -> dict[str, Any]:
    def chosen(outcome: str) -> list[dict[str, Any]]:
        found = [e for e in run.ends.values() if e["outcome"] == outcome]
        return [e for e in found if e["test"] not in run.deaths]

    failed = [{"test": e["test"], "message": e["message"]} for e in chosen("failed")]
    failed += [{"test": test, "message": message} for test, message in run.deaths.items()]
    detail = list(run.detail)
    if run.library.get("error"):
        detail.insert(0, run.library["error"])
    missing = run.collected - len(run.ends) - len(run.deaths)
    if missing > 0:
        detail.append(f"{missing} of {run.collected} tests were not run")
    return {
        "build": build,
        "backend": backend,
        "outcome": _outcome(run, bool(failed) or bool(detail)),
        "python": run.python,
        "passed": len(chosen("passed")),
        "seconds": round(seconds, 1),
        "failed": failed,
        "differences": [
            {"test": e["test"], "id": e["id"], "reason": e["message"]} for e in chosen("difference")
        ],
        "skipped": [{"test": e["test"], "reason": e["message"]} for e in chosen("skipped")],
        "detail": "\n".join(detail),
    }


def _told(end: Mapping[str, str]) -> tuple[str, str]:
    """Outcome and reason of a test that came to its end."""
    ident = f"{end['id']}: " if end.get("id") else ""
    return end["outcome"], ident + end["message"]


def _outcome(run: _Run, anything_wrong: bool) -> str:
    """The worst: a crash, a hang, a failure. A run in which nothing passed has not passed."""
    words = [*run.deaths.values(), *run.detail]
    if any("crashed: " in word.split("\n")[0] for word in words):
        return "crashed"
    if any("hung: " in word.split("\n")[0] for word in words) or any(
        "the time for the whole run" in word for word in words
    ):
        return "hung"
    passed = any(e["outcome"] == "passed" for e in run.ends.values())
    return "failed" if anything_wrong or not passed else "passed"


def _without_paths(value: Any, names: Mapping[str, str]) -> Any:
    """The same with every path of this machine replaced."""
    if isinstance(value, dict):
        return {key: _without_paths(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item, names) for item in value]
    if not isinstance(value, str):
        return value
    for path, name in names.items():
        value = value.replace(path, name)
    value = re.sub(rf"{re.escape(tempfile.gettempdir())}/[\w./+-]*", "<tmp>", value)
    for folder in sorted({str(SUITE), str(ROOT), sys.prefix, sys.base_prefix}, key=len)[::-1]:
        if folder not in ("/", "/usr"):
            value = value.replace(f"{folder}{os.sep}", "")
    return re.sub(r"(?<![\w<.:/])/(?:[\w.+-]+/)+([\w.+-]+)", r"\1", value)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m {PACKAGE}.runner", description="Run the conformance suite over a library."
    )
    parser.add_argument("backend", help="name of the backend, such as nng")
    parser.add_argument("selection", nargs="*", help="files or test ids of the suite")
    parser.add_argument("--library", metavar="FILE", help="the library; default: the backend's own")
    parser.add_argument("--build", metavar="NAME", help="what to call it in the result")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to run it with")
    parser.add_argument("-k", dest="keyword", default="", help="as pytest's -k")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for everything")
    parser.add_argument("--test-timeout", type=float, default=TEST_LIMIT, help="seconds for a test")
    options = parser.parse_args(arguments)
    result = run_suite(
        options.library,
        options.backend,
        build=options.build,
        python=options.python,
        timeout=options.timeout,
        test_timeout=options.test_timeout,
        selection=options.selection,
        keyword=options.keyword,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    json.dump(result, sys.stdout, indent=2)
    print()
    return 0 if result["outcome"] == "passed" else 1


if __name__ == "__main__":
    sys.exit(main())
