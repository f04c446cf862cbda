"""How fast blocking PUSH/PULL over tcp is, against pyzmq and against C on the same library file.

    python bench/throughput.py [--rounds 7] [--seconds 1.5] [--json FILE] [--check] [RACE ...]

Each race is about one library file, which all its contestants use:

- libzmq: the file that pyzmq's wheel carries. anymq one message a call and in batches, pyzmq, and a
  C program that calls `zmq_send` and `zmq_recv`.
- nng and nanomsg: the file that anymq finds. anymq both ways, and a C program.
- pynng: the file that pynng's wheel is made of. anymq both ways, and pynng.

Numbers of one run may be compared with one another, not with those of another run or machine: on a
machine that does other work they mean little. `--check` makes the exit status tell whether every
ratio with a floor reaches it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

from harness import Contestant, Race, build_c, c_program, python_program

import anymq

FLOORS = {
    ("zmq", "anymq", "pyzmq"): 1.0,
    ("nng", "anymq", "C"): 0.9,
    ("nanomsg", "anymq", "C"): 0.7,
}
"""Lowest ratios that are acceptable."""


def anymq_contestants(backend: str) -> list[Contestant]:
    return [
        Contestant("anymq", python_program("anymq_peer.py", backend, "single")),
        Contestant("anymq batches", python_program("anymq_peer.py", backend, "batch")),
    ]


def zmq_race(size: int) -> Race:
    build_c("zmq")
    others = [
        Contestant("pyzmq", python_program("pyzmq_peer.py")),
        Contestant("C", c_program("zmq")),
    ]
    library = carried_by("zmq", "../pyzmq.libs/libzmq*.so*")
    return Race("zmq", library, [*anymq_contestants("zmq"), *others], "libzmq", size)


def nng_race(size: int) -> Race:
    build_c("nng")
    library = anymq.get_backend("nng").library.path
    others = [Contestant("C", c_program("nng"))]
    return Race("nng", library, [*anymq_contestants("nng"), *others], "libnng.", size)


def nanomsg_race(size: int) -> Race:
    build_c("nanomsg")
    library = anymq.get_backend("nanomsg").library.path
    others = [Contestant("C", c_program("nanomsg"))]
    return Race("nanomsg", library, [*anymq_contestants("nanomsg"), *others], "libnanomsg", size)


def pynng_race(size: int) -> Race:
    library = carried_by("pynng", "_nng.abi3.so")
    others = [Contestant("pynng", python_program("pynng_peer.py"))]
    return Race("pynng", library, [*anymq_contestants("nng"), *others], "libnng.", size)


RACES = {"zmq": zmq_race, "nng": nng_race, "nanomsg": nanomsg_race, "pynng": pynng_race}


def carried_by(package: str, pattern: str) -> str:
    """The library file inside an installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed")
    found = sorted(Path(spec.submodule_search_locations[0]).glob(pattern))
    if not found:
        raise SystemExit(f"{package} is here, but carries no {pattern}")
    return str(found[0].resolve())


def report(race: Race) -> list[dict[str, object]]:
    """Print the race's table; its ratios as records."""
    print(f"\n{race.title}: {race.size}-byte PUSH/PULL over tcp on {race.library}")
    for contestant in race.contestants:
        rates = race.rates[contestant.name]
        spread = f"{min(rates):>11,.0f} to {max(rates):,.0f}"
        print(f"  {contestant.name:<15} {race.median(contestant.name):>11,.0f}/s {spread}")
    records: list[dict[str, object]] = []
    others = [c.name for c in race.contestants if not c.name.startswith("anymq")]
    for name in ("anymq", "anymq batches"):
        for other in others:
            median, lowest, highest = race.ratio(name, other)
            floor = FLOORS.get((race.title, name, other))
            low = floor is not None and median < floor
            wanted = "" if floor is None else f"  at least {floor:.2f}: {'no' if low else 'yes'}"
            print(
                f"  {name + ' / ' + other:<23} {median:.2f} x ({lowest:.2f}-{highest:.2f}){wanted}"
            )
            records.append(
                {
                    "race": race.title,
                    "library": race.library,
                    "contestant": name,
                    "other": other,
                    "ratio": median,
                    "lowest": lowest,
                    "highest": highest,
                    "floor": floor,
                    "low": low,
                    "rates": {name: race.rates[name], other: race.rates[other]},
                }
            )
    return records


def progress(text: str) -> None:
    """Overwrite one line, where somebody looks."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("races", nargs="*", metavar="race", help=f"of {', '.join(RACES)}")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (default: 7)")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of one (default: 1.5)")
    parser.add_argument("--size", type=int, default=100, help="bytes of a message (default: 100)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--check", action="store_true", help="exit 1 if a ratio is below its floor")
    options = parser.parse_args()
    unknown = set(options.races) - set(RACES)
    if unknown:
        parser.error(f"unknown race {', '.join(sorted(unknown))}; known: {', '.join(RACES)}")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    print(f"{cores} cores, load {load:.2f}, Python {sys.version.split()[0]}")
    if load > cores / 4:
        print("other work runs on this machine: the numbers will mean little", file=sys.stderr)
    records: list[dict[str, object]] = []
    for name in options.races or RACES:
        race = RACES[name](options.size)
        race.run(options.rounds, options.seconds, progress)
        progress("")
        records += report(race)
    if options.json:
        Path(options.json).write_text(json.dumps(records, indent=1) + "\n")
    low = [record for record in records if record["low"]]
    return 1 if options.check and low else 0


if __name__ == "__main__":
    sys.exit(main())
