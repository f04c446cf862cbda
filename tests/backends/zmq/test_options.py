"""libzmq's own options by name and number, and how portable ones reach them."""

from __future__ import annotations

from typing import Any

import pytest

import anymq
from tests.conformance.support import Sockets


@pytest.mark.parametrize(
    ("portable", "value", "native", "kept"),
    [
        ("send_buffer", 7, "ZMQ_SNDHWM", 7),
        ("recv_buffer", 0, "ZMQ_RCVHWM", 0),
        ("recv_max_size", None, "ZMQ_MAXMSGSIZE", -1),
        ("recv_max_size", 2**40, "ZMQ_MAXMSGSIZE", 2**40),
        ("reconnect_min", 0.25, "ZMQ_RECONNECT_IVL", 250),
        ("reconnect_min", 0.001, "ZMQ_RECONNECT_IVL", 1),
        ("reconnect_max", 2, "ZMQ_RECONNECT_IVL_MAX", 2000),
        ("tcp_keepalive", True, "ZMQ_TCP_KEEPALIVE", 1),
    ],
)
def test_portable_options_reach_libzmq(
    sockets: Sockets, portable: str, value: Any, native: str, kept: Any
) -> None:
    dealer = sockets.open("dealer", **{portable: value})
    assert dealer.options[portable].mapping == native
    assert dealer.get_native(native) == kept
    assert getattr(dealer, portable) == value


def test_defaults_are_portable(sockets: Sockets) -> None:
    dealer = sockets.open("dealer")
    assert dealer.get_native("IMMEDIATE") == 0, "it would drop what is unread when a peer leaves"
    push = sockets.open("push")
    assert push.get_native("IMMEDIATE") == 1
    push.immediate = False
    assert push.get_native("IMMEDIATE") == 0
    assert dealer.get_native("MAXMSGSIZE") == 2**30
    assert dealer.get_native("RECONNECT_IVL") == 100
    assert dealer.get_native("LINGER") >= 0, "libzmq's own default hangs at exit"


def test_native_options_of_every_type(sockets: Sockets) -> None:
    dealer = sockets.open("dealer")
    dealer.set_native("ZMQ_SNDBUF", 5000)
    assert dealer.get_native("sndbuf") == 5000
    assert dealer.get_native(11) == 5000
    dealer.set_native("AFFINITY", 2**40)
    assert dealer.get_native("AFFINITY") == 2**40
    dealer.set_native("ROUTING_ID", b"\xff\0id")
    assert dealer.get_native("ROUTING_ID") == b"\xff\0id"
    dealer.set_native("SOCKS_PROXY", "127.0.0.1:1080")
    assert dealer.get_native("SOCKS_PROXY") == "127.0.0.1:1080"
    dealer.set_native("SOCKS_PROXY", None)
    assert dealer.get_native("SOCKS_PROXY") == ""
    assert dealer.get_native(17, "int") == dealer.get_native("LINGER")


def test_curve_keys_come_back_as_text(sockets: Sockets) -> None:
    if "= 1" not in sockets.backend.features["curve"].evidence:
        pytest.skip("this build has no CURVE")
    dealer = sockets.open("dealer")
    key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    dealer.set_native("CURVE_SERVERKEY", key)
    assert dealer.get_native("CURVE_SERVERKEY") == key


@pytest.mark.parametrize(
    ("option", "value", "type"),
    [
        ("NO_SUCH_OPTION", 1, None),
        ("ZMQ_ROUTER", 1, None),
        (4711, 1, None),
        (4711, 1, "int"),
        (3.5, 1, None),
        ("SNDHWM", "many", None),
        ("SNDHWM", -1, None),
        ("SNDHWM", 2**40, None),
        ("SNDHWM", 1, "float"),
        ("ROUTING_ID", 5, None),
    ],
)
def test_bad_native_options(sockets: Sockets, option: Any, value: Any, type: str | None) -> None:
    dealer, other = sockets.pair("dealer", "dealer")
    with pytest.raises(anymq.OptionError):
        dealer.set_native(option, value, type)
    dealer.send(b"still usable")
    assert other.recv() == b"still usable"


@pytest.mark.parametrize("option", ["CURVE_SECRETKEY", "ZMQ_PLAIN_PASSWORD", 49])
def test_a_secret_that_is_refused_is_not_shown(sockets: Sockets, option: str | int) -> None:
    secret = "hidden" * 50  # neither a key nor a password has so many characters
    with pytest.raises(anymq.OptionError, match="set ZMQ_") as caught:
        sockets.open("dealer").set_native(option, secret)
    assert "hidden" not in str(caught.value)


def test_nodelay_cannot_be_turned_off(sockets: Sockets) -> None:
    push = sockets.open("push", tcp_nodelay=True)
    assert push.tcp_nodelay is True
    with pytest.raises(anymq.OptionError, match="tcp_nodelay"):
        push.tcp_nodelay = False


def test_a_message_above_the_limit_ends_the_connection(sockets: Sockets) -> None:
    """And is not delivered; the dialling side connects anew."""
    pull = sockets.open("pull", recv_max_size=1000)
    push = sockets.open("push", dial=pull.listen(sockets.url()).url, reconnect_min=0.01)
    push.send(b"x" * 1000)
    assert len(pull.recv()) == 1000
    push.send(b"x" * 1001)
    for event in pull.events(timeout=10):
        if event.kind == "disconnected":
            break
    pull.wait_for_peers(timeout=10)
    push.wait_for_peers(timeout=10)
    push.send(b"after")
    assert pull.recv() == b"after"
