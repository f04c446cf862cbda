"""Races anymq against other packages and against C, all on the same library file.

    python bench/run.py --json bench/results/latest.json
    python bench/run.py --quick
    python bench/run.py --aims --library zmq nanomsg --json FILE --append

README.md beside this says how it measures and what to believe.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import aims
import plan
from figures import Case, merge
from harness import build_c, compiler_version, progress, stubs_for
from plan import MEASURES, MODES, TRANSPORTS, Library, Race, Selection
from race import Turns, estimate, rivals_of

QUICK = Selection(
    measures=tuple(measure for measure in MEASURES if measure != "memory"),
    transports=("tcp", "ipc"),
    sizes=(100, 64 * plan.KIB),
    modes=MODES[:3],
    peers=(8,),
)


def machine(load: float) -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    return {
        "cpu": cpu,
        "cores": os.cpu_count() or 1,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": load,
    }


def contestants(races: Sequence[Race]) -> dict[str, str]:
    packages = {entrant.package: None for race in races for entrant in race.entrants}
    return {
        package: compiler_version() if package == "C" else plan.version_of(package)
        for package in packages
    }


def only_for_aims(races: Sequence[Race]) -> list[Race]:
    """The races that an aim needs, and of those the modes."""
    found = []
    for race in races:
        about: Case = {
            "library": race.library.id,
            "measure": race.measure,
            "transport": race.transport,
            "size": race.size,
        }
        modes = {mode for mode in race.absent if aims.serves({**about, "mode": mode})}
        if modes:
            kept = {mode: absent for mode, absent in race.absent.items() if mode in modes}
            with_blocking = {*modes, "one"}
            entrants = tuple(e for e in race.entrants if e.mode in with_blocking)
            found.append(replace(race, entrants=entrants, absent=kept))
    return found


def run(races: Sequence[Race], here: list[Library], options: argparse.Namespace) -> Iterator[Case]:
    """Run every race, with a line that tells how it goes; the cases, as they come."""
    total = sum(estimate(race, options.rounds, options.seconds) for race in races)
    began = time.monotonic()
    done = 0.0
    wanted = options.measure or MEASURES
    stubs: dict[str, str | None] = {}
    for number, race in enumerate(races, 1):
        library = race.library
        if library.file not in stubs:
            build_c(library.backend)
            stubs[library.file] = stubs_for(library.file)
        ratio = (time.monotonic() - began) / done if done else 1.0
        left = (total - done) * ratio

        def tell(text: str, number: int = number, left: float = left) -> None:
            progress(f"[{number} of {len(races)}, {clock(left)} left] {text}")

        turns = Turns(race, rivals_of(library, here), stubs[library.file])
        turns.run(options.rounds, options.seconds, tell)
        done += estimate(race, options.rounds, options.seconds)
        progress("")
        yield from turns.cases(lambda measure: measure in wanted)


def report(case: Case) -> None:
    """One case in a few lines."""
    size = "" if case["size"] is None else f", {aims.size_text(case['size'])}"
    to = f" to {case['peers']}" if case["measure"] == "publish" else ""
    if case["measure"] == "threads":
        to = f" on {plan.sockets(case['peers'])}"
    over = f" over {case['transport']}" if case["transport"] else ""
    print(f"{case['library']}: {case['measure']}{to}{over}{size}, {case['mode']} ({case['unit']})")
    for name, result in case["results"].items():
        ratio = case["ratios"].get(name)
        beside = (
            f"   anymq / it {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
            if ratio
            else ""
        )
        print(
            f"    {name:<18} {number(result['median']):>12}"
            f"   {number(result['low'])} to {number(result['high'])}{beside}"
        )
    for name, why in case["skipped"].items():
        print(f"    {name:<18} skipped: {why}")
    sys.stdout.flush()


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def report_aims(records: Sequence[dict[str, Any]]) -> None:
    if records:
        print("\naims:")
    for aim in records:
        told = "yes" if aim["reached"] else "NO "
        print(
            f"  {told} {aim['ratio']:7.2f} ({aim['low']:.2f} to {aim['high']:.2f}) {aim['sense']}"
            f" {aim['wanted']:g}  {aim['library']}: {aim['name']}, to {aim['against']}"
        )


def clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02}"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = made.add_argument
    add("--rounds", type=int, help="turns of each (default: 5; --quick: 2)")
    add("--seconds", type=float, help="length of one (default: 0.5; --quick: 0.2)")
    add("--quick", action="store_true", help="small: two sizes, tcp and ipc, short turns")
    add("--aims", action="store_true", help="only what the project's aims are about")
    add("--library", nargs="+", metavar="FILE-OF", help="of which files: zmq pynng nanomsg ...")
    add("--measure", nargs="+", choices=MEASURES)
    add("--transport", nargs="+", choices=TRANSPORTS)
    add("--size", nargs="+", type=int, metavar="BYTES")
    add("--mode", nargs="+", choices=MODES)
    add("--peers", nargs="+", type=int, help="to how many is published")
    add("--contestant", nargs="+", metavar="NAME", help="anymq, C, pyzmq, ...")
    add("--json", metavar="FILE", type=Path, help="write all results there")
    add("--append", action="store_true", help="join them with those that the file has")
    add("--list", action="store_true", help="say what would be measured, and how long it takes")
    return made


def selection(options: argparse.Namespace) -> Selection:
    base = QUICK if options.quick else Selection()
    return Selection(
        libraries=options.library,
        measures=options.measure or base.measures,
        transports=options.transport or base.transports,
        sizes=options.size or base.sizes,
        modes=options.mode or base.modes,
        contestants=options.contestant,
        peers=options.peers or base.peers,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    made = parser()
    options = made.parse_args(arguments)
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.2 if options.quick else 0.5)
    here, missing = plan.libraries()
    known = {library.short for library in here} | set(missing)
    if unknown := set(options.library or ()) - known:
        made.error(f"unknown library {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if options.append and not options.json:
        made.error("--append needs --json FILE")
    races = plan.races(here, selection(options))
    if options.aims:
        races = only_for_aims(races)
    for short, why in missing.items():
        print(f"no library {short}: {why}")
    takes = sum(estimate(race, options.rounds, options.seconds) for race in races)
    print(f"{len(races)} races, {options.rounds} rounds each, about {clock(takes)} minutes")
    if options.list:
        for race in races:
            print(f"  {race.title}: {', '.join(f'{e.label} {e.mode}' for e in race.entrants)}")
        return 0
    load = os.getloadavg()[0]
    if load > (os.cpu_count() or 1) / 4:
        print(f"load is {load:.2f}: other work makes the figures mean little", file=sys.stderr)
    old = json.loads(options.json.read_text()) if options.append and options.json.exists() else None
    began = time.monotonic()
    date = datetime.date.today().isoformat()
    part = {"date": date, "load_before": load, "rounds": options.rounds, "seconds": 0.0}
    results: dict[str, Any] = {
        "schema": 1,
        "date": date,
        "machine": machine(load),
        "rounds": options.rounds,
        "seconds": 0.0,
        "parts": [part],
        "libraries": {race.library.id: race.library.record() for race in races},
        "contestants": contestants(races),
        "cases": [],
        "aims": [],
    }
    if old:
        merge(old, results)  # what does not belong together is better found out before
    for case in run(races, here, options):
        report(case)
        results["cases"].append(case)
        results["seconds"] = part["seconds"] = round(time.monotonic() - began, 1)
        if options.json:  # after every case, so that what ends early has left something
            save(options.json, merge(old, results) if old else results)
    report_aims(aims.fill(results["cases"]))
    return 0


def save(file: Path, results: dict[str, Any]) -> None:
    """Write all at once, with the aims that they fill."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**results, "aims": aims.fill(results["cases"])}, indent=1)
    made = file.with_suffix(".new")
    made.write_text(text + "\n")
    made.replace(file)


if __name__ == "__main__":
    sys.exit(main())
