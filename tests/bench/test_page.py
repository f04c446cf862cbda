"""The page and the plots that are made from the benchmark's results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import page as command
import pytest
from report.chart import LETTER, MARK, SHAPES, WIDTH, Chart, Panel, draw, styles_of
from report.notes import read_notes
from report.results import Case, Spread, read
from report.tables import number, ratio, size

from . import made

Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results.json").write_text(json.dumps(made.results()))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    def main(*more: str) -> int:
        files = ("--output", str(folder / "page.md"), "--plots", str(folder / "plots"))
        notes = ("--notes", str(folder / "notes.md"))
        return command.main([str(folder / "results.json"), *files, *notes, *more])

    return main


@pytest.fixture
def text(folder: Path, run: Run) -> str:
    assert run() == 0
    return (folder / "page.md").read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or a higher one."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.split(rf"^{re.escape(heading)}$", text, flags=re.M)
    assert len(found) == 2, heading
    return re.split(rf"^#{{1,{level}}} ", found[1], flags=re.M)[0]


# The page of what was recorded


def test_the_published_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    if not command.RESULTS.exists():
        assert not command.OUTPUT.exists(), "a page without its results"
        pytest.skip("no results are published")
    assert command.main(["--check"]) == 0, capsys.readouterr().err


# What it says


def test_aims_in_plain_words(text: str) -> None:
    aims = section(text, "## What was aimed at")
    assert "2 of 4 aims were reached, 2 were not." in aims
    assert "| libzmq | one message a call, tcp | C | ≥ 0.9 | 0.95 (0.93–0.98) | yes |" in aims
    assert "| libnng | round trip, tcp | C | ≤ 1.1 | 1.05 (1.03–1.08) | yes |" in aims
    missed = section(text, "### Not reached")
    assert "**libnng, one message a call, tcp**: 0.80 × C, where at least 0.9 was wanted." in missed
    assert "**libnanomsg, batches, tcp**: 0.900 × C, where" in missed, "0.90 would look reached"
    assert "libzmq" not in missed


def test_machine_and_libraries(text: str) -> None:
    machine = section(text, "## Machine, libraries and packages")
    assert "a made-up CPU, 2 cores, Linux 1.2.3, Python 3.11.0; load 0.25" in machine
    assert f"| libnng | 1.2.3 | `libnng.so.1` | `{'0123456789abcdef' * 4}` |" in machine
    assert "Packages: anymq 0.1.0, pyzmq 27.1.0. The C programs were compiled by cc 12." in machine
    assert "mean little" not in machine
    assert "5 rounds; all of it took 35 minutes" in section(text, "## How it was measured")


def test_a_busy_machine_is_told(folder: Path, run: Run) -> None:
    results = made.results()
    results["machine"]["load_before"] = 0.6
    write(folder, results)
    assert run() == 0
    text = (folder / "page.md").read_text(encoding="utf-8")
    assert "the numbers mean little" in section(text, "## Machine, libraries and packages")


def page_of(folder: Path, run: Run, **changed: Any) -> str:
    write(folder, {**made.results(), **changed})
    assert run() == 0
    return (folder / "page.md").read_text(encoding="utf-8")


def part(date: str, load: float, rounds: int) -> dict[str, Any]:
    return {"date": date, "load_before": load, "rounds": rounds, "seconds": 60.0}


def test_a_run_in_parts_is_told_as_one(folder: Path, run: Run) -> None:
    parts = [part("2000-01-01", 0.1, 3), part("2000-01-02", 0.3, 3), part("2000-01-02", 0.45, 5)]
    text = page_of(folder, run, parts=parts)
    assert "measured from 2000-01-01 to 2000-01-02 in 3 parts on one machine" in text
    machine = section(text, "## Machine, libraries and packages")
    assert "; load 0.10 before the first part, 0.30 to 0.45 before the others." in machine
    assert "mean little" not in machine
    assert "up to 3 or 5 rounds, depending on the part" in section(text, "## How it was measured")
    busy = page_of(folder, run, parts=[*parts, part("2000-01-03", 0.6, 3)])
    assert "the numbers mean little" in section(busy, "## Machine, libraries and packages")


def test_a_run_of_one_part(folder: Path, run: Run) -> None:
    text = page_of(folder, run, parts=[part("2000-01-02", 0.3, 5)])
    assert "measured on 2000-01-02 in one run on one machine" in text
    assert "; load 0.30 before the run." in text


def test_a_file_that_does_not_say_its_parts(text: str) -> None:
    assert "measured on 2000-01-02 on one machine" in text


BEHIND = "## Where another package is faster"


def test_where_no_package_is_faster(text: str) -> None:
    """C is, in most of these; that is not what it is about."""
    assert "Nowhere by more than 1.1 times" in section(text, BEHIND)


def test_where_another_package_is_faster(folder: Path, run: Run) -> None:
    place = {"transport": "tcp", "size": 65536, "mode": "one"}
    ways = {
        "anymq": 1.0,
        "anymq recv_message": 2.0,
        "pyzmq": 1.0,
        "pyzmq copy=False": 3.0,
        "C": 9.0,
    }
    cases = [
        made.case("zmq", "throughput", ways, **place),
        made.case("zmq", "open_close", {"anymq": 1.0, "pyzmq": 4.0}),
        made.case("nanomsg", "throughput", {"anymq": 1.0, "nnpy": 1.5}, **place),
    ]
    result = cases[2]["results"]
    for name, values in {"anymq": [2.0, 1.0, 1.0], "nnpy": [1.0, 1.5, 1.5]}.items():
        result[name] = {"values": values, **made.spread(values)}
    told = section(page_of(folder, run, cases=cases, aims=[]), BEHIND)
    rows = [
        line.strip("| ").split(" | ") for line in told.splitlines() if line.startswith("| lib")
    ][1:]
    assert [row[:4] for row in rows] == [
        ["libzmq", "open close", "pyzmq", "µs"],
        [
            "libzmq",
            "throughput, tcp 64 KiB one a call",
            "pyzmq copy=False, to anymq recv_message",
            "messages a second",
        ],
        ["libnanomsg", "throughput, tcp 64 KiB one a call", "nnpy", "messages a second"],
    ]
    assert float(rows[0][4]) < float(rows[0][5]), "of times the lower is the better"
    assert 3.6 < float(rows[0][6].split()[0]) < 4.4
    assert rows[2][4:] == ["1.50", "1.00", "1.50 (0.50–1.50) ?"]


def test_every_case_has_its_row(text: str) -> None:
    for library in made.OTHERS:
        rows = [
            line
            for line in section(text, f"## lib{library}").splitlines()
            if line.startswith("| ") and not line.startswith(("| over", "| ---", "| anymq"))
        ]
        assert len(rows) == len(made.cases(library))


def test_a_row(text: str) -> None:
    [row] = [
        line
        for line in section(section(text, "## libnng"), "### Round trips").splitlines()
        if line.startswith("| ipc | 1 KiB |")
    ]
    [case] = [
        one
        for one in made.cases("nng")
        if (one["measure"], one["transport"], one["size"]) == ("round_trip", "ipc", 1024)
    ]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["ipc", "1 KiB"]
    names = ("anymq", "C", "nng", "pynng")
    assert cells[2:6] == [f"{case['results'][name]['median']:.3g}" for name in names]
    for cell, name in zip(cells[6:], names[1:], strict=True):
        spread = case["ratios"][name]
        assert cell == f"{spread['median']:.2f} ({spread['low']:.2f}–{spread['high']:.2f})"


def test_sections_and_units(text: str) -> None:
    zmq = section(text, "## libzmq")
    assert "messages a second; more is better" in section(zmq, "### Throughput")
    assert "µs; less is better" in section(zmq, "### Round trips")
    assert "| over | size | subscribers |" in section(zmq, "### Publishing")
    assert "| over | size | sockets |" in section(zmq, "### Threads")
    assert "| tcp | 100 B | 4 |" in section(zmq, "### Threads")
    assert "| tcp | 100 B | trio |" in section(zmq, "### Awaiting")
    cost = section(zmq, "### Processor time and memory")
    assert "s per million messages; less" in cost
    assert "MiB; less" in cost
    assert "µs; less" in section(zmq, "### Opening and closing")
    assert "| anymq | pyzmq | anymq / pyzmq |" in section(zmq, "### Importing")


def test_who_was_not_measured_is_told(text: str) -> None:
    throughput = section(section(text, "## libzmq"), "### Throughput")
    assert "- pyzmq (tcp 100 B one a call): it takes | no such messages" in throughput
    [row] = [line for line in throughput.splitlines() if line.startswith("| tcp | 100 B | one")]
    assert "|  |" in row


def test_who_does_not_share_a_socket_among_threads_is_told(folder: Path, run: Run) -> None:
    results = made.results()
    [shared] = [
        case
        for case in results["cases"]
        if (case["library"], case["measure"], case["peers"]) == ("zmq", "threads", 1)
    ]
    for name in ("C", "pyzmq"):
        del shared["results"][name], shared["ratios"][name]
        shared["skipped"][name] = "a socket is for one thread"
    write(folder, results)
    assert run() == 0
    text = (folder / "page.md").read_text(encoding="utf-8")
    threads = section(section(text, "## libzmq"), "### Threads")
    assert "- C (tcp 100 B one a call 1 socket): a socket is for one thread" in threads
    assert "- pyzmq (tcp 100 B one a call 1 socket): a socket is for one thread" in threads


def test_a_measure_that_nobody_knew(folder: Path, run: Run) -> None:
    results = made.results()
    odd = {**results["cases"][0], "measure": "four_threads", "unit": "furlongs"}
    write(folder, {**results, "cases": [odd]})
    assert run() == 0
    other = section((folder / "page.md").read_text(encoding="utf-8"), "### Other")
    assert "Four threads, furlongs; more is better." in other


def test_files_of_one_library_are_told_apart(folder: Path, run: Run) -> None:
    results = made.results()
    libraries = {
        "nng": results["libraries"]["nng"],
        "nng (pynng's)": {**results["libraries"]["nng"], "file": "other.so"},
    }
    cases = [case for case in results["cases"] if case["library"] == "nng"]
    cases += [{**case, "library": "nng (pynng's)"} for case in cases]
    write(folder, {**results, "libraries": libraries, "cases": cases, "aims": []})
    assert run() == 0
    text = (folder / "page.md").read_text(encoding="utf-8")
    assert "What was aimed at" not in text
    assert "plots/throughput-nng.svg" in section(text, "## libnng")
    assert "plots/throughput-nng-pynng-s.svg" in section(text, "## libnng (pynng's)")


# Notes


NOTES = """Not shown: for those who edit this.

