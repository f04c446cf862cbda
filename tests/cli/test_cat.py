"""`anymq cat` with itself, over every library: what it prints, and with which status it ends."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from anymq.abc import Backend
from tests.conformance.support import LIMIT

from .programs import Anymq, Cat


def listening(cat: Cat) -> str:
    """The address that a cat which listens at port 0 tells."""
    line = cat.line()
    assert line.startswith("listening at tcp://127.0.0.1:")
    assert not line.endswith(":0")
    return line.removeprefix("listening at ")


def nobody() -> str:
    """An address at which nobody listens, nor will: its port stays bound to this process."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _taken.append(taken)
    return f"tcp://127.0.0.1:{taken.getsockname()[1]}"


_taken: list[socket.socket] = []

ANY = ("--listen", "tcp://127.0.0.1:0")


def test_file_from_stdin_arrives_raw(backend: Backend, tmp_path: Path) -> None:
    with Cat(backend, "pull", *ANY, "--count", "2", "--format", "hex") as pull:
        url = listening(pull)
        file = tmp_path / "message"
        file.write_bytes(b"\0\xffx")
        with Cat(backend, "push", "--dial", url, "--file", str(file)) as push:
            assert pull.line() == '"\\x00\\xff\\x78"'
            assert push.status() == 0
        with Cat(backend, "push", "--dial", url, "--file", "-") as push:
            push.write("a line")
            push.end_of_input()
            assert pull.line() == '"\\x61\\x20\\x6c\\x69\\x6e\\x65\\x0a"'
            assert push.status() == 0
        assert pull.status() == 0


def test_interval_and_count(backend: Backend) -> None:
    with Cat(backend, "pull", *ANY, "--count", "3") as pull:
        words = ("--data", "x", "--interval", "0.01", "--count", "3")
        with Cat(backend, "push", "--dial", listening(pull), *words) as push:
            assert [pull.line() for _ in range(3)] == ['"x"'] * 3
            assert (pull.status(), push.status()) == (0, 0)


def test_subscription(backend: Backend) -> None:
    """The publisher says it again and again, so that it cannot be missed."""
    with Cat(backend, "pub", *ANY, "--data", "EUR 1", "--interval", "0.01") as pub:
        url = listening(pub)
        with (
            Cat(
                backend, "sub", "--dial", url, "--subscribe", "USD", "--recv-timeout", "0.5"
            ) as usd,
            Cat(backend, "sub", "--dial", url, "--subscribe", "EUR", "--count", "1") as eur,
        ):
            assert eur.line() == '"EUR 1"'
            assert eur.status() == 0
            assert usd.line().startswith("anymq: ")
            assert usd.status() == 1


def test_rep_without_data_echoes(backend: Backend) -> None:
    with Cat(backend, "rep", *ANY) as rep:
        with Cat(backend, "req", "--dial", listening(rep), "--data", "ping", "--count", "2") as req:
            assert [req.line(), req.line()] == ['"ping"', '"ping"']
            assert [rep.line(), rep.line()] == ['"ping"', '"ping"']
            assert req.status() == 0
        rep.interrupt()
        assert rep.status() == 130


@pytest.mark.requires("protocol.surveyor", "protocol.respondent")
def test_survey_prints_every_answer(backend: Backend) -> None:
    words = ("--data", "who", "--option", "survey_time=0.5")
    with Cat(backend, "respondent", *ANY, "--data", "me") as one:
        dial = ("--dial", listening(one))
        with Cat(backend, "respondent", *ANY, "--data", "you") as two:
            dial += ("--dial", listening(two))
            # One of the two may connect after the first survey.
            with Cat(backend, "surveyor", *dial, *words, "--interval", "0.01") as surveyor:
                heard = {surveyor.line()}
                deadline = time.monotonic() + LIMIT
                while len(heard) < 2 and time.monotonic() < deadline:
                    heard.add(surveyor.line())
                assert heard == {'"me"', '"you"'}


@pytest.mark.requires("protocol.surveyor", "protocol.respondent")
def test_survey_without_answers(backend: Backend) -> None:
    words = ("--data", "who", "--option", "survey_time=0.1", "--no-wait")
    with Cat(backend, "surveyor", *words, "--dial", nobody()) as surveyor:
        assert surveyor.line() == "anymq: nobody answered the survey in its time"
        assert surveyor.status() == 1


def test_nobody_to_send_to(backend: Backend) -> None:
    with Cat(backend, "push", "--dial", nobody(), "--data", "x", "--send-timeout", "0.1") as push:
        assert push.line().startswith("anymq: 0 of 1 peers are connected after 0.1 s")
        assert push.status() == 1
    words = ("--data", "x", "--send-timeout", "0.1", "--no-wait", "--option", "linger=0")
    with Cat(backend, "push", "--dial", nobody(), *words) as push:
        assert push.line().startswith("anymq: ")
        assert push.status() == 1


def test_nothing_to_receive(backend: Backend) -> None:
    with Cat(backend, "pull", "--dial", nobody(), "--recv-timeout", "0.1") as pull:
        assert pull.line().startswith("anymq: ")
        assert pull.status() == 1


@pytest.mark.parametrize(("count", "status"), [((), 0), (("--count", "2"), 1)])
def test_time_out_after_a_message(backend: Backend, count: tuple[str, ...], status: int) -> None:
    with Cat(backend, "pull", *ANY, "--recv-timeout", "2", *count) as pull:
        with Cat(backend, "push", "--dial", listening(pull), "--data", "x") as push:
            assert pull.line() == '"x"'
            assert push.status() == 0
        if status:
            assert pull.line().startswith("anymq: ")
        assert pull.status() == status


def test_port_in_use(backend: Backend) -> None:
    with Cat(backend, "pull", *ANY) as first:
        url = listening(first)
        with Cat(backend, "pull", "--listen", url) as second:
            line = second.line()
            assert line.startswith("anymq: ")
            assert url in line
            assert second.status() == 1


def test_ctrl_c_while_waiting_for_a_peer(backend: Backend) -> None:
    with Cat(backend, "push", *ANY, "--data", "x", "--verbose") as push:
        listening(push)
        assert push.line() == "waiting for a peer"
        push.interrupt()
        assert push.status() == 130


def test_options_reach_the_socket(backend: Backend) -> None:
    words = ("--option", "recv_max_size=none", "--option", "linger=0", "--option", "name=me")
    with Cat(backend, "pull", *ANY, *words) as pull:
        listening(pull)
        pull.interrupt()
        assert pull.status() == 130


def test_the_library_is_chosen_by_what_is_asked() -> None:
    """Without --backend the first that has protocol and transport, told when none has."""
    with Anymq("cat", "pull", "--listen", "vmci://1:2") as cat:
        line = cat.line()
        assert line.startswith("anymq: no available backend has all of protocol.pull, transport.vm")
        assert cat.status() == 1
