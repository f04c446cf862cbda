"""`anymq interop`: do these builds talk to each other, or to a peer that is already running?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ._common import add_json, parse_library, parse_sizes, parse_words

if TYPE_CHECKING:
    from anymq.interop import Build, Report, Run

FAILED = 1
NOTHING_TRIED = 3

EPILOG = f"""\
examples:
  anymq interop                                   every library that is installed here
  anymq interop --library nng=/opt/nng/libnng.so --library old=nng:/opt/old/libnng.so
  anymq interop --backend nng --foreign nngcat --protocol req-rep,push-pull --transport tcp
  anymq interop --junit results.xml --html results.html
  anymq interop --peer tcp://10.0.0.7:5555 --protocol rep --echo

Every build talks to every build, in both parts, over every transport, whichever of them listens.
A pair of which one side lacks the protocol or transport is told as unsupported and is no failure.

exit status: 0 everything that is supported went well; {FAILED} something did not, or is unsupported
with --require-all; 2 wrong command line; {NOTHING_TRIED} nothing could be tried
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from anymq.interop import FOREIGN

    parser.epilog = EPILOG
    sides = parser.add_argument_group("who")
    sides.add_argument(
        "--library",
        action="append",
        default=[],
        metavar="[NAME=]BACKEND[:PATH]",
        help="a build: nng=/path, old=nng:/path, or nng for the one that anymq finds; "
        "several times (default: all that are installed)",
    )
    sides.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME",
        help="an installed library; the same as --library NAME",
    )
    sides.add_argument(
        "--foreign",
        type=parse_words,
        default=[],
        metavar="NAMES",
        help=f"other programs as sides: {', '.join(FOREIGN)}",
    )
    sides.add_argument("--peer", metavar="URL", help="a peer that is already running")
    sides.add_argument("--echo", action="store_true", help="the peer sends back what it gets")
    what = parser.add_argument_group("what")
    what.add_argument(
        "--protocol",
        type=parse_words,
        metavar="NAMES",
        help="pairs as req-rep,push-pull (default: all that apply); with --peer: what the peer is",
    )
    what.add_argument("--transport", type=parse_words, metavar="NAMES", help="default: tcp,ipc,ws")
    what.add_argument(
        "--size",
        type=parse_sizes,
        metavar="SIZES",
        help="of messages (default: 0,1,100,64KiB,1MiB)",
    )
    what.add_argument(
        "--count", type=int, default=5, metavar="N", help="messages of each size (default: 5)"
    )
    what.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="for one exchange (default: 10)"
    )
    what.add_argument("--jobs", type=int, metavar="N", help="exchanges at the same time")
    what.add_argument(
        "--require-all", action="store_true", help="what is unsupported is a failure too"
    )
    result = parser.add_argument_group("result")
    add_json(parser)
    result.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    result.add_argument("--html", type=Path, metavar="FILE", help="write a page for a browser")
    result.add_argument("--quiet", action="store_true", help="no progress on standard error")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    for path in (options.junit, options.html):
        if path is not None and not path.absolute().parent.is_dir():
            options.parser.error(f"{path}: there is no such folder")
    try:
        report = _peer(options) if options.peer else _laboratory(options)
    except ValueError as error:
        options.parser.error(str(error))
    _write(report, options)
    return _status(report, options.require_all)


def _laboratory(options: argparse.Namespace) -> Report:
    from anymq.interop import DEFAULT_SIZES, Plan
    from anymq.interop import run as run_plan

    if options.echo:
        options.parser.error("--echo goes with --peer")
    plan = Plan(
        _builds(options),
        options.protocol,
        options.transport or ("tcp", "ipc", "ws"),
        options.size or DEFAULT_SIZES,
        options.count,
        options.timeout,
        options.jobs,
    )
    with _Follow(options.quiet) as follow:
        return run_plan(plan, follow)


def _peer(options: argparse.Namespace) -> Report:
    from anymq.interop import DEFAULT_SIZES, PeerPlan, run_peer

    parser = options.parser
    if options.foreign:
        parser.error("--foreign is no side for --peer: anymq itself is its counterpart")
    if options.transport:
        parser.error("--transport does not go with --peer: its URL says it")
    if not options.protocol or len(options.protocol) != 1:
        parser.error(
            "--peer needs --protocol with the one protocol that the peer has: rep, pull, ..."
        )
    plan = PeerPlan(
        options.peer,
        options.protocol[0],
        _builds(options),
        options.echo,
        options.size or DEFAULT_SIZES,
        options.count,
        options.timeout,
    )
    with _Follow(options.quiet) as follow:
        return run_peer(plan, follow)


def _builds(options: argparse.Namespace) -> list[Build]:
    from anymq.interop import FOREIGN, Build, installed

    named = [parse_library(options.parser, text) for text in [*options.library, *options.backend]]
    builds = [Build(*library) for library in named]
    for name in options.foreign:
        if name not in FOREIGN:
            options.parser.error(f"there is no foreign side {name!r}; known: {', '.join(FOREIGN)}")
        builds.append(Build(name, foreign=name))
    if not builds or (options.foreign and not options.library and not options.backend):
        builds = [*installed(), *builds]
    if not builds:
        print("anymq: no library is usable; `anymq doctor` tells why", file=sys.stderr)
        raise SystemExit(FAILED)
    return builds


class _Follow:
    """Shows on a terminal how far it is, and failures as they come."""

    def __init__(self, quiet: bool) -> None:
        self.stream = None if quiet else sys.stderr
        self.line = sys.stderr.isatty() and not quiet
        self.done = 0
        self.failed = 0

    def __call__(self, run: Run) -> None:
        self.done += 1
        if run.outcome not in ("ok", "unsupported"):
            self.failed += 1
            self._clear()
            print(f"{run.outcome}: {run.id}: {run.detail}", file=self.stream or sys.stderr)
        if self.line:
            print(f"\r{self.done} done, {self.failed} failed ", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self.line:
            print("\r\x1b[K", end="", file=sys.stderr)

    def __enter__(self) -> Callable[[Run], None]:
        return self if self.stream else lambda run: None

    def __exit__(self, *_: object) -> None:
        self._clear()


def _write(report: Report, options: argparse.Namespace) -> None:
    from . import _interop_output as output

    if options.junit is not None:
        options.junit.write_text(output.junit(report, options.require_all), encoding="utf-8")
    if options.html is not None:
        options.html.write_text(output.html(report), encoding="utf-8")
    if options.json:
        sys.stdout.write(report.to_json())
    else:
        output.print_report(report, options.require_all)


def _status(report: Report, require_all: bool) -> int:
    unsupported = [run for run in report.runs if run.outcome == "unsupported"]
    if report.failures or (require_all and unsupported):
        return FAILED
    if not report.ok:
        print(
            "anymq: nothing to try: no two of these share what was asked for",
            file=sys.stderr,
        )
        return NOTHING_TRIED
    return 0
