"""A table of operations that lacks what the engine needs is refused, not jumped into.

The tables are made with ctypes and never called: a backend's author must get words, not a crash.
"""

from __future__ import annotations

import ctypes

import pytest

from anymq.abc import Handle

POINTERS = [
    "msg_init",
    "msg_release",
    "msg_lend",
    "msg_free",
    "try_send",
    "try_recv",
    "try_send_copy",
    "wait_fd",
    "events",
    "wait_send",
    "wait_recv",
    "interrupt",
    "ask",
    "forgo",
    "drained",
    "peers",
    "peer_fd",
    "next_event",
    "close",
]
"""The functions of `anymq_ops`, in their order."""

EDGE, NEEDS_LOCK, NATIVE_WAIT = 2, 1, 4


class Table(ctypes.Structure):
    _fields_ = [
        ("abi", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("traits", ctypes.c_uint32),
        *((name, ctypes.c_void_p) for name in POINTERS),
    ]


def refused(traits: int = 0, abi: int = 1, size: int | None = None, without: str = "") -> str:
    """What a Handle says of a table that has all but `without`."""
    table = Table(abi, size or ctypes.sizeof(Table), traits)
    for name in POINTERS:
        setattr(table, name, None if name == without else 1)
    with pytest.raises(ImportError) as caught:
        Handle(ctypes.addressof(table), 1, ImportError, "made", "pair", True, True, None)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["msg_init", "msg_release", "try_send", "try_recv", "wait_fd", "peers", "close"]
)
def test_what_every_table_needs(name: str) -> None:
    assert refused(without=name) == f"the backend's table of operations lacks {name}"


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        (EDGE | NEEDS_LOCK, "events"),
        (NATIVE_WAIT, "wait_send"),
        (NATIVE_WAIT, "wait_recv"),
        (NATIVE_WAIT, "interrupt"),
    ],
)
def test_what_its_traits_need(traits: int, name: str) -> None:
    assert refused(traits, without=name).endswith(f"lacks {name}")


def test_edge_triggered_descriptors_need_the_lock() -> None:
    assert "without ANYMQ_NEEDS_LOCK" in refused(EDGE)


@pytest.mark.parametrize("other", [{"abi": 2}, {"size": 8}])
def test_a_table_of_another_version(other: dict[str, int]) -> None:
    assert "another version" in refused(**other)
