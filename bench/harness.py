"""Programs that are talked to in lines, what the system tells of them, and the compiler.

A contestant is one program in two processes, or in one where the transport does not leave it. The
programs in C and those in Python take the same arguments and print the same lines: `c/works.h` has
both. Before a figure counts, each process is checked to have mapped the library file that the race
is about, and no other one of its kind.
"""

from __future__ import annotations

import ctypes
import os
import random
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

__all__ = [
    "Failed",
    "Program",
    "build_c",
    "c_program",
    "compiler_version",
    "free_port",
    "memory",
    "processor_time",
    "progress",
    "python_program",
    "stubs_for",
]

FOLDER = Path(__file__).resolve().parent
BUILD = FOLDER / "build"
LIMIT = 60.0
"""Seconds after which a program that has not answered counts as hung."""


class Failed(RuntimeError):
    """A program did not do its part; the text says which way."""


class Program:
    """A process that is talked to in lines, and is ended by the end of its input."""

    def __init__(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        self._name = " ".join(Path(word).name or word for word in command)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env={**os.environ, **(env or {})},
        )
        self._buffer = b""

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()
        self._errors.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        """End it by a signal: one that does not read its input."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once: one whose figures are known, and that has nothing to tidy up."""
        self._process.kill()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    def expect(self, word: str, limit: float = LIMIT) -> str:
        """The next line, which must begin with `word`.

        Raises:
            Failed: another line came, or none within `limit` seconds, or the program ended.
        """
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(limit):
                    raise Failed(f"no answer within {limit:g} s: {self._name}")
                chunk = os.read(self._process.stdout.fileno(), 4096)
                if not chunk:
                    self._process.wait(10)
                    raise Failed(self.last_words())
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        text = line.decode()
        if not text.startswith(word):
            raise Failed(f"unexpected {text!r} from {self._name}")
        return text

    def last_words(self) -> str | None:
        """The last line of what it said of its failure; None while it runs."""
        status = self._process.poll()
        if status is None:
            return None
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with {status}: {self._name}"

    def check_mapped(self, library: str, kind: str, others: Collection[str] = ()) -> None:
        """Fail unless this process runs on `library`, and on no other file named after `kind`, nor
        on one of `others`."""
        maps = Path(f"/proc/{self._process.pid}/maps").read_text()
        files = {line.split(None, 5)[5] for line in maps.splitlines() if line.count("/")}
        wanted = os.path.realpath(library)
        if wanted not in files:
            raise Failed(f"{wanted} is not what this runs on: {self._name}")
        foreign = {os.path.realpath(other) for other in others}
        for file in files - {wanted}:
            if Path(file).name.startswith(kind) or file in foreign:
                raise Failed(f"{file} is mapped besides {wanted}: {self._name}")


def processor_time(pid: int) -> float:
    """As utime and stime of the process, whose unit is a hundredth of a second, but exact."""
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def memory(pid: int) -> tuple[float, float]:
    """MiB of a process: resident now, and at its highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    if not found:
        raise Failed("it ended before its memory could be looked at")
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def python_program(script: str, *more: str) -> Callable[[str, str, str, int, int], list[str]]:
    """A script of `peers/` under this interpreter; `more` follows the usual arguments."""

    def command(library: str, role: str, url: str, count: int, size: int) -> list[str]:
        path = str(FOLDER / "peers" / script)
        return [sys.executable, path, library, role, url, str(count), str(size), *more]

    return command


def c_program(name: str, *more: str) -> Callable[[str, str, str, int, int], list[str]]:
    """A program of `c/`, compiled by `build_c`; `more` follows the usual arguments."""

    def command(library: str, role: str, url: str, count: int, size: int) -> list[str]:
        return [str(BUILD / name), library, role, url, str(count), str(size), *more]

    return command


def compiler() -> str:
    return os.environ.get("CC") or shutil.which("cc") or "gcc"


def compiler_version() -> str:
    done = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def build_c(name: str) -> None:
    """Compile `c/NAME.c`; no header of the library is needed."""
    BUILD.mkdir(exist_ok=True)
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11"]
    source = str(FOLDER / "c" / f"{name}.c")
    subprocess.run(
        [compiler(), *flags, "-o", str(BUILD / name), source, "-ldl", "-lpthread"], check=True
    )


def stubs_for(library: str) -> str | None:
    """A library with the names of Python that an extension module needs before C can load it.

    None for a file that needs none. The names stand for nothing: what uses them is not called.
    """
    listed = subprocess.run(
        ["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True
    )
    names = sorted(set(re.findall(r"\b[Uv] (_?Py\w+)", listed.stdout)))
    if not names:
        return None
    BUILD.mkdir(exist_ok=True)
    source = BUILD / f"stubs-{Path(library).name}.c"
    source.write_text("".join(f"char {name}[4096];\n" for name in names))
    target = source.with_suffix(".so")
    subprocess.run([compiler(), "-shared", "-fPIC", "-o", target, source], check=True)
    return str(target)


def free_port() -> int:
    """A free port below those that the system gives out, as one of those may be taken again."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def progress(text: str) -> None:
    """Overwrite one line, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
