"""One race of a moment on each library: it runs, adds up, and writes what README.md describes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import run
from harness import Failed, Program, build_c, c_program, python_program, stubs_for
from plan import ONE_THREAD, Selection, libraries, races
from race import Turns, count_all

import anymq

HERE = {library.short for library in libraries()[0]}

pytestmark = pytest.mark.skipif(
    not (shutil.which("cc") or shutil.which("gcc")), reason="no C compiler"
)


@pytest.mark.parametrize("library", ["zmq-system", "nng", "nanomsg"])
def test_a_race_of_a_moment(library: str, tmp_path: Path) -> None:
    if library not in HERE:
        pytest.skip(f"no library file for {library} here")
    transport = "inproc" if library == "nng" else "ws"
    target = tmp_path / "results.json"
    arguments = ["--rounds", "2", "--seconds", "0.01", "--library", library]
    arguments += ["--contestant", "anymq", "C", "--transport", transport, "--size", "100"]
    arguments += ["--measure", "throughput", "cpu", "--mode", "one", "batch"]
    assert run.main([*arguments, "--json", str(target)]) == 0
    results = json.loads(target.read_text())
    assert results["schema"] == 1
    assert [(case["measure"], case["mode"]) for case in results["cases"]] == [
        ("throughput", "one"),
        ("throughput", "batch"),
        ("cpu", "one"),
        ("cpu", "batch"),
    ]
    for case in results["cases"]:
        assert case["skipped"] == {}
        assert set(case["results"]) == {"anymq", "C"}
        for result in case["results"].values():
            assert len(result["values"]) == 2
            assert 0 <= result["low"] <= result["median"] <= result["high"]
            if case["measure"] != "cpu":  # such a moment may be over before it is looked at
                assert result["low"] > 0
        assert set(case["ratios"]) == {"C"}
    (record,) = results["libraries"].values()
    assert Path(record["file"]).name == record["file"]


@pytest.mark.parametrize("library", ["zmq", "nng", "nanomsg"])
def test_threads_of_a_moment(library: str, tmp_path: Path) -> None:
    if library not in HERE:
        pytest.skip(f"no library file for {library} here")
    target = tmp_path / "results.json"
    arguments = ["--rounds", "1", "--seconds", "0.01", "--library", library]
    arguments += ["--contestant", "anymq", "C", "--measure", "threads", "--json", str(target)]
    assert run.main(arguments) == 0
    one, each = json.loads(target.read_text())["cases"]
    assert (one["peers"], each["peers"]) == (1, 4)
    alone = {"anymq one thread", "C one thread"}
    if library == "zmq":
        assert set(one["results"]) == {"anymq", *alone}
        assert one["skipped"] == {"C": ONE_THREAD}
    else:
        assert set(one["results"]) == {"anymq", "C", *alone}
        assert one["skipped"] == {}
    assert set(each["results"]) == {"anymq", "C"}
    assert each["skipped"] == {}


@pytest.mark.parametrize("received", [2, 4])
def test_a_message_that_is_lost_or_comes_twice_is_found_out(received: int) -> None:
    def says(*lines: str) -> Program:
        return Program([sys.executable, "-c", f"for line in {lines}: input(); print(line)"])

    with says("sent 3") as feeder, says(f"received {received}") as measurer:
        measurer.tell("what threads sent")
        with pytest.raises(Failed, match=f"3 messages were sent and {received} received"):
            count_all(measurer, feeder)


def test_a_later_part_is_joined_to_the_file(tmp_path: Path) -> None:
    target = tmp_path / "results.json"
    common = ["--rounds", "1", "--seconds", "0.01", "--library", "nng", "--contestant", "C"]
    for transport in ("inproc", "ipc"):
        work = ["--measure", "round_trip", "--size", "100", "--mode", "one"]
        run.main([*common, *work, "--transport", transport, "--json", str(target), "--append"])
    results = json.loads(target.read_text())
    assert [case["transport"] for case in results["cases"]] == ["inproc", "ipc"]
    assert [part["rounds"] for part in results["parts"]] == [1, 1]
    assert results["seconds"] == pytest.approx(sum(part["seconds"] for part in results["parts"]))


@pytest.mark.parametrize("library", ["zmq", "nng", "nanomsg"])
def test_memory_of_anymq_and_c(library: str) -> None:
    if library not in HERE:
        pytest.skip(f"no library file for {library} here")
    chosen = Selection(measures=("memory",), libraries=(library,), contestants=("anymq", "C"))
    (_, single) = races(libraries()[0], chosen)
    build_c(single.library.backend)
    turns = Turns(single, stubs=stubs_for(single.library.file))
    turns.run(1, 0.01, lambda text: None)
    (case,) = turns.cases(lambda measure: True)
    assert case["skipped"] == {}
    assert set(case["results"]) == set(case["before"]) == {"anymq", "C"}


def test_a_process_on_another_library_is_found_out() -> None:
    nng = anymq.get_backend("nng").library.path
    nanomsg = anymq.get_backend("nanomsg").library.path
    more = ["stream", "0.01", "1", "anymq", "nng", "one"]
    command = python_program("peer.py", *more)(nng, "both", "inproc://here", 1, 100)
    with Program(command) as program:
        program.expect("ready")
        program.check_mapped(nng, "libnng.")
        with pytest.raises(Failed, match="is not what this runs on"):
            program.check_mapped(nanomsg, "libnanomsg")
        with pytest.raises(Failed, match="is mapped besides"):
            program.check_mapped(nng, "libc.")


def test_a_program_in_c_tells_the_librarys_own_words() -> None:
    build_c("nanomsg")
    nanomsg = anymq.get_backend("nanomsg").library.path
    command = c_program("nanomsg", "stream", "0.01", "1")(
        nanomsg, "measure", "ws://here/path", 1, 100
    )
    with (
        Program(command) as program,
        pytest.raises(Failed, match="nn_bind failed: Invalid argument"),
    ):
        program.expect("ready")


def test_a_program_that_fails_is_skipped_with_its_own_words() -> None:
    command = python_program("peer.py")("", "both", "", 0, 0)
    with Program(command) as program, pytest.raises(Failed, match="ValueError: not enough values"):
        program.expect("ready")
