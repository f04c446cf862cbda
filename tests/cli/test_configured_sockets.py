"""Sockets by their names in a configuration file, over every library."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import anymq
from anymq.abc import Backend
from anymq.errors import ConfigError

LIMIT = 10.0


@pytest.fixture
def config(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> anymq.Config:
    for name in os.environ:
        if name.startswith("ANYMQ_"):
            monkeypatch.delenv(name)
    file = tmp_path / "anymq.toml"
    file.write_text(
        f"""
        backend = "{backend.name}"
        [libraries]
        {backend.name} = {json.dumps(backend.library.path)}
        [sockets.in]
        protocol = "pull"
        listen = "ipc://{tmp_path}/in"
        recv_timeout = {LIMIT}
        recv_max_size = "none"
        [sockets.out]
        protocol = "push"
        dial = ["ipc://{tmp_path}/in"]
        send_timeout = {LIMIT}
        linger = 1
        [sockets.quotes]
        protocol = "sub"
        subscribe = ["EUR", "USD"]
        """
    )
    monkeypatch.setenv("ANYMQ_CONFIG", str(file))
    return anymq.load_config()


def test_a_program_names_its_sockets(backend: Backend, config: anymq.Config) -> None:
    with anymq.Socket(config="in") as receiver, config.socket("out") as sender:
        assert (receiver.protocol, sender.protocol) == ("pull", "push")
        assert receiver.backend.library.path == backend.library.path
        assert receiver.recv_timeout == LIMIT
        assert receiver.recv_max_size is None
        assert sender.linger == 1.0
        sender.send(b"x")
        assert receiver.recv() == b"x"


def test_arguments_win_over_the_file(config: anymq.Config) -> None:
    with config.socket("in", recv_timeout=0, listen=[]) as receiver:
        assert receiver.recv_timeout == 0
        with pytest.raises(anymq.WouldBlock):
            receiver.recv()
    with anymq.Socket("pull", config="in", recv_timeout=1) as receiver:
        assert receiver.recv_timeout == 1


def test_variables_win_over_the_file(config: anymq.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYMQ_SOCKETS__IN__RECV_TIMEOUT", "0.25")
    with anymq.Socket(config="in") as receiver:
        assert receiver.recv_timeout == 0.25


def test_subscriptions_are_made(config: anymq.Config) -> None:
    with config.socket("quotes", listen="tcp://127.0.0.1:0") as sub:
        sub.unsubscribe(b"EUR")
        sub.unsubscribe(b"USD")
        with pytest.raises(anymq.OptionError):
            sub.unsubscribe(b"")


def test_an_explicit_file_is_not_the_default_one(
    config: anymq.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config.socket` takes what its own file says, though the default is another one by now."""
    other = tmp_path / "other.toml"
    other.write_text('[sockets.in]\nprotocol = "push"')
    monkeypatch.setenv("ANYMQ_CONFIG", str(other))
    with anymq.Socket(config="in") as socket:
        assert socket.protocol == "push"
    with config.socket("in") as socket:
        assert socket.protocol == "pull"
    with anymq.load_config(other).socket("in") as socket:
        assert socket.protocol == "push"


def test_unknown_names(config: anymq.Config) -> None:
    with pytest.raises(ConfigError, match=r"there is no socket 'inn'; did you mean 'in'\?"):
        anymq.Socket(config="inn")
