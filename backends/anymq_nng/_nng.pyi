"""The compiled adapter, see build_nng.py."""

from typing import Any

ffi: Any
lib: Any
