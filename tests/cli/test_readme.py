"""The README's program, run as it stands over every library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conformance.support import LIMIT, Sockets

README = Path(__file__).parents[2] / "README.md"


def test_one_program_runs_over_every_library(sockets: Sockets) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    program = next(block for block in blocks if "sys.argv[1]" in block)
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program, sockets.backend.name],
        capture_output=True,
        text=True,
        timeout=3 * LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("b'hello' [b'many'")
    assert "LibraryInfo(" in second
