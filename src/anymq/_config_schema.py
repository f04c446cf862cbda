"""What may stand in a configuration: types by msgspec, and then what no single type can say.

The table of a socket has a field for every option of `anymq.options`, made from that table, so that
file and `Socket` cannot drift apart. msgspec finds what is wrong; the words come from here, because
an error has to name the whole key and what would be right.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from ._config_security import KINDS, RIGHT, security
from .config import SOCKET_VARIABLES, Config, SocketEntry, Stamp, hint, known_backends
from .errors import AddressInvalid, ConfigError, OptionError
from .options import OPTIONS, OptionSpec, check_option, inapplicable
from .protocols import Protocol
from .url import parse

__all__ = ["check", "portable", "value_of"]

NONE = "none"
"""How None is written, since TOML has no null."""

_PROTOCOLS = tuple(str(protocol) for protocol in Protocol)
_LIBZMQ_ONLY = frozenset(list(Protocol)[list(Protocol).index(Protocol.DEALER) :])
_NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    backend: str | None = None
    libraries: dict[str, _NonEmpty] = {}
    sockets: dict[str, dict[str, Any]] = {}


def _option_type(spec: OptionSpec) -> Any:
    seconds = spec.kind in ("seconds", "seconds_or_none")
    bounds = msgspec.Meta(ge=spec.minimum, le=spec.maximum)
    number: Any = Annotated[float, bounds] if seconds else Annotated[int, bounds]
    match spec.kind:
        case "seconds" | "int":
            return number
        case "seconds_or_none" | "size_or_none":
            return number | Literal["none"]
        case "bool":
            return bool
        case _:
            return str


_FIELDS: dict[str, Any] = {
    "protocol": Protocol,
    "backend": str,
    "library": _NonEmpty,
    "raw": bool,
    "listen": str | list[str],
    "dial": str | list[str],
    "subscribe": list[str],
    **{name: _option_type(spec) for name, spec in OPTIONS.items() if spec.kind != "object"},
    **dict.fromkeys(KINDS, dict[str, Any]),
}

_Socket = msgspec.defstruct(
    "_Socket",
    [
        (name, kind) if name == "protocol" else (name, kind | msgspec.UnsetType, msgspec.UNSET)
        for name, kind in _FIELDS.items()
    ],
    forbid_unknown_fields=True,
)

_RIGHT = {
    "backend": "the name of a backend",
    "libraries": 'a table of backend names and library files: nng = "/opt/nng/libnng.so"',
    "sockets": 'a table for each socket: [sockets.orders] and below it protocol = "push"',
    "protocol": f"one of: {', '.join(_PROTOCOLS)}",
    "library": "the path of a library file",
    "raw": "true or false",
    "listen": "a URL or a list of URLs",
    "dial": "a URL or a list of URLs",
    "subscribe": 'a list of texts: ["EUR"], or [""] for everything',
    **RIGHT,
}


def check(
    table: dict[str, Any],
    path: Path,
    variables: Mapping[str, str],
    default: str | None,
    files: dict[str, Stamp],
) -> Config:
    """A parsed file as a `Config`, with the variables put over it.

    `default` is the backend that `ANYMQ_BACKEND` names; `files` gets those that hold secrets.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    checker = Checker(path, files)
    file = checker.convert(table, _File, "")
    checker.backend(file.backend, "backend")
    for name in file.libraries:
        checker.backend(name, f"libraries.{_quoted(name)}")
    checker.override(file.sockets, variables)
    backend = default or file.backend
    return Config(
        path,
        backend,
        MappingProxyType({k: checker.library(v) for k, v in file.libraries.items()}),
        MappingProxyType({k: checker.socket(k, v, backend) for k, v in file.sockets.items()}),
    )


