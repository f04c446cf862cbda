"""Libraries that a library needs and that lie beside it, where the loader does not look.

The wheels of Python carry libraries whose dependencies lie in the same folder, or in one that
auditwheel names `<package>.libs`, and not all of them tell the loader so. What the loader misses of
them is loaded here first, by path: it then takes it for the name that is needed, because the names
that libraries bear (`DT_SONAME`) agree. Nothing is loaded for a library that loads by itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._elf import Wanted, missing_bytes, wanted

__all__ = ["load_needed", "missing_names"]

_kept: dict[str, Any] = {}
"""By path what was loaded for others; it stays, as the libraries that need it do. The registry's
lock guards it."""


def load_needed(path: str) -> list[str]:
    """Load what the library at `path` needs and the loader misses; the paths of what was loaded.

    Empty where the loader takes the library as it is, and where nothing that it needs lies beside
    it. A library that the loader refuses all the same leaves nothing loaded.
    """
    loaded: dict[str, Any] = {}
    handle = _load_with_needed(path, loaded, set())
    if handle is None:
        for dependency in loaded.values():
            _close(dependency)
        return []
    _kept.update(loaded)
    _close(handle)
    return list(loaded)


def missing_names(path: str) -> list[str]:
    """Names of the libraries that `path` needs, directly or not, and that nobody finds whole."""
    missing: dict[str, None] = {}
    seen: set[str] = set()

    def look(file: str) -> None:
        seen.add(os.path.realpath(file))
        asked = _wanted(file)
        for name in asked.needed:
            found = next(_candidates(file, name, asked), None)
            if found is not None:
                if os.path.realpath(found) not in seen:
                    look(found)
                continue
            handle = _load(name)
            if handle is None:
                missing[name] = None
            else:
                _close(handle)

    look(path)
    return list(missing)


def _load_with_needed(path: str, loaded: dict[str, Any], under_way: set[str]) -> Any:
    """A handle of the library at `path`, or None; what had to be loaded before is in `loaded`."""
    handle = _load(path)
    if handle is not None:
        return handle
    under_way.add(os.path.realpath(path))
    asked = _wanted(path)
    for name in asked.needed:
        for candidate in _candidates(path, name, asked):
            real = os.path.realpath(candidate)
            if real in under_way or candidate in loaded or candidate in _kept:
                continue
            dependency = _load_with_needed(candidate, loaded, under_way)
            if dependency is not None:
                loaded[candidate] = dependency
                break
    return _load(path)


def _candidates(path: str, name: str, asked: Wanted) -> Iterator[str]:
    """Files of that name where a library's own dependencies may lie."""
    if os.sep in name:
        return
    here = Path(path).absolute().parent
    folders = [here, here / ".libs"]
    folders += [
        Path(folder.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", str(here)))
        for folder in asked.folders
        if os.path.isabs(folder) or "ORIGIN" in folder
    ]
    top = here
    while (top / "__init__.py").exists():
        top = top.parent
    if top != here:
        folders += sorted(top.glob("*.libs"))
    for folder in dict.fromkeys(folders):
        file = str(folder / name)
        with contextlib.suppress(OSError):
            if not missing_bytes(file):  # one that was cut short would end the process
                yield file


def _wanted(path: str) -> Wanted:
    try:
        return wanted(path)
    except OSError:
        return Wanted()


def _load(name: str) -> Any:
    """A handle of this file or loader name, or None."""
    from cffi import FFI  # costs time, and few libraries need it

    with contextlib.suppress(OSError):
        return FFI().dlopen(name, os.RTLD_NOW | os.RTLD_LOCAL)
    return None


def _close(handle: Any) -> None:
    from cffi import FFI

    FFI().dlclose(handle)
