"""`anymq demo`: the same program over every library and transport, verified byte for byte.

The program is `anymq.cli.transfer`. For every run this module writes a configuration file that
names library, transport and addresses, starts sender and receiver on it, follows them, and ends
them when their time is over. Nothing else differs between the runs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._common import add_json, check_backend_name, open_backends
from ._output import print_json, print_table
from ._progress import Progress
from ._runs import Result, Run, perform

if TYPE_CHECKING:
    from anymq.abc import Backend

SHIPPED_OVER = ("tcp", "ipc", "inproc", "ws")
SKIPPED = ("site-packages", "dist-packages", "__pycache__")
MEGABYTE = 1_000_000
LARGE = 16 * MEGABYTE
"""A tree whose largest file is smaller than this gets a made one of 24 MB."""

EPILOG = """\
Every usable library is run over each of its transports among tcp, ipc, inproc (one process, two
threads) and ws; then each pair of libraries that share a wire over tcp, ipc and ws, both ways. The
tree is Python's own standard library, without installed packages and caches; where it has no
empty or no large file, made ones are added.

exit status: 0 only when every file of every run arrived as it was sent
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--tree", type=Path, metavar="DIR", help="ship this directory instead")
    parser.add_argument(
        "--limit", type=_positive, metavar="MB", help="ship about this many megabytes at most"
    )
    parser.add_argument(
        "--backend", action="append", metavar="B", help="only this library; may be repeated"
    )
    parser.add_argument(
        "--transport",
        action="append",
        choices=SHIPPED_OVER,
        help="only this transport; may be repeated",
    )
    parser.add_argument(
        "--time-limit", type=_positive, default=60.0, metavar="S", help="of each run; default: 60"
    )
    parser.add_argument("--corrupt", action="store_true", help=argparse.SUPPRESS)
    add_json(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    for name in options.backend or ():
        check_backend_name(options.parser, name)
    backends = open_backends()
    runs = plan(backends, options.backend, options.transport)
    if not runs:
        usable = ", ".join(backends) or "none, `anymq doctor` tells why"
        print(f"anymq: there is nothing to run (usable libraries: {usable})", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="anymq-demo-") as name:
        scratch = Path(name)
        tree = options.tree or Path(sysconfig.get_path("stdlib"))
        load = gather(tree, options.limit, scratch)
        say = sys.stderr if options.json else sys.stdout
        print(f"{tree}: {load.files} files, {load.bytes / MEGABYTE:.1f} MB", file=say)
        print(
            f"  of them {load.empty} empty, the largest of {load.largest / MEGABYTE:.1f} MB"
            + (f"; made here: {', '.join(load.made)}" if load.made else ""),
            file=say,
            flush=True,
        )
        results = []
        with Progress(load.bytes, len(runs), say) as progress:
            for one in runs:
                progress.begin(one.title)
                result = perform(
                    one,
                    load.listing,
                    scratch,
                    backends,
                    time_limit=options.time_limit,
                    corrupt=options.corrupt,
                    on_bytes=progress.update,
                )
                progress.end(result.title, result.failure)
                results.append(result)
    if options.json:
        print_json(_document(tree, load, results))
    else:
        _print(results)
    failed = [result for result in results if result.failure]
    for result in failed:
        print(f"anymq: {result.title}: {result.failure}", file=sys.stderr)
    return 1 if failed else 0


def plan(
    backends: Mapping[str, Backend], only: list[str] | None, transports: list[str] | None
) -> list[Run]:
    """All runs, those within one library first."""
    chosen = {name: b for name, b in backends.items() if only is None or name in only}
    wanted = [t for t in SHIPPED_OVER if transports is None or t in transports]

    def fits(name: str, transport: str, *protocols: str) -> bool:
        backend = chosen[name]
        needed = [f"transport.{transport}", *(f"protocol.{protocol}" for protocol in protocols)]
        return all(backend.supports(feature) for feature in needed)

    runs = [
        Run(name, name, transport)
        for name in chosen
        for transport in wanted
        if fits(name, transport, "push", "pull", "req", "rep")
    ]
    return runs + [
        Run(sender, receiver, transport)
        for sender in chosen
        for receiver in chosen
        if sender != receiver and chosen[sender].wire == chosen[receiver].wire
        for transport in wanted
        if transport != "inproc"
        and fits(sender, transport, "push", "req")
        and fits(receiver, transport, "pull", "rep")
    ]


@dataclass(frozen=True, slots=True)
class Load:
    """What is shipped: the listing for the sender, and what to tell about it."""

    listing: Path
    files: int
    bytes: int
    empty: int
    largest: int
    made: tuple[str, ...]


def gather(tree: Path, limit: float | None, scratch: Path) -> Load:
    """List the regular files of a tree, and make what it lacks: an empty and a large file.

    Raises:
        OSError: it is no directory, or cannot be read.
    """
    most = limit * MEGABYTE if limit is not None else float("inf")
    large = int(min(24 * MEGABYTE, most / 3))
    found: list[tuple[str, Path, int]] = []
    if not tree.is_dir():
        raise NotADirectoryError(f"{tree}: is not a directory")
    for path in sorted(tree.rglob("*")):
        inside = path.relative_to(tree)
        if SKIPPED_SET.isdisjoint(inside.parts) and path.is_file() and not path.is_symlink():
            found.append((inside.as_posix(), path, path.stat().st_size))
    made = []
    if not any(size == 0 for _, _, size in found):
        made.append(_make("made-empty", b"", found, scratch))
    if not any(LARGE <= size <= most / 2 for _, _, size in found):
        made.append(_make("made-large", random.Random(1).randbytes(large), found, scratch))
    chosen, total = [], 0
    for entry in sorted(found, key=lambda entry: entry[0] not in made):
        if total + entry[2] <= most:
            chosen.append(entry)
            total += entry[2]
    listing = scratch / "listing.json"
    listing.write_text(json.dumps([[name, str(path.absolute())] for name, path, _ in chosen]))
    sizes = [size for _, _, size in chosen]
    return Load(listing, len(sizes), total, sizes.count(0), max(sizes), tuple(made))


SKIPPED_SET = frozenset(SKIPPED)


def _make(name: str, content: bytes, found: list[tuple[str, Path, int]], scratch: Path) -> str:
    path = scratch / name
    path.write_bytes(content)
    found.append((name, path, len(content)))
    return name


def _print(results: list[Result]) -> None:
    print()
    print_table(
        ("library", "transport", "files", "MB", "seconds", "MB/s", "result"),
        [
            (
                result.run.route,
                result.run.transport,
                result.files,
                f"{result.bytes / MEGABYTE:.1f}",
                f"{result.seconds:.2f}",
                f"{result.rate:.0f}",
                "failed" if result.failure else "ok",
            )
            for result in results
        ],
        right=("files", "MB", "seconds", "MB/s"),
    )
    good = sum(not result.failure for result in results)
    total = sum(result.bytes for result in results) / MEGABYTE
    print(f"{good} of {len(results)} runs: every file verified by SHA-256, {total:.0f} MB in all")


def _document(tree: Path, load: Load, results: list[Result]) -> dict[str, Any]:
    return {
        "tree": str(tree),
        "files": load.files,
        "bytes": load.bytes,
        "empty_files": load.empty,
        "largest_file": load.largest,
        "made": list(load.made),
        "runs": [
            {
                "sender": result.run.sender,
                "receiver": result.run.receiver,
                "transport": result.run.transport,
                "files": result.files,
                "bytes": result.bytes,
                "seconds": round(result.seconds, 3),
                "megabytes_per_second": round(result.rate, 1),
                "ok": not result.failure,
                "failure": result.failure or None,
            }
            for result in results
        ],
        "ok": not any(result.failure for result in results),
    }


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value
