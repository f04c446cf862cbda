"""Time limits as calls take them: seconds, None for no limit, or the socket's own."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

__all__ = ["DEFAULT", "TimeLimit", "limit_argument"]


class _Default(Enum):
    """The type of `DEFAULT`."""

    DEFAULT = "DEFAULT"

    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = _Default.DEFAULT
"""As a timeout: the socket's own `send_timeout` or `recv_timeout`."""

TimeLimit: TypeAlias = float | _Default | None
"""Seconds, None for no limit, or `DEFAULT`."""


def limit_argument(timeout: TimeLimit) -> tuple[()] | tuple[float | None]:
    """The timeout as the engine takes it: an argument or none."""
    return () if timeout is DEFAULT else (timeout,)
