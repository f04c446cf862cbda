"""The recorded results that the matrix is made from, read strictly.

A folder of results holds one JSON file for each thing that ran, so that every cell of the matrix
can be traced to the run that filled it:

    builds.json               the builds, where each comes from, how it was identified
    features/<build>.json     what the loaded library says of every feature
    conformance/<build>.json  how the conformance suite ended on it
    interop/<wire>.json       every run of two builds against each other

A file that is not understood is an error that names the file and the key: a matrix must not leave
out in silence what somebody recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from anymq.errors import AnymqError
from anymq.features import Status, known_features

__all__ = [
    "BUILDS",
    "Build",
    "Conformance",
    "Features",
    "Interop",
    "Record",
    "Results",
    "ResultsError",
    "Run",
    "read_results",
]

BUILDS = "builds.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""Names of builds are parts of file names and of links."""

Listener = Literal["sender", "receiver"]
Ending = Literal["passed", "failed", "crashed", "hung"]
RunOutcome = Literal[
    "ok", "lost", "corrupt", "disordered", "refused", "error", "timeout", "hung", "crashed",
    "unsupported",
]  # fmt: skip


class ResultsError(AnymqError):
    """A folder of results that cannot be read: which file, which key, what is wrong."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read from JSON; an unknown key is as wrong as a missing one."""


class Build(_Strict, frozen=True):
    """One build of a library, whether it can be loaded or not."""

    name: str
    library: str
    loads: bool
    origin: str
    wire: str | None = None
    manifest_version: str | None = None
    sha256: str | None = None
    file: str | None = None
    built: str | None = None
    runtime: str | None = None
    reason: str | None = None
    version: list[int] | None = None
    version_text: str | None = None
    identified_by: str | None = None
    in_ci: bool = False

    @property
    def short(self) -> str:
        """The name without the library's, for columns below the library's heading."""
        return self.name.removeprefix(f"{self.library}-") or self.name


class Record(_Strict, frozen=True):
    """What one build says of one feature."""

    status: Status
    reason: str = ""
    evidence: str = ""
    needed: str = ""

    @property
    def note(self) -> str:
        """What a reader wants to know about everything that is not simply there."""
        if self.status == "native":
            return ""
        needed = f" (needs {self.needed})" if self.needed else ""
        return " ".join(f"{self.reason}{needed}".split())


class Features(_Strict, frozen=True):
    build: str
    library: str
    version_text: str
    wire: str
    features: dict[str, Record]
    quirks: dict[str, str] = {}


class _RawFeatures(_Strict, frozen=True):
    build: str
    library: str
    version_text: str
    wire: str
    features: dict[str, msgspec.Raw]
    quirks: dict[str, str] = {}


class Failure(_Strict, frozen=True):
    test: str
    message: str


class Difference(_Strict, frozen=True):
    """A test that must fail on this build, by an entry of the suite's list of differences."""

    test: str
    id: str
    reason: str


class Skipped(_Strict, frozen=True):
    test: str
    reason: str


class Conformance(_Strict, frozen=True):
    build: str
    outcome: Ending
    python: str
    passed: int
    seconds: float
    command: str
    detail: str = ""
    failed: list[Failure] = []
    differences: list[Difference] = []
    skipped: list[Skipped] = []


class Run(_Strict, frozen=True):
    """One run of two builds; where both speak, the sender is who speaks first."""

    id: str
    protocol: str
    transport: str
    sender: str
    receiver: str
    listener: Listener
    outcome: RunOutcome
    sent: int
    delivered: int | None
    intact: bool | None
    ordered: bool
    seconds: float
    detail: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return self.protocol, self.transport, self.sender, self.receiver, self.listener


class Side(_Strict, frozen=True):
    library: str
    version_text: str
    wire: str = ""


class Parameters(_Strict, frozen=True):
    sizes: list[int]
    count: int
    timeout: float


class Interop(_Strict, frozen=True):
    anymq: str
    builds: dict[str, Side]
    parameters: Parameters
    runs: list[Run]


class _Builds(_Strict, frozen=True):
    anymq: str
    builds: list[Build]


@dataclass(frozen=True)
class Results:
    """All that was recorded.

    Attributes:
        anymq: the version of anymq that was recorded with; `""` if nothing was recorded and these
            are just the libraries of this machine.
        builds: every build, those of one library side by side.
        features, conformance: by build; what did not run is not in them.
        interop: by wire.
    """

    anymq: str
    builds: tuple[Build, ...]
    features: Mapping[str, Features]
    conformance: Mapping[str, Conformance] = field(default_factory=dict)
    interop: Mapping[str, Interop] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_library = sorted(self.builds, key=lambda build: build.library)
        object.__setattr__(self, "builds", tuple(by_library))

    @property
    def loadable(self) -> tuple[Build, ...]:
        return tuple(build for build in self.builds if build.loads)

    @property
    def libraries(self) -> dict[str, list[Build]]:
        """The builds that load, by library."""
        found: dict[str, list[Build]] = {}
        for build in self.loadable:
            found.setdefault(build.library, []).append(build)
        return found

    def record(self, build: str, feature: str) -> Record | None:
        """What filled a cell; None where nothing did."""
        said = self.features.get(build)
        return said.features.get(feature) if said else None


