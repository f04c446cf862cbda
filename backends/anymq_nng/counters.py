"""nng's statistics under anymq's names.

nng counts traffic for each pipe, errors for each dialer, and connections for the socket; the
normalised counters are sums. What a pipe counted is gone with it.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["normalise"]

SUMS = {
    ("pipe", "tx_bytes"): "bytes_sent",
    ("pipe", "rx_bytes"): "bytes_received",
    ("dialer", "connect"): "connections",
    ("listener", "accept"): "connections",
    ("dialer", "refused"): "connect_errors",
    ("dialer", "timeout"): "connect_errors",
    ("dialer", "canceled"): "connect_errors",
    ("dialer", "other"): "connect_errors",
}
"""Scope and name of nng to the sum that it belongs to."""


def normalise(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Counters from (path, value) rows: the socket's own by name, those below it summed."""
    result: dict[str, int] = {}
    for path, value in rows:
        scope, _, name = path.rpartition("/")
        kind = scope.rpartition("/")[2]
        normal = SUMS.get((kind, name))
        if normal is not None:
            result[normal] = result.get(normal, 0) + value
        if kind == "socket":
            result[f"native.{name}"] = value
        elif name not in ("id", "socket", "dialer", "listener"):
            key = f"native.{kind}.{name}"
            result[key] = result.get(key, 0) + value
    return result
