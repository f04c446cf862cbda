"""The loop of a peer that a test drives: one command a line in, one answer a line out.

    send HEX          -> sent
    recv              -> got HEX
    sendparts HEX ... -> sent
    recvparts         -> got HEX ...

An empty part is written as `-`. A time-out of the library ends the program with its traceback,
which the test shows. The first line out is `ready`, once the socket listens or has been dialled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

LIMIT_MS = 10_000
"""How long a peer's library may wait for anything."""


def serve(
    send: Callable[[bytes], Any],
    recv: Callable[[], bytes],
    send_parts: Callable[[list[bytes]], Any] | None = None,
    recv_parts: Callable[[], list[bytes]] | None = None,
) -> None:
    answer("ready")
    for line in sys.stdin:
        command, *words = line.split()
        parts = [b"" if word == "-" else bytes.fromhex(word) for word in words]
        if command == "send":
            send(parts[0])
            answer("sent")
        elif command == "recv":
            answer("got", recv())
        elif command == "sendparts" and send_parts is not None:
            send_parts(parts)
            answer("sent")
        elif command == "recvparts" and recv_parts is not None:
            answer("got", *recv_parts())
        else:
            raise SystemExit(f"no such command: {command}")


def answer(word: str, *parts: bytes) -> None:
    print(word, *[part.hex() or "-" for part in parts], flush=True)
