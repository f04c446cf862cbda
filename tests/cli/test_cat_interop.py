"""`anymq cat` against nngcat and nanocat, both ways, with every protocol that they have.

Where anymq listens it does so over ipc, where the program does over tcp.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anymq.abc import Backend
from tests.conformance.support import BACKENDS, missing
from tests.interop.exchanges import COUNTERPART
from tests.interop.processes import Program, foreign_url

from .programs import Cat

BODY = "from anymq"
ANSWER = "from the other"
PROGRAMS = ("nngcat", "nanocat")
REPEAT = {"nngcat": "1", "nanocat": "0.1"}
"""Seconds between repeated sends; nngcat takes whole ones."""
SENDS = ("push", "pub", "req", "surveyor", "pair", "pair1", "bus", "rep", "respondent")
REPEATED = ("push", "pub", "surveyor", "pair", "pair1", "bus")
"""Protocols in which the foreign program says it again, lest it spoke to nobody."""


@contextmanager
def foreign(name: str, protocol: str, action: str, url: str, text: str) -> Iterator[Program]:
    """nngcat or nanocat, which prints in quotes and sends `text` where the protocol sends."""
    if shutil.which(name) is None:
        pytest.fail(f"{name} is not installed (Debian: nng-utils, nanomsg-utils)")
    version = "0" if name == "nngcat" and protocol in ("pair", "bus") else ""
    verb = {"listen": "bind", "dial": "connect"}[action]
    command = [name, f"--{protocol}{version}", f"--{verb}", url]
    if protocol not in ("push", "pub"):
        command.append("--quoted")
    if protocol in SENDS:
        command += ["--data", text]
    if protocol in REPEATED:
        # A new survey ends the last one, so it must leave time to answer.
        command += ["--interval", "1" if protocol == "surveyor" else REPEAT[name]]
    with Program(command) as program:
        yield program


def _cases() -> Iterator[object]:
    for (ident, backend), program, protocol, listens in itertools.product(
        BACKENDS.items(), PROGRAMS, COUNTERPART, ("anymq", "program")
    ):
        lacking = missing(backend, [f"protocol.{protocol}", "transport.tcp", "transport.ipc"])
        if backend.wire == "sp" and not lacking and (program, protocol) != ("nanocat", "pair1"):
            name = f"{ident}-{program}-{protocol}-{listens}"
            yield pytest.param(backend, program, protocol, listens, id=name)


@pytest.mark.parametrize(("backend_of", "program", "protocol", "listens"), list(_cases()))
def test_both_ways(
    backend_of: Backend, program: str, protocol: str, listens: str, tmp_path: Path
) -> None:
    words = ["--data", BODY, "--stay", "30"] if protocol in SENDS else []
    words += ["--count", "1"]
    if protocol == "surveyor":
        words += ["--option", "survey_time=0.5"]
    other = COUNTERPART[protocol]
    if listens == "anymq":
        url = f"ipc://{tmp_path}/cat"
        with Cat(backend_of, protocol, "--verbose", "--listen", url, *words) as cat:
            assert cat.line() == f"listening at {url}"
            with foreign(program, other, "dial", url, ANSWER) as peer:
                converse(cat, peer, protocol)
    else:
        url = foreign_url("tcp", tmp_path)
        with (
            foreign(program, other, "listen", url, ANSWER) as peer,
            Cat(backend_of, protocol, "--verbose", "--dial", url, *words) as cat,
        ):
            assert cat.line() == f"dialling {url}"
            converse(cat, peer, protocol)


def converse(cat: Cat, peer: Program, protocol: str) -> None:
    """What each sends the other prints; then anymq's ends well, as its peer has gone."""
    if protocol in SENDS and protocol not in ("rep", "respondent"):
        assert cat.line() == "waiting for a peer"
    if protocol not in ("push", "pub"):
        assert cat.line() == f'"{ANSWER}"'
    if protocol in SENDS:
        assert peer.line() == f'"{BODY}"'
    peer.close()
    assert cat.status() == 0
