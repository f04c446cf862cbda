"""A side on pyzmq, which imports nothing else: `python -m workers.on_pyzmq`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from .channel import Channel
from .serve import hello, serve
from .talk import Endpoint

__all__ = ["main"]

PROTOCOLS = ["push", "pull", "pub", "sub", "req", "rep", "pair", "dealer", "router", "xpub", "xsub"]
CROSSING = ("tcp", "ipc", "ws")


class ZmqEndpoint(Endpoint):
    """A socket of pyzmq; as a ROUTER it answers whom it last heard."""

    def __init__(self, zmq: Any, socket: Any, protocol: str) -> None:
        self.zmq = zmq
        self.socket = socket
        self.router = protocol == "router"
        self.peer: list[bytes] = []

    def send(self, data: bytes, timeout: float) -> None:
        self.socket.sndtimeo = max(1, int(timeout * 1000))
        try:
            self.socket.send_multipart([*self.peer, data])
        except self.zmq.Again:
            raise TimeoutError("no peer took it") from None

    def recv(self, timeout: float) -> bytes:
        self.socket.rcvtimeo = max(1, int(timeout * 1000))
        try:
            parts: list[bytes] = self.socket.recv_multipart()
        except self.zmq.Again:
            raise TimeoutError("nothing came") from None
        if self.router:
            self.peer, parts = parts[:1], parts[1:]
        if len(parts) != 1:
            raise ValueError(f"a message of {len(parts)} parts instead of one")
        return parts[0]

    def peers(self) -> int | None:
        return None

    def close(self) -> None:
        self.socket.close(0)


class ZmqLibrary:
    """pyzmq as it is installed."""

    def __init__(self, zmq: Any) -> None:
        self.zmq = zmq
        self.context = zmq.Context()

    def open(self, protocol: str, action: str, url: str, limit: float) -> tuple[Endpoint, str]:
        zmq = self.zmq
        socket = self.context.socket(getattr(zmq, protocol.upper()))
        try:
            socket.linger = 0
            if protocol == "sub":
                socket.subscribe(b"")
            if action == "listen":
                socket.bind(url.replace(":0", ":*", 1))
                url = socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
            else:
                socket.connect(url)
            if protocol == "xsub":
                socket.send(b"\x01")
        except BaseException:
            socket.close(0)
            raise
        return ZmqEndpoint(zmq, socket, protocol), url


def main() -> None:
    channel = Channel()
    try:
        zmq = import_module("zmq")
    except ImportError as error:
        channel.tell(absent=f"pyzmq cannot be imported by {sys.executable}: {error}")
        return
    transports = [name for name in CROSSING if name == "tcp" or zmq.has(name.replace("ws", "WS"))]
    version = f"{zmq.__version__} (libzmq {zmq.zmq_version()})"
    channel.tell(hello=hello("pyzmq", version, "zmtp", PROTOCOLS, transports))
    serve(channel, ZmqLibrary(zmq))


if __name__ == "__main__":
    main()