_T = TypeVar("_T", bound=msgspec.Struct)


def read_results(folder: Path) -> Results:
    """Read a folder of results.

    Raises:
        ResultsError: a file is missing, is not one of those that are known, or does not hold what
            it should.
    """
    recorded = _read(folder / BUILDS, _Builds)
    builds = {build.name: build for build in recorded.builds}
    for index, build in enumerate(recorded.builds):
        if not NAME.fullmatch(build.name):
            raise _wrong(folder / BUILDS, f"builds[{index}].name", f"{build.name!r} is no name")
        if builds[build.name] is not build:
            raise _wrong(folder / BUILDS, f"builds[{index}].name", f"{build.name!r} comes twice")
        if not build.loads and not build.reason:
            raise _wrong(
                folder / BUILDS, f"builds[{index}].reason", "missing: why it is not loaded"
            )
    _check_no_strangers(folder)
    return Results(
        recorded.anymq,
        tuple(recorded.builds),
        dict(_of_builds(folder / "features", _read_features, builds)),
        dict(_of_builds(folder / "conformance", _read_conformance, builds)),
        {path.stem: _read_interop(path, builds) for path in _files(folder / "interop")},
    )


def _check_no_strangers(folder: Path) -> None:
    known = {BUILDS} | {
        f"{part}/{path.name}"
        for part in ("features", "conformance", "interop")
        for path in _files(folder / part)
    }
    for path in sorted(folder.rglob("*.json")):
        if path.relative_to(folder).as_posix() not in known:
            raise ResultsError(
                f"{path}: not a file of results: these are {BUILDS}, features/<build>.json, "
                "conformance/<build>.json and interop/<wire>.json"
            )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


_OfBuild = TypeVar("_OfBuild", Features, Conformance)


def _of_builds(
    folder: Path, read: Callable[[Path], _OfBuild], builds: Mapping[str, Build]
) -> Iterator[tuple[str, _OfBuild]]:
    for path in _files(folder):
        found = read(path)
        if found.build != path.stem:
            raise _wrong(path, "build", f"{found.build!r}, in the file of {path.stem!r}")
        build = builds.get(found.build)
        if build is None:
            raise _wrong(path, "build", f"there is no build {found.build!r} in {BUILDS}")
        if not build.loads:
            raise _wrong(path, "build", f"{found.build!r} does not load, says {BUILDS}")
        if isinstance(found, Features):
            for key in ("library", "wire", "version_text"):
                said, recorded = getattr(found, key), getattr(build, key)
                if recorded is not None and said != recorded:
                    raise _wrong(path, key, f"{said!r}; {BUILDS} says {recorded!r}")
        yield found.build, found


def _read_features(path: Path) -> Features:
    raw = _read(path, _RawFeatures)
    records = {}
    for name, text in raw.features.items():
        if name not in known_features():
            raise _wrong(path, f"features.{name}", "there is no such feature")
        records[name] = _decode(path, text, Record, f"features.{name}")
    return Features(raw.build, raw.library, raw.version_text, raw.wire, records, raw.quirks)


def _read_conformance(path: Path) -> Conformance:
    return _read(path, Conformance)


def _read_interop(path: Path, builds: Mapping[str, Build]) -> Interop:
    interop = _read(path, Interop)
    seen: dict[object, int] = {}
    for index, run in enumerate(interop.runs):
        for side, name in (("sender", run.sender), ("receiver", run.receiver)):
            if name not in builds or name not in interop.builds:
                where = BUILDS if name not in builds else f"this file's builds ({path.name})"
                raise _wrong(
                    path, f"runs[{index}].{side}", f"there is no build {name!r} in {where}"
                )
            if builds[name].wire not in (None, path.stem):
                raise _wrong(path, f"runs[{index}].{side}", f"{name!r} speaks {builds[name].wire}")
        for what in (run.key, run.id):
            if seen.setdefault(what, index) != index:
                raise _wrong(path, f"runs[{index}]", f"the same run as runs[{seen[what]}]")
    return interop


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ResultsError(f"{path}: there is no such file") from None
    return _decode(path, text, kind)


def _decode(path: Path, text: bytes | msgspec.Raw, kind: type[_T], key: str = "") -> _T:
    """Read text that is the whole file, or what is at `key` in it."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise _wrong(path, (key + where.strip("`").removeprefix("$")).lstrip("."), what) from None
    except msgspec.DecodeError as error:
        raise ResultsError(f"{path}: not JSON: {error}") from None


def _wrong(path: Path, key: str, what: str) -> ResultsError:
    return ResultsError(f"{path}: {key}: {what}" if key else f"{path}: {what}")


def to_builtins(results: Results) -> dict[str, Any]:
    """For `--json`: what was read, as one document."""
    document: dict[str, Any] = msgspec.to_builtins(
        {
            "anymq": results.anymq,
            "builds": results.builds,
            "features": results.features,
            "conformance": results.conformance,
            "interop": results.interop,
        }
    )
    return document
