"""Recorded results are read strictly: what is wrong is told with its file and key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anymq.cli.matrix.results import ResultsError, read_results

from .made_results import BUILDS, REFUSED, MadeResults


@pytest.fixture
def made(tmp_path: Path) -> MadeResults:
    return MadeResults(tmp_path / "results")


def test_what_was_recorded_is_read(made: MadeResults) -> None:
    results = read_results(made.folder)
    assert [build.name for build in results.loadable] == list(BUILDS)
    assert [build.name for build in results.builds if not build.loads] == [REFUSED]
    record = results.record("one-2.0-whl", "raw")
    assert record is not None
    assert record.status == "emulated"
    assert results.conformance["one-2.0-whl"].outcome == "crashed"
    assert len(results.interop["sp"].runs) == 35


def test_builds_of_one_library_are_side_by_side(made: MadeResults) -> None:
    document = made.builds()
    document["builds"].insert(0, document["builds"].pop(2))
    made.write("builds.json", document)
    libraries = [build.library for build in read_results(made.folder).builds]
    assert libraries == sorted(libraries)


def test_what_is_not_there_is_not_made_up(made: MadeResults) -> None:
    made.remove("features/two-7-deb.json")
    document = made.features("one-1.0-deb")
    del document["features"]["transport.ws"]
    made.write("features/one-1.0-deb.json", document)
    results = read_results(made.folder)
    assert results.record("two-7-deb", "protocol.push") is None
    assert results.record("one-1.0-deb", "transport.ws") is None
    assert "two-7-deb" not in results.conformance


def set_at(path: str, value: object) -> Callable[[Any], None]:
    """A change of a document: `runs.0.outcome`; None as value removes the key."""

    def change(document: Any) -> None:
        *outer, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        for part in outer:
            document = document[part]
        if value is None:
            del document[last]
        else:
            document[last] = value

    return change


WRONG = {
    "a key is missing": ("builds.json", set_at("builds/0/origin", None), "builds[0]"),
    "an unknown key": ("builds.json", set_at("builds/1/colour", "red"), "builds[1]"),
    "a wrong type": ("builds.json", set_at("builds/0/loads", "yes"), "builds[0].loads"),
    "a name for a path": ("builds.json", set_at("builds/0/name", "../x"), "builds[0].name"),
    "a name twice": ("builds.json", set_at("builds/0/name", "two-7-deb"), "builds[0].name"),
    "no reason": ("builds.json", set_at("builds/3/reason", ""), "builds[3].reason"),
    "no such status": (
        "features/two-7-deb.json",
        set_at("features/raw/status", "maybe"),
        "features.raw.status",
    ),
    "no such feature": ("features/two-7-deb.json", set_at("features/x", {"status": "absent"}),
                        "features.x"),
    "another library": ("features/two-7-deb.json", set_at("library", "one"), "library"),
    "another version": ("features/two-7-deb.json", set_at("version_text", "8"), "version_text"),
    "another build": ("features/two-7-deb.json", set_at("build", "one-1.0-deb"), "build"),
    "no such ending": ("conformance/one-1.0-deb.json", set_at("outcome", "fine"), "outcome"),
    "no such outcome": ("interop/sp.json", set_at("runs/4/outcome", "good"), "runs[4].outcome"),
    "no such side": ("interop/sp.json", set_at("runs/4/sender", "three"), "runs[4].sender"),
    "one that does not speak it": ("interop/sp.json", set_at("runs/4/sender", REFUSED),
                                   "runs[4].sender"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(made: MadeResults, case: str) -> None:
    name, change, key = WRONG[case]
    document = made.read(name)
    change(document)
    path = made.write(name, document)
    with pytest.raises(ResultsError) as caught:
        read_results(made.folder)
    assert str(caught.value).startswith(f"{path}: {key}: ")


def test_a_run_counts_once(made: MadeResults) -> None:
    document = made.interop()
    document["runs"].append({**document["runs"][0], "id": "other"})
    made.write("interop/sp.json", document)
    with pytest.raises(ResultsError, match=r"runs\[35\]: the same run as runs\[0\]"):
        read_results(made.folder)


def test_a_build_speaks_its_wire(made: MadeResults) -> None:
    (made.folder / "interop" / "sp.json").rename(made.folder / "interop" / "zmtp.json")
    with pytest.raises(ResultsError, match=r"zmtp\.json: runs\[0\]\.sender: .* speaks sp"):
        read_results(made.folder)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("features/three.json", "there is no build 'three' in builds.json"),
        (f"conformance/{REFUSED}.json", "does not load, says builds.json"),
        ("feature.json", "not a file of results"),
        ("notes/one.json", "not a file of results"),
    ],
)
def test_files_that_nobody_knows(made: MadeResults, name: str, says: str) -> None:
    stem = Path(name).stem
    document = made.conformance(stem) if "conf" in name else made.features("one-1.0-deb")
    path = made.write(name, {**document, "build": stem})
    with pytest.raises(ResultsError) as caught:
        read_results(made.folder)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"builds\.json: there is no such file"):
        read_results(tmp_path)
    (tmp_path / "builds.json").write_text("{")
    with pytest.raises(ResultsError, match=r"builds\.json: not JSON"):
        read_results(tmp_path)
