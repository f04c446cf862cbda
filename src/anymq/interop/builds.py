"""What can be a side: a library build under anymq, or another program or package."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["FOREIGN", "Build", "installed"]

FOREIGN: Mapping[str, tuple[str, ...]] = {
    "nngcat": ("workers.on_cat", "nngcat"),
    "nanocat": ("workers.on_cat", "nanocat"),
    "pyzmq": ("workers.on_pyzmq",),
    "pynng": ("workers.on_pynng",),
}
"""Foreign programs and packages that can be a side, and the worker that plays it."""

_START_WORKER = (
    "import runpy, sys; sys.path.append(sys.argv[1]); sys.argv[1:] = sys.argv[2:]; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)
"""Runs a worker without importing anymq, which that interpreter need not have."""


@dataclass(frozen=True)
class Build:
    """One side of the laboratory.

    Attributes:
        name: what it is called in the results; unique in a plan.
        backend: the backend that opens it, `"nng"`; `""` for a foreign one.
        library: path of the library file; `""` for the one that the backend finds by itself.
        python: the command that runs Python for it: another interpreter, or a wrapper.
        env: variables of its environment, besides those of this process.
        foreign: name of a foreign program, one of `FOREIGN`.
        worker: a command of one's own that speaks as `anymq.interop.workers.serve` does.
    """

    name: str
    backend: str = ""
    library: str | os.PathLike[str] = ""
    python: Sequence[str] = (sys.executable,)
    env: Mapping[str, str] = field(default_factory=dict)
    foreign: str = ""
    worker: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a build needs a name")
        if sum(map(bool, (self.backend, self.foreign, self.worker))) != 1:
            raise ValueError(f"{self.name}: give one of backend=, foreign= and worker=")
        if self.foreign and self.foreign not in FOREIGN:
            known = ", ".join(FOREIGN)
            raise ValueError(f"there is no foreign side {self.foreign!r}; known: {known}")
        if self.library and not self.backend:
            raise ValueError(f"{self.name}: library= goes with backend=")

    @property
    def command(self) -> list[str]:
        """The command line of its process."""
        if self.worker:
            return list(self.worker)
        if self.foreign:
            folder = str(Path(__file__).parent)
            start = [*self.python, "-P", "-c", _START_WORKER, folder]
            return [*start, *FOREIGN[self.foreign]]
        library = os.fspath(self.library)
        return [*self.python, "-P", "-m", "anymq.interop.side", self.backend, library]


def installed() -> list[Build]:
    """A build for each library that anymq finds here by itself."""
    from anymq import backends

    return [
        Build(name, name, status.backend.library.path)
        for name, status in backends().items()
        if status.backend is not None
    ]
