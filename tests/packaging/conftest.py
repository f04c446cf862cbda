"""The wheel and the source archive that `make wheel` put into dist/."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))


def _built(pattern: str) -> Path:
    found = sorted((ROOT / "dist").glob(pattern))
    if not found and not os.environ.get("ANYMQ_WHEEL_TESTS"):
        pytest.skip("nothing is built; `make wheel` does it, and `make test` does without asking")
    assert len(found) == 1, f"one {pattern} in dist, not {[file.name for file in found]}"
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel."""
    return _built("*.whl")


@pytest.fixture(scope="session")
def source_archive() -> Path:
    """The source archive, from which the wheel was built."""
    return _built("*.tar.gz")
