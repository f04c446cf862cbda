"""Building the one wheel, and looking at what is in it.

The build runs in a copy of the sources: an editable install leaves objects and libraries beside
them, which setuptools would take into a wheel or not compile again when flags change. The wheel is
made from the source archive, so that an archive which lacks a file cannot go unnoticed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from console import ROOT, Failure, capture, run, say

__all__ = ["build_wheel", "check_wheel", "source_digest"]

SUITE = "tests/conformance"
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "src", "backends", SUITE)
GENERATED = re.compile(
    r"(^|/)(__pycache__|[^/]*\.egg-info|build)(/|$)|\.(so|o|pyc)$"
    r"|(^|/)anymq_(nng|nanomsg|zmq)/_(nng|nanomsg|zmq)\.c$"
)
FOREIGN = ("libnng", "libnanomsg", "libzmq")
PRIVATE = re.compile(r"\bUND\b.*\b(_Py\w+)")
STABLE = {"_Py_Dealloc", "_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct"}
STABLE |= {"_Py_EllipsisObject", "_Py_NotImplementedStruct", "_Py_IncRef", "_Py_DecRef"}


def source_files() -> list[Path]:
    """All that goes into a build, relative to the checkout, in a fixed order."""
    found: list[Path] = []
    for name in SOURCES:
        path = ROOT / name
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [file.relative_to(ROOT) for file in inside if file.is_file()]
    return [file for file in found if not GENERATED.search(file.as_posix())]


def source_digest() -> str:
    """Changes when anything does that a wheel is made from."""
    digest = hashlib.sha256()
    for file in source_files():
        content = (ROOT / file).read_bytes()
        digest.update(f"{file.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def build_wheel(python: Path, *, warnings: bool = False) -> Path:
    """The wheel in dist/, made anew only when a source has changed.

    `python` is one that has the package `build`. With `warnings` the compiler's warnings are
    errors; the result is the same wheel.
    """
    stamp = ROOT / "dist" / ".stamp"
    wanted = f"{source_digest()} {'warnings' if warnings else ''}".strip()
    made = stamp.read_text() if stamp.is_file() else ""
    if made == wanted or (not warnings and made.split(" ")[0] == wanted):
        return find_wheel()
    say("building the wheel" + (" with warnings as errors" if warnings else ""))
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="anymq-build-") as folder:
        for file in source_files():
            target = Path(folder) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, target)
        env = {"ANYMQ_WERROR": "1"} if warnings else {"ANYMQ_WERROR": ""}
        run([python, "-m", "build", "--outdir", ROOT / "dist", folder], env, quiet=True)
    check_wheel(find_wheel())
    stamp.write_text(wanted)
    return find_wheel()


def find_wheel() -> Path:
    """The wheel in dist/.

    Raises:
        Failure: there is none, or more than the one.
    """
    found = list((ROOT / "dist").glob("*.whl"))
    if len(found) != 1:
        raise Failure(f"there should be one wheel in dist, not {len(found)}")
    return found[0]


def check_wheel(wheel: Path) -> None:
    """One wheel for every Python from 3.11 up, with nothing in it that ties it to a library.

    Raises:
        Failure: what is wrong with it.
    """
    if "-cp311-abi3-" not in wheel.name:
        raise Failure(f"{wheel.name} is not for the stable ABI of Python 3.11 (cp311-abi3)")
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        libraries = [name for name in archive.namelist() if name.endswith(".so")]
        if not libraries:
            raise Failure(f"{wheel.name} holds no compiled module")
        for name in libraries:
            if not name.endswith(".abi3.so"):
                raise Failure(f"{name} in {wheel.name} is compiled for one Python only")
            _check_links(name, Path(archive.extract(name, folder)))
    say(f"{wheel.name}: {len(libraries)} modules, none linked to a messaging library")


def _check_links(name: str, file: Path) -> None:
    for needed in re.findall(r"\(NEEDED\).*\[(.+?)\]", _readelf("-d", file)):
        if needed.startswith(FOREIGN):
            raise Failure(f"{name} is linked to {needed}; libraries are opened at run time only")
    private = set(PRIVATE.findall(_readelf("--dyn-syms", file))) - STABLE
    if private:
        raise Failure(f"{name} uses what is not in the stable ABI: {', '.join(sorted(private))}")


def _readelf(option: str, file: Path) -> str:
    status, text = capture(["readelf", option, "-W", file])
    if status != 0:
        raise Failure(f"readelf (which comes with the compiler) fails: {text}")
    return text
