"""A backend for libloopback: entry point `loopback` of the group `anymq.backends`.

Importing this loads neither the compiled adapter nor a library: `open` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from anymq.abc import Backend, Provider

__all__ = ["provider"]


class LoopbackProvider(Provider):
    name: ClassVar[str] = "loopback"
    wire: ClassVar[str] = "loopback"
    preference: ClassVar[int] = 90
    library_names = ("libloopback.so.1", "libloopback.so")
    install_hint = "it comes with the package anymq-loopback"
    known_for = frozenset(
        {
            *(f"protocol.{name}" for name in ("pair", "push", "pull")),
            *(f"transport.{name}" for name in ("tcp", "ipc")),
        }
    )

    def bundled(self) -> Iterator[str]:
        return map(str, Path(__file__).parent.glob("libloopback*.so"))

    def open(self, path: str, found_via: str) -> Backend:
        from .backend import LoopbackBackend

        return LoopbackBackend(path, found_via)


provider = LoopbackProvider()
