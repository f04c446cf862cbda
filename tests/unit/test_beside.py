"""Libraries that lie beside the one that needs them, where the loader does not look."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from anymq import _beside, registry
from anymq._elf import wanted
from anymq.abc import Backend, LibraryInfo, Provider
from anymq.errors import BackendUnavailable
from tests.conformance.support import mapped

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

Make = Callable[..., Path]
_numbers = itertools.count()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(path, value, *needed)`: a library whose `answer()` is `value` plus those of `needed`.

    What it needs is known to it by name alone. Every name is used once in this process, for the
    loader never forgets one that is in use.
    """
    word = f"anymq{os.getpid()}x{next(_numbers)}"

    def made(path: str, value: int, *needed: Path, options: tuple[str, ...] = ()) -> Path:
        file = tmp_path / path.replace("lib", f"lib{word}", 1)
        file.parent.mkdir(parents=True, exist_ok=True)
        names = [library.name.partition(".")[0] for library in needed]
        source = "".join(f"int {name}(void);\n" for name in names)
        own = file.name.partition(".")[0]
        source += f"int {own}(void) {{ return {value}{''.join(f' + {n}()' for n in names)}; }}\n"
        source += f"int answer(void) {{ return {own}(); }}\n"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", *map(str, needed),
             "-o", str(file), f"-Wl,-soname,{file.name},-Bsymbolic", *options],
            input=source, text=True, check=True,
        )  # fmt: skip
        return file

    return made


def answer(library: Path) -> int:
    return int(ctypes.CDLL(str(library)).answer())


def loads(library: Path) -> bool:
    try:
        ctypes.CDLL(str(library))
    except OSError:
        return False
    return True


def test_what_a_file_says(make: Make) -> None:
    one, two = make("libone.so.1", 1), make("libtwo.so.2", 2)
    library = make("lib.so", 4, one, two, options=("-Wl,-rpath,$ORIGIN/a:/b",))
    said = wanted(str(library))
    assert said.needed[:2] == (one.name, two.name)
    assert said.folders == ("$ORIGIN/a", "/b")


def test_one_beside(make: Make) -> None:
    dependency = make("libdep.so.1", 1)
    library = make("lib.so", 2, dependency)
    assert not loads(library)
    assert _beside.load_needed(str(library)) == [str(dependency)]
    assert answer(library) == 3
    assert _beside.missing_names(str(library)) == []


def test_what_a_dependency_needs(make: Make) -> None:
    last = make("liblast.so.1", 1)
    middle = make("libmiddle.so.1", 2, last)
    library = make("lib.so", 4, middle, last)
    assert _beside.load_needed(str(library)) == [str(last), str(middle)]
    assert answer(library) == 8


@pytest.mark.parametrize("folder", [".libs", "../other.libs"])
def test_folders_of_wheels(make: Make, folder: str) -> None:
    """A package's own `.libs`, and auditwheel's beside the package."""
    dependency = make("package/libdep.so.1", 1)
    library = make("package/lib.so", 2, dependency)
    (library.parent / "__init__.py").touch()
    elsewhere = library.parent / folder
    elsewhere.mkdir()
    moved = dependency.rename((elsewhere / dependency.name).resolve())
    assert [os.path.realpath(p) for p in _beside.load_needed(str(library))] == [str(moved)]
    assert answer(library) == 3


def test_the_loader_comes_first(make: Make) -> None:
    """Where it finds what is needed, nothing else is loaded, though it lies beside."""
    dependency = make("libdep.so.1", 1)
    library = make("lib.so", 2, dependency, options=("-Wl,-rpath,$ORIGIN/right",))
    right = library.parent / "right"
    right.mkdir()
    shutil.copy(dependency, right)
    assert _beside.load_needed(str(library)) == []
    assert answer(library) == 3
    assert not mapped(str(dependency))


def test_a_missing_one_leaves_nothing_loaded(make: Make) -> None:
    here, gone = make("libhere.so.1", 1), make("libgone.so.1", 2)
    library = make("lib.so", 4, here, gone)
    gone.unlink()
    assert _beside.load_needed(str(library)) == []
    assert _beside.missing_names(str(library)) == [gone.name]
    assert not mapped(str(here))


def test_one_that_was_cut_short_is_not_mapped(make: Make) -> None:
    dependency = make("libdep.so.1", 1)
    library = make("lib.so", 2, dependency)
    dependency.write_bytes(dependency.read_bytes()[:5000])
    assert _beside.load_needed(str(library)) == []
    assert _beside.missing_names(str(library)) == [dependency.name]


def test_two_that_need_each_other_and_a_third(make: Make) -> None:
    """Asking ends, whatever the files say."""
    gone = make("libgone.so.1", 0)
    first = make("libfirst.so.1", 1)
    second = make("libsecond.so.1", 2, first)
    first = make("libfirst.so.1", 1, second, gone)
    gone.unlink()
    assert _beside.load_needed(str(second)) == []
    assert _beside.missing_names(str(second)) == [gone.name]


class _Opened(Backend):
    name, wire = "made", "sp"
    constants, errors, features = MappingProxyType({}), MappingProxyType({}), MappingProxyType({})

    def __init__(self, path: str) -> None:
        self.library = LibraryInfo(path, (1,), "1", "argument")

    def open_socket(self, protocol: Any, *, raw: bool = False) -> Any:
        raise NotImplementedError

    def error(self, code: int, doing: str = "", **context: Any) -> Any:
        raise NotImplementedError


class _Opens(Provider):
    """Opens anything that the loader takes."""

    name, wire = "made", "sp"
    library_names = ()
    install_hint = ""
    known_for = frozenset()

    def open(self, path: str, found_via: str) -> Backend:
        try:
            ctypes.CDLL(path)
        except OSError as error:
            raise BackendUnavailable(str(error)) from error
        return _Opened(path)


@pytest.fixture
def made_backend(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(registry, "_providers", lambda: {"made": _Opens()})
    return "made"


def test_a_backend_opens_with_what_lies_beside(make: Make, made_backend: str) -> None:
    library = make("lib.so", 2, make("libdep.so.1", 1))
    assert registry.get_backend(made_backend, library=library).library.path == str(library)


def test_what_is_missing_is_named(make: Make, made_backend: str) -> None:
    dependency = make("libdep.so.1", 1)
    library = make("lib.so", 2, dependency)
    dependency.unlink()
    with pytest.raises(BackendUnavailable, match="neither beside it nor known") as caught:
        registry.get_backend(made_backend, library=library)
    assert str(caught.value).endswith(dependency.name)
    assert caught.value.tried[0][1].endswith(dependency.name)
