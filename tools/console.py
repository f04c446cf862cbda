"""How the tools speak and run programs: every command is shown before it runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ROOT", "Failure", "capture", "run", "say", "succeeds"]

ROOT = Path(__file__).resolve().parent.parent


TOLD_OF_A_FAILURE = 12
"""How many lines of a failed program's output are repeated at the very end."""

WORDS_OF_A_CRASH = ("panic: ", "Fatal Python error", "Assertion failed", "double free", "malloc")
"""In which a library, the allocator or Python tells why a process ends."""


class Failure(Exception):
    """Something that the person at the terminal must put right; the text says how.

    `told` are the lines that a failed program itself had to say of it.
    """

    def __init__(self, text: str, told: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.told = told


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    *,
    quiet: bool = False,
    tag: str = "",
) -> None:
    """Run a program that shares this terminal, without input.

    With `quiet` its output is shown only if it fails; with `tag` line by line behind that word, for
    programs that run side by side.

    Raises:
        Failure: it did not exit with status 0.
    """
    words = [str(word) for word in command]
    shown = " ".join(shlex.quote(word) for word in _short(words))
    extra = " ".join(f"{key}={shlex.quote(value)}" for key, value in (env or {}).items())
    print(f"$ {extra + ' ' if extra else ''}{shown}", flush=True)
    started = time.monotonic()
    kept: list[str] = []
    try:
        with subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet or tag else None,
            stderr=subprocess.STDOUT if quiet or tag else None,
            text=True,
            errors="replace",
        ) as program:
            for line in program.stdout or ():
                kept.append(line)
                if tag:
                    print(f"{tag} | {line}", end="", flush=True)
    except OSError as error:
        raise Failure(f"cannot run {shown}: {error}") from None
    took = time.monotonic() - started
    if tag and kept:
        say(f"{tag} ended with: {kept[-1].strip().strip('= ')}")
    if program.returncode != 0:
        if quiet:
            print("".join(kept), end="", flush=True)
        raise Failure(
            f"exit status {program.returncode} after {took:.0f} s: {shown}", _verdict(kept)
        )
    if took > 10:
        print(f"  ({took:.0f} s)", flush=True)


def capture(command: Sequence[str | Path]) -> tuple[int, str]:
    """Exit status and output (both streams) of a program; (127, ...) where it cannot be run."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode(errors="replace").strip()


def succeeds(command: Sequence[str | Path]) -> bool:
    return capture(command)[0] == 0


def _verdict(lines: Sequence[str]) -> list[str]:
    """What pytest named as failed; of a crash, where it was and its words; else the last lines."""
    named = [line.rstrip() for line in lines if line.startswith(("FAILED ", "ERROR "))]
    if not named:
        crash = [line for line in lines if any(word in line for word in WORDS_OF_A_CRASH)]
        tests = [line for line in lines if line.startswith("tests/")]
        told = dict.fromkeys(line.rstrip() for line in (*tests[-1:], *crash))
        named = list(told) if crash else []
    return (named or [line.rstrip() for line in lines])[-TOLD_OF_A_FAILURE:]


def _short(words: Sequence[str]) -> list[str]:
    """Paths inside the checkout without its prefix."""
    prefix = f"{ROOT}{os.sep}"
    return [word.replace(prefix, "") for word in words]
