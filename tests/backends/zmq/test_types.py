"""Socket types that only libzmq has, and what is particular about those that it shares."""

from __future__ import annotations

import socket as tcp

import pytest

import anymq
from tests.conformance.support import LIMIT, Sockets, eventually, no_more


def test_router_answers_whom_it_wants(sockets: Sockets) -> None:
    router = sockets.open("router")
    url = router.listen(sockets.url()).url
    dealers = {}
    for name in (b"one", b"two"):
        dealers[name] = sockets.open("dealer", routing_id=name)
        dealers[name].dial(url)
    for name, dealer in dealers.items():
        assert dealer.routing_id == name
        dealer.send_parts([b"from", name])
    asked = [router.recv_parts() for _ in dealers]
    assert sorted(asked) == [[name, b"from", name] for name in sorted(dealers)]
    for name, dealer in dealers.items():
        router.send_parts([name, b"to", name])
        assert dealer.recv_parts() == [b"to", name]


def test_router_drops_for_a_stranger_unless_told_otherwise(sockets: Sockets) -> None:
    router = sockets.open("router", listen=sockets.url())
    router.send_parts([b"nobody", b"x"])
    router.set_native("ROUTER_MANDATORY", 1)
    with pytest.raises(anymq.ConnectionLost, match=r"EHOSTUNREACH.*routing id"):
        router.send_parts([b"nobody", b"x"])


@pytest.mark.parametrize("bad", [b"", b"x" * 256, b"\0x"])
def test_bad_routing_ids(sockets: Sockets, bad: bytes) -> None:
    dealer = sockets.open("dealer")
    with pytest.raises(anymq.OptionError, match="routing_id"):
        dealer.routing_id = bad
    dealer.routing_id = b"good"


def test_routing_id_is_for_those_who_show_it(sockets: Sockets) -> None:
    with pytest.raises(anymq.UnsupportedFeature, match="push socket"):
        sockets.open("push", routing_id=b"x")


def test_stream_talks_to_plain_tcp(sockets: Sockets) -> None:
    stream = sockets.open("stream")
    port = int(stream.listen(sockets.url()).url.rpartition(":")[2])
    with tcp.create_connection(("127.0.0.1", port), LIMIT) as plain:
        peer, hello = stream.recv_parts()
        assert hello == b"", "a connection is announced"
        stream.wait_for_peers(timeout=LIMIT)
        plain.sendall(b"ping")
        assert stream.recv_parts() == [peer, b"ping"]
        stream.send_parts([peer, b"pong"])
        plain.settimeout(LIMIT)
        assert plain.recv(10) == b"pong"
    assert stream.recv_parts() == [peer, b""], "and its end"
    eventually(lambda: stream.peers == 0)


def test_xpub_and_xsub_exchange_subscriptions_as_messages(sockets: Sockets) -> None:
    xpub = sockets.open("xpub")
    xsub = sockets.open("xsub", dial=xpub.listen(sockets.url()).url)
    xsub.send(b"\1topic")
    assert xpub.recv() == b"\1topic"
    xpub.send(b"topic 1")
    xpub.send(b"other 1")
    assert xsub.recv() == b"topic 1"
    no_more(xsub)


def test_only_sub_subscribes(sockets: Sockets) -> None:
    with pytest.raises(anymq.UnsupportedFeature, match="xsub socket cannot subscribe"):
        sockets.open("xsub").subscribe(b"x")


def test_many_parts_of_every_size(sockets: Sockets) -> None:
    """Small bodies lie within libzmq's message, large ones elsewhere; both survive being moved."""
    dealer, other = sockets.pair("dealer", "dealer")
    parts = [bytes([n % 256]) * size for n, size in enumerate([0, 1, 29, 33, 34, 100, 70_000] * 20)]
    dealer.send_parts(parts)
    with pytest.raises(anymq.StateError, match="recv_parts"):
        other.recv()
    assert other.recv_parts() == parts


def test_a_second_request_cancels_the_first(sockets: Sockets) -> None:
    """ZMQ_REQ_RELAXED and ZMQ_REQ_CORRELATE: the late reply to the first is not delivered."""
    req = sockets.open("req")
    router = sockets.open("router")
    req.dial(router.listen(sockets.url()).url)
    req.send(b"first")
    first = router.recv_parts()
    req.send(b"second")
    second = router.recv_parts()
    assert first[-1:] + second[-1:] == [b"first", b"second"]
    router.send_parts([*first[:-1], b"late"])
    router.send_parts([*second[:-1], b"answer"])
    assert req.recv() == b"answer"
    with pytest.raises(anymq.StateError, match="EFSM"):
        req.recv(timeout=0)


def test_conflate_keeps_the_newest(sockets: Sockets) -> None:
    pull = sockets.open("pull", conflate=True)
    push = sockets.open("push", dial=pull.listen(sockets.url()).url)
    for n in range(50):
        push.send(b"%d" % n)
    newest = eventually(lambda: (got := pull.recv()) == b"49" and got)
    assert newest == b"49"
    no_more(pull)


def test_an_envelope_is_not_a_header(sockets: Sockets) -> None:
    """libzmq has no header: one given to the engine is refused, not lost."""
    push, _ = sockets.pair("push", "pull")
    with pytest.raises(anymq.UnsupportedFeature):
        push._handle.send_message(b"header", b"body")
