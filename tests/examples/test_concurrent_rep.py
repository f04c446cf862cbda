"""The concurrent service, as a program, on every backend and in every loop."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import anymq

PROGRAM = Path(__file__).parents[2] / "examples" / "concurrent_rep.py"
CLIENTS = 90
AVAILABLE = [name for name, status in anymq.backends().items() if status.available]

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("anyio"), reason="the example needs anyio"
)


def run(backend: str, loop: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), "--backend", backend, "--loop", loop]
    command += ["--clients", str(CLIENTS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("name", AVAILABLE)
def test_each_request_is_accounted_for(name: str, loop: str) -> None:
    if loop == "trio" and not importlib.util.find_spec("trio"):
        pytest.skip("trio is not installed")
    done = run(name, loop)
    if not anymq.get_backend(name).supports("contexts"):
        assert done.returncode == 1
        assert re.match(f"concurrent_rep: {name} .* does not support contexts", done.stderr)
        return
    assert done.returncode == 0, done.stderr
    answered, refused, unanswered, most = map(int, re.findall(r"\d+", done.stdout))
    assert answered + refused + unanswered == CLIENTS
    assert refused == CLIENTS // 3
    assert answered >= CLIENTS // 2
    assert most > CLIENTS // 3
