"""The compiled adapter, see build_nanomsg.py."""

from typing import Any

ffi: Any
lib: Any
