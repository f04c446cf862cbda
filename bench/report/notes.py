"""The hand-written part of the page: a file of prose by library and by aim.

    ## zmq                                   the library's id in the results: into its section
    prose
    ### one message a call, tcp, 100 B       an aim's name: below what is told of that aim
    prose
    ### round trip, tcp, 100 B, to C         the same, of one of several with that name
    prose

What stands before the first library is for those who edit the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .results import Aim, Results

__all__ = ["Notes", "note_of", "read_notes", "without_home"]

Notes = Mapping[tuple[str, str], str]
"""Prose by library and name of an aim; the empty name is the library itself."""

HEADING = re.compile(r"^(##|###) +(.+?) *$", re.M)


def read_notes(text: str) -> Notes:
    notes: dict[tuple[str, str], str] = {}
    library = aim = ""
    parts = HEADING.split(text)[1:]
    for level, title, prose in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        library, aim = (title, "") if level == "##" else (library, title)
        if prose.strip():
            notes[library, aim] = prose.strip()
    return notes


def without_home(notes: Notes, results: Results) -> Iterator[str]:
    """Headings that name no library or aim of these results."""
    homes = {(library, "") for library in results.libraries}
    homes |= {(aim.library, name) for aim in results.aims for name in _names(aim)}
    for library, aim in notes:
        if (library, aim) not in homes:
            yield f"{library}: {aim}" if aim else library


def _names(aim: Aim) -> tuple[str, str]:
    """What the aim may be called; aims against different others may share the second."""
    return f"{aim.name}, to {aim.against}", aim.name


def note_of(notes: Notes, aim: Aim) -> str:
    """The prose of an aim; empty where there is none."""
    return next((notes[aim.library, n] for n in _names(aim) if (aim.library, n) in notes), "")
