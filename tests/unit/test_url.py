"""The URL grammar: what is taken apart how, and what is refused."""

from __future__ import annotations

import pytest

from anymq.errors import AddressInvalid
from anymq.url import Address, parse
from tests.conformance.urls import BAD_URLS

GOOD = [
    ("tcp://127.0.0.1:5555", Address("tcp", "127.0.0.1", 5555)),
    ("TCP://127.0.0.1:5555", Address("tcp", "127.0.0.1", 5555)),
    ("tcp://example.org:1", Address("tcp", "example.org", 1)),
    ("tcp://my_host-2.local.:65535", Address("tcp", "my_host-2.local.", 65535)),
    ("tcp://[::1]:5555", Address("tcp", "::1", 5555)),
    ("tcp://[2001:db8::7]:80", Address("tcp", "2001:db8::7", 80)),
    ("tcp://eth0;192.0.2.1:5555", Address("tcp", "192.0.2.1", 5555, source="eth0")),
    ("ipc:///tmp/a b", Address("ipc", path="/tmp/a b")),
    ("ipc://relative/path", Address("ipc", path="relative/path")),
    ("inproc://any thing/at?all", Address("inproc", path="any thing/at?all")),
    ("abstract://name", Address("abstract", path="name")),
    ("ws://127.0.0.1:80", Address("ws", "127.0.0.1", 80, "/")),
    ("ws://127.0.0.1:80/a/b?c", Address("ws", "127.0.0.1", 80, "/a/b?c")),
    ("wss://example.org:443/x", Address("wss", "example.org", 443, "/x")),
    ("tls+tcp://example.org:443", Address("tls+tcp", "example.org", 443)),
    ("pgm://eth0;239.192.1.1:5555", Address("pgm", path="eth0;239.192.1.1:5555")),
]

FOR_LISTENING = [
    ("tcp://*:5555", Address("tcp", "*", 5555)),
    ("tcp://*:*", Address("tcp", "*", 0)),
    ("tcp://127.0.0.1:0", Address("tcp", "127.0.0.1", 0)),
    ("tcp://[::]:0", Address("tcp", "::", 0)),
    ("ws://*:0/x", Address("ws", "*", 0, "/x")),
    ("tcp://eth0:5555", Address("tcp", "eth0", 5555)),
]


@pytest.mark.parametrize(("url", "address"), GOOD, ids=[url for url, _ in GOOD])
@pytest.mark.parametrize("listen", [False, True])
def test_good(url: str, address: Address, listen: bool) -> None:
    assert parse(url, listen=listen) == address


@pytest.mark.parametrize(("url", "address"), FOR_LISTENING, ids=[url for url, _ in FOR_LISTENING])
def test_for_listening(url: str, address: Address) -> None:
    assert parse(url, listen=True) == address
    if address.wildcard or address.port == 0:
        with pytest.raises(AddressInvalid, match="dial"):
            parse(url, listen=False)


@pytest.mark.parametrize(("url", "why"), BAD_URLS, ids=[url for url, _ in BAD_URLS])
@pytest.mark.parametrize("listen", [False, True])
def test_bad(url: str, why: str, listen: bool) -> None:
    with pytest.raises(AddressInvalid, match=why) as caught:
        parse(url, listen=listen)
    assert repr(url) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("bad", [None, 5, b"tcp://127.0.0.1:5555", object()])
def test_not_a_str(bad: object) -> None:
    with pytest.raises(TypeError, match="str"):
        parse(bad, listen=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", [url for url, _ in GOOD + FOR_LISTENING])
def test_what_is_written_can_be_read(url: str) -> None:
    address = parse(url, listen=True)
    assert parse(str(address), listen=True) == address


def test_parts() -> None:
    address = parse("tcp://[::1]:5", listen=True)
    assert address.is_ipv6
    assert address.bracketed == "[::1]"
    assert not address.wildcard
    assert str(address.with_port(6)) == "tcp://[::1]:6"
    assert parse("tcp://*:5", listen=True).wildcard
    assert parse("tcp://a:5", listen=True).bracketed == "a"


def test_longest_names() -> None:
    assert parse("ipc://" + "x" * 107, listen=True).path == "x" * 107
    assert parse("abstract://" + "x" * 106, listen=True).path == "x" * 106
    assert parse("inproc://" + "x" * 127, listen=True).path == "x" * 127
