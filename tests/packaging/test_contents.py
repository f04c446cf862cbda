"""What is in the wheel and in the source archive, and that the checks of the wheel do check."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from console import Failure
from wheel import check_wheel, source_files

import anymq

SUITE = "anymq_conformance"
HEADERS = {f"anymq/include/anymq_{name}.h" for name in ("dl", "ops", "pages")}
"""What the adapter of a backend that somebody else writes is compiled with."""


def test_wheel_is_for_every_python(wheel: Path) -> None:
    """One wheel for the stable ABI, whose modules are linked to none of the three libraries."""
    check_wheel(wheel)


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    roots = {name.split("/")[0] for name in names}
    packages = {"anymq", "anymq_nng", "anymq_nanomsg", "anymq_zmq"}
    assert {root for root in roots if not root.endswith(".dist-info")} == packages | {SUITE}
    for package in packages:
        assert f"{package}/py.typed" in names
        assert f"{package}/__init__.py" in names
    compiled = [name for name in names if name.endswith(".abi3.so")]
    assert {name.split("/")[0] for name in compiled} == packages
    assert not [name for name in names if name.endswith((".c", ".o"))]
    assert {name for name in names if name.endswith(".h")} == HEADERS
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = next(n for n in archive.namelist() if n.endswith("/METADATA"))[: -len("METADATA")]
        metadata = email.message_from_bytes(archive.read(folder + "METADATA"))
        entry_points = archive.read(folder + "entry_points.txt").decode()
    assert metadata["Name"] == "anymq"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    for name in ("nng", "nanomsg", "zmq"):
        assert f"{name} = anymq_{name}:provider" in entry_points
    required = [text.split(";")[0] for text in metadata.get_all("Requires-Dist", [])]
    assert not [text for text in required if text.startswith(("pynng", "nng", "pyzmq"))]


def test_source_archive_holds_every_source(source_archive: Path) -> None:
    with tarfile.open(source_archive) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {file.as_posix() for file in source_files()} <= held


@pytest.mark.skipif(not os.environ.get("ANYMQ_WHEEL_TESTS"), reason="for the wheel's environment")
def test_tests_run_against_the_wheel() -> None:
    assert Path(sys.prefix) in Path(anymq.__file__).parents


def test_wheel_of_one_python_is_refused(wheel: Path, tmp_path: Path) -> None:
    other = tmp_path / wheel.name.replace("-cp311-abi3-", "-cp311-cp311-")
    shutil.copy(wheel, other)
    with pytest.raises(Failure, match="stable ABI"):
        check_wheel(other)


def test_module_of_one_python_is_refused(wheel: Path, tmp_path: Path) -> None:
    other = _with_module(wheel, tmp_path, "anymq/_more.cpython-311-x86_64-linux-gnu.so", b"")
    with pytest.raises(Failure, match="one Python only"):
        check_wheel(other)


def test_linked_module_is_refused(wheel: Path, tmp_path: Path) -> None:
    """A module that the linker ties to a library would fail to import where it is missing."""
    library = _compile(tmp_path, "libnng.so", "int nng_nothing(void) { return 0; }")
    source = "int nng_nothing(void); int more(void) { return nng_nothing(); }"
    module = _compile(tmp_path, "more.so", source, str(library))
    other = _with_module(wheel, tmp_path, "anymq/_more.abi3.so", module.read_bytes())
    with pytest.raises(Failure, match=r"linked to libnng\.so"):
        check_wheel(other)


def test_private_function_is_refused(wheel: Path, tmp_path: Path) -> None:
    source = "void *_PyObject_Private(void); void *more(void) { return _PyObject_Private(); }"
    module = _compile(tmp_path, "more.so", source)
    other = _with_module(wheel, tmp_path, "anymq/_more.abi3.so", module.read_bytes())
    with pytest.raises(Failure, match="_PyObject_Private"):
        check_wheel(other)


def _compile(folder: Path, name: str, source: str, *libraries: str) -> Path:
    code, result = folder / f"{name}.c", folder / name
    code.write_text(source)
    command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(result), str(code)]
    subprocess.run([*command, *libraries], check=True, timeout=30)
    return result


def _with_module(wheel: Path, folder: Path, name: str, content: bytes) -> Path:
    other = folder / wheel.name
    shutil.copy(wheel, other)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr(name, content)
    return other
