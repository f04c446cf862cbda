"""anymq on nanomsg and nng against nngcat and nanocat, with every protocol that they have."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import anymq
from anymq.abc import Backend
from tests.conformance.support import LIMIT, Sockets, Timeout

from .exchanges import COUNTERPART
from .processes import Program, as_foreign, foreign_url

BODY = "a body of words"
ANSWER = "an answer of words"
INTERVAL = {"nngcat": "1", "nanocat": "0.1"}
"""Seconds between repeated sends; nngcat takes whole ones."""


@contextmanager
def cat(name: str, protocol: str, action: str, url: str, *more: str) -> Iterator[Program]:
    """One of the programs with a socket of `protocol`, which prints messages in quotes."""
    if shutil.which(name) is None:
        pytest.fail(f"{name} is not installed (Debian: nng-utils, nanomsg-utils)")
    flag = f"--{protocol}0" if (name, protocol) == ("nngcat", "pair") else f"--{protocol}"
    if (name, protocol) == ("nngcat", "bus"):
        flag = "--bus0"
    where = {
        ("nngcat", "listen"): "--listen",
        ("nngcat", "dial"): "--dial",
        ("nanocat", "listen"): "--bind",
        ("nanocat", "dial"): "--connect",
    }[name, action]
    with Program([name, flag, where, url, *more]) as program:
        yield program


@contextmanager
def connected(
    name: str,
    socket: anymq.Socket,
    other: str,
    listen_at: str | None,
    dial_to: str,
    words: list[str],
) -> Iterator[Program]:
    """The program with a socket of protocol `other`, connected to anymq's `socket`."""
    if listen_at is not None:
        url = as_foreign(socket.listen(listen_at).url)
        with cat(name, other, "dial", url, *words) as program:
            socket.wait_for_peers(timeout=LIMIT)
            yield program
    else:
        with cat(name, other, "listen", dial_to, *words) as program:
            socket.dial(dial_to)
            socket.wait_for_peers(timeout=LIMIT)
            yield program


def shown(program: Program, text: str, *, limit: float = LIMIT) -> bool:
    """Whether the next line that the program prints within `limit` seconds is `text` in quotes."""
    line = program.line_or_none(limit)
    if line is None:
        return False
    assert re.fullmatch(r'"(.*)"', line), line
    assert line[1:-1] == text
    return True


def listen_url(sockets: Sockets, transport: str, listens: str) -> str | None:
    if listens == "program":
        return None
    return sockets.url(transport).removesuffix("/anymq")


@pytest.mark.parametrize("listens", ["anymq", "program"])
def test_protocol(
    sp: Backend,
    transport: str,
    protocol: str,
    program: str,
    listens: str,
    sockets: Sockets,
    tmp_path: Path,
) -> None:
    """What anymq sends the program prints; what the program was told to send anymq receives."""
    other = COUNTERPART[protocol]
    words = [] if other in ("push", "pub") else ["--quoted"]
    if other in ("push", "pub", "req", "surveyor"):
        words += ["--data", BODY]
    if other in ("push", "pub"):
        words += ["--interval", INTERVAL[program]]
    if other == "surveyor":
        words += ["--interval", "1"]
    if other in ("rep", "respondent"):
        words += ["--data", ANSWER]
    socket = sockets.open(protocol, **({"subscribe": b""} if protocol == "sub" else {}))
    where = listen_url(sockets, transport, listens)
    with connected(
        program, socket, other, where, foreign_url(transport, tmp_path), words
    ) as running:
        _converse(protocol, socket, running)


@pytest.mark.parametrize("listens", ["anymq", "program"])
def test_program_talks_first(
    sp: Backend,
    transport: str,
    talker: str,
    program: str,
    listens: str,
    sockets: Sockets,
    tmp_path: Path,
) -> None:
    """A program that repeats what it was told also prints what it is told back."""
    words = ["--quoted", "--data", BODY, "--interval", INTERVAL[program]]
    socket = sockets.open(talker)
    where = listen_url(sockets, transport, listens)
    with connected(
        program, socket, talker, where, foreign_url(transport, tmp_path), words
    ) as running:
        assert socket.recv() == BODY.encode()
        socket.send(ANSWER.encode())
        assert shown(running, ANSWER)


def _converse(protocol: str, socket: anymq.Socket, program: Program) -> None:
    deadline = time.monotonic() + LIMIT
    if protocol in ("push", "pair", "pair1"):
        socket.send(BODY.encode())
        assert shown(program, BODY)
    elif protocol in ("pub", "bus"):
        heard = False
        while not heard:
            assert time.monotonic() < deadline, f"nothing was heard by {program}"
            socket.send(BODY.encode())
            heard = shown(program, BODY, limit=0.02)
    elif protocol in ("pull", "sub"):
        assert socket.recv() == BODY.encode()
    elif protocol in ("req", "surveyor"):
        socket.send(BODY.encode())
        assert shown(program, BODY)
        assert socket.recv() == ANSWER.encode()
    else:
        answered = False
        while not answered:
            assert time.monotonic() < deadline, f"no answer was heard by {program}"
            try:
                assert socket.recv(timeout=3) == BODY.encode()
            except Timeout:
                continue
            socket.send(ANSWER.encode())
            answered = shown(program, ANSWER, limit=0.5)
