"""One side of an exchange on anymq, in a process of its own.

Started as `python -m anymq.interop.side nng FILE`; an empty FILE is where anymq finds it by itself.
See `workers.serve` for what it is told and what it answers.
"""

from __future__ import annotations

import sys
from typing import Any

import anymq
from anymq.errors import AnymqError

from .alone import alone
from .workers.channel import Channel
from .workers.payload import Messages
from .workers.serve import hello, serve
from .workers.talk import Endpoint

__all__ = ["main"]


class AnymqEndpoint(Endpoint):
    """A socket of anymq."""

    def __init__(self, socket: anymq.Socket) -> None:
        self.socket = socket

    def send(self, data: bytes, timeout: float) -> None:
        self.socket.send(data, timeout=timeout)

    def recv(self, timeout: float) -> bytes:
        return self.socket.recv(timeout=timeout)

    def peers(self) -> int | None:
        return self.socket.peers

    def close(self) -> None:
        self.socket.close()

    def alone(self, command: dict[str, Any]) -> dict[str, Any]:
        messages = Messages(command["out"]["key"], command["out"]["sizes"])
        return alone(self.socket, command["script"], command["limit"], messages)


class RouterEndpoint(AnymqEndpoint):
    """A ROUTER, which answers whom it last heard."""

    peer = b""

    def send(self, data: bytes, timeout: float) -> None:
        self.socket.send_parts([self.peer, data], timeout=timeout)

    def recv(self, timeout: float) -> bytes:
        self.peer, body = self.socket.recv_parts(timeout=timeout)
        return body


class AnymqLibrary:
    """One build, opened by anymq."""

    def __init__(self, backend: anymq.Backend) -> None:
        self.backend = backend

    def open(self, protocol: str, action: str, url: str, limit: float) -> tuple[AnymqEndpoint, str]:
        socket = anymq.Socket(protocol, backend=self.backend, linger=0)
        try:
            if protocol == "sub":
                socket.subscribe(b"")
            if protocol == "surveyor":
                socket.survey_time = limit
            bound = socket.listen(url).url if action == "listen" else socket.dial(url).url
            if protocol == "xsub":
                socket.send(b"\x01", timeout=limit)
        except BaseException:
            socket.close()
            raise
        kind = RouterEndpoint if protocol == "router" else AnymqEndpoint
        return kind(socket), bound


def main(arguments: list[str]) -> None:
    channel = Channel()
    name, library = arguments
    try:
        backend = anymq.get_backend(name, library=library or None)
    except AnymqError as error:
        channel.tell(failed={"kind": "error", "text": str(error)})
        return
    channel.tell(
        hello=hello(
            backend.name,
            backend.library.version_text,
            backend.wire,
            [str(protocol) for protocol in backend.protocols],
            list(backend.transports),
        )
    )
    serve(channel, AnymqLibrary(backend))


if __name__ == "__main__":
    main(sys.argv[1:])
