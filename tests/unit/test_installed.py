"""Entry points as they are read here are those that `importlib.metadata` tells of."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from anymq._installed import entry_points

GROUP = "made.for.tests"


def package(folder: Path, name: str, text: str) -> None:
    where = folder / f"{name}.dist-info"
    where.mkdir(parents=True)
    (where / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.partition('-')[0]}\n")
    (where / "entry_points.txt").write_text(text)


def told(group: str) -> list[tuple[str, object]]:
    """By name, what is loaded; both ways agree on it."""
    here = sorted((point.name, point.load()) for point in entry_points(group=group))
    there = sorted((point.name, point.load()) for point in metadata.entry_points(group=group))
    assert here == there
    return here


def test_the_backends_that_are_installed() -> None:
    names = {point.name for point in metadata.entry_points(group="anymq.backends")}
    assert {point.name for point in entry_points(group="anymq.backends")} == names


def test_what_a_file_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""
[other]
a = os:getpid

# a remark
[{GROUP}]
b=os:getcwd
c = os.path:join [extra]
d = os
e = os:path.join
"""
    package(tmp_path, "one-1.0", text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert told(GROUP) == [("b", os.getcwd), ("c", os.path.join), ("d", os), ("e", os.path.join)]


def test_of_two_of_one_name_the_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "second", "My.Package-1.0", f"[{GROUP}]\na = os:getcwd\n")
    package(tmp_path / "first", "my_package-2.0", f"[{GROUP}]\nb = os:getpid\n")
    for folder in ("second", "first"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    assert [name for name, _ in told(GROUP)] == ["b"]


def test_packages_in_archives_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("packed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: packed\n")
        file.writestr("packed-1.0.dist-info/entry_points.txt", f"[{GROUP}]\na = os:getcwd\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(archive)])
    assert [name for name, _ in told(GROUP)] == ["a"]


def test_folders_that_are_not_there_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "gone"), ""])
    assert told(GROUP) == []
