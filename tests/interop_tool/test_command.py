"""`anymq interop` on the command line: its outputs, its exit statuses, and what it refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from anymq.cli import main
from anymq.interop import Report

SMALL = ["interop", "--transport", "ipc", "--size", "0,1,100,1KiB", "--count", "2", "--quiet"]


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([*SMALL, "--backend", "nng", "--backend", "nanomsg", "--protocol", "req-rep"])
    out = capsys.readouterr().out
    assert status == 0
    assert "req-rep over ipc" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("nng ", "nanomsg "))]
    grid = [row for row in rows if "ok" in row]
    assert [row[0] for row in grid] == ["nng", "nanomsg"]
    assert all(row.count("ok") == 2 for row in grid)
    assert out.rstrip().endswith("8 ok")


def test_json_is_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([*SMALL, "--library", "old=nng", "--protocol", "push-pull", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert status == 0
    assert document["parameters"] == {"sizes": [0, 1, 100, 1024], "count": 2, "timeout": 10.0}
    assert document["builds"]["old"]["library"] == "nng"
    assert [run["listener"] for run in document["runs"]] == ["sender", "receiver"]
    for run in document["runs"]:
        assert run["id"] == f"push-pull/ipc/old/old/{run['listener']}"
        assert (run["outcome"], run["sent"], run["delivered"]) == ("ok", 8, 8)
        assert run["intact"] is True
        assert run["ordered"] is True
        assert run["seconds"] > 0
    assert Report.from_dict(document).to_dict() == document


def test_junit(tmp_path: Path) -> None:
    file = tmp_path / "results.xml"
    sides = ["--backend", "nng", "--backend", "nanomsg", "--protocol", "pair1-pair1"]
    assert main([*SMALL, *sides, "--junit", str(file)]) == 0
    suites = ET.parse(file).getroot()
    assert suites.tag == "testsuites"
    assert {key: suites.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8",
        "failures": "0",
        "errors": "0",
        "skipped": "6",
    }
    (suite,) = suites
    assert suite.get("name") == "pair1-pair1 over ipc"
    passed = [case for case in suite if len(case) == 0]
    assert [case.get("name") for case in passed] == [
        "nng to nng, sender listens",
        "nng to nng, receiver listens",
    ]
    reasons = {case[0].get("message") for case in suite if len(case)}
    assert reasons == {"unsupported: nanomsg has no pair1"}


def test_junit_of_failures(tmp_path: Path) -> None:
    file = tmp_path / "results.xml"
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    command = [*SMALL, "--library", f"nng={broken}", "--protocol", "req-rep"]
    assert main([*command, "--junit", str(file)]) == 1
    suites = ET.parse(file).getroot()
    assert suites.get("errors") == "2"
    told = suites.findall(".//error")
    assert [error.get("type") for error in told] == ["error", "error"]
    assert all("does not load" in (error.get("message") or "") for error in told)


class _Page(HTMLParser):
    """Collects what a page holds and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "input"):
            self.open.append(tag)
        self.loads += [value or "" for name, value in attributes if name == "src"]
        self.loads += [value or "" for name, value in attributes
                       if name == "href" and not (value or "").startswith("#")]  # fmt: skip
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def test_html_is_one_whole_page(tmp_path: Path) -> None:
    file = tmp_path / "results.html"
    sides = ["--library", "a<b=nng", "--backend", "zmq", "--protocol", "req-rep"]
    assert main([*SMALL, *sides, "--html", str(file)]) == 0
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    assert page.open == []
    assert page.loads == [], "it needs nothing from elsewhere"
    builds, grid, runs = page.tables
    assert [row[0] for row in builds[1:]] == ["a<b", "zmq"]
    assert grid[0] == ["from \\ to", "a<b", "zmq"]
    assert grid[1][1].startswith("ok ")
    assert grid[1][2] == "–"
    assert len(runs) == 1 + 8
    assert runs[1][:8] == ["req-rep", "ipc", "a<b", "a<b", "sender", "ok", "16", "16"]


def test_different_wires_are_unsupported(capsys: pytest.CaptureFixture[str]) -> None:
    sides = ["--backend", "nng", "--backend", "zmq", "--protocol", "req-rep"]
    assert main([*SMALL, *sides]) == 0
    assert "different wires: nng speaks SP and zmq speaks ZMTP" in capsys.readouterr().out
    assert main([*SMALL, *sides, "--require-all"]) == 1


def test_nothing_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--backend", "zmq", "--protocol", "bus-bus"]) == 3
    assert "nothing to try" in capsys.readouterr().err


def test_a_program_that_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main([*SMALL, "--foreign", "nanocat", "--backend", "nng", "--protocol", "bus-bus"]) == 0
    assert "nanocat is absent: there is no program nanocat" in capsys.readouterr().out


@pytest.mark.parametrize("program", ["pyzmq", "pynng", "nngcat", "nanocat"])
def test_foreign_sides(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    backend = "zmq" if program == "pyzmq" else "nng"
    protocols = "push-pull,req-rep,pair-pair"
    sides = ["--backend", backend, "--foreign", program, "--protocol", protocols, "--json"]
    assert main(["interop", "--transport", "ipc", "--size", "1,100,64KiB", *sides]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    with_it = [run for run in runs if program in (run["sender"], run["receiver"])]
    assert len(with_it) == 3 * 3 * 2
    assert {run["outcome"] for run in with_it} == {"ok"}
    assert all(run["delivered"] == run["sent"] >= 3 for run in with_it)


def test_nanocats_among_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    """One process after the other listens; who dials them over ws does not always dial again."""
    sides = ["--backend", "nanomsg", "--foreign", "nanocat", "--json"]
    protocols = ["--protocol", "push-pull,req-rep,surveyor-respondent"]
    assert main(["interop", "--transport", "ws", "--size", "1,100,64KiB", *protocols, *sides]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    alone = [run for run in runs if run["sender"] == run["receiver"] == "nanocat"]
    assert len(alone) == 3 * 2
    assert {run["outcome"] for run in alone} == {"ok"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--library", "nng=/nonexistent.so"], "there is no file /nonexistent.so"),
        (["--library", "gnn"], "there is no backend 'gnn'"),
        (["--library", "=nng"], "give NAME=BACKEND:PATH"),
        (["--backend", "nng", "--backend", "nng"], "two builds have the name 'nng'"),
        (["--foreign", "zmqcat"], "there is no foreign side 'zmqcat'"),
        (["--protocol", "req"], "there is no pair 'req'"),
        (["--protocol", "req-rep,"], "has an empty word"),
        (["--transport", "inproc"], "'inproc' is not tried between processes"),
        (["--size", "12pt"], "'12pt' is no size"),
        (["--size", "2GiB"], "0 to 1 GiB"),
        (["--count", "0"], "count is 1 or more"),
        (["--timeout", "0"], "timeout is above 0"),
        (["--jobs", "0"], "jobs are 1 or more"),
        (["--echo"], "--echo goes with --peer"),
        (["--junit", "/nonexistent/a.xml"], "there is no such folder"),
        (["--peer", "tcp://127.0.0.1:1"], "--peer needs --protocol"),
        (["--peer", "tcp://127.0.0.1", "--protocol", "rep"], "the port is missing"),
        (["--peer", "tcp://127.0.0.1:1", "--protocol", "reply"], "a peer cannot be 'reply'"),
        (["--peer", "tcp://127.0.0.1:1", "--protocol", "pull", "--echo"], "cannot echo"),
        (["--peer", "tcp://127.0.0.1:1", "--protocol", "rep", "--foreign", "pyzmq"], "no side"),
    ],
)
def test_wrong_command_lines(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["interop", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
