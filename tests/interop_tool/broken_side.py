"""A side with a defect: `broken_side.py DEFECT BACKEND`. It receives as it should.

What goes wrong concerns the third message that it sends, or its start.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import anymq
from anymq.interop.side import AnymqEndpoint, AnymqLibrary
from anymq.interop.workers.channel import Channel
from anymq.interop.workers.payload import MARK
from anymq.interop.workers.serve import hello, serve

THIRD = 3


DIED = Path(tempfile.gettempdir(), "died")
"""In the folder of one run of the laboratory: a process of that run has died."""


def die() -> None:
    print("about to die", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


class BrokenEndpoint(AnymqEndpoint):
    defect = ""
    said = 0
    held = b""

    def send(self, data: bytes, timeout: float) -> None:
        if data.startswith(MARK):
            return super().send(data, timeout)
        self.said += 1
        if self.said != THIRD:
            super().send(data, timeout)
            if self.held:
                super().send(self.held, timeout)
                self.held = b""
            return None
        match self.defect:
            case "flip":
                super().send(data[:-1] + bytes([data[-1] ^ 1]), timeout)
            case "cut":
                super().send(data[:-1], timeout)
            case "drop":
                pass
            case "swap":
                self.held = data
            case "twice":
                super().send(data, timeout)
                super().send(data, timeout)
            case "die":
                die()
            case "die once" if not DIED.exists():
                DIED.touch()
                die()
            case "die once":
                super().send(data, timeout)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "sleep":
                time.sleep(600)
            case "raise":
                raise OSError("a defect")
            case "babble":
                channel.tell(done={})
                channel.tell(done={})
        return None


class BrokenLibrary(AnymqLibrary):
    def open(self, protocol: str, action: str, url: str, limit: float):
        endpoint, url = super().open(protocol, action, url, limit)
        broken = BrokenEndpoint(endpoint.socket)
        broken.defect = defect
        return broken, url


defect, name = sys.argv[1:]
if defect == "status":
    raise SystemExit(7)
channel = Channel()
if defect == "silent":
    time.sleep(600)
backend = anymq.get_backend(name)
channel.tell(
    hello=hello(
        "broken",
        backend.library.version_text,
        backend.wire,
        [str(protocol) for protocol in backend.protocols],
        list(backend.transports),
    )
)
serve(channel, BrokenLibrary(backend))
