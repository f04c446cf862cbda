"""The messaging protocols of the three libraries under one set of names.

The first ten are the scalability protocols (SP) of nanomsg and nng; `pair1` is nng's; the rest are
socket types of libzmq, whose wire (ZMTP) shares names with SP but does not talk to it.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Protocol"]


class Protocol(StrEnum):
    """A protocol, named as in the field; also accepted as its name in lower case."""

    PAIR = "pair"
    PAIR1 = "pair1"
    BUS = "bus"
    PUB = "pub"
    SUB = "sub"
    PUSH = "push"
    PULL = "pull"
    REQ = "req"
    REP = "rep"
    SURVEYOR = "surveyor"
    RESPONDENT = "respondent"
    DEALER = "dealer"
    ROUTER = "router"
    XPUB = "xpub"
    XSUB = "xsub"
    STREAM = "stream"
    SERVER = "server"
    CLIENT = "client"
    RADIO = "radio"
    DISH = "dish"
    GATHER = "gather"
    SCATTER = "scatter"
    DGRAM = "dgram"
    PEER = "peer"
    CHANNEL = "channel"

    @property
    def can_send(self) -> bool:
        """Whether such a socket sends messages at all."""
        return self not in _RECEIVE_ONLY

    @property
    def can_recv(self) -> bool:
        """Whether such a socket receives messages at all."""
        return self not in _SEND_ONLY


_SEND_ONLY = frozenset({Protocol.PUB, Protocol.PUSH, Protocol.RADIO, Protocol.SCATTER})
_RECEIVE_ONLY = frozenset({Protocol.SUB, Protocol.PULL, Protocol.DISH, Protocol.GATHER})
