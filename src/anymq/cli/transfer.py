"""The program that `anymq demo` runs: ship a tree of files from one process to another.

It is written as a user would write it, on `anymq.Socket` alone, and knows of no library, transport
or address: those are in the configuration file that both processes read. Four sockets are named
there: `content-out` (push) and `content-in` (pull) carry the files, `ask` (req) and `answer` (rep)
what the two have to agree on.

First the sender announces every file by name, size and SHA-256, some hundred in a request. Then it
pushes the content, in pieces of at most `CHUNK` bytes, each with the number of its file and its
place in it. Then it asks for the summary. The receiver writes the files as pieces come in, reads
them back from the disk, and compares them with what was announced. It stays until the sender says,
by an empty piece, that it has the summary: no library promises that an answer still arrives when
the process that gave it is gone.

Both write a line of JSON on standard output now and then, and one at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import hashlib
import json
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import anymq
from anymq.errors import AnymqError, Timeout

CHUNK = 256 * 1024
"""Most content in one message, in bytes."""
BATCH = 32
"""Most messages in one call."""
BATCH_BYTES = 2 * 1024 * 1024
ANNOUNCED = 500
"""Files announced in one request."""
REPORT_EVERY = 0.1
"""Seconds between lines of progress."""
IDLE = 15.0
"""Seconds without content after which the receiver takes what is missing for lost."""

_HEADER = struct.Struct("!IQ")
"""Number of the file, and where in it the piece begins."""


class TransferError(Exception):
    """The two sides do not agree, or a file is not as it was announced."""


@dataclass(slots=True)
class File:
    """One file: where it is read or written, and what is announced of it."""

    name: str
    path: Path
    size: int
    sha256: str
    missing: int = 0


def report(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def send_tree(listing: Path, *, corrupt: bool = False) -> dict[str, Any]:
    """Ship the files of a listing: a JSON list of [name to ship it as, path to read it from].

    `corrupt` flips one bit on the way, to show that this is noticed.
    """
    files = [_announce(name, Path(path)) for name, path in json.loads(listing.read_bytes())]
    total = sum(file.size for file in files)
    with anymq.Socket(config="content-out") as content, anymq.Socket(config="ask") as ask:
        begin = {"do": "begin", "files": len(files), "bytes": total}
        _expect(ask.request(json.dumps(begin).encode()), "ready")
        for start in range(0, len(files), ANNOUNCED):
            some = [[f.name, f.size, f.sha256] for f in files[start : start + ANNOUNCED]]
            _expect(ask.request(json.dumps({"do": "announce", "files": some}).encode()), "noted")
        _expect(ask.request(b'{"do": "receive"}'), "go on")
        for batch in _batches(files, corrupt):
            content.send_many(batch)
        summary: dict[str, Any] = json.loads(ask.request(b'{"do": "sum up"}'))
        content.send(b"")
    if summary["wrong"] or (summary["files"], summary["bytes"]) != (len(files), total):
        wrong = ", ".join(summary["wrong"][:3])
        raise TransferError(
            f"{summary['files']} of {len(files)} files and {summary['bytes']} of {total} bytes "
            f"were verified; wrong: {wrong or 'unknown'}"
        )
    return summary


def _announce(name: str, path: Path) -> File:
    return File(name, path, path.stat().st_size, digest(path))


def _expect(reply: bytes, wanted: str) -> None:
    if reply != wanted.encode():
        raise TransferError(f"the receiver answered {reply[:100]!r} instead of {wanted!r}")


def _batches(files: list[File], corrupt: bool) -> Iterator[list[bytes]]:
    """All content as messages, several for one call."""
    batch: list[bytes] = []
    size = 0
    for number, file in enumerate(files):
        for offset, data in _pieces(file):
            if corrupt and data:
                data = bytes([data[0] ^ 1]) + data[1:]
                corrupt = False
            batch.append(_HEADER.pack(number, offset) + data)
            size += len(data)
            if len(batch) == BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _pieces(file: File) -> Iterator[tuple[int, bytes]]:
    """The content from its beginning; an empty file is one empty piece."""
    with file.path.open("rb") as stream:
        for offset in range(0, max(file.size, 1), CHUNK):
            yield offset, stream.read(min(CHUNK, file.size - offset))


def receive_tree(directory: Path) -> dict[str, Any]:
    """Take one tree into a directory, and answer for it."""
    files: list[File] = []
    with anymq.Socket(config="content-in") as content, anymq.Socket(config="answer") as answer:
        report(event="listening")
        while True:
            request = json.loads(answer.recv())
            match request["do"]:
                case "begin":
                    reply = b"ready"
                case "announce":
                    files += [_noted(directory, *entry) for entry in request["files"]]
                    reply = b"noted"
                case "receive":
                    answer.send(b"go on")
                    seconds = _receive(content, files)
                    continue
                case "sum up":
                    summary = {**_verify(files), "seconds": seconds}
                    answer.send(json.dumps(summary).encode())
                    _await_goodbye(content)
                    return summary
                case other:
                    raise TransferError(f"the sender asked for {other!r}, which is unknown")
            answer.send(reply)


def _await_goodbye(content: anymq.Socket) -> None:
    """Return once the sender has said that it is done, or is gone."""
    end = time.monotonic() + IDLE
    while time.monotonic() < end and content.peers:
        with contextlib.suppress(Timeout):
            content.recv(timeout=0.1)
            return


def _noted(directory: Path, name: str, size: int, sha256: str) -> File:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise TransferError(f"{name!r} would lie outside of the directory")
    return File(name, directory / pure, size, sha256, missing=max(size, 1))


def _receive(content: anymq.Socket, files: list[File]) -> float:
    """Write pieces until every file is complete or nothing comes any more; seconds it took.

    `File.missing` counts an empty file as one byte, so that its one empty piece is waited for too.
    """
    left, received, started, reported = len(files), 0, time.monotonic(), 0.0
    writer = _Writer()
    try:
        while left:
            for message in content.recv_many(BATCH, timeout=IDLE):
                number, offset = _HEADER.unpack_from(message)
                file = files[number]
                data = memoryview(message)[_HEADER.size :]
                writer.write(number, file.path, offset, data)
                received += len(data)
                file.missing -= len(data) if file.size else 1
                left -= file.missing == 0
            now = time.monotonic()
            if now - reported >= REPORT_EVERY:
                reported = now
                report(event="received", bytes=received, files=len(files) - left)
    except Timeout:
        report(event="lost", files=left)
    finally:
        writer.close()
    report(event="received", bytes=received, files=len(files) - left)
    return time.monotonic() - started


class _Writer:
    """Keeps the file open that the last piece went to: pieces of one file come in a row."""

    def __init__(self) -> None:
        self.number = -1
        self.stream: IO[bytes] | None = None

    def write(self, number: int, path: Path, offset: int, data: memoryview) -> None:
        if number != self.number or self.stream is None:
            self.close()
            path.parent.mkdir(parents=True, exist_ok=True)
            self.stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
            self.number = number
        self.stream.seek(offset)
        self.stream.write(data)

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.stream = None


def _verify(files: list[File]) -> dict[str, Any]:
    """Read every file back from the disk and compare it with what was announced."""
    wrong = [file.name for file in files if not _is_as_announced(file)]
    bad = set(wrong)
    good = [file for file in files if file.name not in bad]
    return {
        "files": len(good),
        "bytes": sum(file.size for file in good),
        "wrong": wrong[:100],
    }


def _is_as_announced(file: File) -> bool:
    try:
        return file.path.stat().st_size == file.size and digest(file.path) == file.sha256
    except OSError:
        return False


def both(listing: Path, directory: Path, *, corrupt: bool) -> dict[str, Any]:
    """Sender and receiver as two threads of this process, for transports that stay inside one."""
    failures: list[BaseException] = []

    def receive() -> None:
        try:
            receive_tree(directory)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    try:
        summary = send_tree(listing, corrupt=corrupt)
    except AnymqError:
        if failures:
            raise failures[0] from None
        raise
    thread.join()
    if failures:
        raise failures[0]
    return summary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("send", "receive", "both"))
    parser.add_argument("--listing", type=Path, help="what to send")
    parser.add_argument("--directory", type=Path, help="where to receive")
    parser.add_argument("--corrupt", action="store_true", help="flip one bit on the way")
    parser.add_argument("--time-limit", type=float, help="seconds, then tell where it hangs")
    options = parser.parse_args()
    if options.time_limit:
        faulthandler.dump_traceback_later(options.time_limit)
    try:
        if options.role == "receive":
            receive_tree(options.directory)
            return 0
        if options.role == "send":
            summary = send_tree(options.listing, corrupt=options.corrupt)
        else:
            summary = both(options.listing, options.directory, corrupt=options.corrupt)
        report(event="summary", **summary)
    except (AnymqError, TransferError, OSError, ValueError, struct.error) as error:
        report(event="failed", kind=type(error).__name__, error=str(error))
        print(f"{options.role}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
