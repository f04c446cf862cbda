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


DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
        ROOT / "bench" / "README.md",
        ROOT / "examples" / "anymq_loopback" / "README.md",
    )
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_paths_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    folder = (ROOT / document).parent
    missing = [target for target in targets if not (folder / target).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_names_paths_that_exist(document: str) -> None:
    """Those that begin with one of the project's folders."""
    text = (ROOT / document).read_text(encoding="utf-8")
    folders = "src|backends|tests|tools|bench|docs|examples"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]+)`", text))
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


COMMANDS = "doctor|features|matrix|interop|conformance|demo|cat|config|bench"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_names_commands_that_exist(document: str) -> None:
    """`anymq ...` and `make ...` in blocks of shell commands."""
    text = (ROOT / document).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = "\n".join(re.findall(r"```(?:sh)?\n(.*?)```", text, re.S)).splitlines()
    for line in lines:
        if line.startswith("anymq "):
            assert re.match(rf"anymq ({COMMANDS})\b", line), line
        if found := re.match(r"make ([\w-]+)", line):
            assert f"\n{found[1]}:\n" in makefile, line


@pytest.mark.parametrize(
    "file", sorted(path.name for path in (ROOT / "examples/anymq_loopback").rglob("*.py"))
)
def test_the_example_is_told_whole(file: str) -> None:
    text = (ROOT / "examples/anymq_loopback/README.md").read_text(encoding="utf-8")
    assert file in text
