"""The packages in one form: `open_port(protocol)` opens a socket of one as a `Port`.

A port holds the package's own bound methods, so that the loops which are measured call nothing but
the package. In an awaiting mode `send` and `recv` are awaited. Options are the same for all: no
Nagle's delay, no limit to what is received, and the high-water marks in `BENCH_MARK`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

__all__ = ["Port", "opener"]

MARK = int(os.environ.get("BENCH_MARK", "0"))
AWAITING = ("asyncio", "uvloop", "trio")


@dataclass
class Port:
    listen: Callable[[str], Any]
    dial: Callable[[str], Any]
    send: Callable[..., Any]
    recv: Callable[..., Any]
    close: Callable[[], Any]


def anymq_ports(library: str, backend: str, mode: str) -> Callable[[str], Port]:
    import anymq

    chosen = anymq.get_backend(backend, library=library)

    def open_port(protocol: str) -> Port:
        socket = anymq.Socket(protocol, backend=chosen)
        if protocol == "sub":
            socket.subscribe()
        if MARK and (protocol == "pub" or (backend == "zmq" and protocol == "push")):
            socket.send_buffer = MARK
        if MARK and (protocol == "sub" or (backend == "zmq" and protocol == "pull")):
            socket.recv_buffer = MARK
        send: Callable[..., Any]
        recv: Callable[..., Any]
        if mode in AWAITING:
            send, recv = socket.asend, socket.arecv
        elif mode == "batch":
            send, recv = socket.send_many, socket.recv_many
        else:
            send = socket.send
            recv = socket.recv_message if mode == "recv_message" else socket.recv
        return Port(socket.listen, socket.dial, send, recv, socket.close)

    return open_port


def pyzmq_ports(library: str, backend: str, mode: str) -> Callable[[str], Port]:
    import zmq

    context: Any
    if mode in AWAITING:
        import zmq.asyncio

        context = zmq.asyncio.Context()
    else:
        context = zmq.Context()

    def open_port(protocol: str) -> Port:
        while True:
            try:
                socket = context.socket(getattr(zmq, protocol.upper()))
                break
            except zmq.ZMQError as error:  # another thread still closes those before
                if error.errno != errno.EMFILE:
                    raise
                os.sched_yield()
        if protocol == "sub":
            socket.subscribe(b"")
        if MARK:
            socket.set_hwm(MARK)
        send, recv = socket.send, socket.recv
        if mode == "copy=False":
            send, recv = partial(send, copy=False), partial(recv, copy=False)
        return Port(socket.bind, socket.connect, send, recv, socket.close)

    return open_port


def pynng_ports(library: str, backend: str, mode: str) -> Callable[[str], Port]:
    import pynng

    kinds = {
        "push": pynng.Push0,
        "pull": pynng.Pull0,
        "req": pynng.Req0,
        "rep": pynng.Rep0,
        "pub": pynng.Pub0,
        "sub": pynng.Sub0,
    }

    def open_port(protocol: str) -> Port:
        socket = kinds[protocol]()
        if protocol == "sub":
            socket.subscribe(b"")
        if MARK and protocol == "pub":
            socket.send_buffer_size = MARK
        if MARK and protocol == "sub":
            socket.recv_buffer_size = MARK
        dial = partial(socket.dial, block=True)
        if mode in AWAITING:
            return Port(socket.listen, dial, socket.asend, socket.arecv, socket.close)
        return Port(socket.listen, dial, socket.send, socket.recv, socket.close)

    return open_port


def nng_ports(library: str, backend: str, mode: str) -> Callable[[str], Port]:
    import nng

    kinds = {
        "push": nng.PushSocket,
        "pull": nng.PullSocket,
        "req": nng.ReqSocket,
        "rep": nng.RepSocket,
        "pub": nng.PubSocket,
        "sub": nng.SubSocket,
    }

    def open_port(protocol: str) -> Port:
        socket = kinds[protocol]()
        if protocol == "sub":
            socket.subscribe(b"")
        if MARK and protocol == "pub":
            socket.send_buf = MARK
        if MARK and protocol == "sub":
            socket.recv_buf = MARK

        def listen(url: str) -> None:
            socket.add_listener(url).start()

        def dial(url: str) -> None:
            socket.add_dialer(url).start(block=True)

        if mode in AWAITING:
            return Port(listen, dial, socket.asend, socket.arecv, socket.close)
        return Port(listen, dial, socket.send, socket.recv, socket.close)

    return open_port


def nnpy_ports(library: str, backend: str, mode: str) -> Callable[[str], Port]:
    import nnpy

    def open_port(protocol: str) -> Port:
        socket = nnpy.Socket(nnpy.AF_SP, getattr(nnpy, protocol.upper()))
        if protocol == "sub":
            socket.setsockopt(nnpy.SUB, nnpy.SUB_SUBSCRIBE, b"")
        socket.setsockopt(nnpy.TCP, nnpy.constants.TCP_NODELAY, 1)
        socket.setsockopt(nnpy.SOL_SOCKET, nnpy.RCVMAXSIZE, -1)
        return Port(socket.bind, socket.connect, socket.send, socket.recv, socket.close)

    return open_port


def nanomsg_ports(library: str, backend: str, mode: str) -> Callable[[str], Port]:
    import nanomsg

    def open_port(protocol: str) -> Port:
        socket = nanomsg.Socket(getattr(nanomsg, protocol.upper()))
        if protocol == "sub":
            socket.set_string_option(nanomsg.SUB, nanomsg.SUB_SUBSCRIBE, b"")
        socket.set_int_option(nanomsg.TCP, nanomsg.TCP_NODELAY, 1)
        socket.set_int_option(nanomsg.SOL_SOCKET, nanomsg.RCVMAXSIZE, -1)
        return Port(socket.bind, socket.connect, socket.send, socket.recv, socket.close)

    return open_port


PACKAGES = {
    "anymq": anymq_ports,
    "pyzmq": pyzmq_ports,
    "pynng": pynng_ports,
    "nng": nng_ports,
    "nnpy": nnpy_ports,
    "nanomsg-python": nanomsg_ports,
}


def opener(package: str, library: str, backend: str, mode: str) -> Callable[[str], Port]:
    """What opens sockets of that package. `library` is for anymq; the others have their own."""
    return PACKAGES[package](library, backend, mode)
