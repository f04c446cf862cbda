"""anymq on libzmq against pyzmq, which brings a libzmq of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from anymq.abc import Backend
from tests.conformance.support import LIMIT, Sockets, Timeout, WouldBlock

from .exchanges import ZMTP_COUNTERPART, exchange
from .processes import Peer, foreign_url

PARTS = [b"first", b"", b"third " * 1000]


def test_anymq_listens(zmtp: Backend, transport: str, protocol: str, sockets: Sockets) -> None:
    socket = sockets.open(protocol, **({"subscribe": b""} if protocol == "sub" else {}))
    url = socket.listen(sockets.url(transport)).url
    with Peer("pyzmq", ZMTP_COUNTERPART[protocol], "dial", url) as peer:
        peer.ready()
        sockets.connected(socket)
        exchange(protocol, socket, peer)


def test_anymq_dials(
    zmtp: Backend, transport: str, protocol: str, sockets: Sockets, tmp_path: Path
) -> None:
    socket = sockets.open(protocol, **({"subscribe": b""} if protocol == "sub" else {}))
    url = foreign_url(transport, tmp_path)
    with Peer("pyzmq", ZMTP_COUNTERPART[protocol], "listen", url) as peer:
        peer.ready()
        socket.dial(url)
        sockets.connected(socket)
        exchange(protocol, socket, peer)


@pytest.mark.parametrize("kind", ["pair", "push", "dealer"])
def test_parts_to_pyzmq(zmtp: Backend, transport: str, kind: str, sockets: Sockets) -> None:
    socket = sockets.open(kind)
    url = socket.listen(sockets.url(transport)).url
    with Peer("pyzmq", ZMTP_COUNTERPART[kind], "dial", url) as peer:
        peer.ready()
        socket.send_parts(PARTS)
        assert peer.recv_parts() == PARTS


@pytest.mark.parametrize("kind", ["pair", "pull", "dealer"])
def test_parts_from_pyzmq(zmtp: Backend, transport: str, kind: str, sockets: Sockets) -> None:
    socket = sockets.open(kind)
    url = socket.listen(sockets.url(transport)).url
    with Peer("pyzmq", ZMTP_COUNTERPART[kind], "dial", url) as peer:
        peer.ready()
        peer.send(*PARTS)
        assert socket.recv_parts() == PARTS


def test_router_here_dealer_there(zmtp: Backend, transport: str, sockets: Sockets) -> None:
    """The router sees the dealer's envelope, and reaches it by it."""
    router = sockets.open("router")
    url = router.listen(sockets.url(transport)).url
    with Peer("pyzmq", "dealer", "dial", url) as peer:
        peer.ready()
        peer.send(*PARTS)
        identity, *body = router.recv_parts()
        assert identity
        assert body == PARTS
        router.send_parts([identity, b"back", b""])
        assert peer.recv_parts() == [b"back", b""]


def test_dealer_here_router_there(
    zmtp: Backend, transport: str, sockets: Sockets, tmp_path: Path
) -> None:
    dealer = sockets.open("dealer", routing_id=b"me")
    url = foreign_url(transport, tmp_path)
    with Peer("pyzmq", "router", "listen", url) as peer:
        peer.ready()
        dealer.dial(url)
        dealer.send_parts(PARTS)
        assert peer.recv_parts() == [b"me", *PARTS]
        peer.send(b"me", b"back", b"again")
        assert dealer.recv_parts() == [b"back", b"again"]


def test_req_here_router_there(
    zmtp: Backend, transport: str, sockets: Sockets, tmp_path: Path
) -> None:
    """REQ's envelope on the wire is what other programs expect: an answer to it is accepted."""
    req = sockets.open("req")
    url = foreign_url(transport, tmp_path)
    with Peer("pyzmq", "router", "listen", url) as peer:
        peer.ready()
        req.dial(url)
        req.send(b"question")
        *envelope, body = peer.recv_parts()
        assert body == b"question"
        assert envelope[-1] == b""
        peer.send(*envelope, b"answer")
        assert req.recv() == b"answer"


