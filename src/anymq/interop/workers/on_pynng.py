"""A side on pynng, which imports nothing else: `python -m workers.on_pynng`."""

from __future__ import annotations

import socket as sockets
import sys
from importlib import import_module
from typing import Any

from .channel import Channel
from .serve import hello, serve
from .talk import Endpoint

__all__ = ["main", "with_port"]

CLASSES = {
    "push": "Push0",
    "pull": "Pull0",
    "pub": "Pub0",
    "sub": "Sub0",
    "req": "Req0",
    "rep": "Rep0",
    "pair": "Pair0",
    "pair1": "Pair1",
    "bus": "Bus0",
    "surveyor": "Surveyor0",
    "respondent": "Respondent0",
}
TRANSPORTS = ["tcp", "ipc", "ws"]
FRAME = 2**20 - 64
"""Certainly fits a WebSocket frame of nng with its header; pynng does not raise that limit."""


class NngEndpoint(Endpoint):
    """A socket of pynng."""

    def __init__(self, pynng: Any, socket: Any, protocol: str) -> None:
        self.pynng = pynng
        self.socket = socket
        # nng gives the question up when a receive of the answer times out.
        self.sliced = protocol not in ("req", "surveyor")

    def send(self, data: bytes, timeout: float) -> None:
        self.socket.send_timeout = max(1, int(timeout * 1000))
        try:
            self.socket.send(data)
        except self.pynng.Timeout:
            raise TimeoutError("no peer took it") from None

    def recv(self, timeout: float) -> bytes:
        self.socket.recv_timeout = max(1, int(timeout * 1000))
        try:
            # Its recv() fails on an empty message.
            return bytes(self.socket.recv_msg().bytes)
        except self.pynng.Timeout:
            raise TimeoutError("nothing came") from None
        except self.pynng.BadState:
            if self.sliced:
                raise
            raise TimeoutError("nng has given the question up") from None

    def peers(self) -> int | None:
        return len(self.socket.pipes)

    def close(self) -> None:
        self.socket.close()


class NngLibrary:
    """pynng as it is installed."""

    def __init__(self, pynng: Any) -> None:
        self.pynng = pynng

    def open(self, protocol: str, action: str, url: str, limit: float) -> tuple[Endpoint, str]:
        socket = getattr(self.pynng, CLASSES[protocol])()
        try:
            socket.recv_max_size = 0
            if protocol == "sub":
                socket.subscribe(b"")
            if protocol == "surveyor":
                socket.survey_time = int(limit * 1000)
            if action == "dial":
                socket.dial(url, block=False)
            else:
                url = with_port(url)
                socket.listen(url)
        except BaseException:
            socket.close()
            raise
        return NngEndpoint(self.pynng, socket, protocol), url


def with_port(url: str) -> str:
    """The same with a port that was free just now, for what does not tell which one it bound."""
    if ":0" not in url:
        return url
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return url.replace(":0", f":{probe.getsockname()[1]}", 1)


def main() -> None:
    channel = Channel()
    try:
        pynng = import_module("pynng")
    except ImportError as error:
        channel.tell(absent=f"pynng cannot be imported by {sys.executable}: {error}")
        return
    library = pynng.lib.nng_version()
    version = f"{pynng.__version__} (nng {pynng.ffi.string(library).decode()})"
    traits = {"max_size": {"ws": FRAME}}
    channel.tell(hello=hello("pynng", version, "sp", list(CLASSES), TRANSPORTS, traits))
    serve(channel, NngLibrary(pynng))


if __name__ == "__main__":
    main()
