"""What runs in the process of one side: nothing here needs anymq or more than the standard library.

A side on pyzmq or pynng runs these modules under any interpreter that has that package, so they
import each other relatively, and their own library alone. `anymq.interop.side` is the same on
anymq.
"""

from __future__ import annotations

__all__: list[str] = []
