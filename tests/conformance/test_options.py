"""Options: the same names, units, defaults and refusals on every library."""

from __future__ import annotations

import math
from typing import Any

import pytest

import anymq
from anymq.options import LIBRARY, OPTIONS, OptionSpec, inapplicable
from anymq.security import CurveConfig, PlainConfig, TLSConfig

from .support import Sockets

VALUES: dict[str, list[Any]] = {
    "send_timeout": [None, 0, 0.25, 5, 100.0],
    "recv_timeout": [None, 0, 0.25, 5, 100.0],
    "send_buffer": [1, 10, 1000],
    "recv_buffer": [1, 10, 1000],
    "send_buffer_bytes": [4096, 1_000_000],
    "recv_buffer_bytes": [4096, 1_000_000],
    "recv_max_size": [None, 1, 1000, 2**20, 2**30],
    "reconnect_min": [0.01, 0.5, 3],
    "reconnect_max": [0, 1.0, 60],
    "linger": [None, 0, 0.5, 30],
    "tcp_nodelay": [False, True],
    "tcp_keepalive": [True, False],
    "ipv6": [False, True],
    "name": ["orders", "größer"],
    "max_hops": [1, 8, 15],
    "resend_interval": [0.1, 10, 60.0],
    "survey_time": [0.05, 2, 30.0],
    "send_priority": [1, 8, 16],
    "recv_priority": [1, 8, 16],
    "routing_id": [b"me", b"\1\xff", b"x" * 255],
    "conflate": [True, False],
    "immediate": [False, True],
    "polyamorous": [True, False],
    "prefer_new": [True, False],
}
"""Good values of every option that is not an object."""

SECURITY: dict[str, Any] = {
    "tls": TLSConfig(),
    "curve": CurveConfig(bytes(32), bytes(32), server=True),
    "plain": PlainConfig("user", "password"),
}
"""Good values of the options that are objects."""

BAD: dict[str, list[Any]] = {
    "seconds": [-1, -0.5, math.nan, math.inf, 1e12, "1", None, True, [], b"1"],
    "seconds_or_none": [-1, -0.5, math.nan, math.inf, 1e12, "1", True, [], b"1"],
    "int": [-1, 2**31, 2**63, 2**70, 1.5, "1", None, True, b"1"],
    "size_or_none": [-1, -(2**40), 2**64, 1.5, "1", True, math.nan],
    "bool": [0, 1, None, "yes", b"1"],
    "str": [b"bytes", 1, None],
    "bytes": ["text", 1, None],
}
"""Values that no option of a kind takes."""

HOLDERS = {
    "sub": ("prefer_new",),
    "req": ("resend_interval", "max_hops"),
    "surveyor": ("survey_time",),
    "dealer": ("routing_id", "immediate"),
    "push": ("send_priority", "immediate"),
    "pull": ("recv_priority", "conflate"),
    "rep": ("max_hops",),
    "pair1": ("polyamorous",),
}
"""Protocols whose sockets have options that a PAIR has not."""

SWITCHES = ("tcp_nodelay",)
"""Options that some library knows as always on."""

ORDINARY = [name for name in OPTIONS if OPTIONS[name].kind != "object"]


def holders(sockets: Sockets, name: str) -> list[str]:
    """Protocols of this library whose sockets should have the option."""
    named = [p for p, names in HOLDERS.items() if name in names] or ["pair"]
    found = [p for p in named if sockets.backend.supports(f"protocol.{p}")]
    if not found and named == ["pair"]:
        found = [p for p in sockets.backend.protocols if not inapplicable(name, p, raw=False)][:1]
    return found


def kept(value: Any) -> Any:
    """What reading an option returns that was set to `value`; times are kept in milliseconds."""
    return pytest.approx(value, abs=0.001) if isinstance(value, float) else value


def test_the_table_of_values_is_complete() -> None:
    assert set(VALUES) == set(ORDINARY)


@pytest.mark.parametrize("name", ORDINARY)
def test_round_trip(sockets: Sockets, name: str) -> None:
    """By attribute and by keyword, where the library has it; refused properly where not.

    A switch that a library knows in one position only is tested in that: see below.
    """
    if not sockets.backend.supports(f"option.{name}"):
        refuse(sockets, name)
        return
    protocols = holders(sockets, name)
    assert protocols, f"no socket of this library holds {name}"
    values = VALUES[name] if name not in SWITCHES else VALUES[name][-1:]
    for protocol in protocols:
        for value in values:
            socket = sockets.open(protocol)
            setattr(socket, name, value)
            assert getattr(socket, name) == kept(value)
            other = sockets.open(protocol, **{name: value})
            assert getattr(other, name) == kept(value)
            socket.close()
            other.close()


@pytest.mark.requires("option.tcp_nodelay")
@pytest.mark.differs("D2")
def test_small_messages_may_be_gathered(sockets: Sockets) -> None:
    socket = sockets.open(sockets.ordinary)
    for value in (False, True, False):
        socket.tcp_nodelay = value
        assert socket.tcp_nodelay is value


def refuse(sockets: Sockets, name: str) -> None:
    value = VALUES[name][0]
    socket = sockets.open(sockets.ordinary)
    calls = (
        lambda: setattr(socket, name, value),
        lambda: getattr(socket, name),
        lambda: sockets.open(sockets.ordinary, **{name: value}),
    )
    for call in calls:
        with pytest.raises(anymq.UnsupportedFeature, match=name) as caught:
            call()
        assert caught.value.feature == f"option.{name}"
    assert socket.options[name].mapping is None


