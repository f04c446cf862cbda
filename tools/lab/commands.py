"""The command line of the laboratory."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .collection import Collection, Found
from .manifest import STEPS_OF_CI, Build, ManifestError, read_manifest
from .results import Recorded
from .steps import ask, conformance, interop, summary

STEPS = ("features", "conformance", "interop")
DESCRIPTION = """\
Many real builds of nng, nanomsg and libzmq, and what anymq does on each of them. docs/lab.md tells
more. Builds are kept in .lab, or in the folder that ANYMQ_LAB_CACHE names.
"""
CI_PAIRS = {
    "sp": ("nng-1.0.1-wheel", "nng-1.11.0-wheel", "nng-2.0dev-b-wheel", "nanomsg-bundle-wheel"),
    "zmtp": ("zmq-4.2.5-wheel", "zmq-4.3.5-wheel", "zmq-4.3.5-draft-npm"),
}
"""The builds that CI lets talk to each other: versions far apart, of those that never end the
process by themselves (nanomsg 1.0, 1.1.0 and libzmq 4.1 may, now and then)."""

_lock = threading.Lock()


def say(text: str) -> None:
    with _lock:
        print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        manifest = read_manifest()
        builds = manifest.choose(_names(options.builds), ci=_ci(options))
    except ManifestError as error:
        say(f"lab: {error}")
        return 2
    status: int = options.action(options, Collection(manifest), builds)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tools/lab",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action, text in (
        ("fetch", _fetch, "bring the builds here; what is here is not fetched again"),
        ("list", _list, "the builds, and why one is not here"),
        ("run", _run, "do steps and print what came of them"),
        ("record", _record, "the same, and write it to compat_matrix/"),
        ("check", _check, "the same, and compare it with compat_matrix/"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
        if name not in ("fetch", "list"):
            command.add_argument(
                "steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; default: all"
            )
            command.add_argument("--jobs", type=int, default=2, help="builds at a time (2)")
            command.add_argument(
                "--limit", type=float, default=1800.0, help="seconds for a build's suite (1800)"
            )
        command.add_argument(
            "--builds", default="", help="names, or how names begin, with commas between"
        )
        command.add_argument("--ci", action="store_true", help="what CI does, and no more")
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _ci(options: argparse.Namespace) -> str:
    return STEPS_OF_CI[0] if options.ci else ""


def _fetch(options: argparse.Namespace, lab: Collection, builds: list[Build]) -> int:
    started = time.monotonic()
    found = lab.fetch(builds, say)
    missing = [one for one in found if one.reason]
    here = len(found) - len(missing)
    say(f"{here} of {len(found)} builds are here ({time.monotonic() - started:.0f} s)")
    for one in missing:
        say(f"  {one.build.name}: {one.reason}")
    return 1 if missing and options.ci else 0


def _list(options: argparse.Namespace, lab: Collection, builds: list[Build]) -> int:
    rows = [["build", "version", "origin", "sha256", "runs with", "here"]]
    for build in builds:
        found = lab.find(build)
        runs_with = found.runtime or "this machine's libc"
        here = "yes" if found.library else found.reason
        origin = f"{build.origin}{', built here' if build.cmake else ''}"
        rows.append([build.name, build.version, origin, build.sha256[:12], runs_with, here])
    _table(rows)
    return 0


def _run(options: argparse.Namespace, lab: Collection, builds: list[Build]) -> int:
    return _Work(options, lab, builds).all()


def _record(options: argparse.Namespace, lab: Collection, builds: list[Build]) -> int:
    return _Work(options, lab, builds, record=True).all()


def _check(options: argparse.Namespace, lab: Collection, builds: list[Build]) -> int:
    return _Work(options, lab, builds, check=True).all()


class _Work:
    """The steps of one call, and what came of them."""

    def __init__(
        self,
        options: argparse.Namespace,
        lab: Collection,
        builds: list[Build],
        *,
        record: bool = False,
        check: bool = False,
    ) -> None:
        self._options = options
        self._lab = lab
        self._builds = builds
        self._record = record
        self._check = check
        self._recorded = Recorded(_anymq_version())
        self._differences: list[str] = []
        self._answers: list[dict[str, Any]] = []
        self._suites: list[dict[str, Any]] = []
        self._interop: dict[str, dict[str, Any]] = {}
        self._took: dict[str, float] = {}

    def all(self) -> int:
        steps = self._options.steps or STEPS
        unknown = set(steps) - set(STEPS)
        if unknown:
            say(f"lab: there is no step {', '.join(unknown)}; these are: {', '.join(STEPS)}")
            return 2
        if self._options.ci:
            self._say_what_ci_does()
        found = self._lab.fetch(self._builds, say)
        say("\n== what the builds say of themselves")
        with self._timed("features"):
            self._answers = ask(found, say)
        if self._record:
            complete = not self._options.builds and not self._options.ci
            self._recorded.write_builds(self._answers, complete=complete)
        if self._check and "features" in steps:
            self._differences += self._recorded.check_builds(self._answers)
        loaded = {answer["name"] for answer in self._answers if answer["loads"]}
        usable = [one for one in found if one.build.name in loaded]
        if "conformance" in steps:
            with self._timed("conformance"):
                self._conformance(usable)
        if "interop" in steps:
            with self._timed("interop"):
                self._let_them_talk(usable)
        self._print()
        return self._status()

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._took[step] = time.monotonic() - started

    def _say_what_ci_does(self) -> None:
        manifest = self._lab.manifest
        suite = manifest.choose([], ci="conformance")
        say("CI runs this part of the laboratory, to stay within its time:")
        say("  builds from PyPI and npm, whose archives stay; Debian's suites replace theirs")
        say(f"  features of {len(manifest.choose([], ci='features'))} builds, against the record")
        say("  the suite over a build of each library, of a version that no other test uses:")
        say(f"    {', '.join(build.name for build in suite)}")
        for wire, names in CI_PAIRS.items():
            say(f"  interoperation ({wire}) of each of these with each: {', '.join(names)}")
        say("  all of it: make lab\n")

    def _conformance(self, usable: list[Found]) -> None:
        say("\n== the conformance suite")
        if self._options.ci:
            usable = [one for one in usable if "conformance" in one.build.ci]
        self._suites = conformance(
            usable,
            jobs=self._options.jobs,
            limit=self._options.limit,
            say=say,
            done=self._recorded.write_conformance if self._record else lambda result: None,
        )
        if self._check:
            for result in self._suites:
                self._differences += self._recorded.check_conformance(result)

    def _let_them_talk(self, usable: list[Found]) -> None:
        for wire in dict.fromkeys(one.build.wire for one in usable):
            names = CI_PAIRS[wire] if self._options.ci else None
            sides = [
                one
                for one in usable
                if one.build.wire == wire and (names is None or one.build.name in names)
            ]
            say(f"\n== interoperation of {len(sides)} builds that speak {wire}")
            # A check compares each outcome with the recorded one: a second run would tell nothing.
            document = interop(sides, jobs=self._options.jobs, again=not self._check, say=say)
            self._interop[wire] = document
            if self._record:
                self._recorded.write_interop(wire, document)
            if self._check:
                self._differences += self._recorded.check_interop(wire, document)

    def _print(self) -> None:
        suites = {result["build"]: summary(result) for result in self._suites}
        rows = [["build", "identified as", "conformance"]]
        for answer in self._answers:
            says = answer["version_text"] if answer["loads"] else f"not loaded: {answer['reason']}"
            rows.append([answer["name"], says, suites.get(answer["name"], "")])
        say("")
        _table(rows)
        for result in self._suites:
            for entry in result["failed"]:
                say(f"  {result['build']}: {entry['test']}: {_first_line(entry['message'])}")
        for wire, document in self._interop.items():
            say(f"interoperation, {wire}: {_counts(document['runs'])}")
        say("time: " + ", ".join(f"{step} {took:.0f} s" for step, took in self._took.items()))

    def _status(self) -> int:
        if self._check:
            for difference in self._differences:
                say(f"differs: {difference}")
            say("all as recorded" if not self._differences else "not as recorded: make lab")
            return 1 if self._differences else 0
        bad = [result for result in self._suites if result["outcome"] != "passed"]
        runs = [run for document in self._interop.values() for run in document["runs"]]
        failed = [run for run in runs if run["outcome"] not in ("ok", "unsupported")]
        return 1 if bad or failed else 0


def _counts(runs: Iterable[Mapping[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for run in runs:
        counts[run["outcome"]] = counts.get(run["outcome"], 0) + 1
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "no run"


def _first_line(text: str) -> str:
    return text.split("\n")[0][:150]


def _table(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def _anymq_version() -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import anymq; print(anymq.__version__)"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "?"
