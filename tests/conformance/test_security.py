"""Who may come in, where the library itself keeps the door: CURVE keys and lists, PLAIN passwords.

What counts is what arrives. Some libraries call a client a peer until it is turned away, so nothing
is asked of `peers` here.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

import anymq
from anymq.security import CurveConfig, PlainConfig

from .support import Sockets, no_more

TRANSPORTS = ("tcp", "ipc", "ws")


def sends(sockets: Sockets, url: str, body: bytes, **options: Any) -> None:
    """A client that tries to get one message in; it goes on trying."""
    client = sockets.open("push", dial=url, immediate=False, linger=0, **options)
    with contextlib.suppress(anymq.WouldBlock):  # it was turned away before it could try
        client.send(body, timeout=0)


@pytest.mark.transports(*TRANSPORTS)
@pytest.mark.requires("protocol.push", "protocol.pull", "curve", "option.immediate")
def test_only_clients_on_the_list_come_in(sockets: Sockets, transport: str) -> None:
    server, client, stranger = (sockets.backend.curve_keypair() for _ in range(3))  # type: ignore[attr-defined]
    pull = sockets.open("pull", curve=CurveConfig(*server, server=True, allow=[client[0]]))
    url = pull.listen(sockets.url(transport)).url
    refused = (
        {"curve": CurveConfig(*stranger, server_key=server[0])},
        {"curve": CurveConfig(*client, server_key=stranger[0])},
        {},
    )
    for options in refused:
        sends(sockets, url, b"let me in", **options)
    no_more(pull, within=0.3)
    sends(sockets, url, b"it is me", curve=CurveConfig(*client, server_key=server[0]))
    assert pull.recv() == b"it is me"
    no_more(pull)


@pytest.mark.transports(*TRANSPORTS)
@pytest.mark.requires("protocol.push", "protocol.pull", "curve", "option.immediate")
def test_without_a_list_the_key_of_the_server_is_enough(sockets: Sockets, transport: str) -> None:
    server, client, stranger = (sockets.backend.curve_keypair() for _ in range(3))  # type: ignore[attr-defined]
    pull = sockets.open("pull", curve=CurveConfig(*server, server=True))
    url = pull.listen(sockets.url(transport)).url
    sends(sockets, url, b"let me in", curve=CurveConfig(*client, server_key=stranger[0]))
    no_more(pull, within=0.3)
    sends(sockets, url, b"it is me", curve=CurveConfig(*stranger, server_key=server[0]))
    assert pull.recv() == b"it is me"


@pytest.mark.transports(*TRANSPORTS)
@pytest.mark.requires("protocol.push", "protocol.pull", "plain", "option.immediate")
def test_only_users_come_in(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull", plain=PlainConfig(users={"ann": "secret"}))
    url = pull.listen(sockets.url(transport)).url
    for options in ({"plain": PlainConfig("ann", "wrong")}, {"plain": PlainConfig("eve", "x")}, {}):
        sends(sockets, url, b"let me in", **options)
    no_more(pull, within=0.3)
    sends(sockets, url, b"it is me", plain=PlainConfig("ann", "secret"))
    assert pull.recv() == b"it is me"


@pytest.mark.requires("curve", "protocol.pull", "transport.inproc")
def test_what_cannot_be_kept_is_refused(sockets: Sockets) -> None:
    """No library encrypts within a process, and none is to pretend."""
    keys = sockets.backend.curve_keypair()  # type: ignore[attr-defined]
    pull = sockets.open("pull", curve=CurveConfig(*keys, server=True))
    with pytest.raises(anymq.OptionError, match="inproc"):
        pull.listen(sockets.url("inproc"))
