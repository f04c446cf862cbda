"""Option values are checked by one table, before any library sees them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from anymq.errors import OptionError
from anymq.features import OPTION_NAMES
from anymq.options import LIBRARY, OPTIONS, PORTABLE_DEFAULTS, check_option

GOOD: list[tuple[str, Any, Any]] = [
    ("send_timeout", None, None),
    ("send_timeout", 1, 1.0),
    ("recv_timeout", 0, 0.0),
    ("linger", 0.5, 0.5),
    ("recv_max_size", None, None),
    ("recv_max_size", 2**40, 2**40),
    ("send_buffer", 0, 0),
    ("tcp_nodelay", False, False),
    ("name", "", ""),
    ("routing_id", b"\0", b"\0"),
    ("max_hops", 255, 255),
    ("tls", None, None),
]

BAD: list[tuple[str, Any]] = [
    ("send_timeout", -0.001),
    ("send_timeout", math.nan),
    ("send_timeout", math.inf),
    ("send_timeout", "1"),
    ("send_timeout", True),
    ("send_timeout", 1e9),
    ("reconnect_min", None),
    ("reconnect_min", 0),
    ("survey_time", 0),
    ("recv_max_size", -1),
    ("recv_max_size", 1.0),
    ("recv_max_size", 2**63),
    ("send_buffer", None),
    ("send_buffer", False),
    ("max_hops", 0),
    ("max_hops", 256),
    ("send_priority", 17),
    ("tcp_nodelay", 1),
    ("tcp_nodelay", None),
    ("name", b"x"),
    ("routing_id", "x"),
]


@pytest.mark.parametrize(("name", "value", "checked"), GOOD)
def test_good(name: str, value: Any, checked: Any) -> None:
    result = check_option(name, value)
    assert result == checked
    assert type(result) is type(checked)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=name) as caught:
        check_option(name, value)
    assert repr(value) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_unknown() -> None:
    with pytest.raises(OptionError, match="did you mean 'recv_timeout'"):
        check_option("recv_timout", 1)
    with pytest.raises(OptionError, match="known: send_timeout"):
        check_option("zzz", 1)


def test_the_tables_agree() -> None:
    assert tuple(OPTIONS) == OPTION_NAMES
    for spec in OPTIONS.values():
        assert spec.doc.endswith(".")
        if spec.kind in ("seconds", "seconds_or_none", "int", "size_or_none"):
            assert spec.minimum is not None
            assert spec.maximum is not None


def test_every_default_is_a_good_value() -> None:
    for name, value in PORTABLE_DEFAULTS.items():
        assert check_option(name, value) == value
        assert OPTIONS[name].default is not LIBRARY


def test_documented_defaults() -> None:
    assert dict(PORTABLE_DEFAULTS) == {
        "send_timeout": None,
        "recv_timeout": None,
        "recv_max_size": 2**30,
        "reconnect_min": 0.1,
        "reconnect_max": 0.0,
        "linger": 30.0,
        "tcp_nodelay": True,
        "tcp_keepalive": False,
        "ipv6": True,
        "name": "",
        "max_hops": 8,
        "resend_interval": 60.0,
        "survey_time": 1.0,
        "immediate": True,
    }
