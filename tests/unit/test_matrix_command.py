"""`anymq matrix`: making pages, and checking them and the builds; with libraries in Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from anymq.cli.matrix import check

from . import test_cli, test_registry
from .made_results import MadeResults
from .test_cli import Command
from .test_registry import World

world = test_registry.world
run = test_cli.run
no_variables = test_cli.no_variables

MAKE = ("matrix", "--results", "compat_matrix", "--output", "compat_matrix.md",
        "--html", "compat_matrix.html")  # fmt: skip
FILE = Path("compat_matrix.md")


@pytest.fixture
def made(world: World, monkeypatch: pytest.MonkeyPatch) -> MadeResults:
    """Results in the current folder; every library file here is of no package."""
    monkeypatch.setattr(check, "package_of", lambda path: None)
    return MadeResults(world.folder / "compat_matrix")


# Of this machine's libraries


def test_it_is_the_same_each_time_and_names_no_path(run: Command, world: World) -> None:
    world.add("two", has={"contexts"})
    world.add("one")
    assert run("matrix") == 0
    first = run.out
    assert run("matrix") == 0
    assert run.out == first
    assert '<!-- made from: {"one": "1.2.3", "two": "1.2.3"} -->' in first
    assert "| push | native | native |" in first
    assert "| pull | – | – |" in first
    assert ", pull, " in first
    assert "not here (needs 2.0)" in first
    assert "libone" not in first
    assert str(world.folder) not in first


def test_library_files_beside_the_installed(run: Command, world: World) -> None:
    world.add("one")
    file = world.folder / "other.so"
    file.write_text("one")
    assert run("matrix", "--library", f"one={file}") == 0
    assert "| protocol | one-1.2.3 | one-1.2.3-2 |" in run.out
    assert str(file) not in run.out
    assert run("matrix", "--library", "one=/nowhere.so") == 1
    assert "/nowhere.so" in run.err


def test_html_of_what_is_installed(run: Command, world: World) -> None:
    world.add("one")
    assert run("matrix", "--html", "page.html") == 0
    assert run.out == ""
    html = Path("page.html").read_text()
    assert '<td class="native" title="evidence: fake">native</td>' in html
    assert "Interoperation" not in html
    assert str(world.folder) not in html


def test_json(run: Command, world: World) -> None:
    world.add("one")
    assert run("matrix", "--json") == 0
    document = json.loads(run.out)
    assert document["features"]["one"]["features"]["raw"]["needed"] == "2.0"
    assert document["builds"][0]["version_text"] == "1.2.3"


def test_check_of_a_page_of_this_machine(run: Command, world: World) -> None:
    world.add("one")
    assert run("matrix", "--check") == 1
    assert "there is no such file" in run.err
    assert run("matrix", "--output", str(FILE)) == 0
    assert run("matrix", "--check") == 0
    assert run.out == f"{FILE}: current\n"
    text = FILE.read_text()
    FILE.write_text(text.replace("| push | native |", "| push | – |"))
    assert run("matrix", "--check") == 1
    assert "-| push | – |" in run.out
    assert "+| push | native |" in run.out
    assert f"`anymq matrix --output {FILE}` makes it anew" in run.err
    FILE.write_text("# something else")
    assert run("matrix", "--check", "--output", str(FILE)) == 1
    assert "does not say which libraries" in run.err


def test_check_does_not_judge_other_versions(run: Command, world: World) -> None:
    world.add("one")
    assert run("matrix", "--output", str(FILE)) == 0
    world.add("two")
    test_registry.registry._providers.cache_clear()
    assert run("matrix", "--check") == 0, "a library more does not matter"
    text = FILE.read_text()
    FILE.write_text(text.replace('"one": "1.2.3"', '"one": "9.9"'))
    assert run("matrix", "--check") == 3
    assert "it was made from one 9.9 (here: 1.2.3)" in run.err
    FILE.write_text(text.replace('"one": "1.2.3"', '"three": "1.2.3"'))
    assert run("matrix", "--check") == 3
    assert "three 1.2.3 (here: none)" in run.err


# Of recorded results


def test_making_pages(run: Command, made: MadeResults) -> None:
    assert run(*MAKE) == 0
    text = FILE.read_text()
    assert "[compat_matrix.html](compat_matrix.html)" in text
    assert str(made.folder) not in text + Path("compat_matrix.html").read_text()
    assert run("matrix", "--results", str(made.folder)) == 0
    assert "## Interoperation over SP" in run.out


def test_links_reach_the_results(run: Command, made: MadeResults) -> None:
    Path("docs").mkdir()
    assert run("matrix", "--results", "compat_matrix", "--output", "docs/matrix.md") == 0
    assert "(../compat_matrix/builds.json)" in Path("docs/matrix.md").read_text()


def test_results_that_are_wrong_are_an_error(run: Command, made: MadeResults) -> None:
    made.write("features/three.json", {})
    for command in (MAKE, ("matrix", "--check")):
        assert run(*command) == 1
        assert run.err.startswith("anymq: compat_matrix/features/three.json: ")
        assert run.err.count("\n") == 1
    assert not FILE.exists()


def test_nothing_to_compare_has_a_status_of_its_own(run: Command, made: MadeResults) -> None:
    assert run(*MAKE) == 0
    assert run("matrix", "--check") == 3
    assert "compat_matrix.md: current" in run.out
    assert "compat_matrix.html: current" in run.out
    assert "compared 0 of 3 recorded builds" in run.out
    assert "not here: one-1.0-deb, one-2.0-whl, two-7-deb" in run.out


@pytest.mark.parametrize("name", ["compat_matrix.md", "compat_matrix.html"])
def test_a_page_that_is_stale_or_missing(run: Command, made: MadeResults, name: str) -> None:
    assert run(*MAKE) == 0
    text = Path(name).read_text()
    Path(name).write_text(text.replace("left out", "left in"))
    assert run("matrix", "--check") == 1
    assert f"{name}: stale" in run.err
    assert f"`anymq {' '.join(MAKE)}` makes them anew" in run.err
    assert "left in" in run.out
    Path(name).unlink()
    assert run("matrix", "--check") == 1
    assert f"{name}: there is no such file" in run.err


def test_a_result_that_changed_makes_the_page_stale(run: Command, made: MadeResults) -> None:
    assert run(*MAKE) == 0
    made.write("conformance/two-7-deb.json", made.conformance("two-7-deb"))
    assert run("matrix", "--check") == 1
    assert "+| two-7-deb | [passed]" in run.out


def test_an_installed_build_is_asked(
    run: Command, made: MadeResults, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only if it is of the very same package; every point in which it differs is told."""
    world.add("two", has={"protocol.pull"})
    monkeypatch.setattr(check, "package_of", lambda path: ("libtwo", "1.2.3-2"))
    assert run(*MAKE) == 0
    assert run("matrix", "--check") == 3, "another package of the same version"
    monkeypatch.setattr(check, "package_of", lambda path: ("libtwo", "1.2.3-1"))
    assert run("matrix", "--check") == 1
    assert "two-7-deb: says something else now" in run.out
    assert "  protocol.push: recorded native (evidence 'symbol push'), now native" in run.out
    assert (
        "  protocol.pull: recorded native (evidence 'symbol push', needed ''), now absent"
        not in run.out
    )
    assert "  raw: recorded absent (reason 'left out', needed '9.9'), now absent" in run.out
    assert "compared 1 of 3" in run.out
    document = made.features("two-7-deb")
    assert run("matrix", "--json") == 0
    document["features"] = json.loads(run.out)["features"]["two"]["features"]
    made.write("features/two-7-deb.json", document)
    assert run(*MAKE) == 0
    assert run("matrix", "--check") == 0
    assert "two-7-deb: says what was recorded" in run.out


