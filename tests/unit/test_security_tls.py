"""What TLSConfig checks when it is made."""

from __future__ import annotations

import dataclasses
import traceback
from pathlib import Path
from typing import Any

import pytest

from anymq import OptionError, TLSConfig

PEM = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
SECRET = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n"


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


@pytest.mark.parametrize("name", ["certificate", "key", "ca"])
@pytest.mark.parametrize("source", [7, ["hidden"], SECRET, Path(SECRET), "A\nhidden\n", "a\0b"])
def test_neither_a_path_nor_bytes(name: str, source: Any) -> None:
    """A text that is no path is PEM, mostly, and may be the key: it is not shown."""
    with pytest.raises(OptionError, match=f"TLSConfig: {name} ") as caught:
        TLSConfig(**{"certificate": PEM, name: source})
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_secrets_are_not_shown() -> None:
    """Where a key was passed as the wrong argument neither, and in whatever holds it."""
    key = SECRET.encode()
    for config in (
        TLSConfig(certificate=PEM, key=key, key_password="sesame"),
        TLSConfig(certificate=PEM + key, ca=PEM + key),
    ):
        for shown in (repr(config), str(config), f"{[config]}", repr({"tls": config})):
            assert "hidden" not in shown
            assert "sesame" not in shown


def test_what_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(PEM)
    config = TLSConfig(file, str(file), ca=PEM, server_name="example.org", verify=True)
    assert repr(config) == (
        f"TLSConfig(certificate={file!r}, key={str(file)!r}, ca=<PEM, {len(PEM)} bytes>, "
        "server_name='example.org', verify=True)"
    )


def test_never_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TLSConfig().verify = True  # type: ignore[misc]
