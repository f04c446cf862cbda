"""What a shared object needs, as binutils tell it."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
from pathlib import Path

__all__ = ["BinaryError", "make_stub", "needed_glibc", "running_glibc"]

Version = tuple[int, ...]


class BinaryError(Exception):
    """A tool is missing or does not understand a file; for people."""


def running_glibc() -> Version:
    """The C library of this machine; `(0,)` where it is none of GNU's."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return (0,)
    return _numbers(version) if name == "glibc" else (0,)


def needed_glibc(file: Path) -> Version:
    """The newest version of GNU's C library that `file` asks for; `(0,)` where it asks for none."""
    found = re.findall(r"\bGLIBC_([0-9.]+)", _say("readelf", "--version-info", "--wide", file))
    return max((_numbers(version) for version in found), default=(0,))


def make_stub(file: Path, patterns: tuple[str, ...], target: Path) -> None:
    """A library of empty functions for what `file` wants from the program that it was made for.

    It gets loaded before `file`, which is left as it is; the functions are never called, because
    what is tested is the library inside of it.
    """
    words = _say("nm", "--dynamic", "--undefined-only", "--format=posix", file).splitlines()
    names = [line.split(" ")[0] for line in words]
    wanted = [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    if not wanted:
        raise BinaryError(f"{file.name} wants nothing like {' '.join(patterns)}")
    source = target.with_suffix(".c")
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in wanted))
    _say("cc", "-shared", "-fPIC", "-o", target, source)


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.split(".") if part)


def _say(*command: str | Path) -> str:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BinaryError(f"{words[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise BinaryError(f"{words[0]} fails: {done.stderr.strip()[:300]}")
    return done.stdout
