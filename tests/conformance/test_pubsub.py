"""Topics: subscriptions are a set of prefixes, and PUB never waits for anybody."""

from __future__ import annotations

import time

import pytest

import anymq

from .support import Sockets, no_more, subscriptions_settled

pytestmark = pytest.mark.requires("protocol.pub", "protocol.sub")

LAST = b"\0last"


def connected(sockets: Sockets) -> tuple[anymq.Socket, anymq.Socket]:
    """A publisher and a subscriber to nothing."""
    sub = sockets.open("sub")
    pub = sockets.open("pub", dial=sub.listen(sockets.url()).url)
    sockets.connected(pub, sub)
    subscriptions_settled(pub, sub)
    return pub, sub


def publish(pub: anymq.Socket, sub: anymq.Socket, *bodies: bytes) -> list[bytes]:
    """What of `bodies` reaches the subscriber, before the last that is sent."""
    sub.subscribe(LAST)
    subscriptions_settled(pub, sub)
    for body in (*bodies, LAST):
        pub.send(body)
    got: list[bytes] = []
    while (message := sub.recv()) != LAST:
        got.append(message)
    sub.unsubscribe(LAST)
    return got


def test_no_subscription_gets_nothing(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    for body in (b"a", b"", b"b"):
        pub.send(body)
    no_more(sub)
    assert publish(pub, sub, b"a", b"", b"b") == []


def test_topics_are_prefixes(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    sub.subscribe(b"EUR")
    assert publish(pub, sub, b"EUR", b"EURUSD 1", b"EU", b"USDEUR", b"eur", b"") == [
        b"EUR",
        b"EURUSD 1",
    ]


def test_several_topics_deliver_once(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    for topic in (b"A", b"AB", b"C"):
        sub.subscribe(topic)
    assert publish(pub, sub, b"AB1", b"B1", b"C1") == [b"AB1", b"C1"]


def test_empty_topic_is_everything(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    sub.subscribe()
    assert publish(pub, sub, b"x", b"", b"\0") == [b"x", b"", b"\0"]


def test_unsubscribe_ends_it(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    sub.subscribe(b"A")
    sub.subscribe(b"B")
    assert publish(pub, sub, b"A1", b"B1") == [b"A1", b"B1"]
    sub.unsubscribe(b"A")
    assert publish(pub, sub, b"A2", b"B2") == [b"B2"]


def test_subscribing_twice_is_once(sockets: Sockets) -> None:
    """One unsubscribe ends what was subscribed twice, and no message comes twice."""
    pub, sub = connected(sockets)
    sub.subscribe(b"A")
    sub.subscribe(b"A")
    assert publish(pub, sub, b"A1") == [b"A1"]
    sub.unsubscribe(b"A")
    assert publish(pub, sub, b"A2") == []
    sub.subscribe(b"A")
    assert publish(pub, sub, b"A3") == [b"A3"]


def test_unsubscribing_from_what_is_not_subscribed_is_refused(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    sub.subscribe(b"A")
    with pytest.raises(anymq.AnymqError, match="B"):
        sub.unsubscribe(b"B")
    assert publish(pub, sub, b"A1", b"B1") == [b"A1"]


def test_topics_with_any_bytes(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    sub.subscribe(b"\0\xff\0")
    sub.subscribe(bytearray(b"array"))
    sub.subscribe(memoryview(b"view"))
    sent = [b"\0\xff\0x", b"\0\xffx", b"array", b"view"]
    assert publish(pub, sub, *sent) == [b"\0\xff\0x", b"array", b"view"]


@pytest.mark.parametrize("topic", ["text", None, 3])
def test_topic_must_be_bytes(sockets: Sockets, topic: object) -> None:
    pub, sub = connected(sockets)
    with pytest.raises(TypeError, match="encode" if topic == "text" else "bytes"):
        sub.subscribe(topic)
    sub.subscribe(b"A")
    assert publish(pub, sub, b"A1") == [b"A1"]


def test_subscribe_by_keyword(sockets: Sockets) -> None:
    for topics in (b"A", [b"A"], [b"A", b"B"]):
        sub = sockets.open("sub", subscribe=topics)
        pub = sockets.open("pub", dial=sub.listen(sockets.url()).url)
        sockets.connected(pub, sub)
        expected = [b"A1", b"B1"] if b"B" in topics else [b"A1"]
        assert publish(pub, sub, b"A1", b"B1", b"C1") == expected


def test_subscriptions_outlive_connections(sockets: Sockets) -> None:
    sub = sockets.open("sub", subscribe=b"A")
    url = sub.listen(sockets.url()).url
    for _ in range(2):
        pub = sockets.open("pub", dial=url)
        sockets.connected(pub)
        assert publish(pub, sub, b"A1", b"B1") == [b"A1"]
        pub.close()


def test_pub_never_blocks_without_subscribers(sockets: Sockets) -> None:
    pub = sockets.open("pub", listen=sockets.url())
    begin = time.monotonic()
    for _ in range(1000):
        pub.send(b"x" * 100, timeout=0)
    assert time.monotonic() - begin < 2


def test_pub_never_blocks_on_a_subscriber_that_does_not_read(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    sub.subscribe(b"")
    subscriptions_settled(pub, sub)
    for _ in range(3000):
        pub.send(b"x" * 10_000, timeout=0)
    assert sub.recv() == b"x" * 10_000


@pytest.mark.protocols("pub", "push", "pair")
def test_only_sub_subscribes(sockets: Sockets, protocol: str) -> None:
    socket = sockets.open(protocol)
    with pytest.raises(anymq.AnymqError, match="subscribe"):
        socket.subscribe(b"A")
    with pytest.raises(anymq.AnymqError, match="subscribe"):
        sockets.open(protocol, subscribe=b"A")


def test_nothing_to_send_on_sub(sockets: Sockets) -> None:
    pub, sub = connected(sockets)
    with pytest.raises(anymq.StateError, match="sub"):
        sub.send(b"x")
    with pytest.raises(anymq.StateError, match="pub"):
        pub.recv()
    sub.subscribe(b"")
    assert publish(pub, sub, b"still fine") == [b"still fine"]
    no_more(sub)
