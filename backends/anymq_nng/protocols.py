"""Which of nng's functions opens each protocol, and how the adapter must treat it."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from anymq.protocols import Protocol

from ._nng import lib

__all__ = ["OPENERS", "flags_for", "opener"]

OPENERS: Mapping[Protocol, str] = {
    Protocol.PAIR: "nng_pair0_open",
    Protocol.PAIR1: "nng_pair1_open",
    Protocol.BUS: "nng_bus0_open",
    Protocol.PUB: "nng_pub0_open",
    Protocol.SUB: "nng_sub0_open",
    Protocol.PUSH: "nng_push0_open",
    Protocol.PULL: "nng_pull0_open",
    Protocol.REQ: "nng_req0_open",
    Protocol.REP: "nng_rep0_open",
    Protocol.SURVEYOR: "nng_surveyor0_open",
    Protocol.RESPONDENT: "nng_respondent0_open",
}

_TO_ONE = frozenset({Protocol.PAIR, Protocol.PAIR1, Protocol.PUSH, Protocol.REQ})
_TO_ALL = frozenset({Protocol.PUB, Protocol.BUS, Protocol.SURVEYOR})
_TO_ASKER = frozenset({Protocol.REP, Protocol.RESPONDENT})
_STREAMS = frozenset({Protocol.PAIR, Protocol.PAIR1, Protocol.PULL, Protocol.SUB, Protocol.BUS})


def opener(protocol: Protocol, *, raw: bool) -> str:
    """Name of the function that opens such a socket, `""` where nng has no such protocol."""
    name = OPENERS.get(protocol, "")
    return f"{name}_raw" if raw and name else name


@functools.cache
def flags_for(protocol: Protocol, *, raw: bool, polyamorous: bool = False) -> int:
    """What the adapter needs to know of the protocol (socket.h).

    A raw REP, RESPONDENT or polyamorous PAIR1 sends where the header says, and drops what the peer
    cannot take: nothing is known of where it went.
    """
    flags: int = 0
    if protocol in _TO_ONE and not polyamorous:
        flags |= lib.NNG_TO_ONE
    if protocol in _STREAMS:
        flags |= lib.NNG_TAKES_STREAMS
    if protocol in _TO_ALL:
        flags |= lib.NNG_TO_ALL
    if raw:
        flags |= lib.NNG_IS_RAW
        return flags
    if protocol in _TO_ASKER:
        flags |= lib.NNG_TO_ASKER
    if protocol is Protocol.REQ:
        flags |= lib.NNG_IS_REQ
    if protocol is Protocol.SURVEYOR:
        flags |= lib.NNG_IS_SURVEYOR
    if protocol is Protocol.SUB:
        flags |= lib.NNG_IS_SUB
    return flags
