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
OPTIONAL = {"trio", "uvloop"}
"""Event loops, imported only where they are installed."""

OUTSIDE = {"anymq", "pytest", *OPTIONAL, *sys.stdlib_module_names}
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


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_it_is_read_without_the_optional_packages(path: Path) -> None:
    """They are imported by the functions that need them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert not OPTIONAL & {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in OPTIONAL


def test_the_wheel_holds_all_of_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("anymq_conformance/")}
    assert held == {f"anymq_conformance/{path.relative_to(SUITE).as_posix()}" for path in FILES}


def test_the_source_archive_holds_all_of_it(source_archive: Path) -> None:
    with tarfile.open(source_archive) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"tests/conformance/{path.relative_to(SUITE).as_posix()}" for path in FILES} <= held
