"""nng's constants that programs meet, by their own names. The library exports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .errors import NUMBERS

__all__ = ["CONSTANTS"]

CONSTANTS: Mapping[str, int] = MappingProxyType(
    {
        "NNG_FLAG_ALLOC": 1,
        "NNG_FLAG_NONBLOCK": 2,
        "NNG_DURATION_INFINITE": -1,
        "NNG_DURATION_DEFAULT": -2,
        "NNG_DURATION_ZERO": 0,
        **NUMBERS,
    }
)
"""Flags, durations and error numbers, the same in every version that has them."""
