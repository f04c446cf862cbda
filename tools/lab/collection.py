"""The builds on this machine: fetched, unpacked, built, and how a program is started for each.

All lies in one folder, which may be deleted at any time. What is there and fits the manifest is not
made again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .binaries import BinaryError, make_stub, needed_glibc, running_glibc
from .manifest import Build, Manifest, Part
from .registries import FetchError, Registries
from .runtime import make_interpreter

__all__ = ["Collection", "Found", "default_folder"]

ROOT = Path(__file__).resolve().parents[2]


def default_folder() -> Path:
    """`.lab` in the checkout, or what ANYMQ_LAB_CACHE names."""
    return Path(os.environ.get("ANYMQ_LAB_CACHE") or ROOT / ".lab").resolve()


@dataclass(frozen=True)
class Found:
    """A build on this machine.

    Attributes:
        library: its file; None where there is none.
        reason: why there is none; `""` where there is.
        python: the interpreter that can load it.
        env: variables that it needs.
        runtime: of which C library, where not of this machine's.
    """

    build: Build
    library: Path | None = None
    reason: str = ""
    python: Path = Path(sys.executable)
    env: dict[str, str] = field(default_factory=dict)
    runtime: str | None = None


class Collection:
    """Builds in a folder.

    Args:
        folder: where they lie; default: `default_folder()`.
        python: the interpreter whose packages programs get; default: this one.
    """

    def __init__(
        self, manifest: Manifest, folder: Path | None = None, python: Path | None = None
    ) -> None:
        self.manifest = manifest
        self.folder = folder or default_folder()
        self._python = Path(os.path.abspath(python or sys.executable))
        self._registries = Registries(self.folder)

    def fetch(self, builds: list[Build], say: Callable[[str], None] = print) -> list[Found]:
        """Bring these builds here. One that cannot be had is told with the reason."""
        self.folder.mkdir(parents=True, exist_ok=True)
        found = []
        for number, build in enumerate(builds, 1):
            say(f"[{number}/{len(builds)}] {build.name}: {build.origin}")
            try:
                self._make_all(build)
            except (FetchError, BinaryError) as error:
                self._reason(build).write_text(str(error), encoding="utf-8")
            else:
                self._reason(build).unlink(missing_ok=True)
            found.append(self.find(build))
            if found[-1].reason:
                say(f"   not here: {found[-1].reason}")
        return found

    def find(self, build: Build) -> Found:
        """A build as it is here now; nothing is fetched."""
        place = self._place(build)
        if self._reason(build).is_file():
            return Found(build, reason=self._reason(build).read_text(encoding="utf-8"))
        parts = [self.manifest.parts[name] for name in build.parts]
        items: list[Build | Part] = [build, *parts]
        if not all(_is_made(self._place(item), item.digest) for item in items):
            return Found(build, reason="not fetched yet: python tools/lab fetch")
        library = self._library(build)
        folders = [self._place(part) / part.folder for part in parts]
        env = {}
        if folders:
            env["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, folders))
        if build.stubs:
            env["LD_PRELOAD"] = str(place / "stub.so")
        libc = self.manifest.parts[self.manifest.libc]
        if not self._needs_libc(library, folders):
            return Found(build, library, python=self._python, env=env)
        if not _is_made(self._place(libc), libc.digest):
            return Found(build, reason="not fetched yet: python tools/lab fetch")
        runtimes = self.folder / "runtimes"
        python = make_interpreter(self._python, self._place(libc) / libc.folder, runtimes)
        return Found(build, library, "", python, env, f"glibc of {libc.origin}")

    def newest_runtime(self) -> Path:
        """An interpreter that can load every build, for several in one process."""
        libc = self.manifest.parts[self.manifest.libc]
        place = self._place(libc)
        if not _is_made(place, libc.digest):
            return self._python
        return make_interpreter(self._python, place / libc.folder, self.folder / "runtimes")

    def _make_all(self, build: Build) -> None:
        if platform.machine() != self.manifest.machine and not build.cmake:
            raise FetchError(
                f"it is built for {self.manifest.machine}; this machine is {platform.machine()}"
            )
        parts = [self.manifest.parts[name] for name in build.parts]
        items: list[Build | Part] = [build, *parts]
        for item in items:
            self._make(item)
        folders = [self._place(part) / part.folder for part in parts]
        if self._needs_libc(self._library(build), folders):
            self._make(self.manifest.parts[self.manifest.libc])

    def _make(self, item: Build | Part) -> None:
        """Unpack, and build where it is to be built, unless that has been done."""
        place = self._place(item)
        if _is_made(place, item.digest):
            return
        archive = self._registries.get(item.origin, item.sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".making-") as name:
            making = Path(name) / "it"
            making.mkdir()
            _unpack(archive, making)
            if isinstance(item, Build):
                _prepare(item, making)
            elif not (making / item.folder).is_dir():
                raise FetchError(f"{item.origin}: there is no folder {item.folder} in it")
            _stamp(making).write_text(item.digest)
            making.rename(place)

    def _library(self, build: Build) -> Path:
        inside = f"build/{build.member}" if build.cmake else build.member
        return self._place(build) / inside

    def _needs_libc(self, library: Path, folders: list[Path]) -> bool:
        """Whether the library, or what it is given beside it, needs a newer C library."""
        beside = [file for folder in folders for file in folder.glob("*.so*")]
        needed = max(needed_glibc(file) for file in [library, *beside])
        return needed > running_glibc()

    def _place(self, item: Build | Part) -> Path:
        return self.folder / ("builds" if isinstance(item, Build) else "parts") / item.name

    def _reason(self, build: Build) -> Path:
        return self.folder / f"{build.name}.reason"


def _stamp(place: Path) -> Path:
    return place / ".digest"


def _is_made(place: Path, digest: str) -> bool:
    stamp = _stamp(place)
    return stamp.is_file() and stamp.read_text() == digest


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        _command(["dpkg-deb", "--extract", str(archive), str(folder)])
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")


def _prepare(build: Build, folder: Path) -> None:
    """Build what comes as sources; see to it that the library is there."""
    if build.cmake is not None:
        target = str(folder / "build")
        _command(
            [
                *("cmake", "-S", str(folder / build.cmake), "-B", target),
                *("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=-w", *build.options),
            ]
        )
        _command(["cmake", "--build", target, "--parallel", "2"])
    member = folder / ("build" if build.cmake else ".") / build.member
    if not member.is_file():
        raise FetchError(f"{build.origin}: there is no file {build.member} in it")
    if build.stubs:
        make_stub(member, build.stubs, folder / "stub.so")


def _command(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise FetchError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise FetchError(f"{command[0]} fails: {' '.join(said)}")


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