class Checker:
    """Words the errors: remembers the file, and which values came from a variable instead."""

    def __init__(self, path: Path, files: dict[str, Stamp]) -> None:
        self.path = path
        self.files = files
        self.backends = known_backends()
        self.origins: dict[str, str] = {}

    def fail(self, key: str, text: str) -> NoReturn:
        variable = self.origins.get(key)
        where = f"{variable} ({key} in {self.path})" if variable else f"{self.path}: {key}"
        raise ConfigError(f"{where}: {text}") from None

    def convert(self, table: dict[str, Any], kind: Any, prefix: str, *, show: bool = True) -> Any:
        """msgspec's conversion, its complaint worded for people; `show`: with the value."""
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            self.explain(str(error), table, kind, prefix, show)

    def explain(
        self, text: str, table: dict[str, Any], kind: Any, prefix: str, show: bool
    ) -> NoReturn:
        known = tuple(field.name for field in msgspec.structs.fields(kind))
        unknown = [key for key in table if key not in known]
        if unknown:
            self.unknown(prefix + _quoted(unknown[0]), unknown[0], known)
        for needed in msgspec.structs.fields(kind):
            if needed.required and needed.name not in table:
                self.fail(prefix + needed.name, f"is missing; {_RIGHT[needed.name]}")
        place = re.search(r" - at `\$\.?(\w+)[^`]*`$", text)
        key = place[1] if place else ""
        right = _RIGHT.get(key) or _right_option(OPTIONS[key]) if key in table else text
        show = show and key not in KINDS  # a key or a password may stand there instead
        found = table.get(key) if show else None
        close = hint(found, _PROTOCOLS) if key == "protocol" and isinstance(found, str) else ""
        close = close if "did you mean" in close else ""
        shown = f"; not {_shown(found)}" if show else f", not {type(table.get(key)).__name__}"
        self.fail(prefix + key, f"must be {right}{shown}{close}")

    def unknown(self, key: str, name: str, known: tuple[str, ...]) -> NoReturn:
        self.fail(key, f"unknown key{hint(name, known)}")

    def backend(self, name: str | None, key: str) -> None:
        if name is not None and name not in self.backends:
            self.fail(key, f"there is no backend {name!r}{hint(name, self.backends)}")

    def library(self, file: str) -> str:
        return self.beside(file) if "/" in file else file

    def beside(self, file: str) -> str:
        """A path in the file, which starts at the file's directory."""
        file = os.path.expanduser(file)
        return file if os.path.isabs(file) else os.path.abspath(self.path.parent / file)

    def override(self, sockets: dict[str, dict[str, Any]], variables: Mapping[str, str]) -> None:
        """Put the values of `ANYMQ_SOCKETS__NAME__KEY` into the tables."""
        for variable, text in variables.items():
            if not variable.startswith(SOCKET_VARIABLES):
                continue
            upper, _, key = variable.removeprefix(SOCKET_VARIABLES).rpartition("__")
            names = [name for name in sockets if _upper(name) == upper]
            kind = ""
            if not names:
                before, _, last = upper.rpartition("__")
                if last.lower() in KINDS:
                    upper, kind = before, last.lower()
                    names = [name for name in sockets if _upper(name) == upper]
            if len(names) != 1:
                known = tuple(_upper(name) for name in sockets)
                why = f"no socket is called {upper!r} here{hint(upper, known)}"
                if names:
                    why = f"it could mean any of {', '.join(map(repr, names))}"
                raise ConfigError(f"{variable} (for {self.path}): {why}")
            key = key.lower()
            table = sockets[names[0]] = dict(sockets[names[0]])
            where = f"sockets.{_quoted(names[0])}."
            if kind:
                inner = table.get(kind)
                table[kind] = dict(inner) if isinstance(inner, dict) else {}
                table, where = table[kind], f"{where}{kind}."
            self.origins[where + key] = variable
            table[key] = value_of(key, text)

    def socket(self, name: str, table: dict[str, Any], default: str | None) -> SocketEntry:
        prefix = f"sockets.{_quoted(name)}."
        if not name:
            self.fail(prefix[:-1], "a socket needs a name")
        values = msgspec.structs.asdict(self.convert(table, _Socket, prefix))
        given = {key: value for key, value in values.items() if value is not msgspec.UNSET}
        self.backend(given.get("backend"), f"{prefix}backend")
        self.combination(given, prefix, default)
        options = {
            key: security(self, key, given[key], f"{prefix}{key}.", _variables_of(name, key))
            if key in KINDS
            else self.option(key, given[key], prefix)
            for key in OPTIONS
            if key in given
        }
        low, high = options.get("reconnect_min"), options.get("reconnect_max")
        if low is not None and high and high < low:
            self.fail(
                f"{prefix}reconnect_max",
                f"must be 0 (no back-off) or at least reconnect_min ({low:g} s); not {high:g}",
            )
        library = given.get("library")
        return SocketEntry(
            name=name,
            protocol=given["protocol"],
            backend=given.get("backend") or (default if library else None),
            library=library and self.library(library),
            raw=given.get("raw", False),
            listen=self.urls(given, "listen", prefix),
            dial=self.urls(given, "dial", prefix),
            subscribe=tuple(topic.encode() for topic in given.get("subscribe", ())),
            options=MappingProxyType(options),
        )

    def combination(self, given: Mapping[str, Any], prefix: str, default: str | None) -> None:
        """What each value allows, and all of them together do not."""
        protocol: Protocol = given["protocol"]
        raw = given.get("raw", False)
        for key in given:
            if key == "subscribe" and protocol not in (Protocol.SUB, Protocol.DISH):
                self.fail(prefix + key, f"is for sub and dish; this is a {protocol} socket")
            reason = inapplicable(key, protocol, raw)
            if reason:
                self.fail(prefix + key, f"{reason}; leave it out")
        if raw and protocol in _LIBZMQ_ONLY:
            self.fail(f"{prefix}raw", f"{protocol} is as it is; raw is for the SP protocols")
        if raw and given.get("backend") == "zmq":
            self.fail(f"{prefix}raw", "zmq has no raw sockets; use dealer, router, xpub or xsub")
        if "library" in given and not (given.get("backend") or default):
            self.fail(f"{prefix}library", "says no whose library it is; add backend to this socket")

    def option(self, name: str, value: Any, prefix: str) -> Any:
        try:
            return portable(name, value)
        except OptionError:
            self.fail(prefix + name, f"must be {_right_option(OPTIONS[name])}; not {_shown(value)}")

    def urls(self, given: Mapping[str, Any], key: str, prefix: str) -> tuple[str, ...]:
        value = given.get(key, ())
        urls = (value,) if isinstance(value, str) else tuple(value)
        for url in urls:
            try:
                parse(url, listen=key == "listen")
            except AddressInvalid as error:
                self.fail(prefix + key, str(error))
        return urls


