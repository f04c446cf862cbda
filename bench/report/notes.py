"""The hand-written part of the page: a file of prose by library and by aim.

    ## zmq                                   the library's id in the results: into its section
    prose
    ### one message a call, tcp, 100 bytes   an aim's name: below what is told of that aim
    prose

What stands before the first library is for those who edit the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .results import Results

__all__ = ["Notes", "read_notes", "without_home"]

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
    homes |= {(aim.library, aim.name) for aim in results.aims}
    for library, aim in notes:
        if (library, aim) not in homes:
            yield f"{library}: {aim}" if aim else library
