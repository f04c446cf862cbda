"""`anymq bench`: that what it measures was measured, and what becomes of failures. Speed is no
matter here: rounds last some milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from anymq.cli import _race, bench
from anymq.cli._race import Case, Entrant, Spread, Taken, ratio, take
from tests.conformance.support import LIBRARIES, eventually

from .programs import Anymq

USABLE = {u.name: u.backend for u in reversed(LIBRARIES) if u.backend is not None}
"""The default library of each backend."""
ENTRANTS = [Entrant(name, backend) for name, backend in sorted(USABLE.items())]
SHORT = ("--rounds", "2", "--seconds", "0.01")

needs_a_library = pytest.mark.skipif(not USABLE, reason="no library is usable")
needs_two = pytest.mark.skipif(len(USABLE) < 2, reason="compares two libraries")


@pytest.fixture
def short_folder() -> Iterator[str]:
    """One whose path leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield folder


def run(*arguments: str, names: Iterable[str] = USABLE) -> subprocess.CompletedProcess[str]:
    libraries = [f"--library={name}={USABLE[name].library.path}" for name in names]
    command = [sys.executable, "-m", "anymq", "bench", *libraries, *SHORT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50)


def measured(*arguments: str, names: Iterable[str] = USABLE) -> Any:
    done = run("--json", *arguments, names=names)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# As a user runs it


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize(
    ("transport", "size"), [("tcp", 0), ("ipc", 100), ("inproc", 1024), ("ws", 1)]
)
def test_every_library_over_every_transport(name: str, transport: str, size: int) -> None:
    backend = USABLE[name]
    if not backend.supports(f"transport.{transport}"):
        pytest.skip(f"{name} has no {transport}")
    document = measured("--transport", transport, "--size", str(size), names=[name])
    assert document["ok"] is True
    assert document["rounds"] == 2
    assert document["cores"] >= 1
    library = document["libraries"][name]
    assert (library["backend"], library["path"]) == (name, backend.library.path)
    cases = {(case["measure"], case["mode"]): case for case in document["cases"]}
    assert cases.keys() == {("throughput", "one"), ("throughput", "batch"), ("round_trip", "one")}
    for case in cases.values():
        assert (case["transport"], case["size"]) == (transport, size)
        assert case["higher_is_better"] == (case["measure"] == "throughput")
        assert case["failures"] == case["skipped"] == {}
        result = case["results"][name]
        assert len(result["values"]) == 2
        assert 0 < result["low"] <= result["median"] <= result["high"]


@needs_two
def test_ratios_are_to_the_first_library_that_was_named() -> None:
    first, *others = names = sorted(USABLE, reverse=True)
    options = ("--transport", "inproc", "--size", "10", "--measure", "throughput", "--mode", "one")
    document = measured(*options, names=names)
    assert document["ratio_to"] == first
    [case] = document["cases"]
    assert case["ratios"].keys() == set(others)
    for name in others:
        values = [case["results"][one]["values"] for one in (name, first)]
        ratios = sorted(one / other for one, other in zip(*values, strict=True))
        assert [case["ratios"][name][key] for key in ("low", "high")] == ratios


@needs_two
def test_a_library_that_lacks_the_transport_is_skipped() -> None:
    lacking = [name for name, backend in USABLE.items() if not backend.supports("transport.pgm")]
    if not 0 < len(lacking) < len(USABLE):
        pytest.skip("all of these libraries have pgm, or none")
    results = take(
        Case("throughput", "pgm", 1, "one"),
        [Entrant(name, USABLE[name]) for name in lacking],
        rounds=1,
        seconds=0.01,
        time_limit=1,
        folder="",
        on_turn=lambda name, turn: pytest.fail(f"{name} takes part"),
    )
    for taken in results.values():
        assert taken.skipped == "the library has no transport.pgm"


@needs_a_library
def test_messages_of_which_few_fit_into_memory() -> None:
    document = measured("--transport", "tcp", "--size", "20MiB", "--measure", "throughput")
    assert {case["mode"] for case in document["cases"]} == {"one", "batch"}
    for case in document["cases"]:
        assert case["results"].keys() == USABLE.keys()


