"""Peers that are connected and silent: URL COUNT WIRE PROTOCOL, see `crowd.py`.

Each is a plain tcp connection on which nothing but the handshake of the wire was done, so that
they cost the same whatever serves them, and little. WIRE is sp or zmtp, PROTOCOL that of the peers.

Prints "connected N" now and then, and "all N" at the end; answers "alive" with "alive N", how many
of them the other side has neither ended nor sent anything to. Ends at the end of its input.
"""

import select
import socket
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

SP_NUMBERS = {"req": 0x30, "push": 0x50}
LIMIT = 30.0


def sp(connection: socket.socket, protocol: str) -> None:
    """Headers of eight bytes, both ways at once."""
    connection.sendall(bytes((0, 0x53, 0x50, 0, 0, SP_NUMBERS[protocol], 0, 0)))
    answer = read(connection, 8)
    if answer[:4] != b"\0SP\0":
        raise RuntimeError(f"{answer!r} is no header of SP")


def zmtp(connection: socket.socket, protocol: str) -> None:
    """ZMTP 3.0: the greeting of 64 bytes, mechanism NULL, and a READY each way."""
    kind = protocol.upper().encode()
    properties = (
        {b"Socket-Type": kind, b"Identity": b""} if kind == b"REQ" else {b"Socket-Type": kind}
    )
    ready = b"\x05READY" + b"".join(
        bytes((len(name),)) + name + len(value).to_bytes(4, "big") + value
        for name, value in properties.items()
    )
    greeting = b"\xff" + bytes(8) + b"\x7f" + b"\3\0" + b"NULL".ljust(20, b"\0") + bytes(32)
    connection.sendall(greeting + bytes((4, len(ready))) + ready)
    answer = read(connection, 66)
    if answer[0] != 0xFF or answer[64] != 4:
        raise RuntimeError(f"{answer!r} is no greeting of ZMTP 3 with a command behind it")
    read(connection, answer[65])


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise RuntimeError(f"the other side hung up after {data!r}")
        data += chunk
    return data


def alive(connections: list[socket.socket]) -> int:
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN | select.POLLHUP | select.POLLRDHUP)
    return len(connections) - len(poll.poll(0))


def main() -> None:
    url, count_text, wire, protocol = sys.argv[1:]
    count = int(count_text)
    shake: Callable[[socket.socket, str], None] = {"sp": sp, "zmtp": zmtp}[wire]
    address = urlsplit(url)
    connections: list[socket.socket] = []
    while len(connections) < count:
        connection = socket.create_connection((address.hostname, address.port), LIMIT)
        shake(connection, protocol)
        connections.append(connection)
        if len(connections) % 500 == 0:
            print("connected", len(connections), flush=True)
    print("all", count, flush=True)
    for line in sys.stdin:
        print(line.strip(), alive(connections), flush=True)
    for connection in connections:
        connection.close()


main()
