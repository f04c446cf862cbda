"""Which release an opened libnanomsg is, and what is wrong with it, found out without harm.

The library tells an interface number only (`NN_VERSION_CURRENT:REVISION:AGE`), which several
releases share: 5:0:0 is 0.9 and 1.0.0, 5:1:0 is 1.1.0 to 1.1.5, 6:0:1 is 1.2 and 1.2.1. Two facts
tell more, and rather than the number they decide what is offered:

- 1.1.0 was the first to list `NN_MAXTTL` in nn_symbol_info; 1.0.0 has that option unlisted, 0.9
  does not have it.
- 1.2.1 forgets where a message begins when a header is taken off it (see `probe.c`).

Nothing that can be asked differs among 1.1.0 to 1.1.5: their functions, constants and answers to
every call that the manual gives are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._nanomsg import lib as adapter

if TYPE_CHECKING:
    from .library import Library

__all__ = ["Release", "identify"]

UNNAMED = "unknown release"

BY_INTERFACE: dict[tuple[int, ...], str] = {(5, 0): "1.0.0", (5, 1): "1.1.0-1.1.5", (6, 0): "1.2"}
"""Releases by interface number and revision."""

SHORTENS = "nn_chunkref_trim, tried on a message of our own"


@dataclass(frozen=True, slots=True)
class Release:
    """What is known of a build beyond what its constants say.

    Attributes:
        text: `"1.1.0-1.1.5 (ABI 5:1:0)"`.
        before_1_1: it has the defects that 1.1.0 mended.
        loses_place: it ends the process when a request, reply, survey or answer of more than 28
            bytes arrives; `evidence` tells how that is known.
        quirks: what it is known to do otherwise than the others, in `Backend.quirks`.
    """

    text: str
    before_1_1: bool
    loses_place: bool
    evidence: str
    quirks: dict[str, str]


def identify(library: Library) -> Release:
    """Ask an opened library what tells its release."""
    version = library.version
    before_1_1 = bool(library.functions.before_1_1)
    keeps_place = adapter.anymq_nn_keeps_place(library.functions)
    if keeps_place < 0:
        # Not exported by this build: then any that may be 1.2.1 is taken for it.
        loses_place = version[:1] >= (6,)
        evidence = f"ABI {_dotted(version)}, and nn_chunkref_trim cannot be tried"
    else:
        loses_place = not keeps_place
        evidence = f"{SHORTENS}: {'it was lost' if loses_place else 'kept'}"
    name = BY_INTERFACE.get(version[:2], UNNAMED)
    if name == "1.0.0" and "NN_MAXTTL" not in library.options:
        name = "0.9"
    elif name == "1.2" and loses_place and keeps_place == 0:
        name = "1.2.1"
    if name != UNNAMED and before_1_1 != (version < (5, 1)):
        name = f"says {name}, but its constants are those of {'1.0' if before_1_1 else '1.1'}"
    return Release(
        f"{name} (ABI {_dotted(version)})", before_1_1, loses_place, evidence, _quirks(before_1_1)
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ":".join(map(str, version)) or "not told"


def _quirks(before_1_1: bool) -> dict[str, str]:
    found = {
        "ws-close-is-final": "a ws dialler does not dial again after the listener has ended the "
        "connection in the proper way, as for a message above its limit",
    }
    if before_1_1:
        found |= {
            "ws-dials-by-chance": "a ws dialler whose first attempt fails may never try again: "
            "before 1.1 that depends on memory that nobody has set",
            "inproc-leaks": "before 1.1 an inproc listener that is closed before those who dialled "
            "it leaves 4 KiB of each behind",
            "may-end-the-process": "before 1.1 the process may end when a connection is lost in "
            "its handshake, a ws one is ended by its listener, or an inproc one is closed while "
            "messages are under way",
        }
    return found