@needs_a_library
def test_table() -> None:
    done = run("--transport", "tcp", "--size", "64KiB", "--mode", "one")
    assert done.returncode == 0, done.stderr
    assert "[1/2] throughput over tcp, 64 KiB\n[2/2] round trips over tcp, 64 KiB\n" in done.stderr
    assert "cores, load before" in done.stdout
    assert "messages a second from PUSH to PULL" in done.stdout
    assert "microseconds from REQ to REP and back" in done.stdout
    for name, backend in USABLE.items():
        assert done.stdout.count(f"one    {name}") == 2
        assert backend.library.path in done.stdout


@needs_a_library
def test_one_library_under_two_names() -> None:
    name, backend = next(iter(USABLE.items()))
    command = [sys.executable, "-m", "anymq", "bench", f"--backend={name}", *SHORT, "--quiet"]
    command += [f"--library=again={name}:{backend.library.path}", "--transport=inproc", "--size=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0
    assert "[1/" not in done.stderr
    assert f"/ {name} (low-high)" in done.stdout
    assert "again" in done.stdout


@needs_a_library
def test_ctrl_c_ends_it_and_its_processes(
    short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", short_folder)
    arguments = ("--transport", "ipc", "--measure", "throughput", "--mode", "one", "--size", "1")
    with Anymq("bench", *arguments, "--seconds", "30") as running:
        while not running.line().startswith("[1/1] throughput over ipc, 1 B"):
            pass
        eventually(lambda: processes(short_folder))
        running.interrupt()
        assert running.status() == 130
    eventually(lambda: not processes(short_folder))
    assert not list(Path(short_folder).glob("anymq-bench-*"))


def processes(word: str) -> list[str]:
    """Commands of processes that were given a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if word in command:
            found.append(command)
    return found


# What goes wrong


CASE = Case("throughput", "tcp", 10, "one")


def take_short(
    folder: str, entrants: list[Entrant] = ENTRANTS[:1], time_limit: float = 20
) -> Mapping[str, Taken]:
    return take(
        CASE,
        entrants,
        rounds=2,
        seconds=0.01,
        time_limit=time_limit,
        folder=folder,
        on_turn=lambda name, turn: None,
    )


def failure(folder: str, **more: Any) -> str:
    [taken] = take_short(folder, **more).values()
    assert taken.spread is None
    return taken.failure


@needs_a_library
def test_a_process_that_dies(short_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_race, "PROGRAM", ("-c", "import os; os.abort()"))
    assert "was ended by SIGABRT while connecting" in failure(short_folder)


@needs_a_library
def test_a_process_that_hangs(short_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_race, "PROGRAM", ("-c", "import sys; sys.stdin.read()"))
    said = failure(short_folder, time_limit=0.3)
    assert "hangs: not done with connecting after 0.3 s" in said


@needs_a_library
def test_a_process_that_says_what_nobody_asked(
    short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_race, "PROGRAM", ("-c", "print('hello')"))
    assert "[b'hello']" in failure(short_folder)


@needs_a_library
def test_an_error_of_the_library_is_told(
    short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import runpy, sys; sys.argv = [a.replace('127.0.0.1:0', '127.0.0.1:x') for a in sys.argv];"
        "runpy.run_module('anymq.cli.measured', run_name='__main__')"
    )
    monkeypatch.setattr(_race, "PROGRAM", ("-c", program))
    assert "AddressInvalid: " in failure(short_folder)


@needs_two
def test_the_others_go_on_when_one_fails(
    short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, *rest = ENTRANTS
    program = (
        f"import os, runpy, sys; '--backend={lost.name}' in sys.argv and os.abort();"
        "runpy.run_module('anymq.cli.measured', run_name='__main__')"
    )
    monkeypatch.setattr(_race, "PROGRAM", ("-c", program))
    results = take_short(short_folder, ENTRANTS)
    assert "SIGABRT" in results[lost.name].failure
    for entrant in rest:
        assert len(results[entrant.name].values) == 2
        assert ratio(results[entrant.name], results[lost.name]) is None


# Numbers


def test_ratio_is_taken_turn_by_turn() -> None:
    one, other = Taken([10.0, 30.0, 20.0]), Taken([10.0, 10.0, 40.0])
    assert ratio(one, other) == Spread(1.0, 0.5, 3.0)
    assert ratio(one, Taken(skipped="no")) is None
    assert ratio(one, Taken([1.0], failure="ended")) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.8, "1,234,568"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.5, "0.50")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert bench._number(value) == text
