"""The conformance suite is a package of its own: it ships whole, and needs no checkout."""

from __future__ import annotations

import ast
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[1] / "conformance"
FILES = sorted(SUITE.rglob("*.py"))
OUTSIDE = {"anymq", "pytest", *sys.stdlib_module_names}
"""What the suite may import besides itself."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_it_imports_nothing_of_the_checkout(path: Path) -> None:
    """Itself it imports relatively, since it has two names: `tests.conformance` and this one."""
    for name in imports(path):
        assert not name.startswith(".."), name
        assert name.startswith(".") or name.split(".")[0] in OUTSIDE, name


def test_the_wheel_holds_all_of_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("anymq_conformance/")}
    assert held == {f"anymq_conformance/{path.relative_to(SUITE).as_posix()}" for path in FILES}


def test_the_source_archive_holds_all_of_it(source_archive: Path) -> None:
    with tarfile.open(source_archive) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"tests/conformance/{path.relative_to(SUITE).as_posix()}" for path in FILES} <= held
