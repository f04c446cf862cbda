"""What callgrind wrote down of one part: instructions, and those of them spent in the libraries.

The format is described in Valgrind's manual ("Callgrind Format Specification"). Of it this reads
which objects (files of machine code) call which, how often, and the cost of that: a call line is
followed by one whose last number is the cost of those calls with all that they led to.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "read_profile"]

NAME = re.compile(r"\((\d+)\)(?: (.*))?")


@dataclass(frozen=True)
class Cost:
    """Of one call, or of one message of a batch; in the thread that made it.

    Attributes:
        anymq: instructions of anymq, of the interpreter, and of the C library for these two.
        library_calls: how often a function of nanomsg, nng or libzmq was called.
        total: `anymq` and the instructions of the library.
    """

    anymq: float
    library_calls: float
    total: float

    def least(self, other: Cost) -> Cost:
        return Cost(
            min(self.anymq, other.anymq),
            min(self.library_calls, other.library_calls),
            min(self.total, other.total),
        )


def read_profile(file: Path, calls: int, libraries: Container[str]) -> Cost:
    """The cost of one of `calls`, where `libraries` are the paths of the libraries' files."""
    names: dict[str, str] = {}
    total = in_library = library_calls = 0
    here = there = ""
    called: int | None = None

    def name(text: str) -> str:
        """Names are numbered where they are used first, and later go by that number."""
        found = NAME.fullmatch(text)
        if found is None:
            raise ValueError(f"{file}: not the name of an object: {text!r}")
        return names.setdefault(found[1], found[2])

    for line in file.read_text(errors="replace").splitlines():
        key, is_named, text = line.partition("=")
        if not is_named:
            if not line[:1].isdigit() and line[:1] not in ("+", "-", "*"):
                continue
            cost = int(line.rsplit(" ", 1)[1])
            if called is None:
                total += cost
            elif called and there in libraries and here not in libraries:
                # Calls that had begun before this part are counted as none.
                in_library += cost
                library_calls += called
            called = None
            there = here
        elif key == "ob":
            here = there = name(text)
        elif key == "cob":
            there = name(text)
        elif key == "calls":
            called = int(text.split(" ", 1)[0])
    return Cost((total - in_library) / calls, library_calls / calls, total / calls)
