"""`anymq bench`: how fast the libraries of this machine are, against one another.

Numbers of one run may be compared with one another, not with those of another run or machine.
`_race.py` measures; this module plans the cases and shows what came of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from ._common import add_json, open_backends, parse_library, parse_sizes, parse_words
from ._output import print_json, print_table
from ._race import Case, Entrant, Spread, Taken, ratio, size_in_words, take

TRANSPORTS = ("tcp", "ipc", "inproc", "ws")
MEASURES = ("throughput", "round-trip")
MODES = ("one", "batch")
LARGEST = 256 * 2**20
BUSY = 0.25
"""Load of a core above which a warning is due."""

EPILOG = f"""\
what is measured, of every usable library or of those that are named:
  throughput   messages a second from PUSH to PULL, one message a call (one) and with send_many
               and recv_many (batch: up to 1000 messages or 1 MiB a call)
  round-trip   microseconds from a request to its reply, REQ and REP
each between two processes, and inproc between two threads of one process. Libraries take turns;
the table has medians and extremes of the rounds, and the ratio to the first library, turn by turn.

examples:
  anymq bench                                         about a minute and a half
  anymq bench --transport ws --size 1KiB,1MiB --mode one
  anymq bench --backend nng --library old=nng:/opt/old/libnng.so --rounds 9 --seconds 1

On a machine that does other work the numbers mean little. Messages are at most
{size_in_words(LARGEST)}; above some kilobytes a buffer holds no more than 64 MiB of them.

