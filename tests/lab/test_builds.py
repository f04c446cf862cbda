"""Every build that is here is the one that is meant: its archive, its file, its version."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from lab.collection import Collection, sha256_of
from lab.manifest import read_manifest
from lab.steps import ask

from .conftest import BuildOf

BUILDS = read_manifest().builds


def in_archive(path: Path, member: str) -> bytes | None:
    """The file as the archive has it; None for an archive of Debian's, or of sources."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(member)
    if path.suffix == ".tgz":
        with tarfile.open(path) as tar:
            if member in tar.getnames():
                file = tar.extractfile(member)
                return file.read() if file else None
    return None


@pytest.mark.parametrize("name", BUILDS)
def test_it_is_the_one_that_is_meant(name: str, build_of: BuildOf, lab: Collection) -> None:
    """What is loaded is the file of the archive of that checksum, and says the right version."""
    found = build_of(name)
    build = found.build
    archives = list((lab.folder / "archives" / build.sha256).iterdir())
    assert [sha256_of(path) for path in archives] == [build.sha256]
    content = in_archive(archives[0], build.member)
    assert found.library is not None
    assert content is None or content == found.library.read_bytes(), "unmodified"
    answer = ask([found], print)[0]  # the program that loads it sees to it that it is mapped
    assert answer["loads"], answer["reason"]
    assert ".".join(map(str, answer["version"])) == build.says
    assert answer["features"]


def test_a_build_that_does_not_load_is_a_result(build_of: BuildOf, tmp_path: Path) -> None:
    """A file that ends the process which loads it, and one that is no library."""
    from dataclasses import replace

    found = build_of("nng-1.11.0-wheel")
    text = tmp_path / "text.so"
    text.write_text("I am no library")
    answer = ask([replace(found, library=text)], print)[0]
    assert not answer["loads"]
    assert answer["reason"]
    assert str(tmp_path) not in answer["reason"]
    ends = replace(found, env={"LD_PRELOAD": "", "PYTHONHOME": str(tmp_path)})
    answer = ask([ends], print)[0]
    assert not answer["loads"]
    assert answer["reason"].startswith("the process that loaded it ended")