@pytest.mark.parametrize("spec", OPTIONS.values(), ids=OPTIONS)
def test_defaults(sockets: Sockets, spec: OptionSpec) -> None:
    """A socket that nobody has told anything is the same on every library."""
    if spec.default is LIBRARY or not sockets.backend.supports(f"option.{spec.name}"):
        assert spec.name in anymq.Socket(sockets.ordinary, backend=sockets.backend).options
        return
    protocol = (holders(sockets, spec.name) or [sockets.ordinary])[0]
    with anymq.Socket(protocol, backend=sockets.backend) as socket:
        if socket.options[spec.name].mapping is None:
            pytest.fail(f"{protocol} lacks {spec.name}")
        assert getattr(socket, spec.name) == kept(spec.default)


@pytest.mark.parametrize("name", ORDINARY)
def test_bad_values(sockets: Sockets, name: str) -> None:
    """Each is refused in words that name the option, and leaves it and the socket as they were."""
    if not sockets.backend.supports(f"option.{name}"):
        refuse(sockets, name)
        return
    protocol = holders(sockets, name)[0]
    socket = sockets.open(protocol)
    before = getattr(socket, name)
    for bad in BAD[OPTIONS[name].kind]:
        with pytest.raises(anymq.OptionError, match=name):
            setattr(socket, name, bad)
        with pytest.raises(anymq.OptionError, match=name):
            sockets.open(protocol, **{name: bad})
        assert getattr(socket, name) == before
    setattr(socket, name, VALUES[name][-1])
    socket.listen(sockets.url())


def test_a_bad_option_leaves_the_connection_alone(sockets: Sockets) -> None:
    one, other = sockets.pair("pair", "pair")
    for name, bad in (("recv_max_size", -1), ("linger", "long"), ("tcp_nodelay", 3)):
        with pytest.raises(anymq.OptionError):
            setattr(one, name, bad)
        one.send(b"x")
        assert other.recv() == b"x"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("recv_timout", "recv_timeout"), ("lingr", "linger"), ("max_size", None), ("ipv_6", "ipv6")],
)
def test_unknown_option(sockets: Sockets, wrong: str, right: str | None) -> None:
    socket = sockets.open(sockets.ordinary)
    with pytest.raises(AttributeError, match=wrong):
        getattr(socket, wrong)
    with pytest.raises(AttributeError, match=wrong):
        setattr(socket, wrong, 1)
    with pytest.raises(anymq.OptionError, match=wrong) as caught:
        sockets.open(sockets.ordinary, **{wrong: 1})
    if right:
        assert f"did you mean {right!r}" in str(caught.value)


def test_attributes_that_are_not_options_cannot_be_set(sockets: Sockets) -> None:
    """A slip of the pen is no new attribute."""
    socket = sockets.open(sockets.ordinary)
    for name in ("peers", "protocol", "anything"):
        with pytest.raises((AttributeError, anymq.OptionError)):
            setattr(socket, name, 1)


def test_listing(sockets: Sockets) -> None:
    """`options` names every option, its type, unit, default and what it is in the library."""
    socket = sockets.open(sockets.ordinary)
    assert set(socket.options) == set(OPTIONS)
    for name, info in socket.options.items():
        assert info.name == name
        assert info.type
        assert info.doc
        assert info.unit == OPTIONS[name].unit
        default = OPTIONS[name].default
        assert info.default == default
        if info.mapping is not None:
            assert info.mapping
            assert sockets.backend.supports(f"option.{name}"), name


def test_an_option_that_this_protocol_lacks(sockets: Sockets) -> None:
    """The library may have it, this socket has not: the refusal says so."""
    socket = sockets.open(sockets.ordinary)
    lacking = [
        name
        for name in VALUES
        if socket.options[name].mapping is None and sockets.backend.supports(f"option.{name}")
    ]
    if not lacking:
        pytest.skip("a PAIR has every option of this library")
    for name in lacking:
        with pytest.raises(anymq.AnymqError, match=name):
            setattr(socket, name, VALUES[name][0])


@pytest.mark.parametrize("name", ["tls", "curve", "plain"])
def test_security_is_never_pretended(sockets: Sockets, name: str) -> None:
    """Where it is not to be had, asking for it is an error and not a plain connection."""
    if sockets.backend.supports(f"option.{name}"):
        assert getattr(sockets.open(sockets.ordinary), name) is None
        with pytest.raises(anymq.OptionError, match=name):
            sockets.open(sockets.ordinary, **{name: object()})
    else:
        with pytest.raises(anymq.UnsupportedFeature, match=name) as caught:
            sockets.open(sockets.ordinary, **{name: SECURITY[name]})
        assert caught.value.feature == f"option.{name}"


@pytest.mark.requires("option.conflate", "protocol.push", "protocol.pull")
def test_conflate_keeps_the_newest(sockets: Sockets) -> None:
    pull = sockets.open("pull", conflate=True)
    push = sockets.open("push", conflate=True)
    push.dial(pull.listen(sockets.url("inproc")).url)
    sockets.connected(push)
    for i in range(10):
        push.send(b"%d" % i)
    assert pull.recv() == b"9"


@pytest.mark.requires("option.resend_interval", "protocol.req", "protocol.rep")
def test_requests_are_sent_again(sockets: Sockets) -> None:
    """A replier that comes instead of one that left without answering gets the request."""
    req = sockets.open("req", resend_interval=0.1)
    url = req.listen(sockets.url()).url
    first = sockets.open("rep", dial=url)
    req.send(b"question")
    assert first.recv() == b"question"
    first.close()
    second = sockets.open("rep", dial=url)
    assert second.recv() == b"question"
    second.send(b"answer")
    assert req.recv() == b"answer"
