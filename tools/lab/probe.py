"""What one build says of itself, printed as JSON by a process of its own: probe.py BACKEND FILE.

A library that ends the process when it is loaded or asked ends nothing but this.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def probe(name: str, path: str) -> dict[str, Any]:
    import anymq

    try:
        backend = anymq.get_backend(name, library=path)
    except anymq.BackendUnavailable as error:
        reason = error.tried[0][1] if error.tried else str(error)
        return {"loads": False, "reason": reason}
    library = backend.library
    if os.path.realpath(library.path) != os.path.realpath(path) or not mapped(path):
        return {"loads": False, "reason": f"another file was loaded: {library.path}"}
    return {
        "loads": True,
        "reason": None,
        "path": library.path,
        "wire": backend.wire,
        "version": list(library.version),
        "version_text": library.version_text,
        "features": {feature: said._asdict() for feature, said in backend.features.items()},
        "quirks": dict(backend.quirks),
    }


def mapped(path: str) -> bool:
    """Whether the loader has mapped this very file into the process."""
    wanted = os.stat(path)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files = {line.split(None, 5)[5].rstrip("\n") for line in maps if line.count("/")}
    return any(
        os.path.exists(file) and os.path.samestat(os.stat(file), wanted)
        for file in files
        if os.path.basename(file) == os.path.basename(os.path.realpath(path))
    )


if __name__ == "__main__":
    json.dump(probe(sys.argv[1], sys.argv[2]), sys.stdout)
