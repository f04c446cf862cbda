"""How a side converses with a peer that is no side: one that was running before, and goes on.

- `ask`: send a message and wait for an answer, again and again.
- `give`: send.
- `take`: receive what comes.
- `answer`: send back what comes.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import anymq

from .workers.payload import Messages, Received

__all__ = ["alone"]

LEAVE = 2.0
"""Seconds that closing may take for the last message to leave."""
STAY = 0.5
"""Seconds that a peer has to read what was sent, before the connection ends."""


class _Alone:
    def __init__(self, socket: anymq.Socket, limit: float, messages: Messages) -> None:
        self.socket = socket
        self.end = time.monotonic() + limit
        self.out = messages
        self.into = Received(messages)
        self.sent = 0
        self.received = 0

    def ask(self) -> None:
        for message in self.out.all():
            self._send(message)
            self.into.add(self._recv())

    def give(self) -> None:
        for message in self.out.all():
            self._send(message)
        self._leave()

    def take(self) -> None:
        for _ in range(len(self.out)):
            self._recv()

    def answer(self) -> None:
        for _ in range(len(self.out)):
            self._send(self._recv())
        self._leave()

    def _leave(self) -> None:
        """Let the last messages leave, and stay a little: some forget what they have not read yet
        when the connection ends."""
        self.socket.linger = LEAVE
        time.sleep(STAY)

    def _left(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _send(self, data: bytes) -> None:
        self.socket.send(data, timeout=self._left())
        self.sent += 1

    def _recv(self) -> bytes:
        data = self.socket.recv(timeout=self._left())
        self.received += 1
        return data


def alone(socket: anymq.Socket, script: str, limit: float, messages: Messages) -> dict[str, Any]:
    """Converse with a stranger; what came of it, for the coordinator."""
    talk = _Alone(socket, limit, messages)
    connected = True
    try:
        socket.wait_for_peers(timeout=limit)
    except TimeoutError:
        connected = False
    else:
        # The counts tell how far it came.
        with contextlib.suppress(TimeoutError):
            getattr(talk, script)()
    return {
        "sent": talk.sent,
        "received": talk.received,
        "planned": len(messages),
        "wrong": talk.into.wrong,
        "connected": connected,
    }
