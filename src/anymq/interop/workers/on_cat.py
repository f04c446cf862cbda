"""A side on nngcat or nanocat: `python -m workers.on_cat nngcat`.

Such a program can be told one message. What it has to send is therefore sent by one process after
the other, each with its message in a file, until that was heard or answered; what it has to
receive, one process prints, in MessagePack, which keeps every byte. Its answers are all the same.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .channel import Channel, Stopped
from .on_pynng import with_port
from .payload import mark_number
from .serve import hello, serve
from .talk import STOPPED, Endpoint, Talk

__all__ = ["main"]

PROTOCOLS = ["push", "pull", "pub", "sub", "req", "rep", "surveyor", "respondent", "pair", "bus"]
ONE_WAY = ["pair", "pair1", "bus"]
ANSWERING = ["rep", "respondent"]
UNHEARD = {
    "nngcat": ("pub", "surveyor", "bus", "pair", "pair1"),
    "nanocat": ("pub", "surveyor", "bus", "push", "pair"),
}
"""What these send is gone if nobody is connected yet, if the process before still is, or if they
end before it has left. So they send it again."""

ANEW = 2.0
"""Seconds after which a process that dials is replaced if nothing came of it: nanomsg does not dial
again what has closed a WebSocket properly, which the end of a process may look like."""

TRANSPORTS = ["tcp", "ipc", "ws"]
FRAME = 2**20 - 64
"""What certainly is below a limit of 1 MiB with its header."""

TRAITS: dict[str, dict[str, Any]] = {
    "nngcat": {"max_size": {"ws": FRAME}},
    "nanocat": {"max_size": dict.fromkeys(TRANSPORTS, FRAME), "min_size": 1},
}
EVERY = {"nngcat": "1", "nanocat": "0.1"}
"""Seconds between repeated sends; nngcat takes whole ones."""

LENGTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4}
"""MessagePack's types of bytes, and how many bytes tell their length."""


