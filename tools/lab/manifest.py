"""What builds there are: `builds.toml`, read strictly.

A build names one archive of a registry by its exact version and checksum, the library's file in it,
and the parts (other archives) that must lie in the loader's way for it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = [
    "MANIFEST",
    "STEPS_OF_CI",
    "Build",
    "Manifest",
    "ManifestError",
    "Origin",
    "Part",
    "read_manifest",
]

MANIFEST = Path(__file__).with_name("builds.toml")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
SHA256 = re.compile(r"[0-9a-f]{64}")
STEPS_OF_CI = ("features", "conformance")
WIRES = {"nng": "sp", "nanomsg": "sp", "zmq": "zmtp"}


class ManifestError(ValueError):
    """The manifest is wrong: where, and what."""


@dataclass(frozen=True)
class Origin:
    """One archive of one registry.

    Attributes:
        registry: `debian`, `pypi` or `npm`.
        name, version: of the package, exactly.
        detail: Debian's suite, or the tag of the wheel; `""` for npm.
    """

    registry: str
    name: str
    version: str
    detail: str = ""

    def __str__(self) -> str:
        """For people."""
        if self.registry == "debian":
            return f"Debian {self.detail}, {self.name} {self.version}"
        if self.registry == "pypi":
            return f"PyPI, wheel {self.name.replace('-', '_')}-{self.version}-{self.detail}"
        return f"npm, {self.name} {self.version}"


@dataclass(frozen=True)
class Part:
    """An archive that is unpacked for what lies in one of its folders.

    Attributes:
        folder: where in the archive its libraries lie.
    """

    name: str
    origin: Origin
    sha256: str
    folder: str

    @property
    def digest(self) -> str:
        """Changes when what is unpacked would."""
        return self.sha256


@dataclass(frozen=True)
class Build:
    """One build of a library.

    Attributes:
        library: the backend's name.
        version: of the library, as those who packed it say.
        says: the version that the library itself tells, which need not be the same.
        member: the library's file: in the archive, or in the folder that it is built in.
        parts: names of parts whose folders the loader must search.
        cmake: the folder in the archive of sources to build, None for what is built already.
        options: CMake's.
        stubs: patterns of functions that the file wants from a program which is not here; a
            library with empty functions of these names is loaded before it.
        ci: what the continuous integration does with it: `features`, `conformance`.
    """

    name: str
    library: str
    version: str
    origin: Origin
    sha256: str
    member: str
    parts: tuple[str, ...] = ()
    cmake: str | None = None
    options: tuple[str, ...] = ()
    stubs: tuple[str, ...] = ()
    ci: tuple[str, ...] = ()
    says: str = ""

    @property
    def wire(self) -> str:
        return WIRES[self.library]

    @property
    def digest(self) -> str:
        """Changes when what is unpacked or built would."""
        made = (self.sha256, self.member, self.cmake, self.options, self.stubs)
        return hashlib.sha256(repr(made).encode()).hexdigest()

    @property
    def built(self) -> str | None:
        """How it was built, where it was built here."""
        return "from source with CMake" if self.cmake else None


@dataclass(frozen=True)
class Manifest:
    """All builds and parts by name, in the order of the file.

    Attributes:
        machine: what the binaries are for.
        libc: the part that holds the C library for builds which need a newer one than is here.
    """

    machine: str
    libc: str
    builds: Mapping[str, Build] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)

    def choose(self, names: list[str], *, ci: str = "") -> list[Build]:
        """Builds by name or by the beginning of it; all for none.

        Args:
            ci: just those with which CI does this.

        Raises:
            ManifestError: nothing has such a name.
        """
        for name in names:
            if not any(known.startswith(name) for known in self.builds):
                known = ", ".join(self.builds)
                raise ManifestError(f"there is no build {name!r}; known: {known}")

        def chosen(build: Build) -> bool:
            fits = (n == build.name or n not in self.builds for n in names)
            begins = (build.name.startswith(n) for n in names)
            return not names or any(f and b for f, b in zip(fits, begins, strict=True))

        return [b for b in self.builds.values() if chosen(b) and (not ci or ci in b.ci)]


def read_manifest(path: Path = MANIFEST) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: it is not one; the text names the entry.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path.name}: {error}") from None
    top = _Table(path.name, document)
    machine, libc = top.text("machine"), top.text("libc")
    parts = {name: _part(name, table) for name, table in top.tables("parts")}
    builds = {name: _build(name, table) for name, table in top.tables("builds")}
    top.no_more()
    for build in builds.values():
        for part in build.parts:
            if part not in parts:
                raise ManifestError(f"{path.name}: {build.name}: there is no part {part!r}")
    if libc not in parts:
        raise ManifestError(f"{path.name}: libc: there is no part {libc!r}")
    return Manifest(machine, libc, builds, parts)


class _Table:
    """A table whose keys are taken one by one, so that what is left over is known."""

    def __init__(self, where: str, table: Any) -> None:
        self.where = where
        if not isinstance(table, dict):
            raise ManifestError(f"{where}: not a table")
        self._left: dict[str, Any] = dict(table)

    def _take(self, key: str, kind: type, default: Any = None) -> Any:
        value = self._left.pop(key, default)
        if value is None:
            raise ManifestError(f"{self.where}: {key} is missing")
        if not isinstance(value, kind):
            raise ManifestError(f"{self.where}: {key}: {value!r} is no {kind.__name__}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value: str = self._take(key, str, default)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise ManifestError(f"{self.where}: {key}: not a list of strings")
        return tuple(values)

    def has(self, key: str) -> bool:
        return key in self._left

    def table(self, key: str) -> _Table:
        return _Table(f"{self.where}: {key}", self._take(key, dict))

    def tables(self, key: str) -> list[tuple[str, _Table]]:
        found = self._take(key, dict, {})
        for name in found:
            if not NAME.fullmatch(name):
                raise ManifestError(f"{self.where}: {key}: {name!r} is no name")
        return [(name, _Table(f"{self.where}: {name}", table)) for name, table in found.items()]

    def path(self, key: str, default: str | None = None) -> str:
        value = self.text(key, default)
        if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
            raise ManifestError(f"{self.where}: {key}: {value!r} leads out of the archive")
        return value

    def sha256(self) -> str:
        value = self.text("sha256")
        if not SHA256.fullmatch(value):
            raise ManifestError(f"{self.where}: sha256: {value!r} is no SHA-256 checksum")
        return value

    def no_more(self) -> None:
        if self._left:
            raise ManifestError(f"{self.where}: unknown: {', '.join(sorted(self._left))}")


def _origin(table: _Table) -> Origin:
    registries = {"debian": "suite", "pypi": "tag", "npm": ""}
    found = [registry for registry in registries if table.has(registry)]
    if len(found) != 1:
        raise ManifestError(f"{table.where}: it must come from one of {', '.join(registries)}")
    registry = found[0]
    inner = table.table(registry)
    detail = registries[registry]
    origin = Origin(
        registry,
        inner.text("package"),
        inner.text("version"),
        inner.text(detail) if detail else "",
    )
    inner.no_more()
    return origin


def _part(name: str, table: _Table) -> Part:
    part = Part(name, _origin(table), table.sha256(), table.path("folder"))
    table.no_more()
    return part


def _build(name: str, table: _Table) -> Build:
    library = table.text("library")
    if library not in WIRES:
        raise ManifestError(f"{table.where}: library: {library!r} is none of {', '.join(WIRES)}")
    version = table.text("version")
    cmake = table.path("cmake") if table.has("cmake") else None
    build = Build(
        name,
        library,
        version,
        _origin(table),
        table.sha256(),
        table.path("member"),
        table.texts("parts"),
        cmake,
        table.texts("options"),
        table.texts("stubs"),
        table.texts("ci"),
        table.text("says", version),
    )
    unknown = set(build.ci) - set(STEPS_OF_CI)
    if unknown:
        raise ManifestError(f"{table.where}: ci: unknown: {', '.join(sorted(unknown))}")
    table.no_more()
    return build
