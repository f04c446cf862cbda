"""Virtual environments: one for each Python, holding the wheel, and an editable one for work.

A stamp in an environment says what was put into it, so that a second call does nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from console import ROOT, Failure, capture, run, say, succeeds
from wheel import build_wheel, source_digest

__all__ = ["Environment", "main_environment", "other_pythons"]

FOLDER = ROOT / ".venvs"
MINIMUM_PIP = "pip>=25.1"  # the first that installs dependency groups


class Environment:
    """A virtual environment at `path`, made from the interpreter `base`."""

    def __init__(self, path: Path, base: str) -> None:
        self.path = path
        self.base = base
        self.python = path / "bin" / "python"

    def program(self, name: str) -> Path:
        return self.path / "bin" / name

    def create(self) -> None:
        """Make it, unless it is there, works, and comes from the same interpreter."""
        status, identity = capture([self.base, "-c", "import sys; print(sys.version, sys.prefix)"])
        if status != 0:
            raise Failure(f"{self.base} does not run: {identity}")
        if self._stamped("base", identity) and succeeds([self.python, "-c", "import pip"]):
            return
        say(f"making {self.path.relative_to(ROOT)} with {self.base}")
        shutil.rmtree(self.path, ignore_errors=True)
        run([self.base, "-m", "venv", self.path])
        self.pip("install", "--upgrade", MINIMUM_PIP)
        self._stamp("base", identity)

    def pip(self, *arguments: str | Path) -> None:
        run([self.python, "-m", "pip", *arguments], quiet=True)

    def install_tools(self, *wanted: str) -> None:
        """Dependency groups of pyproject.toml, and the package `build` under its own name."""
        project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
        for name in wanted:
            if not self._stamped(f"tools-{name}", project):
                self.pip("install", *(["build"] if name == "build" else ["--group", name]))
                self._stamp(f"tools-{name}", project)

    def install_wheel(self, wheel: Path) -> None:
        """This wheel in place of any other, with what it needs, `cli` included."""
        wanted = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if self._stamped("wheel", wanted):
            return
        self.pip("install", f"{wheel}[cli]")
        self.pip("install", "--force-reinstall", "--no-deps", wheel)
        self._stamp("wheel", wanted)

    def install_editable(self) -> None:
        """The checkout itself; compiled parts are made anew when a source has changed."""
        wanted = source_digest()
        if self._stamped("editable", wanted):
            return
        self.pip("install", "--editable", f"{ROOT}[cli]")
        self._stamp("editable", wanted)

    def _stamped(self, name: str, content: str) -> bool:
        stamp = self.path / f".stamp-{name}"
        return stamp.is_file() and stamp.read_text() == content

    def _stamp(self, name: str, content: str) -> None:
        (self.path / f".stamp-{name}").write_text(content)


def main_environment(*groups: str, warnings: bool = False) -> Environment:
    """The environment of the Python that runs this, with the wheel and these dependency groups."""
    environment = Environment(FOLDER / "main", sys.executable)
    environment.create()
    environment.install_tools("build", *groups)
    environment.install_wheel(build_wheel(environment.python, warnings=warnings))
    return environment


def other_pythons() -> list[tuple[str, str]]:
    """(version, executable) of every other minor version from 3.11 up that this machine has.

    Looks on PATH and among pyenv's; of several of one minor version the first that can make a
    virtual environment counts. Names on PATH may be pyenv's shims, which exist for versions that
    are switched off, so each candidate is run.
    """
    found: dict[tuple[int, int], str] = {}
    for candidate in _candidates():
        code = (
            "import sys, venv, ensurepip; "
            "print(*sys.version_info[:2], sys.implementation.name, sys._base_executable)"
        )
        status, text = capture([candidate, "-c", code])
        if status != 0:
            continue
        major, minor, implementation, executable = text.split(" ", 3)
        version = (int(major), int(minor))
        if version >= (3, 11) and implementation == "cpython":
            found.setdefault(version, executable)
    found.pop(sys.version_info[:2], None)
    return [(f"{major}.{minor}", path) for (major, minor), path in sorted(found.items())]


def _candidates() -> list[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += sorted(
        Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/*/bin")
    )
    names = ["python3", *(f"python3.{minor}" for minor in range(11, 20))]
    paths = [folder / name for folder in folders for name in names]
    return [path for path in paths if path.is_file() and os.access(path, os.X_OK)]
