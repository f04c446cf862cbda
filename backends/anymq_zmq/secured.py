"""CURVE and PLAIN on a libzmq socket: from anymq's objects to libzmq's options."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from anymq.security import CurveConfig, PlainConfig, curve_key

from . import options
from .constants import CONSTANTS, OPTION_TYPES
from .zap import Rules

if TYPE_CHECKING:
    from .sockets import ZmqSocket

__all__ = ["apply", "clear", "rules_for"]


def rules_for(config: CurveConfig | PlainConfig) -> Rules | None:
    """Whom a server with this configuration lets in; None where libzmq need not ask."""
    if isinstance(config, PlainConfig):
        return None if config.users is None else Rules(users=config.users)
    if config.allow is None:
        return None
    return Rules(keys=frozenset(map(curve_key, config.allow)))


def apply(sock: ZmqSocket, config: CurveConfig | PlainConfig, rules: Rules | None) -> None:
    """Set it on a socket that has none; the caller holds the handle."""
    if rules is not None:
        _set(sock, "ZMQ_ZAP_DOMAIN", rules.domain)
        # Before 4.3 there is no such option.
        _set(sock, "ZMQ_ZAP_ENFORCE_DOMAIN", 1, ignore=errno.EINVAL)
    if isinstance(config, PlainConfig):
        if config.users is not None:
            _set(sock, "ZMQ_PLAIN_SERVER", 1)
        else:
            _set(sock, "ZMQ_PLAIN_USERNAME", config.username)
            _set(sock, "ZMQ_PLAIN_PASSWORD", config.password)
        return
    _set(sock, "ZMQ_CURVE_PUBLICKEY", curve_key(config.public_key))
    _set(sock, "ZMQ_CURVE_SECRETKEY", curve_key(config.secret_key))
    if config.server_key is not None:
        _set(sock, "ZMQ_CURVE_SERVERKEY", curve_key(config.server_key))
    else:
        _set(sock, "ZMQ_CURVE_SERVER", 1)


def clear(sock: ZmqSocket, name: str) -> None:
    """Back to a socket without security that never had rules; the caller holds the handle."""
    _set(sock, "ZMQ_CURVE_SERVER" if name == "curve" else "ZMQ_PLAIN_SERVER", 0)


def _set(sock: ZmqSocket, option: str, value: Any, ignore: int = 0) -> None:
    number, name, kind = CONSTANTS[option], *OPTION_TYPES[CONSTANTS[option]]
    code = options.write(sock._sock, number, name, kind, value)
    if code != ignore:
        sock.backend.check(code, f"set {name}", "option")
