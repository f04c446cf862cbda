"""The configuration file: which library serves which socket, and where it listens and dials.

A program names its sockets (`Socket(config="orders")`); a TOML file says what they are, so that
another library, transport or address is a matter of the file alone:

    backend = "nng"                         # default for all sockets
    [libraries]
    nng = "/opt/nng/libnng.so"              # which file of a library is loaded
    [sockets.orders]
    protocol = "push"
    dial = ["tcp://127.0.0.1:5555"]         # or one text; so also listen
    send_timeout = 2.0                      # any option of `anymq.options`
    recv_max_size = "none"                  # "none" stands for None: no limit

What makes a socket secure are tables of it, with the names that `anymq.security` gives to their
values, and no secrets: each is in a file of its own, named by a key that ends in `_file`, or in a
variable (`ANYMQ_SOCKETS__ORDERS__CURVE__SECRET_KEY`). Paths start at the file's directory.

    [sockets.orders.tls]                    # also key_password_file, server_name, verify
    certificate = "orders.pem"
    key = "orders.key"
    ca = "authority.pem"
    [sockets.quotes.curve]                  # also server, allow
    public_key = "..."                      # in Z85, as server_key
    secret_key_file = "quotes.secret"
    server_key = "..."
    [sockets.prices.plain]
    username = "me"
    password_file = "password"              # or users_file of a server: lines of name:password

The file is the one that was asked for, else what `ANYMQ_CONFIG` names, else `anymq.toml` in the
working directory, else there is none and the configuration is empty. Relative library paths that
hold a slash start at the file's directory; a bare name is for the system's loader.

Environment variables override single values: `ANYMQ_BACKEND` the default backend, and
`ANYMQ_SOCKETS__ORDERS__SEND_TIMEOUT=2.5` the value `sockets.orders.send_timeout` of the file in
use. A socket's name stands there in upper case, with `_` for all but letters and digits; a list is
written as in TOML: `["tcp://a:1", "tcp://b:2"]`. (`ANYMQ_NNG_LIBRARY` and its like count where the
file names no library.) All of it is checked when it is loaded; the first thing that is wrong is one
`ConfigError` that names file or variable, key, and what would be right. A file that has changed,
also one that holds a secret, counts from the next socket on; certificates are read for each
endpoint.

Checking needs msgspec and tomllib, which are imported only when there is something to check.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ._installed import entry_points
from .errors import ConfigError
from .protocols import Protocol

if TYPE_CHECKING:
    from .socket import Socket

__all__ = ["Config", "SocketEntry", "current_config", "load_config", "option_from_text"]

DEFAULT_FILE = "anymq.toml"
SOCKET_VARIABLES = "ANYMQ_SOCKETS__"
"""Prefix of the variables that override a value of one socket."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class SocketEntry(NamedTuple):
    """What the configuration says of one socket, in the values that `Socket` takes.

    Attributes:
        backend: the socket's own; None leaves the choice to the defaults.
        library: library file for that backend, None for the usual search.
        subscribe: topics as bytes (UTF-8 of the text in the file).
        options: portable options: seconds as float, "none" as None.
    """

    name: str
    protocol: Protocol
    backend: str | None = None
    library: str | None = None
    raw: bool = False
    listen: tuple[str, ...] = ()
    dial: tuple[str, ...] = ()
    subscribe: tuple[bytes, ...] = ()
    options: Mapping[str, Any] = _NOTHING


class Config(NamedTuple):
    """A checked configuration.

    Attributes:
        path: the file it came from, None when there is none.
        backend: the default backend, `ANYMQ_BACKEND` taken into account; None: the first that fits.
        libraries: backend name to library file, as the file says.
        sockets: every entry by name.
    """

    path: Path | None = None
    backend: str | None = None
    libraries: Mapping[str, str] = _NOTHING
    sockets: Mapping[str, SocketEntry] = _NOTHING

    def entry(self, name: str) -> SocketEntry:
        """The entry of one socket.

        Raises:
            ConfigError: there is none of that name; the text lists those that there are.
        """
        entry = self.sockets.get(name)
        if entry is not None:
            return entry
        if self.path is None:
            raise ConfigError(
                f"there is no socket {name!r}: no configuration file is in use "
                f"(ANYMQ_CONFIG is not set, and there is no {DEFAULT_FILE} here)"
            )
        raise ConfigError(f"{self.path}: there is no socket {name!r}{hint(name, self.sockets)}")

    def socket(self, name: str, **overrides: Any) -> Socket:
        """Open a configured socket; arguments of `Socket` given here win over the file.

        Raises:
            ConfigError: no such entry. All that `Socket` raises besides.
        """
        self.entry(name)
        from .socket import Socket

        with using(self):
            return Socket(config=name, **overrides)