class Cat:
    """One process of the program, and the messages that it printed."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.out = self.process.stdout
        self.buffer = b""
        self.ended = False
        self.last = time.monotonic()

    @property
    def idle(self) -> float:
        """Seconds since it printed something."""
        return time.monotonic() - self.last

    def message(self, limit: float) -> bytes | None:
        """The next message that it prints within `limit` seconds; None if there is none."""
        end = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self.out, selectors.EVENT_READ)
            while True:
                found = unpack(self.buffer)
                if found is not None:
                    data, self.buffer = found
                    return data
                left = end - time.monotonic()
                if self.ended or left <= 0 or not selector.select(left):
                    return None
                chunk = os.read(self.out.fileno(), 1 << 18)
                self.buffer += chunk
                self.last = time.monotonic()
                self.ended = not chunk

    def failure(self) -> str:
        """How it ended, where that was not well; `""` while it runs."""
        status = self.process.poll()
        if not status:
            return ""
        return f"ended with status {status}" if status > 0 else signal.Signals(-status).name

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.out.close()


def unpack(buffer: bytes) -> tuple[bytes, bytes] | None:
    """The first message of a MessagePack stream, and what follows it; None if it is not whole."""
    if not buffer:
        return None
    width = LENGTHS.get(buffer[0])
    if width is None:
        raise ValueError(f"the program printed something that is no message: {buffer[:60]!r}")
    begin = 1 + width
    end = begin + int.from_bytes(buffer[1:begin], "big")
    return (buffer[begin:end], buffer[end:]) if len(buffer) >= max(begin, end) else None


class CatEndpoint(Endpoint):
    """The program with one protocol at one address."""

    def __init__(self, channel: Channel, name: str, protocol: str, action: str, url: str) -> None:
        self.channel = channel
        self.channel.at_end = self.close  # nothing that it started outlives it
        self.name = name
        self.protocol = protocol
        kind = f"{protocol}0" if name == "nngcat" and protocol in ("pair", "bus") else protocol
        self.dials = action == "dial"
        verb = {"listen": "--bind", "dial": "--connect"}[action]
        self.command = [name, f"--{kind}", verb, url]
        if name == "nngcat":
            self.command += ["--recv-maxsz", str(2**30)]
        self.folder = tempfile.TemporaryDirectory(prefix="anymq-interop-cat-")
        self.running: Cat | None = None

    def talk(self, talk: Talk) -> dict[str, Any]:
        problem = ""
        try:
            if talk.part == "first":
                self._say_all(talk)
            else:
                self._hear_all(talk)
        except TimeoutError:
            problem = "the time is over"
        except Stopped:
            problem = STOPPED
        return {
            "sent": talk.sent,
            "order": talk.into.order,
            "wrong": talk.into.wrong,
            "connected": True if talk.into.order else None,
            "timeout": problem,
        }

    def _start(self, message: bytes | None = None, again: bool = False) -> None:
        """A process that sends or answers `message`, in place of the one before."""
        self._end()
        command = list(self.command)
        if self.protocol not in ("push", "pub"):
            command.append("--msgpack")
        if message is not None:
            path = Path(self.folder.name) / "message"
            path.write_bytes(message)
            command += ["--file", str(path)]
        if again:
            command += ["--interval", EVERY[self.name]]
        self.running = Cat(command)

    def _end(self) -> None:
        if self.running is not None:
            self.running.close()
        self.running = None

    def _say_all(self, talk: Talk) -> None:
        for number in range(len(talk.out)):
            self._start(talk.out[number], self.protocol in UNHEARD[self.name])
            talk.sent += 1
            if self.protocol in ("req", "surveyor"):
                talk.into.add(self._printed(talk))
                continue
            while not self.channel.wait_heard(number + 1, 0.1):
                self._check(talk, anew=True)

    def _hear_all(self, talk: Talk) -> None:
        """Note what is printed; the same process answers it where the protocol answers."""
        answers = self.protocol in ANSWERING
        self._start(talk.out[0] if answers else None)
        while not talk.into.complete:
            data = self._printed(talk)
            number = mark_number(data, talk.into.expected.key)
            if number is None:
                number = -1 - talk.into.add(data)
                talk.sent += answers
            if talk.script == "paced" and number:
                self.channel.tell(heard=-number)

    def _printed(self, talk: Talk) -> bytes:
        anew = self._misses_nothing(talk)
        while (data := self._cat.message(0.1)) is None:
            self._check(talk, anew)
        return data

    def _misses_nothing(self, talk: Talk) -> bool:
        """Whether what a process may have missed, when another takes its place, comes again."""
        if self.protocol in ("pull", "respondent"):
            return talk.into.repeats
        return self.protocol != "req"  # a REP is asked again, by the other's REQ itself

    def _check(self, talk: Talk, anew: bool) -> None:
        """Go on waiting, perhaps for a new process; raise if there is nothing to wait for."""
        self.channel.check()
        failure = self._cat.failure()
        if talk.left() <= 0:
            raise RuntimeError(f"{self.name} {failure}") if failure else TimeoutError
        # nngcat ends where nobody listens yet.
        if self.dials and (failure or (anew and self._cat.idle > ANEW)):
            command = self._cat.command
            self._end()
            self.running = Cat(command)
        elif failure:
            raise RuntimeError(f"{self.name} {failure}")

    @property
    def _cat(self) -> Cat:
        assert self.running is not None
        return self.running

    def send(self, data: bytes, timeout: float) -> None:
        raise NotImplementedError

    def recv(self, timeout: float) -> bytes:
        raise NotImplementedError

    def peers(self) -> int | None:
        return None

    def close(self) -> None:
        self._end()
        self.folder.cleanup()


class CatProgram:
    """nngcat or nanocat as it is installed."""

    def __init__(self, channel: Channel, name: str) -> None:
        self.channel = channel
        self.name = name

    def open(self, protocol: str, action: str, url: str, limit: float) -> tuple[Endpoint, str]:
        url = with_port(url)
        # nanomsg takes no path.
        native = url.rstrip("/") if url.startswith("ws:") else url
        return CatEndpoint(self.channel, self.name, protocol, action, native), url


def main() -> None:
    channel = Channel()
    name = sys.argv[1]
    if shutil.which(name) is None:
        channel.tell(absent=f"there is no program {name} in PATH")
        return
    protocols = [*PROTOCOLS, "pair1"] if name == "nngcat" else PROTOCOLS
    traits = {
        **TRAITS[name],
        "single": True,
        "answers_alike": ANSWERING,
        "one_way": ONE_WAY,
        "repeats": ["push", *ONE_WAY, *UNHEARD[name]],
    }
    channel.tell(hello=hello(name, version(name), "sp", protocols, TRANSPORTS, traits))
    serve(channel, CatProgram(channel, name))


def version(name: str) -> str:
    """What it says of itself; nanocat cannot say anything."""
    if name != "nngcat":
        return ""
    return subprocess.run([name, "--version"], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