## nng

What nng is like.

### one message a call, tcp

Most of it is spent
in the library.

## zmq
### one message a call, tcp, to C
A remark.
"""


def test_notes_stand_where_they_belong(folder: Path, run: Run) -> None:
    (folder / "notes.md").write_text(NOTES)
    assert run() == 0
    text = (folder / "page.md").read_text(encoding="utf-8")
    assert "Not shown" not in text
    assert section(text, "## libnng").startswith("\n\nWhat nng is like.\n")
    missed = section(text, "### Not reached")
    assert "at least 0.9 was wanted.\nMost of it is spent\nin the library.\n" in missed
    assert missed.count("It is not explained yet.") == 1
    assert "to C** (reached):\nA remark." in section(text, "### Remarks")
    assert run("--check") == 0


def test_a_note_that_belongs_to_nothing(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.md").write_text(NOTES.replace("## zmq", "## kafka"))
    assert run() == 0, "results of a part of the benchmark may be looked at"
    capsys.readouterr()
    assert run("--check") == 1
    said = capsys.readouterr().err
    assert "belongs to nothing in the results: kafka: one message a call, tcp, to C" in said


def test_notes_without_prose_are_none() -> None:
    assert read_notes("## a\n\n### b\n\n## c\ntext\n") == {("c", ""): "text"}


# Plots


def charts(folder: Path) -> dict[str, ET.Element]:
    return {path.name: ET.parse(path).getroot() for path in (folder / "plots").glob("*.svg")}


def test_plots_are_those_that_the_page_shows(folder: Path, text: str) -> None:
    shown = set(re.findall(r"\]\(plots/([\w-]+\.svg)\)", text))
    assert shown == set(charts(folder))
    assert len(shown) == 1 + 5 * len(made.OTHERS)


def test_no_text_is_cut_off(folder: Path, text: str) -> None:
    for name, root in charts(folder).items():
        height = float(root.attrib["height"])
        words = root.findall("{http://www.w3.org/2000/svg}text")
        assert words, name
        for word in words:
            content = word.text or ""
            width = len(content) * float(word.attrib["font-size"]) * LETTER
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[word.attrib["text-anchor"]]
            left = float(word.attrib["x"]) - share * width
            assert 0 <= left <= left + width <= WIDTH, (name, content)
            assert 0 < float(word.attrib["y"]) < height, (name, content)


def test_series_look_different_in_a_chart_and_the_same_in_all() -> None:
    names = ["anymq", "anymq, batches", "anymq blocking", "C2", "pyzmq", "pynng", "nng", "nnpy"]

    def chart(*series: str) -> Chart:
        return Chart("", "", [Panel("", {"group": dict.fromkeys(series, Spread(1, 1, 1))})])

    styles = styles_of([chart(*names[:5]), chart(*names[3:])])
    assert len(set(styles.values())) == len(names)
    assert max(styles.values()) < len(SHAPES)
    for name in names:
        marker = f'<path class="f{styles[name]} '
        assert sum(marker in line for line in draw(chart(name), styles).splitlines()) == 2


def test_plots_show_the_distance_from_c(folder: Path, text: str) -> None:
    root = charts(folder)["round-trip-zmq.svg"]
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    told = [title for title in titles if title.startswith("64 KiB: pyzmq: ")]
    case = next(one for one in made.cases("zmq") if one["measure"] == "round_trip")
    assert len(told) == 2, "over tcp and over ipc"
    assert all(0.5 < float(title.split()[3]) < 0.7 for title in told), "slower than C, below it"
    assert case["ratios"]["pyzmq"]["median"] < 1, "though its ratio is one of times"


def test_plots_of_threads_leave_out_what_one_thread_does(folder: Path, text: str) -> None:
    root = charts(folder)["threads-zmq.svg"]
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("1 socket: anymq: ") for title in titles)
    assert any(title.startswith("4 sockets: pyzmq: ") for title in titles)
    assert not any("one thread" in title for title in titles)


def test_times_are_turned_into_speeds() -> None:
    def values(*numbers: float) -> dict[str, Any]:
        return {"values": list(numbers), "median": 0.0, "low": 0.0, "high": 0.0}

    about = {**made.case("zmq", "round_trip", {"anymq": 1, "C": 1}), "ratios": {}}
    about["results"] = {"anymq": values(4, 5), "C": values(2, 5), "none": values(0, 1)}
    case = msgspec.convert(about, Case)
    assert case.as_fast_as("anymq", "C") == Spread(0.75, 0.5, 1.0)
    assert case.as_fast_as("none", "C") is None, "nothing is infinitely fast"
    assert case.as_fast_as("absent", "C") is None


# The check


def test_check(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--check") == 1
    assert "page.md: is missing" in capsys.readouterr().err
    assert run() == 0
    assert run("--check") == 0
    (folder / "page.md").write_text("something else")
    assert run("--check") == 1
    assert "page.md: is not current" in capsys.readouterr().err
    assert run() == 0
    (folder / "plots" / "overview.svg").unlink()
    assert run("--check") == 1
    assert "overview.svg: is missing" in capsys.readouterr().err


def test_plots_of_earlier_results_are_removed(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    old, foreign = folder / "plots" / "old.svg", folder / "plots" / "foreign.svg"
    old.write_text(f"<svg>{MARK}</svg>")
    foreign.write_text("<svg/>")
    assert run("--check") == 1
    assert "old.svg: is of earlier results" in capsys.readouterr().err
    assert run() == 0
    assert not old.exists()
    assert foreign.exists()
    assert run("--check") == 0


def test_the_same_results_make_the_same_files(folder: Path, run: Run) -> None:
    """Byte for byte, in another process with other hashes too."""
    assert run() == 0
    for seed in ("1", "2"):
        files = ("--output", str(folder / "page.md"), "--plots", str(folder / "plots"))
        arguments = [str(folder / "results.json"), *files, "--notes", str(folder / "notes.md")]
        done = subprocess.run(
            [sys.executable, command.__file__, *arguments, "--check"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert (done.returncode, done.stderr) == (0, "")


# Results that are wrong


def write(folder: Path, results: dict[str, Any]) -> None:
    (folder / "results.json").write_text(json.dumps(results))


def wrong_library(results: dict[str, Any]) -> None:
    results["cases"][3]["library"] = "kafka"


def wrong_ratio(results: dict[str, Any]) -> None:
    results["cases"][3]["ratios"]["kafka"] = {"median": 1, "low": 1, "high": 1}


def wrong_values(results: dict[str, Any]) -> None:
    results["cases"][3]["results"]["C"]["values"] = []


def wrong_aim(results: dict[str, Any]) -> None:
    results["aims"][0]["reached"] = False


def wrong_schema(results: dict[str, Any]) -> None:
    results["schema"] = 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (wrong_library, "cases[3] (kafka, throughput): there is no library 'kafka'"),
        (wrong_ratio, "ratios to kafka, of which there are no results"),
        (wrong_values, "C: there are no values"),
        (wrong_aim, "reached is not what its numbers say"),
        (wrong_schema, "$.schema"),
    ],
)
def test_results_that_contradict_themselves(
    folder: Path,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    results = made.results()
    spoil(results)
    write(folder, results)
    assert run() == 1
    assert said in capsys.readouterr().err
    assert not (folder / "page.md").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}'])
def test_files_that_are_no_results(
    folder: Path, run: Run, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (folder / "results.json").write_text(content)
    assert run() == 1
    assert "results.json: " in capsys.readouterr().err


def test_no_file(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "results.json").unlink()
    assert run() == 1
    assert "results.json" in capsys.readouterr().err


# Numbers


def test_made_results_are_read(folder: Path) -> None:
    assert len(read(folder / "results.json").cases) == len(made.results()["cases"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.0, "1,230,000"),
        (123.4, "123"),
        (99.96, "100"),
        (12.0, "12.0"),
        (1.0, "1.00"),
        (0.0456, "0.0456"),
        (0.000001234, "0.00000123"),
        (0.0, "0"),
        (-3.2, "-3.20"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_ratios_and_sizes() -> None:
    assert [ratio(value) for value in (0.0423, 0.954, 12.34, 123.4)] == [
        "0.042", "0.95", "12.3", "123",
    ]  # fmt: skip
    assert [size(count) for count in (0, 100, 1024, 1536, 64 * 2**20)] == [
        "0 B", "100 B", "1 KiB", "1536 B", "64 MiB",
    ]  # fmt: skip
