"""An interpreter that runs with a newer C library than the machine's.

A program is tied to one C library by the loader that starts it. The newer library's own loader
starts the same Python here, so that a build which needs it is loaded unmodified. The result is an
interpreter like any other, in a folder that looks like a virtual environment: programs that a test
starts with `sys.executable` run in the same way.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from functools import cache
from pathlib import Path

from .binaries import BinaryError

__all__ = ["make_interpreter"]

SCRIPT = """\
#!/bin/sh
exec {loader} --argv0 "$0" --library-path {libc}"${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" \\
    {python} "$@"
"""


@cache
def make_interpreter(python: Path, libc: Path, folder: Path) -> Path:
    """An interpreter with the packages of the virtual environment of `python`.

    Args:
        libc: the folder with the C library and its loader.
        folder: where to put the environment.

    Raises:
        BinaryError: it does not run.
    """
    environment = python.parent.parent
    settings = environment / "pyvenv.cfg"
    if not settings.is_file():
        raise BinaryError("the lab must run in a virtual environment")
    loader = next(iter(sorted(libc.glob("ld-linux-*.so.*"))), None)
    if loader is None:
        raise BinaryError(f"there is no loader in {libc.name}")
    key = hashlib.sha256(f"{python}\0{libc}".encode()).hexdigest()[:12]
    place = folder / key
    program = place / "bin" / "python"
    text = SCRIPT.format(
        loader=shlex.quote(str(loader)),
        libc=shlex.quote(str(libc)),
        python=shlex.quote(str(python)),
    )
    if not program.is_file() or program.read_text() != text:
        (place / "bin").mkdir(parents=True, exist_ok=True)
        if not (place / "lib").is_symlink():
            (place / "lib").symlink_to(environment / "lib")
        (place / "pyvenv.cfg").write_text(settings.read_text())
        program.write_text(text)
        program.chmod(0o755)
    check = [str(program), "-P", "-c", "import sys; print(sys.executable)"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    if done.stdout.strip() != str(program):
        raise BinaryError(f"Python does not run with another C library: {done.stderr.strip()}")
    return program
