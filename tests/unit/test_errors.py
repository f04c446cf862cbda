"""Errors: their builtin bases, what they carry, and that they travel."""

from __future__ import annotations

import copy
import pickle

import pytest

import anymq
from anymq import errors

BASES: dict[str, tuple[type[BaseException], ...]] = {
    "AnymqError": (Exception,),
    "Timeout": (TimeoutError, OSError),
    "WouldBlock": (anymq.Timeout, TimeoutError, BlockingIOError),
    "Closed": (),
    "StateError": (),
    "AddressInUse": (OSError,),
    "AddressInvalid": (ValueError,),
    "ConnectionRefused": (ConnectionRefusedError, ConnectionError),
    "ConnectionLost": (ConnectionError,),
    "MessageTooLarge": (ValueError,),
    "PermissionDenied": (PermissionError,),
    "AuthenticationFailed": (ConnectionError,),
    "OptionError": (ValueError,),
    "ConfigError": (ValueError,),
    "UnsupportedFeature": (NotImplementedError,),
    "BackendUnavailable": (ImportError,),
    "ForkedError": (RuntimeError,),
    "ResourceExhausted": (OSError,),
}


def test_the_list_is_complete() -> None:
    assert set(BASES) == set(errors.__all__)
    assert all(getattr(anymq, name) is getattr(errors, name) for name in BASES)


@pytest.mark.parametrize("name", BASES)
def test_bases(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.AnymqError)
    for base in BASES[name]:
        assert issubclass(kind, base)


@pytest.mark.parametrize("name", BASES)
def test_what_it_carries(name: str) -> None:
    kind = getattr(errors, name)
    error = kind("what went wrong", backend="one", code=11, symbol="EAGAIN", errno=11)
    assert str(error) == "what went wrong"
    assert (error.backend, error.code, error.symbol, error.errno) == ("one", 11, "EAGAIN", 11)
    plain = kind("only words")
    assert (plain.backend, plain.code, plain.symbol, plain.errno) == (None, 0, "", None)
    assert str(kind()) == ""


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_it_travels(name: str, protocol: int) -> None:
    kind = getattr(errors, name)
    error = kind("what", backend="one", code=11, symbol="E", errno=11)
    error.extra = {"any": "thing"}
    for other in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(other) is kind
        assert str(other) == "what"
        assert other.args == error.args
        assert (other.backend, other.code, other.symbol, other.errno) == ("one", 11, "E", 11)
        assert other.extra == {"any": "thing"}


def test_own_attributes_travel() -> None:
    cases: list[tuple[errors.AnymqError, str, object]] = [
        (anymq.Timeout("x"), "sent", 5),
        (anymq.MessageTooLarge("x"), "size", 100),
        (anymq.UnsupportedFeature("x"), "feature", "protocol.bus"),
        (anymq.UnsupportedFeature("x"), "needed", "nng 1.7"),
        (anymq.BackendUnavailable("x"), "tried", (("a", "b"),)),
    ]
    for error, name, value in cases:
        setattr(error, name, value)
        assert getattr(pickle.loads(pickle.dumps(error)), name) == value