def portable(name: str, value: Any) -> Any:
    """An option's value in a file as the value in a program.

    Raises:
        OptionError: no such option, or not a value of it.
    """
    spec = OPTIONS.get(name)
    if spec and spec.kind.endswith("_or_none") and value == NONE:
        return None
    if spec and spec.kind == "bytes" and isinstance(value, str):
        value = value.encode()
    if spec and spec.kind == "object":
        raise OptionError(f"{name} cannot be written as a text; pass it to Socket in the program")
    return check_option(name, value)


def value_of(key: str, text: str) -> Any:
    """A variable's text as the value that would stand in the file; quotes may be left out."""
    kind = bool if key in ("verify", "server") else _FIELDS.get(key, str)
    as_list = text.lstrip().startswith("[") and key in ("listen", "dial", "subscribe", "allow")
    is_text = kind in (str, Protocol, _NonEmpty) or key in ("listen", "dial")
    if key in ("subscribe", "allow") and not as_list:
        return [text]
    if is_text and not as_list:
        return text
    if kind is bool:
        text = text.lower()
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _right_option(spec: OptionSpec) -> str:
    if spec.kind == "bool":
        return "true or false"
    if spec.kind in ("str", "bytes"):
        return "a text"
    what = "a number of seconds" if spec.unit == "s" else "a whole number"
    if spec.unit not in ("", "s"):
        what += f" of {spec.unit}"
    right = f"{what} from {spec.minimum:.15g} to {spec.maximum:.15g}"
    return f'{right}, or "none" for no limit' if spec.kind.endswith("_or_none") else right


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _quoted(key: str) -> str:
    """A key as it has to be written in TOML."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'


def _variables_of(socket: str, table: str) -> str:
    return f"{SOCKET_VARIABLES}{_upper(socket)}__{table.upper()}__"


def _upper(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()
