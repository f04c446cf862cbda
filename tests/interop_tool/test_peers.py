"""`anymq interop --peer`: with peers that run already, right ones and wrong ones."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from anymq.interop import Build, PeerPlan, Run, run_peer
from tests.interop.processes import Program, foreign_url

ECHO = """
import sys, zmq
with zmq.Context() as context, context.socket(zmq.REP) as rep:
    rep.bind(sys.argv[1])
    while True:
        rep.send(rep.recv())
"""


def tried(url: str, protocol: str, backend: str = "nng", **more: object) -> Run:
    plan = PeerPlan(url, protocol, [Build(backend, backend)], **{"sizes": [0, 1, 1000], **more})
    (run,) = run_peer(plan).runs
    return run


def anymq_cat(*arguments: str) -> Program:
    return Program([sys.executable, "-m", "anymq", "cat", *arguments])


def test_an_echo_on_pyzmq_is_compared(tmp_path: Path) -> None:
    url = foreign_url("ipc", tmp_path)
    with Program([sys.executable, "-c", ECHO, url]):
        run = tried(url, "rep", "zmq", echo=True, count=3)
    assert (run.outcome, run.sent, run.delivered, run.intact) == ("ok", 9, 9, True)
    assert (run.sender, run.receiver, run.listener) == ("zmq", "peer", "receiver")


def test_nngcat_answers_as_it_likes(tmp_path: Path) -> None:
    url = foreign_url("tcp", tmp_path)
    with Program(["nngcat", "--rep0", "--listen", url, "--data", "hello"]):
        plain = tried(url, "rep")
        echo = tried(url, "rep", echo=True)
    assert (plain.outcome, plain.intact) == ("ok", None)
    assert echo.outcome == "corrupt"
    assert "the answers are no echo: message 0 has 5 bytes instead of 0" in echo.detail


def test_a_peer_on_anymq_that_takes(tmp_path: Path) -> None:
    url = foreign_url("ipc", tmp_path)
    with anymq_cat("pull", "--listen", url, "--backend", "nanomsg", "--count", "3") as peer:
        run = tried(url, "pull", sizes=[5], count=3)
        lines = [peer.line() for _ in range(3)]
    assert (run.outcome, run.sent, run.delivered) == ("ok", 3, None)
    assert len(set(lines)) == 3, "each message is another one"


def test_a_peer_that_publishes(tmp_path: Path) -> None:
    url = foreign_url("tcp", tmp_path)
    with Program(["nanocat", "--pub", "--bind", url, "--data", "news", "--interval", "0.1"]):
        run = tried(url, "pub", sizes=[1], count=2)
    assert (run.outcome, run.delivered, run.sender) == ("ok", 2, "peer")


def test_a_peer_of_another_protocol_is_refused_within_the_limit(tmp_path: Path) -> None:
    url = foreign_url("tcp", tmp_path)
    with Program(["nngcat", "--rep0", "--listen", url, "--data", "hello"]):
        assert tried(url, "rep").outcome == "ok", "it listens"
        run = tried(url, "pull", timeout=1.0)
    assert run.outcome == "refused"
    assert "somebody listens" in run.detail
    assert "did not connect as a pull within 1 s" in run.detail


def test_a_peer_on_another_wire_is_refused(tmp_path: Path) -> None:
    url = foreign_url("ipc", tmp_path)
    with Program([sys.executable, "-c", ECHO, url]):
        assert tried(url, "rep", "zmq").outcome == "ok", "it listens"
        assert tried(url, "rep", "nng", timeout=1.0).outcome == "refused"


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        run = tried(f"tcp://127.0.0.1:{bound.getsockname()[1]}", "rep", timeout=0.5)
    assert run.outcome == "refused"
    assert "nobody listens" in run.detail


def test_a_peer_that_never_speaks(tmp_path: Path) -> None:
    url = foreign_url("ipc", tmp_path)
    late = ["--data", "x", "--delay", "50"]
    with anymq_cat("pub", "--listen", url, "--backend", "nng", *late):
        run = tried(url, "pub", timeout=3.0)
    assert (run.outcome, run.delivered) == ("timeout", 0)
    assert "nothing came within 3 s" in run.detail


def test_a_build_that_lacks_the_protocol() -> None:
    run = tried("tcp://127.0.0.1:1", "surveyor", "zmq")
    assert run.outcome == "unsupported"
    with pytest.raises(ValueError, match="there is no build to try"):
        PeerPlan("tcp://127.0.0.1:1", "rep", [])
