"""anymq: one socket and one set of protocols over nanomsg, nng and libzmq.

    import anymq

    with anymq.Socket("pull", listen="tcp://127.0.0.1:5555") as socket:
        for message in socket:
            print(message)

Which library does the work is a matter of configuration: `Socket(..., backend="nng")`, the variable
`ANYMQ_BACKEND`, or a configuration file. `anymq doctor` on the command line tells what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .abc import Backend, LibraryInfo, PeerEvent
from .context import Context
from .endpoints import Dialer, Listener
from .errors import (
    AddressInUse,
    AddressInvalid,
    AnymqError,
    AuthenticationFailed,
    BackendUnavailable,
    Closed,
    ConfigError,
    ConnectionLost,
    ConnectionRefused,
    ForkedError,
    MessageTooLarge,
    OptionError,
    PermissionDenied,
    ResourceExhausted,
    StateError,
    Timeout,
    UnsupportedFeature,
    WouldBlock,
)
from .features import Support
from .message import Message
from .protocols import Protocol
from .registry import BackendStatus, backends, get_backend
from .socket import DEFAULT, Socket

if TYPE_CHECKING:
    from .config import Config, load_config
    from .poller import Poller, PollEvents
    from .security import CurveConfig, PlainConfig, TLSConfig

__version__ = "0.1.0"

__all__ = [
    "DEFAULT",
    "AddressInUse",
    "AddressInvalid",
    "AnymqError",
    "AuthenticationFailed",
    "Backend",
    "BackendStatus",
    "BackendUnavailable",
    "Closed",
    "Config",
    "ConfigError",
    "ConnectionLost",
    "ConnectionRefused",
    "Context",
    "CurveConfig",
    "Dialer",
    "ForkedError",
    "LibraryInfo",
    "Listener",
    "Message",
    "MessageTooLarge",
    "OptionError",
    "PeerEvent",
    "PermissionDenied",
    "PlainConfig",
    "PollEvents",
    "Poller",
    "Protocol",
    "ResourceExhausted",
    "Socket",
    "StateError",
    "Support",
    "TLSConfig",
    "Timeout",
    "UnsupportedFeature",
    "WouldBlock",
    "__version__",
    "backends",
    "get_backend",
    "load_config",
]


_LATER = {
    "Config": "config",
    "load_config": "config",
    "Poller": "poller",
    "PollEvents": "poller",
    "CurveConfig": "security",
    "PlainConfig": "security",
    "TLSConfig": "security",
}
"""What few programs use, and where it is: imported when it is asked for."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LATER:
        found = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
    if name in _LATER.values():
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'anymq' has no attribute {name!r}")
