"""The page and the plots of a run of the benchmark.

    python bench/page.py [RESULTS.json] [--output docs/performance.md] [--plots docs/plots]
    python bench/page.py --check

Prose that is not in the results, such as why an aim was missed, is in `notes.md` beside this file.
`--check` compares instead of writing: exit status 1 when the page or a plot is not what the results
and the notes make now, or when a note belongs to nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from report.chart import MARK
from report.notes import read_notes, without_home
from report.plots import plots
from report.results import ResultsError, read
from report.text import page

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "latest.json"
OUTPUT = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "plots"
NOTES = ROOT / "bench" / "notes.md"
METHOD = ROOT / "bench" / "README.md"


def make(
    results_file: Path, output: Path, folder: Path, notes_file: Path
) -> tuple[Mapping[Path, str], list[str]]:
    """What each file has to be, and the notes that belong to nothing.

    Raises:
        ResultsError: the file of results is not what the benchmark writes.
    """
    results = read(results_file)
    notes = read_notes(notes_file.read_text(encoding="utf-8")) if notes_file.exists() else {}
    charts = plots(results)

    def link(path: Path) -> str:
        return Path(os.path.relpath(path, output.parent)).as_posix()

    text = page(results, notes, charts, link(results_file), link(folder), link(METHOD))
    files = {output: text, **{folder / name: chart for name, chart in charts.items()}}
    return files, list(without_home(notes, results))


def left_over(folder: Path, files: Mapping[Path, str]) -> list[Path]:
    """Plots of earlier results that are not made any more."""
    return [
        path
        for path in sorted(folder.glob("*.svg"))
        if path not in files and MARK in path.read_text(encoding="utf-8")
    ]


def write(files: Mapping[Path, str], folder: Path) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    for path in left_over(folder, files):
        path.unlink()


def stale(files: Mapping[Path, str], folder: Path) -> list[str]:
    """What is wrong with the files that are there, in words."""
    wrong = [
        f"{path}: {'is not current' if path.exists() else 'is missing'}"
        for path, text in files.items()
        if not path.exists() or path.read_bytes() != text.encode()
    ]
    return wrong + [f"{path}: is of earlier results" for path in left_over(folder, files)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("results", nargs="?", type=Path, default=RESULTS, metavar="RESULTS.json")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE")
    parser.add_argument("--plots", type=Path, default=PLOTS, metavar="DIR")
    parser.add_argument("--notes", type=Path, default=NOTES, metavar="FILE")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    try:
        files, homeless = make(options.results, options.output, options.plots, options.notes)
    except (ResultsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    problems = [f"{options.notes}: belongs to nothing in the results: {note}" for note in homeless]
    if options.check:
        problems += stale(files, options.plots)
        if problems:
            problems.append(f"python bench/page.py {options.results} makes page and plots anew")
    else:
        write(files, options.plots)
        print(f"{options.output} and {len(files) - 1} plots in {options.plots}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if options.check and problems else 0


if __name__ == "__main__":
    sys.exit(main())