class Asked:
    """Stands for the processes that ask library files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[list[str]] = []
        self.result: Any = None
        monkeypatch.setattr(check.subprocess, "run", self)

    def __call__(self, command: list[str], **how: Any) -> Any:
        self.commands.append(command)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def says(self, text: str, status: int = 0, error: str = "") -> None:
        self.result = subprocess.CompletedProcess([], status, text, error)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def said_of(document: dict[str, Any], path: str) -> str:
    return json.dumps(
        {
            document["library"]: {
                "wire": document["wire"],
                "version": document["version_text"],
                "path": path,
                "found_via": "argument",
                "features": document["features"],
                "quirks": document["quirks"],
            }
        }
    )


def test_a_build_that_is_given_is_asked(run: Command, made: MadeResults, asked: Asked) -> None:
    assert run(*MAKE) == 0
    document = made.features("one-2.0-whl")
    document["features"]["protocol.push"]["evidence"] = "symbol push of /x/lib.so"
    asked.says(said_of(document, "/x/lib.so"))
    recorded = json.loads(json.dumps(document).replace("/x/lib.so", "one-2.0-whl"))
    made.write("features/one-2.0-whl.json", recorded)
    assert run(*MAKE) == 0
    assert run("matrix", "--check", "--build", "one-2.0-whl=/x/lib.so") == 0
    assert "one-2.0-whl: says what was recorded" in run.out
    assert asked.commands[-1][-5:] == ["features", "one", "--library", "/x/lib.so", "--json"]
    document["features"]["raw"] = {"status": "native", "reason": "", "evidence": "", "needed": ""}
    document["version_text"] = "2.1"
    document["quirks"] = {"drops": "it drops some"}
    asked.says(said_of(document, "/x/lib.so"))
    assert run("matrix", "--check", "--build", "one-2.0-whl=/x/lib.so") == 1
    assert "  version: recorded 2.0, now 2.1" in run.out
    assert "  raw: recorded emulated (reason 'anymq | <parses> it'" in run.out
    assert "  quirk drops: recorded 'nothing', now 'it drops some'" in run.out
    assert "  quirk slow-start: recorded 'it begins | <late>', now 'nothing'" in run.out


def test_a_build_that_is_given_has_to_answer(run: Command, made: MadeResults, asked: Asked) -> None:
    assert run(*MAKE) == 0
    asked.says("", 1, "anymq: does not load")
    assert run("matrix", "--check", "--build", "two-7-deb=/x.so") == 1
    assert "two-7-deb: cannot be asked: anymq: does not load" in run.out
    asked.says("", -11)
    assert run("matrix", "--check", "--build", "two-7-deb=/x.so") == 1
    assert "it crashed, by signal 11" in run.out
    asked.result = subprocess.TimeoutExpired([], 60)
    assert run("matrix", "--check", "--build", "two-7-deb=/x.so") == 1
    assert "no answer within 60 s" in run.out


def test_a_build_that_nobody_recorded(run: Command, made: MadeResults) -> None:
    assert run(*MAKE) == 0
    for name in ("three", "one-3.0-src"):
        assert run("matrix", "--check", "--build", f"{name}=/x.so") == 1
        assert f"--build {name}: no such build was recorded as one that loads" in run.err
        assert "one-1.0-deb, one-2.0-whl, two-7-deb" in run.err


def test_builds_of_the_laboratory_are_asked(
    run: Command, made: MadeResults, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be loaded without the laboratory's help is no failure, but told."""
    assert run(*MAKE) == 0
    file = Path("cache/builds/two-7-deb/usr/lib/libtwo.so")
    file.parent.mkdir(parents=True)
    file.write_text("")
    assert run("matrix", "--check") == 3
    monkeypatch.setenv("ANYMQ_LAB_CACHE", "cache")
    asked.says("", 1, "anymq: GLIBC_2.43 not found")
    assert run("matrix", "--check") == 3
    assert "two-7-deb: cannot be asked: anymq: GLIBC_2.43 not found" in run.out
    document = made.features("two-7-deb")
    asked.says(said_of(document, str(file.resolve())))
    assert run("matrix", "--check") == 0
    assert asked.commands[-1][-2] == str(file.resolve())
    document["features"]["raw"]["status"] = "native"
    asked.says(said_of(document, str(file.resolve())))
    assert run("matrix", "--check") == 1
    assert "  raw: recorded absent, now native" in run.out
