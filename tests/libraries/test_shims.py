"""The shims are the real libraries but for what is changed: so what is refused is that."""

from __future__ import annotations

import anymq

from .conftest import Look, Make


def test_a_shim_with_everything_works(name: str, make: Make, look: Look) -> None:
    report = look(name, make(name))
    real = anymq.get_backend(name)
    assert report.received
    assert report.version_text == real.library.version_text
    assert {n: f[0] for n, f in report.features.items()} == {
        n: s.status for n, s in real.features.items()
    }
