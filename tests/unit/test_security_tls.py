"""What TLSConfig checks when it is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from anymq import OptionError, TLSConfig

PEM = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def test_nothing_is_asked_for_at_first() -> None:
    config = TLSConfig()
    assert (config.certificate, config.key, config.ca, config.verify) == (None, None, None, None)
    assert config.server_name == ""


def test_a_path_or_pem(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(PEM)
    for source in (PEM, file, str(file)):
        assert TLSConfig(ca=source).ca == source


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"key": PEM}, "certificate"),
        ({"verify": True}, "ca"),
        ({"ca": b"nothing"}, "ca is not in PEM"),
        ({"certificate": b""}, "certificate is not in PEM"),
        ({"certificate": PEM, "key": b"nothing"}, "key is not in PEM"),
        ({"certificate": "/nowhere/at/all.pem"}, "certificate cannot be read"),
    ],
)
def test_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        TLSConfig(**arguments)


def test_secrets_are_not_shown() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n"
    shown = repr(TLSConfig(certificate=PEM, key=key, key_password="sesame"))
    assert "hidden" not in shown
    assert "sesame" not in shown


def test_never_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TLSConfig().verify = True  # type: ignore[misc]
