"""One run of the demonstration: its configuration, its processes, and what became of them."""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anymq.abc import Backend

__all__ = ["Result", "Run", "perform"]

ATTEMPTS = 3
"""How often a run starts anew because somebody took a port between its choice and its use."""

PROGRAM = ("-m", "anymq.cli.transfer")

BUFFERED = 64
"""Messages that wait in a socket: bounds the memory that a slow receiver costs."""


@dataclass(frozen=True, slots=True)
class Run:
    """Who sends, who receives, and over what."""

    sender: str
    receiver: str
    transport: str

    @property
    def route(self) -> str:
        if self.sender == self.receiver:
            return self.sender
        return f"{self.sender} -> {self.receiver}"

    @property
    def title(self) -> str:
        return f"{self.route} over {self.transport}"


@dataclass(slots=True)
class Result:
    """How a run went; `failure` is empty when every byte was verified.

    `kind` names the exception that a process reported, empty where none did.
    """

    run: Run
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    failure: str = ""
    kind: str = ""

    @property
    def title(self) -> str:
        return self.run.title

    @property
    def rate(self) -> float:
        """Megabytes (10**6) a second from the first piece to the last."""
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0


def perform(
    run: Run,
    listing: Path,
    scratch: Path,
    backends: Mapping[str, Backend],
    *,
    time_limit: float,
    corrupt: bool,
    on_bytes: Callable[[int], None],
) -> Result:
    """Do one run; whatever goes wrong in it is in the result."""
    for attempt in range(ATTEMPTS):
        directory = scratch / f"run-{secrets.token_hex(4)}"
        directory.mkdir()
        try:
            config = directory / "anymq.toml"
            config.write_text(configuration(run, directory, backends))
            result = _attempt(run, config, listing, time_limit, corrupt, on_bytes)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        if result.kind != "AddressInUse" or attempt == ATTEMPTS - 1:
            break
    return result


def configuration(run: Run, directory: Path, backends: Mapping[str, Backend]) -> str:
    """All in which one run differs from another."""
    content, answers = _urls(run.transport, directory)
    libraries = {name: backends[name].library.path for name in (run.sender, run.receiver)}

    def buffer(backend: str, option: str) -> str:
        has = backends[backend].supports(f"option.{option}")
        return f"{option} = {BUFFERED}\n" if has else ""

    lines = ["[libraries]"]
    lines += [f"{name} = {json.dumps(path)}" for name, path in libraries.items()]
    for name, protocol, backend, verb, url, more in (
        ("content-out", "push", run.sender, "dial", content, buffer(run.sender, "send_buffer")),
        (
            "content-in",
            "pull",
            run.receiver,
            "listen",
            content,
            buffer(run.receiver, "recv_buffer"),
        ),
        ("ask", "req", run.sender, "dial", answers, ""),
        ("answer", "rep", run.receiver, "listen", answers, ""),
    ):
        lines += [
            f"[sockets.{name}]",
            f'protocol = "{protocol}"',
            f'backend = "{backend}"',
            f"{verb} = {json.dumps(url)}",
            more,
        ]
    return "\n".join(lines)


def _urls(transport: str, directory: Path) -> tuple[str, str]:
    if transport in ("tcp", "ws"):
        first, second = _free_ports(2)
        return f"{transport}://127.0.0.1:{first}", f"{transport}://127.0.0.1:{second}"
    if transport == "ipc":
        return f"ipc://{directory}/content", f"ipc://{directory}/answers"
    return "inproc://content", "inproc://answers"


