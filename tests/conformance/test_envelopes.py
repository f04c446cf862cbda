"""Messages with an outside: several parts, raw headers, and sockets that route by them."""

from __future__ import annotations

import pytest

import anymq

from .support import LIMIT, Sockets, no_more, subscriptions_settled

multipart = pytest.mark.requires("multipart")


# Several parts


@multipart
@pytest.mark.patterns("push-pull", "pair-pair", "dealer-dealer", "pub-sub", "req-rep")
def test_parts_arrive_together(sockets: Sockets, pattern: object) -> None:
    sender, receiver = sockets.pair(*str(pattern).split("-"))
    for parts in ([b"a", b"b"], [b"one"], [b"", b"", b""], [b"x" * 100_000, b"", b"y"]):
        sender.send_parts(parts)
        assert receiver.recv_parts() == parts
        if str(pattern) == "req-rep":
            receiver.send_parts(parts)
            assert sender.recv_parts() == parts


@multipart
def test_any_bytes_like_is_a_part(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    one.send_parts((bytearray(b"a"), memoryview(b"b")))
    assert other.recv_parts() == [b"a", b"b"]
    one.send(b"single")
    assert other.recv_parts() == [b"single"]


@multipart
def test_one_part_is_not_received_for_several(sockets: Sockets) -> None:
    """`recv` refuses a message of several parts, and keeps it for `recv_parts`."""
    one, other = sockets.pair("pair", "pair")
    one.send_parts([b"a", b"b"])
    one.send(b"next")
    for _ in range(2):
        with pytest.raises(anymq.StateError, match="recv_parts"):
            other.recv()
    assert other.recv_parts() == [b"a", b"b"]
    assert other.recv() == b"next"


@multipart
@pytest.mark.parametrize("bad", [[], [b"a", "text"], [None], None, 5, b"bytes", "text"])
def test_bad_parts_are_refused_whole(sockets: Sockets, bad: object) -> None:
    one, other = sockets.pair("pair", "pair")
    with pytest.raises((TypeError, ValueError, anymq.StateError)):
        one.send_parts(bad)
    one.send_parts([b"good", b"parts"])
    assert other.recv_parts() == [b"good", b"parts"]


@multipart
def test_parts_time_out(sockets: Sockets) -> None:
    socket = sockets.open("pair")
    with pytest.raises(anymq.Timeout):
        socket.recv_parts(timeout=0.02)
    with pytest.raises(anymq.Timeout):
        socket.send_parts([b"a", b"b"], timeout=0.02)


def test_parts_without_multipart_are_refused(sockets: Sockets) -> None:
    """Where the library has no parts, both calls say so before anything happens."""
    if sockets.backend.supports("multipart"):
        assert sockets.backend.features["multipart"].status in ("native", "emulated")
        return
    one, other = sockets.pair("pair", "pair")
    one.send(b"kept")
    for call in (lambda: one.send_parts([b"a", b"b"]), other.recv_parts):
        with pytest.raises(anymq.UnsupportedFeature) as caught:
            call()
        assert caught.value.feature == "multipart"
    assert other.recv() == b"kept"


# Routing


@pytest.mark.requires("protocol.dealer", "protocol.router", "option.routing_id")
def test_router_answers_by_identity(sockets: Sockets, transport: str) -> None:
    router = sockets.open("router")
    url = router.listen(sockets.url(transport)).url
    dealers = [sockets.open("dealer", routing_id=b"d%d" % i, dial=url) for i in range(3)]
    for i, dealer in enumerate(dealers):
        dealer.send(b"hello %d" % i)
    got = {tuple(router.recv_parts()) for _ in dealers}
    assert got == {(b"d%d" % i, b"hello %d" % i) for i in range(3)}
    for i in (2, 0, 1):
        router.send_parts([b"d%d" % i, b"to", b"%d" % i])
    for i, dealer in enumerate(dealers):
        assert dealer.recv_parts() == [b"to", b"%d" % i]


@pytest.mark.requires("protocol.dealer", "protocol.rep")
def test_dealer_talks_to_rep_with_an_envelope(sockets: Sockets) -> None:
    dealer, rep = sockets.pair("dealer", "rep")
    dealer.send_parts([b"", b"question"])
    assert rep.recv() == b"question"
    rep.send(b"answer")
    assert dealer.recv_parts() == [b"", b"answer"]


@pytest.mark.requires("protocol.router", "protocol.req")
def test_router_answers_requests(sockets: Sockets) -> None:
    req, router = sockets.pair("req", "router")
    req.send(b"question")
    *envelope, body = router.recv_parts()
    assert body == b"question"
    router.send_parts([*envelope, b"answer"])
    assert req.recv() == b"answer"


@pytest.mark.requires("protocol.xpub", "protocol.sub")
def test_xpub_hears_subscriptions(sockets: Sockets) -> None:
    xpub = sockets.open("xpub")
    sub = sockets.open("sub", dial=xpub.listen(sockets.url()).url)
    sub.subscribe(b"A")
    sockets.connected(sub)
    no_more(sub)
    assert xpub.recv() == b"\1A"
    xpub.send(b"A1")
    assert sub.recv() == b"A1"
    sub.unsubscribe(b"A")
    assert xpub.recv() == b"\0A"


@pytest.mark.requires("protocol.xsub", "protocol.pub")
def test_xsub_subscribes_by_message(sockets: Sockets) -> None:
    pub = sockets.open("pub")
    url = pub.listen(sockets.url()).url
    xsub = sockets.open("xsub", dial=url)
    sub = sockets.open("sub", dial=url)
    sockets.connected(xsub, sub)
    xsub.send(b"\1A")
    subscriptions_settled(pub, sub)
    for i in range(1000):
        pub.send(b"B no")
        pub.send(b"A%d" % i)
        try:
            assert xsub.recv(timeout=0.02).startswith(b"A")
            break
        except anymq.Timeout:
            continue
    else:
        pytest.fail("the subscription never reached the publisher")


@pytest.mark.requires("protocol.stream")
def test_stream_talks_to_plain_tcp(sockets: Sockets) -> None:
    import socket as plain

    stream = sockets.open("stream")
    port = int(stream.listen("tcp://127.0.0.1:0").url.rpartition(":")[2])
    with plain.create_connection(("127.0.0.1", port), LIMIT) as client:
        identity, body = stream.recv_parts()
        assert body == b""
        client.sendall(b"GET /")
        got = b""
        while got != b"GET /":
            again, body = stream.recv_parts()
            assert again == identity
            got += body
        stream.send_parts([identity, b"HTTP/1.0 200 OK"])
        assert client.recv(100) == b"HTTP/1.0 200 OK"


# Raw


@pytest.mark.requires("raw", "protocol.req", "protocol.rep")
def test_raw_sockets_see_the_header(sockets: Sockets) -> None:
    """A raw REP gets the return path with the request, and sends the answer along it."""
    rep = sockets.open("rep", raw=True)
    assert rep.raw is True
    req = sockets.open("req", dial=rep.listen(sockets.url()).url)
    req.send(b"question")
    message = rep.recv_message()
    assert bytes(message) == b"question"
    header = bytes(message.header)
    assert len(header) >= 4
    assert len(header) % 4 == 0
    assert header[-4] & 0x80, "the last word is the request's number"
    rep.send_message(anymq.Message(b"answer", header=header))
    assert req.recv() == b"answer"


@pytest.mark.requires("raw", "protocol.req", "protocol.rep")
def test_a_device_in_python(sockets: Sockets) -> None:
    """Two raw sockets, back to back: requests go through and answers find their way."""
    front, back = sockets.open("rep", raw=True), sockets.open("req", raw=True)
    rep = sockets.open("rep", dial=back.listen(sockets.url()).url)
    req = sockets.open("req", dial=front.listen(sockets.url()).url)
    sockets.connected(rep, back)
    req.send(b"question")
    back.send_message(front.recv_message())
    assert rep.recv() == b"question"
    rep.send(b"answer")
    front.send_message(back.recv_message())
    assert req.recv() == b"answer"


@pytest.mark.requires("raw")
@pytest.mark.protocols("pair", "push", "pull", "pub", "sub", "bus", "surveyor", "respondent")
def test_every_protocol_has_a_raw_socket(sockets: Sockets, protocol: str) -> None:
    assert sockets.open(protocol, raw=True).raw is True


def test_raw_where_there_is_none(sockets: Sockets) -> None:
    if sockets.backend.supports("raw"):
        assert sockets.backend.features["raw"].evidence
        return
    with pytest.raises(anymq.UnsupportedFeature, match="raw") as caught:
        sockets.open(sockets.backend.protocols[0], raw=True)
    assert caught.value.feature == "raw"


# Messages as objects


@pytest.mark.patterns("pair-pair", "push-pull", "req-rep")
def test_message_objects(sockets: Sockets, pattern: object) -> None:
    sender, receiver = sockets.pair(*str(pattern).split("-"))
    for body in (b"", b"small", b"x" * 1_000_000):
        message = anymq.Message(body)
        sender.send_message(message)
        with pytest.raises(anymq.StateError):
            bytes(message)
        with pytest.raises(anymq.StateError):
            sender.send_message(message)
        got = receiver.recv_message()
        assert bytes(got) == body
        assert bytes(got.view) == body
        if str(pattern) == "req-rep":
            receiver.send_message(got)
            assert sender.recv() == body


def test_a_message_that_could_not_be_sent_is_still_mine(sockets: Sockets) -> None:
    message = anymq.Message(b"mine")
    socket = sockets.open("pair")
    with pytest.raises(anymq.Timeout):
        socket.send_message(message, timeout=0.02)
    with pytest.raises(anymq.WouldBlock):
        socket.send_message(message, timeout=0)
    assert bytes(message) == b"mine"
    message.append(b"!")
    peer = sockets.open("pair", dial=socket.listen(sockets.url()).url)
    socket.send_message(message)
    assert peer.recv() == b"mine!"


@pytest.mark.parametrize("bad", [b"bytes", "text", None])
def test_only_messages_are_messages(sockets: Sockets, bad: object) -> None:
    one, _ = sockets.pair("pair", "pair")
    with pytest.raises(TypeError, match="Message"):
        one.send_message(bad)