def test_contexts_here_req_there(zmtp: Backend, transport: str, sockets: Sockets) -> None:
    """Two strangers' requests are held at once and answered in the other order."""
    rep = sockets.open("rep")
    first, second = rep.open_context(), rep.open_context()
    url = rep.listen(sockets.url(transport)).url
    with Peer("pyzmq", "req", "dial", url) as one, Peer("pyzmq", "req", "dial", url) as other:
        one.ready()
        other.ready()
        one.send(b"one")
        assert first.recv() == b"one"
        other.send(b"other")
        assert second.recv() == b"other"
        second.send(b"to other")
        assert other.recv() == b"to other"
        first.send(b"to one")
        assert one.recv() == b"to one"


def test_contexts_here_router_there(
    zmtp: Backend, transport: str, sockets: Sockets, tmp_path: Path
) -> None:
    """Two requests are outstanding on one connection, and are answered in the other order."""
    req = sockets.open("req")
    first, second = req.open_context(), req.open_context()
    url = foreign_url(transport, tmp_path)
    with Peer("pyzmq", "router", "listen", url) as peer:
        peer.ready()
        req.dial(url)
        first.send(b"first")
        one = peer.recv_parts()
        second.send(b"second")
        other = peer.recv_parts()
        assert (one[-1], other[-1]) == (b"first", b"second")
        peer.send(*other[:-1], b"to second")
        peer.send(*one[:-1], b"to first")
        assert (first.recv(), second.recv()) == (b"to first", b"to second")


def test_contexts_here_rep_there(
    zmtp: Backend, transport: str, sockets: Sockets, tmp_path: Path
) -> None:
    req = sockets.open("req")
    contexts = [req.open_context() for _ in range(3)]
    url = foreign_url(transport, tmp_path)
    with Peer("pyzmq", "rep", "listen", url) as peer:
        peer.ready()
        req.dial(url)
        for context in contexts:
            context.send(b"question")
        for number, context in enumerate(contexts):
            assert peer.recv() == b"question"
            peer.send(b"%d" % number)
            assert context.recv() == b"%d" % number


def test_topics_are_filtered(zmtp: Backend, transport: str, sockets: Sockets) -> None:
    """A subscription made here is known to the publisher there, and only it gets through.

    A SUB that listens tells a new peer its subscriptions when it is next asked for messages.
    """
    sub = sockets.open("sub", subscribe=[b"a", b"b"])
    url = sub.listen(sockets.url(transport)).url
    with Peer("pyzmq", "xpub", "dial", url) as peer:
        peer.ready()
        peer.ask_recv()
        first = None
        deadline = time.monotonic() + LIMIT
        while first is None:
            assert time.monotonic() < deadline, "no subscription arrived"
            with pytest.raises(WouldBlock):
                sub.recv(timeout=0)
            first = peer.received_or_none(0.02)
        assert {first, peer.recv()} == {b"\x01a", b"\x01b"}
        for body in (b"c no", b"a yes", b"b yes"):
            peer.send(body)
        assert [sub.recv(), sub.recv()] == [b"a yes", b"b yes"]
        sub.unsubscribe(b"a")
        assert peer.recv() == b"\x00a"
        peer.send(b"a no more")
        peer.send(b"b still")
        assert sub.recv() == b"b still"


def test_xpub_here_sub_there(zmtp: Backend, transport: str, sockets: Sockets) -> None:
    xpub = sockets.open("xpub")
    url = xpub.listen(sockets.url(transport)).url
    with Peer("pyzmq", "sub", "dial", url) as peer:
        peer.ready()
        assert xpub.recv() == b"\x01"
        xpub.send(b"news")
        assert peer.recv() == b"news"


def test_wires_do_not_mix(zmtp: Backend, sockets: Sockets) -> None:
    """A peer that speaks SP is turned away, and the socket goes on serving its own."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    with Peer("pynng", "push", "dial", url), Peer("pyzmq", "push", "dial", url) as peer:
        peer.ready()
        peer.send(b"still served")
        assert pull.recv(timeout=LIMIT) == b"still served"
        with pytest.raises(Timeout):
            pull.recv(timeout=0.05)
