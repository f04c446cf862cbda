"""Socket types with addresses in their messages: SERVER, PEER, RADIO, DISH and DGRAM.

Only a libzmq built with its drafts has them. Everywhere else they are refused, which
`test_refusals.py` asks of every feature that is absent.
"""

from __future__ import annotations

import contextlib
import socket as datagrams

import pytest

import anymq
from anymq import Message

from .loops import Loop
from .support import LIMIT, Sockets, eventually, no_more


@pytest.mark.transports("tcp", "ipc", "inproc")
@pytest.mark.requires("protocol.server", "protocol.client")
def test_a_server_answers_whom_it_wants(sockets: Sockets, transport: str) -> None:
    server = sockets.open("server")
    url = server.listen(sockets.url(transport)).url
    clients = [sockets.open("client", dial=url) for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(b"from %d" % number)
    asked = {bytes(message): message for message in (server.recv_message() for _ in clients)}
    assert len({bytes(message.header) for message in asked.values()}) == len(clients)
    for number, client in reversed(list(enumerate(clients))):
        question = asked[b"from %d" % number]
        assert question.peer == int.from_bytes(question.header, "big")
        server.send_message(Message(b"to %d" % number, header=question.header))
        assert client.recv() == b"to %d" % number
        no_more(client, within=0.01)


@pytest.mark.requires("protocol.server", "protocol.client")
def test_a_question_may_be_made_the_answer(sockets: Sockets) -> None:
    server, client = sockets.open("server"), sockets.open("client")
    client.dial(server.listen(sockets.url()).url)
    client.send(b"what")
    message = server.recv_message()
    message.append(b" for")
    server.send_message(message)
    assert client.recv() == b"what for"


@pytest.mark.requires("protocol.server", "protocol.client")
def test_a_server_answers_awaited(sockets: Sockets, loop: Loop) -> None:
    server, client = sockets.open("server"), sockets.open("client")
    client.dial(server.listen(sockets.url()).url)

    async def main() -> None:
        await client.asend(b"question")
        question = await server.arecv_message()
        await server.asend_message(Message(b"answer", header=question.header))
        assert await client.arecv() == b"answer"

    loop.run(main)


@pytest.mark.requires("protocol.server")
def test_a_server_cannot_answer_nobody(sockets: Sockets) -> None:
    server = sockets.open("server", listen=sockets.url())
    with pytest.raises(anymq.ConnectionLost, match="routing id"):
        server.send(b"to whom")
    stranger = Message(b"x", header=b"\1\2\3\4")
    with pytest.raises(anymq.ConnectionLost, match="routing id"):
        server.send_message(stranger)
    assert stranger.body == b"x", "it is still the caller's"


@pytest.mark.requires("protocol.server")
@pytest.mark.parametrize("header", [b"\0\0\0\0", b"abc", b"abcde"])
def test_headers_that_name_no_peer(sockets: Sockets, header: bytes) -> None:
    server = sockets.open("server", listen=sockets.url())
    with pytest.raises(anymq.OptionError):
        server.send_message(Message(b"x", header=header))


@pytest.mark.transports("tcp", "ipc", "inproc")
@pytest.mark.requires("protocol.peer")
def test_peers_talk_whoever_dialled(sockets: Sockets, transport: str) -> None:
    one, other = sockets.open("peer"), sockets.open("peer")
    dialer = one.dial(other.listen(sockets.url(transport)).url)
    sockets.connected(one, other)
    assert dialer.peer
    one.send_message(Message(b"hello", header=dialer.peer.to_bytes(4, "big")))
    greeting = other.recv_message()
    assert greeting == Message(b"hello", header=greeting.header)
    other.send_message(Message(b"hello yourself", header=greeting.header))
    answer = one.recv_message()
    assert (bytes(answer), answer.peer) == (b"hello yourself", dialer.peer)


@pytest.mark.requires("protocol.push", "protocol.pull")
def test_other_dialers_know_no_number(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    assert sockets.open("push").dial(pull.listen(sockets.url()).url).peer is None


def joined(radio: anymq.Socket, dish: anymq.Socket, group: bytes) -> None:
    """Return when what `radio` sends to `group`, and to all joined before, reaches `dish`."""

    def arrives() -> bool:
        radio.send_message(Message(b"joined?", header=group))
        try:
            return dish.recv_message(timeout=0.02).header == group
        except anymq.Timeout:
            return False

    eventually(arrives)
    radio.send_message(Message(b"joined", header=group))
    while dish.recv_message(timeout=LIMIT).body != b"joined":
        pass


@pytest.mark.transports("tcp", "ipc", "inproc")
@pytest.mark.requires("protocol.radio", "protocol.dish")
def test_groups(sockets: Sockets, transport: str) -> None:
    """A dish hears the groups that it is in: by the whole name, be it short, long or empty."""
    long = b"a group with quite a long name" * 8
    radio = sockets.open("radio")
    dish = sockets.open("dish", subscribe=[b"news", long])
    dish.subscribe()
    radio.dial(dish.listen(sockets.url(transport)).url)
    joined(radio, dish, long)
    joined(radio, dish, b"news")
    joined(radio, dish, b"")
    radio.send(b"to nobody in particular")
    for group in (b"new", b"newspaper", b"news", long[:-1], long):
        radio.send_message(Message(b"to " + group[:10], header=group))
    received = [dish.recv_message() for _ in range(3)]
    assert [bytes(message.header) for message in received] == [b"", b"news", long]
    assert [bytes(message) for message in received] == [
        b"to nobody in particular",
        b"to news",
        b"to " + long[:10],
    ]
    no_more(dish)


@pytest.mark.requires("protocol.radio", "protocol.dish")
def test_a_group_is_left(sockets: Sockets) -> None:
    radio = sockets.open("radio")
    dish = sockets.open("dish", subscribe=[b"left", b"kept"])
    radio.dial(dish.listen(sockets.url()).url)
    joined(radio, dish, b"left")
    joined(radio, dish, b"kept")
    dish.unsubscribe(b"left")
    dish.subscribe(b"kept")  # twice is once
    radio.send_message(Message(b"1", header=b"left"))
    radio.send_message(Message(b"2", header=b"kept"))
    assert dish.recv_message() == Message(b"2", header=b"kept")
    with pytest.raises(anymq.OptionError, match="not subscribed"):
        dish.unsubscribe(b"left")


@pytest.mark.requires("protocol.radio", "protocol.dish")
@pytest.mark.parametrize("bad", [b"x" * 256, b"zero\0byte"])
def test_names_that_no_group_has(sockets: Sockets, bad: bytes) -> None:
    with pytest.raises(anymq.OptionError):
        sockets.open("dish", subscribe=bad)
    with pytest.raises(anymq.OptionError):
        sockets.open("radio").send_message(Message(b"x", header=bad))


@pytest.mark.requires("protocol.radio")
def test_a_radio_joins_nothing(sockets: Sockets) -> None:
    with pytest.raises(anymq.UnsupportedFeature, match="radio socket cannot subscribe"):
        sockets.open("radio").subscribe(b"news")


@pytest.mark.requires("protocol.dgram", "transport.udp")
@pytest.mark.parametrize("host", ["127.0.0.1", "*", "localhost"])
def test_datagrams(sockets: Sockets, host: str) -> None:
    """The first part is the address that a datagram came from, or goes to."""
    with datagrams.socket(type=datagrams.SOCK_DGRAM) as plain:
        plain.settimeout(LIMIT)
        plain.bind(("127.0.0.1", 0))
        here = b"127.0.0.1:%d" % plain.getsockname()[1]
        with datagrams.socket(type=datagrams.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
        dgram = sockets.open("dgram", listen=f"udp://{host}:{port}")
        received: list[bytes] = []

        def arrived() -> bool:  # nobody tells when libzmq has bound it
            plain.sendto(b"ping", ("127.0.0.1", port))
            with contextlib.suppress(anymq.Timeout):
                received[:] = dgram.recv_parts(timeout=0.05)
            return bool(received)

        eventually(arrived)
        assert [part.rstrip(b"\0") for part in received] == [here, b"ping"]
        dgram.send_parts([here, b"pong"])
        assert plain.recv(10) == b"pong"


@pytest.mark.requires("protocol.dgram", "transport.udp")
def test_datagrams_know_no_ipv6(sockets: Sockets) -> None:
    with pytest.raises(anymq.AddressInvalid, match="IPv4 only"):
        sockets.open("dgram").listen("udp://[::1]:5555")


@pytest.mark.requires("protocol.radio", "protocol.dish", "transport.udp")
def test_groups_over_udp(sockets: Sockets) -> None:
    with datagrams.socket(type=datagrams.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{other.getsockname()[1]}"
    dish = sockets.open("dish", subscribe=b"news", listen=url)
    radio = sockets.open("radio", dial=url)
    joined(radio, dish, b"news")
    radio.send_message(Message(b"weather", header=b"weather"))
    radio.send_message(Message(b"news", header=b"news"))
    assert dish.recv_message() == Message(b"news", header=b"news")
