"""The matrix of this machine's libraries: what they say now, in the form of recorded results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from anymq.cli._common import open_backends
from anymq.features import known_features

from .results import Build, Features, Record, Results

if TYPE_CHECKING:
    from anymq.abc import Backend

__all__ = ["features_of", "look"]


def look(libraries: Iterable[tuple[str, str]] = ()) -> Results:
    """What is installed, and the library files that are named besides: (backend, path).

    A library of which there is one build goes by its backend's name; several get their versions.

    Raises:
        BackendUnavailable: a file that was named does not load.
    """
    from anymq.registry import get_backend

    found: list[Backend] = list(open_backends().values())
    found += [get_backend(name, library=path) for name, path in libraries]
    named = _named(dict.fromkeys(found))
    builds = [
        Build(
            name=name,
            library=backend.name,
            loads=True,
            origin=f"here, found via {backend.library.found_via}",
            wire=backend.wire,
            version=list(backend.library.version),
            version_text=backend.library.version_text,
        )
        for name, backend in named.items()
    ]
    return Results("", tuple(builds), {n: features_of(n, b) for n, b in named.items()})


def _named(backends: Iterable[Backend]) -> dict[str, Backend]:
    of_library: dict[str, list[Backend]] = {}
    for backend in backends:
        of_library.setdefault(backend.name, []).append(backend)
    named: dict[str, Backend] = {}
    uses: Counter[str] = Counter()
    for library, builds in sorted(of_library.items()):
        for backend in builds:
            name = library
            if len(builds) > 1:
                name = f"{library}-{'.'.join(map(str, backend.library.version))}"
            uses[name] += 1
            named[name if uses[name] == 1 else f"{name}-{uses[name]}"] = backend
    return named


def features_of(name: str, backend: Backend) -> Features:
    """What a loaded library says, its path replaced by the name, as in recorded results."""
    path = backend.library.path
    records = {
        feature: Record(**{key: text.replace(path, name) for key, text in said._asdict().items()})
        for feature in known_features()
        if (said := backend.features.get(feature)) is not None
    }
    version = backend.library.version_text
    return Features(name, backend.name, version, backend.wire, records, dict(backend.quirks))
