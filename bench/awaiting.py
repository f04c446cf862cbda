"""How fast awaiting is in asyncio, against other packages on the same library file.

    python bench/awaiting.py [--rounds 5] [--seconds 1.5] [--size 100] [--json FILE] [RACE ...]

Each race is about one library file. `stream` counts messages from PUSH to PULL, one a call, in two
processes; `trips` counts round trips from REQ to REP and back. The aims are those of the project;
a ratio of round trips a second of 2 is half the time of a round trip.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from harness import Contestant, Race, python_program
from throughput import carried_by, progress

import anymq

AIMS = {
    ("zmq stream", "zmq"): 10.0,
    ("zmq trips", "zmq"): 2.0,
    ("pynng stream", "pynng"): 5.0,
    ("nng stream", "nng"): 1.3,
    ("nng trips", "nng"): 1.25,
    ("nanomsg stream", "blocking"): 0.6,
}
"""What anymq's rate is to be, as a ratio to the other's on the same work."""

LIBRARIES: dict[str, tuple[str, str, Callable[[], str], str]] = {
    "zmq": ("zmq", "libzmq", lambda: carried_by("zmq", "../pyzmq.libs/libzmq*.so*"), "zmq"),
    "pynng": ("nng", "libnng.", lambda: carried_by("pynng", "_nng.abi3.so"), "pynng"),
    "nng": ("nng", "libnng.", lambda: carried_by("nng", "_nng.*.so"), "nng"),
    "nanomsg": (
        "nanomsg",
        "libnanomsg",
        lambda: anymq.get_backend("nanomsg").library.path,
        "",
    ),
}
"""By race: anymq's backend, how names of rival files begin, the file, and the package it is of."""


def race(name: str, work: str, size: int) -> Race:
    backend, kind, find, package = LIBRARIES[name]
    packages = {"anymq": f"anymq:{backend}", "blocking": f"blocking:{backend}"}
    if package:
        packages[package] = package
    contestants = [
        Contestant(each, python_program("async_peer.py", argument, work))
        for each, argument in packages.items()
    ]
    return Race(f"{name} {work}", find(), contestants, kind, size)


def report(done: Race) -> list[dict[str, object]]:
    """Print the race's table; its ratios as records."""
    print(f"\n{done.title}, {done.size} bytes, on {done.library}")
    for contestant in done.contestants:
        rates = done.rates[contestant.name]
        spread = f"{min(rates):>11,.0f} to {max(rates):,.0f}"
        print(f"  {contestant.name:<10} {done.median(contestant.name):>11,.0f}/s {spread}")
    records: list[dict[str, object]] = []
    for other in done.contestants[1:]:
        median, lowest, highest = done.ratio("anymq", other.name)
        aim = AIMS.get((done.title, other.name))
        told = "" if aim is None else f"  aim {aim:g}: {'yes' if median >= aim else 'no'}"
        print(f"  anymq / {other.name:<10} {median:.2f} x ({lowest:.2f}-{highest:.2f}){told}")
        records.append(
            {
                "race": done.title,
                "other": other.name,
                "ratio": median,
                "lowest": lowest,
                "highest": highest,
                "aim": aim,
                "rates": {name: done.rates[name] for name in ("anymq", other.name)},
            }
        )
    return records


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("races", nargs="*", metavar="race", help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one (default: 1.5)")
    parser.add_argument("--size", type=int, default=100, help="bytes of a message (default: 100)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    options = parser.parse_args()
    unknown = set(options.races) - set(LIBRARIES)
    if unknown:
        parser.error(f"unknown race {', '.join(sorted(unknown))}; known: {', '.join(LIBRARIES)}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, Python {sys.version.split()[0]}")
    records: list[dict[str, object]] = []
    for name in options.races or LIBRARIES:
        for work in ("stream", "trips"):
            one = race(name, work, options.size)
            one.run(options.rounds, options.seconds, progress, start=2_000)
            progress("")
            records += report(one)
    if options.json:
        Path(options.json).write_text(json.dumps(records, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
