"""What is measured: the library files, who can run on each, and the races.

A race is one piece of work on one library file over one transport. All who can do it take turns in
it, in every mode, so that its cases (one for each mode) share one run.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anymq

__all__ = [
    "KIB",
    "MEASURES",
    "MIB",
    "MODES",
    "ONE_THREAD",
    "SIZES",
    "TRANSPORTS",
    "Entrant",
    "Library",
    "Race",
    "Selection",
    "installed",
    "libraries",
    "races",
    "sockets",
]

KIB, MIB = 1024, 1024 * 1024
SIZES = (0, 100, KIB, 64 * KIB, MIB, 64 * MIB)
LARGE = 64 * KIB
SMALL = 100
HUGE = 256 * MIB
TRANSPORTS = ("inproc", "ipc", "tcp", "ws")
MODES = ("one", "batch", "asyncio", "uvloop", "trio")
LOOPS = ("asyncio", "uvloop", "trio")
MEASURES = (
    "throughput",
    "round_trip",
    "publish",
    "threads",
    "cpu",
    "memory",
    "open_close",
    "import",
)
SUBSCRIBERS = (1, 8, 64)
THREADS = 4
"""How many threads send at once."""
SHARED_BY = (1, THREADS)
"""The sockets that these share: one, or one each."""

DISTRIBUTIONS = {
    "anymq": "anymq",
    "pyzmq": "pyzmq",
    "pynng": "pynng",
    "nng": "nng",
    "nnpy": "nnpy",
    "nanomsg-python": "nanomsg",
}
"""By contestant the name under which it is installed; its module is found under `MODULES`."""
MODULES = {"pyzmq": "zmq", "nanomsg-python": "nanomsg"}
ABLE: dict[str, tuple[str, ...]] = {
    "anymq": MODES,
    "C": ("one",),
    "pyzmq": ("one", "asyncio", "uvloop"),
    "pynng": ("one", "asyncio", "uvloop", "trio"),
    "nng": ("one", "asyncio", "uvloop"),
    "nnpy": ("one",),
    "nanomsg-python": ("one",),
}
"""The modes that each has. In the others C's blocking loop stands for what the library can do."""
LACKS = {
    "batch": "has no call for many messages",
    "asyncio": "has no calls to await",
    "uvloop": "has no calls to await",
    "trio": "has no calls to await in trio",
}
ONE_THREAD = "a socket of libzmq is for one thread at a time"
"""Why only anymq, which locks it, shares one among threads."""


@dataclass(frozen=True)
class Library:
    """A library file that races are about; `short` is what it is chosen by."""

    id: str
    short: str
    backend: str
    file: str
    packages: tuple[str, ...]
    transports: tuple[str, ...]

    @property
    def version(self) -> str:
        return anymq.get_backend(self.backend, library=self.file).library.version_text

    def record(self) -> dict[str, str]:
        path = Path(self.file).resolve()
        names = {"zmq": "libzmq"}
        return {
            "name": names.get(self.backend, self.backend),
            "version": self.version,
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }


def installed(package: str) -> bool:
    return package == "C" or importlib.util.find_spec(MODULES.get(package, package)) is not None


def not_built() -> dict[str, str]:
    """Why a package could not be put into this environment, as `make bench-environment` noted."""
    note = Path(sys.prefix, "peers-missing.json")
    return dict(json.loads(note.read_text())) if note.exists() else {}


def version_of(package: str) -> str:
    if package == "anymq":
        return anymq.__version__
    return importlib.metadata.version(DISTRIBUTIONS[package])