def _free_ports(count: int) -> list[int]:
    """Ports that are free now: both processes must know them before either listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _attempt(
    run: Run,
    config: Path,
    listing: Path,
    time_limit: float,
    corrupt: bool,
    on_bytes: Callable[[int], None],
) -> Result:
    into = config.parent / "received"
    common = ["--time-limit", str(time_limit * 0.95)]
    to_send = ["--listing", str(listing), *(["--corrupt"] if corrupt else []), *common]
    roles = {"receive": ["--directory", str(into), *common], "send": to_send}
    if run.transport == "inproc":
        roles = {"both": ["--directory", str(into), *to_send]}
    result = Result(run)
    deadline = time.monotonic() + time_limit
    with _processes(roles, config) as (processes, lines):
        _follow(processes, lines, deadline, result, on_bytes)
        if not result.failure:
            _finish(processes, deadline, result)
    expected = json.loads(listing.read_bytes())
    _compare(result, len(expected), sum(os.path.getsize(path) for _, path in expected))
    if result.failure and not result.kind:
        if time.monotonic() >= deadline:
            result.failure = f"not done after {time_limit:g} s: {result.failure}"
        result.failure += _last_words(config.parent, roles)
    return result


def _compare(result: Result, files: int, size: int) -> None:
    if not result.failure and (result.files, result.bytes) != (files, size):
        result.failure = (
            f"{result.files} of {files} files and {result.bytes} of {size} bytes were verified"
        )


def _last_words(directory: Path, roles: Iterable[str]) -> str:
    """What the processes wrote on standard error, the end of it."""
    said = [(directory / f"{role}.err").read_text(errors="replace").split() for role in roles]
    text = " / ".join(" ".join(words)[-600:] for words in said if words)
    return f" ({text})" if text else ""


Lines = queue.SimpleQueue[tuple[str, dict[str, Any] | None]]


@contextmanager
def _processes(
    roles: Mapping[str, list[str]], config: Path
) -> Iterator[tuple[dict[str, subprocess.Popen[str]], Lines]]:
    """Start a process for each role; none of them outlives the block."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ANYMQ_")}
    environment["ANYMQ_CONFIG"] = str(config)
    lines: Lines = queue.SimpleQueue()
    processes: dict[str, subprocess.Popen[str]] = {}
    readers = []
    try:
        for role, arguments in roles.items():
            process = subprocess.Popen(
                [sys.executable, *PROGRAM, role, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=(config.parent / f"{role}.err").open("w"),
                text=True,
            )
            processes[role] = process
            assert process.stdout is not None
            reader = threading.Thread(target=_read, args=(role, process.stdout, lines), daemon=True)
            reader.start()
            readers.append(reader)
        yield processes, lines
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
        for reader in readers:
            reader.join()


def _read(role: str, stream: IO[str], lines: Lines) -> None:
    """Pass on the lines of JSON of one process, and None at its end."""
    with stream:
        for line in stream:
            try:
                lines.put((role, json.loads(line)))
            except ValueError:
                lines.put((role, {"event": "failed", "error": f"unexpected output: {line!r}"}))
    lines.put((role, None))


def _follow(
    processes: Mapping[str, subprocess.Popen[str]],
    lines: Lines,
    deadline: float,
    result: Result,
    on_bytes: Callable[[int], None],
) -> None:
    """Take in what the processes say until the summary, a failure, or the deadline."""
    ended: set[str] = set()
    summed_up = False
    while not (summed_up and ended == set(processes)):
        try:
            role, line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            result.failure = "it hangs"
            return
        if line is None:
            ended.add(role)
            status = processes[role].wait()
            if status or (role != "receive" and not summed_up):
                result.failure = f"the {role} process ended before its time, {_how(status)}"
                return
            continue
        match line["event"]:
            case "received":
                on_bytes(line["bytes"])
            case "failed":
                result.failure = f"{role}: {line['error']}"
                result.kind = line.get("kind", "")
                return
            case "summary":
                summed_up = True
                result.files, result.bytes = line["files"], line["bytes"]
                result.seconds = line["seconds"]


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"


def _finish(
    processes: Mapping[str, subprocess.Popen[str]], deadline: float, result: Result
) -> None:
    """Both sides have to end by themselves, and well."""
    for role, process in processes.items():
        try:
            status = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            result.failure = f"the {role} process does not end"
            return
        if status:
            result.failure = f"the {role} process ended badly, {_how(status)}"
            return