exit status: 0 all was measured that the libraries have, 1 something failed or there was nothing
to measure, 2 wrong command line
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME",
        help="an installed library; may be repeated; default: all that are usable",
    )
    parser.add_argument(
        "--library",
        action="append",
        default=[],
        metavar="[NAME=]BACKEND[:PATH]",
        help="a library file: nng=/path, old=nng:/path; may be repeated",
    )
    parser.add_argument(
        "--transport",
        type=_among(TRANSPORTS),
        default=["tcp", "ipc", "inproc"],
        metavar="NAMES",
        help=f"of {', '.join(TRANSPORTS)} (default: tcp,ipc,inproc)",
    )
    parser.add_argument(
        "--size",
        type=_message_sizes,
        default=[100, 65536],
        metavar="SIZES",
        help="of messages (default: 100,64KiB)",
    )
    parser.add_argument(
        "--measure",
        type=_among(MEASURES),
        default=list(MEASURES),
        metavar="WHAT",
        help=f"of {', '.join(MEASURES)} (default: both)",
    )
    parser.add_argument(
        "--mode",
        type=_among(MODES),
        default=list(MODES),
        metavar="HOW",
        help="one message a call, or batch, for throughput (default: one,batch)",
    )
    parser.add_argument(
        "--rounds", type=_rounds, default=5, metavar="N", help="of each (default: 5)"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=0.2, metavar="S", help="of a round (default: 0.2)"
    )
    parser.add_argument(
        "--time-limit",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="after which a round counts as hung (default: 60)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    add_json(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    if options.time_limit <= options.seconds:
        options.parser.error("--time-limit must be longer than --seconds")
    entrants = _entrants(options)
    cases = plan(entrants, options)
    if not cases:
        names = ", ".join(entrant.name for entrant in entrants)
        text = f"none of these has what was asked for: {names}" if names else "no library is usable"
        print(f"anymq: nothing to measure: {text}; `anymq doctor` tells more", file=sys.stderr)
        return 1
    machine = _machine()
    if machine["load_before"] is not None and machine["load_before"] > BUSY * machine["cores"]:
        print(
            f"anymq: other work runs on this machine (load {machine['load_before']:.2f} on "
            f"{machine['cores']} cores): the numbers will mean little",
            file=sys.stderr,
        )
    results = {}
    with (
        _Follow(len(cases), options) as follow,
        tempfile.TemporaryDirectory(prefix="anymq-bench-") as top,
    ):
        for number, case in enumerate(cases):
            folder = os.path.join(top, str(number))
            os.mkdir(folder)
            follow.begin(case)
            results[case] = take(
                case,
                entrants,
                rounds=options.rounds,
                seconds=options.seconds,
                time_limit=options.time_limit,
                folder=folder,
                on_turn=follow.turn,
            )
    failures = [
        f"{name}: {case.title}: {taken.failure}"
        for case, by_name in results.items()
        for name, taken in by_name.items()
        if taken.failure
    ]
    if options.json:
        print_json(_document(machine, entrants, results, options))
    else:
        _print(machine, entrants, results, options)
    for failure in failures:
        print(f"anymq: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _entrants(options: argparse.Namespace) -> list[Entrant]:
    """The libraries that were named, else all that are usable.

    Raises:
        BackendUnavailable: one that was named is not.
    """
    from anymq.registry import get_backend

    named = [parse_library(options.parser, text) for text in [*options.backend, *options.library]]
    if not named:
        return [Entrant(name, backend) for name, backend in open_backends().items()]
    names = [library.name for library in named]
    for name in names:
        if names.count(name) > 1:
            options.parser.error(f"{name} is named twice; give one a name: old={name}:/path")
    return [Entrant(one.name, get_backend(one.backend, library=one.path or None)) for one in named]


def plan(entrants: Sequence[Entrant], options: argparse.Namespace) -> list[Case]:
    """Every case in which at least one library can take part."""
    cases = []
    for measure in options.measure:
        modes = options.mode if measure == "throughput" else ["one"]
        cases += [
            Case(measure.replace("-", "_"), transport, size, mode)
            for transport in options.transport
            for size in options.size
            for mode in modes
        ]
    return [case for case in cases if not all(case.lacks(e.backend) for e in entrants)]


def _machine() -> dict[str, Any]:
    """What the numbers depend on; `load_before` is None where the system does not tell."""
    allowed = getattr(os, "sched_getaffinity", None)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": len(allowed(0)) if allowed else os.cpu_count() or 1,
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


class _Follow:
    """How far it is, on standard error: one line that changes on a terminal, else one a case."""

    def __init__(self, cases: int, options: argparse.Namespace) -> None:
        self.cases = cases
        self.rounds = options.rounds
        self.quiet = options.quiet
        self.line = sys.stderr.isatty()
        self.number = 0
        self.title = ""

    def begin(self, case: Case) -> None:
        self.number += 1
        self.title = f"[{self.number}/{self.cases}] {case.title}"
        if not self.line:
            self._say(f"{self.title}\n")

    def turn(self, name: str, turn: int) -> None:
        if self.line:
            doing = f"{turn}/{self.rounds}" if turn else "getting ready"
            self._say(f"\r\x1b[K{self.title}: {name} {doing}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, end="", file=sys.stderr, flush=True)

    def __enter__(self) -> _Follow:
        return self

    def __exit__(self, *_: object) -> None:
        if self.line:
            self._say("\r\x1b[K")


Results = Mapping[Case, Mapping[str, Taken]]


def _print(
    machine: Mapping[str, Any],
    entrants: Sequence[Entrant],
    results: Results,
    options: argparse.Namespace,
) -> None:
    load = machine["load_before"]
    print(
        f"{machine['cores']} cores, load before {'unknown' if load is None else load}, "
        f"Python {machine['python']}, {options.rounds} rounds of {options.seconds:g} s\n"
    )
    libraries = [(e.name, e.backend.library.version_text, e.backend.library.path) for e in entrants]
    print_table(("library", "version", "file"), libraries)
    first = entrants[0].name
    for measure, title in (
        ("throughput", "throughput: messages a second from PUSH to PULL, more is better"),
        ("round_trip", "round trips: microseconds from REQ to REP and back, less is better"),
    ):
        rows = [
            (case.transport, size_in_words(case.size), case.mode, name, *_cells(one, taken[first]))
            for case, taken in results.items()
            if case.measure == measure
            for name, one in taken.items()
        ]
        columns = ["transport", "size", "calls", "library", "median", "low", "high"]
        numbers = ["size", "median", "low", "high"]
        if len(entrants) > 1:
            columns.append(f"/ {first} (low-high)")
        if rows:
            print_table(columns, [row[: len(columns)] for row in rows], title=title, right=numbers)


def _cells(one: Taken, first: Taken) -> tuple[str, ...]:
    if one.spread is None:
        return ("failed" if one.failure else "absent", "", "", "")
    spread = one.spread
    compared = ratio(one, first) if one is not first else None
    against = f"{compared.median:.2f} ({compared.low:.2f}-{compared.high:.2f})" if compared else ""
    return (*map(_number, (spread.median, spread.low, spread.high)), against)


def _number(value: float) -> str:
    """Three digits that count; more where they stand before the point."""
    digits = max(0, 2 - len(str(int(value))) + 1)
    return f"{value:,.{digits}f}"


def _document(
    machine: Mapping[str, Any],
    entrants: Sequence[Entrant],
    results: Results,
    options: argparse.Namespace,
) -> dict[str, Any]:
    from anymq import __version__

    first = entrants[0].name
    return {
        "anymq": __version__,
        **machine,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "libraries": {
            entrant.name: {
                "backend": entrant.backend.name,
                "version": entrant.backend.library.version_text,
                "path": entrant.backend.library.path,
            }
            for entrant in entrants
        },
        "ratio_to": first,
        "cases": [_case(case, taken, first) for case, taken in results.items()],
        "ok": not any(one.failure for taken in results.values() for one in taken.values()),
    }


def _case(case: Case, taken: Mapping[str, Taken], first: str) -> dict[str, Any]:
    def spread(value: Spread) -> dict[str, float]:
        return {"median": value.median, "low": value.low, "high": value.high}

    ratios = {name: ratio(one, taken[first]) for name, one in taken.items() if name != first}
    return {
        "measure": case.measure,
        "transport": case.transport,
        "size": case.size,
        "mode": case.mode,
        "unit": case.unit,
        "higher_is_better": case.higher_is_better,
        "results": {
            name: {"values": one.values, **spread(one.spread)}
            for name, one in taken.items()
            if one.spread
        },
        "ratios": {name: spread(value) for name, value in ratios.items() if value},
        "skipped": {name: one.skipped for name, one in taken.items() if one.skipped},
        "failures": {name: one.failure for name, one in taken.items() if one.failure},
    }


def _among(known: Sequence[str]) -> Any:
    """The type of an argument that is words of these."""

    def words(text: str) -> list[str]:
        chosen = parse_words(text)
        for word in chosen:
            if word not in known:
                raise argparse.ArgumentTypeError(f"there is no {word!r}; known: {', '.join(known)}")
        return list(dict.fromkeys(chosen))

    return words


def _message_sizes(text: str) -> list[int]:
    sizes = parse_sizes(text)
    if max(sizes) > LARGEST:
        raise argparse.ArgumentTypeError(f"{max(sizes)} is above {size_in_words(LARGEST)}")
    return list(dict.fromkeys(sizes))


def _rounds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0.001 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.001 to 3600")
    return value
