"""A libzmq that was taken out of a wheel, with the libsodium that lay beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import carried_by_pyzmq

PROGRAM = """
import sys, anymq
backend = anymq.get_backend("zmq", library=sys.argv[1])
with anymq.Socket("pull", backend=backend) as pull:
    with anymq.Socket("push", backend=backend, dial=pull.listen("tcp://127.0.0.1:0").url) as push:
        push.send(b"hello", timeout=10)
        print(pull.recv(timeout=10), backend.supports("curve"))
"""


@pytest.fixture
def taken(tmp_path: Path) -> tuple[Path, Path]:
    """Copies of libzmq, which no longer says where to look, and of the libsodium that it needs."""
    library = carried_by_pyzmq()
    sodium = sorted(Path(library).parent.glob("libsodium*")) if library else []
    if library is None or not sodium:
        pytest.skip("needs pyzmq's wheel, with its libsodium")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    copy = package / Path(library).name
    data = Path(library).read_bytes()
    assert b"\0$ORIGIN\0" in data
    copy.write_bytes(data.replace(b"\0$ORIGIN\0", b"\0nowhere\0"))
    return copy, Path(shutil.copy(sodium[0], package))


def run(library: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the loader remembers what others have loaded."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(library)], capture_output=True, text=True, timeout=60
    )


def test_beside_the_library(taken: tuple[Path, Path]) -> None:
    done = run(taken[0])
    assert done.stdout == "b'hello' True\n", done.stderr


def test_beside_the_package(taken: tuple[Path, Path]) -> None:
    library, sodium = taken
    folder = library.parent.parent / "pyzmq.libs"
    folder.mkdir()
    sodium.rename(folder / sodium.name)
    done = run(library)
    assert done.stdout == "b'hello' True\n", done.stderr


def test_nowhere(taken: tuple[Path, Path]) -> None:
    library, sodium = taken
    sodium.unlink()
    done = run(library)
    assert done.returncode == 1
    assert f"nor known to the loader: {sodium.name}" in done.stderr