_active: ContextVar[Config | None] = ContextVar("anymq_config", default=None)


@contextmanager
def using(config: Config) -> Iterator[None]:
    """Make `config` what `current_config()` answers, in this thread and task, within the block."""
    token = _active.set(config)
    try:
        yield
    finally:
        _active.reset(token)


def load_config(path: str | os.PathLike[str] | None = None) -> Config:
    """Read and check a configuration; without a path the default one (see the module's text).

    Raises:
        ConfigError: the file that was asked for cannot be read or is not TOML, a key is unknown, a
            value has the wrong type, or a combination is impossible.
    """
    return _find(path, _variables(), {})


def _find(
    path: str | os.PathLike[str] | None, variables: Mapping[str, str], files: dict[str, Stamp]
) -> Config:
    """`load_config`; `files` gets those beside it that were read."""
    if path is not None:
        return _load(Path(path), "", variables, files)
    asked = variables.get("ANYMQ_CONFIG")
    if asked:
        return _load(Path(asked), " (named by ANYMQ_CONFIG)", variables, files)
    if os.path.exists(DEFAULT_FILE):
        return _load(Path(DEFAULT_FILE), "", variables, files)
    return Config(backend=_backend_variable(variables))


Stamp = tuple[int, int, int] | None
"""What tells one state of a file from another."""


def stamp(file: str) -> Stamp:
    """Of a file as it is now; None: there is none."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


_cache: tuple[object, dict[str, Stamp], Config] | None = None


def current_config() -> Config:
    """The default configuration, read again only when a variable, the file, or one with a secret
    that it names has changed.

    Raises:
        ConfigError: as `load_config`.
    """
    global _cache
    config = _active.get()
    if config is not None:
        return config
    variables = _variables()
    file = os.path.abspath(variables.get("ANYMQ_CONFIG") or DEFAULT_FILE)
    key = (variables, file, stamp(file))
    cached = _cache
    if (
        cached is None
        or cached[0] != key
        or any(stamp(secret) != before for secret, before in cached[1].items())
    ):
        files: dict[str, Stamp] = {}
        cached = _cache = (key, files, _find(None, variables, files))
    return cached[2]


def option_from_text(name: str, text: str) -> Any:
    """The value of a portable option from a command line, written as in a variable.

    Raises:
        OptionError: no such option, or not a value of it.
    """
    from ._config_schema import portable, value_of

    return portable(name, value_of(name, text))


def hint(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """The end of an error about an unknown name: the nearest known one, or all of them."""
    if not known:
        return "; there are none"
    from difflib import get_close_matches  # errors alone need it

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


def known_backends() -> tuple[str, ...]:
    """Names of the backends that are installed as packages, their libraries present or not."""
    return tuple(sorted({point.name for point in entry_points(group="anymq.backends")}))


def _variables() -> dict[str, str]:
    # Keys first: to read a value of os.environ is to decode it.
    names = [name for name in os.environ if name.startswith("ANYMQ_")]
    return {name: value for name in names if (value := os.environ.get(name))}


def _backend_variable(variables: Mapping[str, str]) -> str | None:
    name = variables.get("ANYMQ_BACKEND")
    if name:
        known = known_backends()
        if name not in known:
            raise ConfigError(f"ANYMQ_BACKEND: there is no backend {name!r}{hint(name, known)}")
    return name


def _load(path: Path, why: str, variables: Mapping[str, str], files: dict[str, Stamp]) -> Config:
    import tomllib

    from ._config_schema import check

    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        column = error.start - (error.object.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError(
            f"{path}: not TOML: a byte that is not UTF-8 (at line {line}, column {column})"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read this configuration file{why}: {error.strerror}"
        ) from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {_with_line(str(error), text)}") from None
    return check(table, path, variables, _backend_variable(variables), files)


def _with_line(message: str, text: str) -> str:
    """tomllib says "at end of document" where people look for a line number."""
    lines = text.split("\n")
    place = f"at line {len(lines)}, column {len(lines[-1]) + 1}"
    return message.replace("at end of document", f"{place}, the end of the file")
