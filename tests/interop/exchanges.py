"""How each protocol is exercised against a foreign peer, whichever side does what.

Each function takes anymq's socket and the foreign `Peer`, connected or about to be. Publishers,
busses and surveyors drop what nobody hears yet, so they say it again until it was heard.
"""

from __future__ import annotations

import time

import anymq
from tests.conformance.support import LIMIT, Timeout

from .processes import Peer

COUNTERPART = {
    "pair": "pair",
    "pair1": "pair1",
    "bus": "bus",
    "pub": "sub",
    "sub": "pub",
    "push": "pull",
    "pull": "push",
    "req": "rep",
    "rep": "req",
    "surveyor": "respondent",
    "respondent": "surveyor",
}
"""Protocol of anymq's socket and the one that the peer must have, with SP."""

ZMTP_COUNTERPART = {
    "pair": "pair",
    "pub": "sub",
    "sub": "pub",
    "push": "pull",
    "pull": "push",
    "req": "rep",
    "rep": "req",
    "dealer": "dealer",
}
"""The same with libzmq."""

BODIES = (b"x", b"", b"\x00\xff" * 50, b"large " * 20_000)

GREETING = b"anybody there"


def exchange(protocol: str, socket: anymq.Socket, peer: Peer) -> None:
    """Send and receive in every direction that the protocol has."""
    {
        "pair": _both_ways,
        "pair1": _both_ways,
        "dealer": _both_ways,
        "bus": _bus,
        "pub": _publish,
        "sub": _hear,
        "push": _push,
        "pull": _pull,
        "req": _request,
        "rep": _reply,
        "surveyor": _survey,
        "respondent": _respond,
    }[protocol](socket, peer)


def _push(socket: anymq.Socket, peer: Peer) -> None:
    for body in BODIES:
        socket.send(body)
        assert peer.recv() == body


def _pull(socket: anymq.Socket, peer: Peer) -> None:
    for body in BODIES:
        peer.send(body)
        assert socket.recv() == body


def _both_ways(socket: anymq.Socket, peer: Peer) -> None:
    _push(socket, peer)
    _pull(socket, peer)


def _publish(socket: anymq.Socket, peer: Peer) -> None:
    """One message at a time: nanomsg drops what is published while one is still being written."""
    peer.ask_recv()
    heard = None
    deadline = time.monotonic() + LIMIT
    while heard is None:
        assert time.monotonic() < deadline, f"nothing that was sent was heard by {peer}"
        socket.send(GREETING)
        heard = peer.received_or_none(0.02)
    for body in BODIES:
        socket.send(body)
        while heard == GREETING:
            heard = peer.recv()
        assert heard == body
        heard = GREETING


def _hear(socket: anymq.Socket, peer: Peer) -> None:
    heard = None
    deadline = time.monotonic() + LIMIT
    while heard is None:
        assert time.monotonic() < deadline, f"nothing was heard from {peer}"
        peer.send(GREETING)
        try:
            heard = socket.recv(timeout=0.02)
        except Timeout:
            continue
    for body in BODIES:
        peer.send(body)
        while heard == GREETING:
            heard = socket.recv()
        assert heard == body
        heard = GREETING


def _bus(socket: anymq.Socket, peer: Peer) -> None:
    _publish(socket, peer)
    _hear(socket, peer)


def _request(socket: anymq.Socket, peer: Peer) -> None:
    for body in BODIES:
        socket.send(b"question " + body)
        assert peer.recv() == b"question " + body
        peer.send(b"answer " + body)
        assert socket.recv() == b"answer " + body


def _reply(socket: anymq.Socket, peer: Peer) -> None:
    for body in BODIES:
        peer.send(b"question " + body)
        assert socket.recv() == b"question " + body
        socket.send(b"answer " + body)
        assert peer.recv() == b"answer " + body


def _survey(socket: anymq.Socket, peer: Peer) -> None:
    for body in BODIES:
        socket.send(b"who " + body)
        assert peer.recv() == b"who " + body
        peer.send(b"me " + body)
        assert socket.recv() == b"me " + body


def _respond(socket: anymq.Socket, peer: Peer) -> None:
    for body in BODIES:
        asked = None
        deadline = time.monotonic() + LIMIT
        while asked is None:
            assert time.monotonic() < deadline, f"no survey arrived from {peer}"
            peer.send(b"who " + body)
            try:
                asked = socket.recv(timeout=0.2)
            except Timeout:
                continue
        assert asked == b"who " + body
        socket.send(b"me " + body)
        assert peer.recv() == b"me " + body
