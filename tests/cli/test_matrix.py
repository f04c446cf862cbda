"""`anymq matrix` of the libraries under test: what they say is recorded, shown and checked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from anymq.abc import Backend

LIMIT = 50.0


def anymq(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "anymq", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.fixture
def recorded(backend: Backend, tmp_path: Path) -> Path:
    """A folder with the results of one build, `it`, and the pages of them."""
    library = backend.library
    asked = anymq("features", backend.name, "--library", library.path, "--json", folder=tmp_path)
    said = json.loads(asked.stdout.replace(library.path, "it"))[backend.name]
    build = {
        "name": "it",
        "library": backend.name,
        "loads": True,
        "origin": "this machine",
        "wire": backend.wire,
        "version": list(library.version),
        "version_text": library.version_text,
    }
    features = {
        "build": "it",
        "library": backend.name,
        "version_text": said["version"],
        "wire": said["wire"],
        "features": said["features"],
        "quirks": said["quirks"],
    }
    (tmp_path / "compat_matrix" / "features").mkdir(parents=True)
    builds = {"anymq": "0", "builds": [build]}
    (tmp_path / "compat_matrix" / "builds.json").write_text(json.dumps(builds))
    (tmp_path / "compat_matrix" / "features" / "it.json").write_text(json.dumps(features))
    make(tmp_path)
    return tmp_path


def make(folder: Path) -> None:
    pages = ("--output", "compat_matrix.md", "--html", "compat_matrix.html")
    made = anymq("matrix", "--results", "compat_matrix", *pages, folder=folder)
    assert made.returncode == 0, made.stderr


def test_a_build_still_says_what_was_recorded(backend: Backend, recorded: Path) -> None:
    given = ("--build", f"it={backend.library.path}")
    checked = anymq("matrix", "--check", *given, folder=recorded)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "it: says what was recorded" in checked.stdout
    assert "compared 1 of 1 recorded builds" in checked.stdout


def test_a_feature_that_changed_is_found(backend: Backend, recorded: Path) -> None:
    file = recorded / "compat_matrix" / "features" / "it.json"
    document = json.loads(file.read_text())
    now = document["features"]["protocol.push"]
    document["features"]["protocol.push"] = {**now, "status": "absent", "needed": "9.9"}
    file.write_text(json.dumps(document))
    make(recorded)
    given = ("--build", f"it={backend.library.path}")
    checked = anymq("matrix", "--check", *given, folder=recorded)
    assert checked.returncode == 1
    assert "protocol.push: recorded absent (needed '9.9'), now native (needed '')" in checked.stdout


def test_a_build_of_unknown_origin_is_not_taken_for_the_installed_one(recorded: Path) -> None:
    """The same version may be built otherwise."""
    checked = anymq("matrix", "--check", folder=recorded)
    assert checked.returncode == 3, checked.stdout + checked.stderr
    assert "not here: it" in checked.stdout


def test_files_beside_the_installed_libraries(backend: Backend, tmp_path: Path) -> None:
    shown = anymq(
        "matrix", "--json", "--library", f"{backend.name}={backend.library.path}", folder=tmp_path
    )
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    libraries = {build["library"] for build in document["builds"]}
    assert backend.name in libraries
    assert document["features"].keys() == {build["name"] for build in document["builds"]}
