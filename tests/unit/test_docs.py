"""The documents name only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEMANTICS = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")


def names_by_file() -> dict[str, set[str]]:
    """The tests of every file name; files in different folders may share one."""
    names: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        if "unit" not in path.parts:
            found = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)
            names.setdefault(path.name, set()).update(found)
    return names


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", SEMANTICS))))
def test_semantics_names_tests_that_exist(name: str) -> None:
    assert any(name in names for names in names_by_file().values())


@pytest.mark.parametrize("file", sorted(set(re.findall(r"(test_\w+\.py)`", SEMANTICS))))
def test_semantics_names_files_that_exist(file: str) -> None:
    assert file in names_by_file()


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/semantics.md",
        "docs/architecture.md",
        "docs/backends.md",
        "examples/anymq_loopback/README.md",
    ],
)
def test_links_and_paths_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    folder = (ROOT / document).parent
    missing = [target for target in targets if not (folder / target).exists()]
    assert not missing


BACKENDS = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:examples|tests)/[\w./]+)`", BACKENDS)))
)
def test_backends_names_paths_that_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "file", sorted(path.name for path in (ROOT / "examples/anymq_loopback").rglob("*.py"))
)
def test_the_example_is_told_whole(file: str) -> None:
    text = (ROOT / "examples/anymq_loopback/README.md").read_text(encoding="utf-8")
    assert file in text
