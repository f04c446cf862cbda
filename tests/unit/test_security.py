"""What CURVE and PLAIN configurations refuse, keep and do not show."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from anymq.errors import OptionError
from anymq.security import CurveConfig, PlainConfig, curve_key

TEXT = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
BYTES = bytes.fromhex("54fcba24e93249969316fb617c872bb0c1d1ff14800427c594cbfacf1bc2d652")
"""The same key, decoded by another program."""


def test_both_forms_of_a_key() -> None:
    assert curve_key(TEXT) == BYTES
    assert curve_key(BYTES) == BYTES


@pytest.mark.parametrize(
    "key", ["", TEXT[:-1], TEXT + "0", BYTES[:-1], BYTES + b"0", "~" * 40, "#" * 40, "é" * 40, 7]
)
@pytest.mark.parametrize("name", ["public_key", "secret_key", "server_key", "allow"])
def test_bad_keys(key: Any, name: str) -> None:
    values: dict[str, Any] = {"public_key": TEXT, "secret_key": TEXT}
    if name == "allow":
        values |= {"server": True, "allow": [TEXT, key]}
    else:
        values |= {"server_key": TEXT, name: key}
    with pytest.raises(OptionError, match=name) as caught:
        CurveConfig(**values)
    if key:
        assert repr(key) not in str(caught.value)


def test_curve_is_client_or_server() -> None:
    for values in ({}, {"server": True, "server_key": TEXT}, {"server_key": TEXT, "allow": [TEXT]}):
        with pytest.raises(OptionError):
            CurveConfig(TEXT, TEXT, **values)  # type: ignore[arg-type]


def test_curve_keeps_a_list_that_it_was_given_once() -> None:
    assert CurveConfig(TEXT, TEXT, server=True, allow=iter([BYTES])).allow == (BYTES,)


def test_plain_is_client_or_server() -> None:
    bad: list[dict[str, Any]] = [
        {},
        {"username": "ann"},
        {"password": "secret"},
        {"username": "ann", "password": "secret", "users": {"a": "b"}},
        {"username": "ann", "users": {"a": "b"}},
    ]
    for values in bad:
        with pytest.raises(OptionError):
            PlainConfig(**values)


@pytest.mark.parametrize("text", ["", "x" * 256, "é" * 128, 7, b"bytes"])
def test_plain_texts(text: Any) -> None:
    calls: list[dict[str, Any]] = [
        {"username": text, "password": "p"},
        {"username": "u", "password": text},
        {"users": {text: "p"}},
        {"users": {"u": text}},
    ]
    for values in calls:
        with pytest.raises(OptionError):
            PlainConfig(**values)


def test_plain_keeps_its_own_copy() -> None:
    users = {"ann": "secret"}
    config = PlainConfig(users=users)
    users["eve"] = "x"
    assert config.users == {"ann": "secret"}


def test_secrets_are_not_shown() -> None:
    secret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
    assert secret not in repr(CurveConfig(TEXT, secret, server=True))
    assert "hidden" not in repr(PlainConfig("ann", "hidden"))
    assert "hidden" not in repr(PlainConfig(users={"ann": "hidden"}))


def test_nothing_is_changed_later() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PlainConfig("ann", "p").password = "q"  # type: ignore[misc]
