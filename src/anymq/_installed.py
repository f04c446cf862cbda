"""Entry points of installed packages, read without `importlib.metadata`.

Importing that module alone takes as long as importing all of anymq, and every program with a socket
would pay for it. What it does for packages in folders is a few lines; whatever else a path may hold
(archives, eggs, finders of other kinds) is left to it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import PathFinder
from typing import Any, NamedTuple, Protocol

__all__ = ["EntryPoint", "entry_points"]


class EntryPoint(Protocol):
    """What is used of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str: ...
    def load(self) -> Any: ...


class _Declared(NamedTuple):
    name: str
    value: str

    def load(self) -> Any:
        """The object that it names.

        Raises:
            Exception: whatever importing its module raises.
        """
        module, _, path = self.value.partition("[")[0].strip().partition(":")
        found: Any = import_module(module)
        for name in filter(None, path.split(".")):
            found = getattr(found, name)
        return found


def entry_points(*, group: str) -> Iterable[EntryPoint]:
    """As `importlib.metadata` has it: of packages of one name the first on the path counts."""
    found = _declared(group)
    if found is None:
        from importlib import metadata

        return metadata.entry_points(group=group)
    return found


def _declared(group: str) -> list[_Declared] | None:
    """None where not everything can be seen from here."""
    for finder in sys.meta_path:
        if finder is not PathFinder and hasattr(finder, "find_distributions"):
            return None
    found: list[_Declared] = []
    seen = set()
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            return None
        except OSError:
            continue
        for name in names:
            package, kind = os.path.splitext(name)
            if kind == ".egg":
                return None
            if kind not in (".dist-info", ".egg-info"):
                continue
            key = re.sub(r"[-_.]+", "_", package.partition("-")[0]).lower()
            if key not in seen:
                seen.add(key)
                found += _read(os.path.join(folder, name, "entry_points.txt"), group)
    return found


def _read(path: str, group: str) -> Iterable[_Declared]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:  # most packages have none
        return
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line
        elif section == f"[{group}]" and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield _Declared(name.strip(), value.strip())
