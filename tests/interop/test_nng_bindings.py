"""anymq on nanomsg and nng against pynng and the `nng` package, each with an nng of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anymq.abc import Backend
from tests.conformance.support import Sockets

from .exchanges import COUNTERPART, exchange
from .processes import Peer, as_foreign, foreign_url

PACKAGES = ("pynng", "nng")
OPTIONS: dict[str, dict[str, Any]] = {"sub": {"subscribe": b""}, "surveyor": {"survey_time": 10.0}}


@pytest.mark.parametrize("package", PACKAGES)
def test_anymq_listens(
    sp: Backend, transport: str, package: str, protocol: str, sockets: Sockets
) -> None:
    socket = sockets.open(protocol, **OPTIONS.get(protocol, {}))
    url = as_foreign(socket.listen(sockets.url(transport).removesuffix("/anymq")).url)
    with Peer(package, COUNTERPART[protocol], "dial", url) as peer:
        peer.ready()
        sockets.connected(socket)
        exchange(protocol, socket, peer)


@pytest.mark.parametrize("package", PACKAGES)
def test_anymq_dials(
    sp: Backend, transport: str, package: str, protocol: str, sockets: Sockets, tmp_path: Path
) -> None:
    socket = sockets.open(protocol, **OPTIONS.get(protocol, {}))
    url = foreign_url(transport, tmp_path)
    with Peer(package, COUNTERPART[protocol], "listen", url) as peer:
        peer.ready()
        socket.dial(url)
        sockets.connected(socket)
        exchange(protocol, socket, peer)
