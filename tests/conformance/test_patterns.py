"""Each pattern delivers over each transport, fans out, fans in and shares work."""

from __future__ import annotations

import contextlib
import threading

import pytest

import anymq

from .support import LIMIT, Pattern, Sockets, eventually, no_more, subscriptions_settled

BODIES = [b"one", b"\0\xff" * 50, bytes(range(256)) * 40]


@pytest.mark.differs("D36")
def test_delivers(sockets: Sockets, pattern: Pattern, transport: str) -> None:
    """One message, over every pattern and every transport; and back where the pattern answers."""
    sender, receiver = sockets.pair(pattern.sender, pattern.receiver, transport)
    for body in BODIES:
        sender.send(body)
        assert receiver.recv() == body
        if receiver.protocol.can_send and pattern.sender != "pub":
            receiver.send(body + b" back")
            assert sender.recv() == body + b" back"


@pytest.mark.patterns("pair-pair", "push-pull", "pub-sub", "bus-bus", "dealer-dealer")
def test_either_side_may_listen(sockets: Sockets, pattern: Pattern) -> None:
    sender = sockets.open(pattern.sender)
    receiver = sockets.open(pattern.receiver)
    if pattern.receiver == "sub":
        receiver.subscribe(b"")
    receiver.dial(sender.listen(sockets.url()).url)
    sockets.connected(sender, receiver)
    if pattern.receiver == "sub":
        subscriptions_settled(sender, receiver)
    sender.send(b"hello")
    assert receiver.recv() == b"hello"


@pytest.mark.patterns("pair-pair", "push-pull", "dealer-dealer", "pair1-pair1", "channel-channel")
def test_keeps_order(sockets: Sockets, pattern: Pattern) -> None:
    sender, receiver = sockets.pair(pattern.sender, pattern.receiver)
    count = 2000

    def send_all() -> None:
        for i in range(count):
            sender.send(b"%d" % i)

    thread = threading.Thread(target=send_all, daemon=True)
    thread.start()
    assert [int(receiver.recv()) for _ in range(count)] == list(range(count))
    thread.join(LIMIT)


@pytest.mark.requires("protocol.push", "protocol.pull")
def test_push_shares_work_between_pulls_and_loses_none(sockets: Sockets, transport: str) -> None:
    push = sockets.open("push")
    url = push.listen(sockets.url(transport)).url
    pulls = [sockets.open("pull", dial=url) for _ in range(2)]
    sockets.connected(*pulls)
    sockets.connected(push, n=2)
    count = 400
    got: list[list[bytes]] = [[], []]

    def gather(index: int) -> None:
        for message in pulls[index]:  # until it is closed
            got[index].append(message)

    threads = [threading.Thread(target=gather, args=(i,), daemon=True) for i in range(2)]
    for thread in threads:
        thread.start()
    for i in range(count):
        push.send(b"%d" % i)
    eventually(lambda: sum(map(len, got)) >= count)
    for pull in pulls:
        pull.close()
    for thread in threads:
        thread.join(LIMIT)
    assert sorted(int(m) for part in got for m in part) == list(range(count))
    assert all(part == sorted(part, key=int) for part in got), "order within one peer"
    assert all(got), "each peer had a share"


@pytest.mark.requires("protocol.push", "protocol.pull")
def test_pull_gathers_from_many(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url(transport)).url
    pushes = [sockets.open("push", dial=url) for _ in range(3)]
    sockets.connected(*pushes)
    got: list[bytes] = []
    reader = threading.Thread(
        target=lambda: got.extend(pull.recv() for _ in range(30)), daemon=True
    )
    reader.start()
    for i, push in enumerate(pushes):
        for j in range(10):
            push.send(b"%d.%d" % (i, j))
    reader.join(LIMIT)
    assert sorted(got) == sorted(b"%d.%d" % (i, j) for i in range(3) for j in range(10))


@pytest.mark.requires("protocol.pub", "protocol.sub")
@pytest.mark.differs("D34")
def test_every_subscriber_gets_what_is_published(sockets: Sockets, transport: str) -> None:
    pub = sockets.open("pub")
    url = pub.listen(sockets.url(transport)).url
    subs = [sockets.open("sub", dial=url) for _ in range(3)]
    sockets.connected(*subs)
    sockets.connected(pub, n=3)
    for sub in subs:
        subscriptions_settled(pub, sub)
        sub.subscribe(b"news")
    subscriptions_settled(pub, *subs)
    pub.send(b"news 1")
    assert [sub.recv() for sub in subs] == [b"news 1"] * 3


@pytest.mark.requires("protocol.bus")
def test_bus_reaches_all_neighbours_but_not_the_sender(sockets: Sockets, transport: str) -> None:
    hub = sockets.open("bus")
    url = hub.listen(sockets.url(transport)).url
    spokes = [sockets.open("bus", dial=url) for _ in range(3)]
    sockets.connected(*spokes)
    sockets.connected(hub, n=3)
    hub.send(b"to all")
    assert [spoke.recv() for spoke in spokes] == [b"to all"] * 3
    spokes[0].send(b"to the hub")
    assert hub.recv() == b"to the hub"
    for socket in (hub, *spokes):
        with pytest.raises(anymq.Timeout):
            socket.recv(timeout=0.05)


@pytest.mark.requires("protocol.pair")
def test_pair_talks_to_one_peer_only(sockets: Sockets) -> None:
    """What a third socket sends never comes between the two."""
    first = sockets.open("pair")
    url = first.listen(sockets.url()).url
    second = sockets.open("pair", dial=url)
    sockets.connected(first, second)
    third = sockets.open("pair", dial=url)
    for _ in range(10):
        with contextlib.suppress(anymq.Timeout):
            third.send(b"third", timeout=0.02)
    second.send(b"second")
    assert first.recv() == b"second"
    first.send(b"answer")
    assert second.recv() == b"answer"
    no_more(first)


@pytest.mark.requires("protocol.pair")
@pytest.mark.differs("D37")
def test_pair_takes_a_new_peer_when_the_first_leaves(sockets: Sockets) -> None:
    first, second = sockets.pair("pair", "pair")
    url = second.listen(sockets.url()).url
    first.close()
    eventually(lambda: second.peers == 0)
    third = sockets.open("pair", dial=url)
    sockets.connected(third, second)
    third.send(b"hello")
    assert second.recv() == b"hello"


@pytest.mark.requires("protocol.pair1", "option.polyamorous")
def test_polyamorous_pair1_hears_several_peers(sockets: Sockets) -> None:
    hub = sockets.open("pair1", polyamorous=True)
    url = hub.listen(sockets.url()).url
    others = [sockets.open("pair1", polyamorous=True, dial=url) for _ in range(2)]
    sockets.connected(*others)
    for i, other in enumerate(others):
        other.send(b"%d" % i)
    assert sorted(hub.recv() for _ in others) == [b"0", b"1"]


def test_several_listeners_and_dialers(sockets: Sockets) -> None:
    """One socket listens at several addresses, over several transports."""
    others = [t for t in ("ipc", "inproc") if sockets.backend.supports(f"transport.{t}")]
    urls = [sockets.url(transport) for transport in others]
    pull = sockets.open("pull", listen=urls)
    urls += [pull.listen(sockets.url("tcp")).url for _ in range(2)]
    pushes = [sockets.open("push", dial=url) for url in urls]
    sockets.connected(*pushes)
    for i, push in enumerate(pushes):
        push.send(b"%d" % i)
    assert sorted(pull.recv() for _ in urls) == [b"%d" % i for i in range(len(urls))]
    many = sockets.open("push", dial=urls)
    sockets.connected(many, n=len(urls))