def carried_by(module: str, pattern: str) -> str | None:
    """The library file inside an installed package."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = sorted(Path(spec.submodule_search_locations[0]).glob(pattern))
    return str(found[0].resolve()) if found else None


def found_by_anymq(backend: str) -> str | None:
    try:
        return anymq.get_backend(backend).library.path
    except anymq.BackendUnavailable:
        return None


def libraries() -> tuple[list[Library], dict[str, str]]:
    """Those that are here, and why others are not, by `short`."""
    candidates = (
        ("zmq", "zmq", "zmq", carried_by("zmq", "../pyzmq.libs/libzmq*.so*"), ("pyzmq",)),
        ("zmq (system's)", "zmq-system", "zmq", found_by_anymq("zmq"), ()),
        ("nng", "nng", "nng", found_by_anymq("nng"), ()),
        ("nng (pynng's)", "pynng", "nng", carried_by("pynng", "_nng.abi3.so"), ("pynng",)),
        ("nng (package's)", "nng-package", "nng", carried_by("nng", "_nng.*.so"), ("nng",)),
        (
            "nanomsg",
            "nanomsg",
            "nanomsg",
            found_by_anymq("nanomsg"),
            ("nnpy", "nanomsg-python"),
        ),
    )
    here: list[Library] = []
    missing: dict[str, str] = {}
    for identity, short, backend, file, packages in candidates:
        if file is None:
            needs = f"{packages[0]} is not installed" if packages else "this system has none"
            missing[short] = needs
            continue
        chosen = anymq.get_backend(backend, library=file)
        transports = tuple(name for name in TRANSPORTS if chosen.supports(f"transport.{name}"))
        if short == "zmq-system":  # only for what pyzmq's file lacks
            transports = tuple(name for name in transports if name == "ws")
        here.append(Library(identity, short, backend, file, packages, transports))
    return here, missing


@dataclass(frozen=True)
class Entrant:
    """A contestant in one mode. `how` is the mode as the program is told it; `threads` is how many
    send at once, where that is the measure.
    """

    label: str
    package: str
    mode: str
    how: str
    threads: int = THREADS


def sockets(count: int) -> str:
    return "1 socket" if count == 1 else f"{count} sockets"


@dataclass(frozen=True)
class Race:
    """One piece of work that entrants do in turns; `absent` says by mode who does not, and why."""

    library: Library
    measure: str
    transport: str | None
    size: int | None
    peers: int
    entrants: tuple[Entrant, ...]
    absent: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def work(self) -> str:
        if self.measure == "memory" and self.size == HUGE:
            return "single"
        return {"throughput": "stream", "memory": "stream", "round_trip": "trips"}.get(
            self.measure, self.measure
        )

    @property
    def title(self) -> str:
        words = [self.library.id, self.measure, self.transport or ""]
        if self.size is not None:
            words.append(f"{self.size} B")
        if self.measure == "publish":
            words.append(f"to {self.peers}")
        if self.measure == "threads":
            words.append(f"{THREADS} threads on {sockets(self.peers)}")
        return " ".join(word for word in words if word)

    @property
    def mark(self) -> int:
        """High-water mark in messages that all entrants set, 0 for the library's own.

        Large messages get a low one, or a queue of them takes all memory. libzmq's publisher would
        drop some of what is published in a window without a high one; nanomsg counts bytes, and has
        room for a window.
        """
        if self.measure == "publish":
            return {"zmq": 1_000_000, "nng": 256, "nanomsg": 0}[self.library.backend]
        if self.library.backend == "zmq" and (self.size or 0) >= MIB:
            return max(4, 256 * MIB // (self.size or 1))
        return 0


@dataclass(frozen=True)
class Selection:
    """What was asked for; None is all."""

    libraries: Collection[str] | None = None
    measures: Collection[str] | None = None
    transports: Collection[str] | None = None
    sizes: Collection[int] | None = None
    modes: Collection[str] | None = None
    contestants: Collection[str] | None = None
    peers: Collection[int] | None = None

    def has(self, chosen: Collection[object] | None, value: object) -> bool:
        return chosen is None or value in chosen


def entrants(
    library: Library,
    measure: str,
    size: int | None,
    peers: int,
    modes: Iterable[str],
    chosen: Selection,
) -> tuple[tuple[Entrant, ...], dict[str, dict[str, str]]]:
    """Who takes part, each once, and who does not in which mode."""
    found: dict[Entrant, None] = {}
    absent: dict[str, dict[str, str]] = {}
    missing = not_built()
    packages = ("anymq", "C", *library.packages)
    shares = measure == "threads" and peers == 1
    for mode in modes:
        absent[mode] = {}
        for package in packages:
            if not chosen.has(chosen.contestants, package):
                continue
            if not installed(package):
                absent[mode][package] = missing.get(package, "is not installed")
            elif package == "C" and measure == "import":
                absent[mode][package] = f"is not asked about {measure}"
            elif shares and library.backend == "zmq" and package != "anymq":
                absent[mode][package] = ONE_THREAD
            elif package == "C" or mode in ABLE[package]:
                # C is the same in every mode, and in loops anymq is also held to its own calls.
                own = "one" if package == "C" else mode
                found[Entrant(package, package, own, own)] = None
                if package == "anymq" and mode in LOOPS:
                    found[Entrant("anymq", "anymq", "one", "one")] = None
            else:
                absent[mode][package] = LACKS[mode]
        if mode == "one" and measure == "throughput" and (size or 0) >= LARGE:
            if chosen.has(chosen.contestants, "anymq"):
                found[Entrant("anymq recv_message", "anymq", "one", "recv_message")] = None
            if "pyzmq" in library.packages and installed("pyzmq"):
                found[Entrant("pyzmq copy=False", "pyzmq", "one", "copy=False")] = None
    if shares:
        for package in ("anymq", "C"):
            if chosen.has(chosen.contestants, package):
                found[Entrant(f"{package} one thread", package, "one", "one", threads=1)] = None
    return tuple(found), absent


def shapes(chosen: Selection) -> Iterator[tuple[str, str | None, int | None, int, tuple[str, ...]]]:
    """(measure, transport, size, peers, modes) of every race that a library can have."""
    for transport in TRANSPORTS:
        for size in SIZES:
            modes = MODES if size == SMALL else MODES[:2]
            yield "throughput", transport, size, 1, modes
    for transport in TRANSPORTS:
        yield "round_trip", transport, SMALL, 1, ("one", *LOOPS)
        yield "round_trip", transport, LARGE, 1, ("one",)
    for transport in TRANSPORTS[:3]:
        for peers in SUBSCRIBERS:
            yield "publish", transport, SMALL, peers, ("one", "batch")
    for count in SHARED_BY:
        yield "threads", "tcp", SMALL, count, ("one",)
    for size in (SMALL, HUGE):
        yield "memory", "tcp", size, 1, ("one",)
    yield "open_close", None, None, 1, ("one",)
    yield "import", None, None, 1, ("one",)


def wanted(measure: str, size: int | None, chosen: Selection) -> bool:
    """The processor's time comes of the race for throughput with small messages."""
    if measure == "throughput" and size == SMALL and chosen.has(chosen.measures, "cpu"):
        return True
    return chosen.has(chosen.measures, measure)


def races(here: Iterable[Library], chosen: Selection) -> list[Race]:
    """All that was asked for."""
    found = []
    for library in here:
        if not chosen.has(chosen.libraries, library.short):
            continue
        for measure, transport, size, peers, modes in shapes(chosen):
            if not wanted(measure, size, chosen):
                continue
            if transport is not None and (
                transport not in library.transports or not chosen.has(chosen.transports, transport)
            ):
                continue
            if transport is None and library.transports == ("ws",):
                continue
            if measure == "import" and not library.packages:
                continue
            if size is not None and measure != "memory" and not chosen.has(chosen.sizes, size):
                continue
            if measure == "publish" and not chosen.has(chosen.peers, peers):
                continue
            asked = [mode for mode in modes if chosen.has(chosen.modes, mode)]
            who, absent = entrants(library, measure, size, peers, asked, chosen)
            if asked and who:
                found.append(Race(library, measure, transport, size, peers, who, absent))
    return found
