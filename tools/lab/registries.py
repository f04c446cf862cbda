"""Getting one archive from its registry, with that registry's own client.

No address of a registry is written here: each client is set up on this machine, and asked for a
package by name and exact version. What arrives is trusted for its checksum alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .manifest import Origin

__all__ = ["FetchError", "Registries"]

LIMIT = 900.0
"""Seconds for one command."""


class FetchError(Exception):
    """Why an archive cannot be had; for people, without a path of this machine."""


class Registries:
    """The clients, with a cache of the archives that they brought.

    Args:
        folder: for the archives and for apt's lists.
    """

    def __init__(self, folder: Path) -> None:
        self._archives = folder / "archives"
        self._apt = _Apt(folder / "apt")

    def get(self, origin: Origin, sha256: str) -> Path:
        """The archive, from the cache or from its registry.

        Raises:
            FetchError: it is not to be had, or is another than the one that is meant.
        """
        place = self._archives / sha256
        cached = sorted(place.glob("*")) if place.is_dir() else []
        if cached and checksum(cached[0]) == sha256:
            return cached[0]
        shutil.rmtree(place, ignore_errors=True)
        self._archives.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._archives) as name:
            folder = Path(name)
            {"debian": self._apt.download, "pypi": _pip, "npm": _npm}[origin.registry](
                origin, folder
            )
            found = [file for file in folder.iterdir() if file.suffix in (".deb", ".whl", ".tgz")]
            if len(found) != 1:
                raise FetchError(f"{origin}: the registry's client brought {len(found)} archives")
            arrived = checksum(found[0])
            if arrived != sha256:
                raise FetchError(
                    f"{origin}: refused: its SHA-256 is {arrived}, and the manifest says {sha256}"
                )
            place.mkdir()
            return found[0].rename(place / found[0].name)


def checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pip(origin: Origin, folder: Path) -> None:
    """A wheel for any Python and system: it is only to be unpacked."""
    python, abi, platforms = origin.detail.split("-")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command += ["--implementation", python[:2], "--python-version", python[2:], "--abi", abi]
    for platform in platforms.split("."):
        command += ["--platform", platform]
    _run([*command, f"{origin.name}=={origin.version}"], origin, folder)


def _npm(origin: Origin, folder: Path) -> None:
    _run(["npm", "pack", "--silent", f"{origin.name}@{origin.version}"], origin, folder)


class _Apt:
    """apt with lists of its own, of suites that this machine need not use.

    The suites come from the Debian archive that this machine's own sources name. Their signatures
    are not checked, because the keys of a newer suite need not be here; checksums are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready: set[str] = set()

    def download(self, origin: Origin, folder: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        env = {"APT_CONFIG": str(self._folder / "apt.conf")}
        wanted = [*apt_get(), "download", f"{origin.name}={origin.version}"]
        self._set_up(origin, env)
        _run(wanted, origin, folder, env)

    def _set_up(self, origin: Origin, env: Mapping[str, str]) -> None:
        """Fetch the list of the suite, once in a process."""
        suite = origin.detail
        if suite in self._ready:
            return
        archive = self._archive(origin)
        root = self._folder
        for name in ("state", "lists/partial", "cache/archives/partial"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "status").touch()
        suites = sorted(self._ready | {suite})
        (root / "sources.list").write_text(
            "".join(f"deb [trusted=yes] {archive} {suite} main\n" for suite in suites)
        )
        (root / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "{root}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            f'Dir::State "{root}/state";\n'
            f'Dir::State::lists "{root}/lists";\n'
            f'Dir::State::status "{root}/status";\n'
            f'Dir::Cache "{root}/cache";\n'
            'Acquire::Languages "none";\n'
        )
        print(f"   apt-get update, for Debian {suite}", flush=True)
        _run([*apt_get(), "update"], origin, root, env)
        self._ready.add(suite)

    def _archive(self, origin: Origin) -> str:
        """Where this machine gets Debian from."""
        form = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)"
        try:
            told = subprocess.run(
                ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        except OSError:
            raise FetchError(f"{origin}: apt-get is not here") from None
        for line in told.splitlines():
            who, where, codename = line.split("|")
            ours = who == "Debian" or (not who and where.rstrip("/").endswith("/debian"))
            if ours and "security" not in f"{where}{codename}":
                return where
        raise FetchError(f"{origin}: none of this machine's sources of packages is Debian's")


def apt_get() -> list[str]:
    return ["apt-get", "--quiet=2"]


def _run(
    command: Sequence[str], origin: Origin, folder: Path, env: Mapping[str, str] | None = None
) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
    except OSError as error:
        raise FetchError(f"{origin}: {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"{origin}: {command[0]}: no answer within {LIMIT:.0f} s") from None
    if done.returncode != 0:
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        said = next(
            (line for line in reversed(lines) if "rror" in line), (lines or ["nothing"])[-1]
        )
        client = Path(command[0]).name if command[0] != sys.executable else "pip"
        raise FetchError(f"{origin}: {client} says: {said.strip()[:300]}")
