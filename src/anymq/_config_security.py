"""What a configuration file says of a socket's security: its tables `tls`, `curve` and `plain`.

Secrets do not stand in the file. A key that ends in `_file` names a file that holds one, or a
variable does (`ANYMQ_SOCKETS__ORDERS__CURVE__SECRET_KEY`), which wins. No error shows a secret, or
what stands where one belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from .config import stamp
from .errors import OptionError

if TYPE_CHECKING:
    from ._config_schema import Checker

__all__ = ["KINDS", "RIGHT", "security"]

_NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class _TLS(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    certificate: _NonEmpty | None = None
    key: _NonEmpty | None = None
    key_password_file: _NonEmpty | None = None
    ca: _NonEmpty | None = None
    server_name: str = ""
    verify: bool | None = None


class _Curve(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    public_key: str
    secret_key_file: _NonEmpty | None = None
    server_key: str | None = None
    server: bool = False
    allow: list[str] | None = None


class _Plain(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    username: str | None = None
    password_file: _NonEmpty | None = None
    users_file: _NonEmpty | None = None


KINDS: Mapping[str, tuple[Any, str, str]] = {
    "tls": (_TLS, "TLSConfig", "key_password"),
    "curve": (_Curve, "CurveConfig", "secret_key"),
    "plain": (_Plain, "PlainConfig", "password"),
}
"""For each table: its keys, the class of what it makes, and what of that is a secret."""

_PATHS = ("certificate", "key", "ca")

_PEM = "the path of a file in PEM form"
_SECRET = "the path of a file that holds it"
RIGHT = {
    "tls": 'a table, such as: tls = {ca = "ca.pem"}',
    "curve": 'a table: [sockets.orders.curve] and below it public_key = "..."',
    "plain": 'a table, such as: plain = {username = "me", password_file = "password"}',
    "certificate": _PEM,
    "key": _PEM,
    "ca": _PEM,
    "key_password_file": _SECRET,
    "secret_key_file": _SECRET,
    "password_file": _SECRET,
    "users_file": "the path of a file of users, in each line name:password",
    "server_name": "a text",
    "verify": "true or false",
    "server": "true or false",
    "public_key": "a key of 40 characters",
    "server_key": "a key of 40 characters",
    "allow": "a list of keys of 40 characters",
    "username": "a text",
}


def security(
    checker: Checker, kind: str, table: dict[str, Any], prefix: str, variables: str
) -> Any:
    """One of the tables as what `Socket` takes it for.

    Args:
        prefix: of the names of its keys: `sockets.orders.curve.`.
        variables: of the names of the variables: `ANYMQ_SOCKETS__ORDERS__CURVE__`.

    Raises:
        ConfigError: something is wrong with it, or a file that it names cannot be read.
    """
    from . import security as classes  # dataclasses take a while to import

    keys, name, secret = KINDS[kind]
    told = prefix + secret in checker.origins
    elsewhere = f"give its file as {secret}_file, or set {variables}{secret.upper()}"
    if secret in table and not told:
        checker.fail(prefix + secret, f"secrets are not written here; {elsewhere}")
    table = dict(table)
    value = table.pop(secret, None)
    values = msgspec.structs.asdict(checker.convert(table, keys, prefix, show=False))
    given = {key: values[key] for key in table}
    for key in _PATHS:
        if key in given:
            given[key] = checker.beside(given[key])
    file, users = given.pop(f"{secret}_file", None), given.pop("users_file", None)
    if file is not None and not told:
        value = _read(checker, f"{prefix}{secret}_file", file).partition("\n")[0].rstrip("\r")
    if value is not None:
        given[secret] = value
    elif kind == "curve":
        checker.fail(prefix + secret, f"is missing; {elsewhere}")
    if users is not None:
        given["users"] = _users(checker, f"{prefix}users_file", users)
    try:
        return getattr(classes, name)(**given)
    except OptionError as error:
        text = str(error).removeprefix(f"{name}: ")
        key, _, rest = text.partition(" ")
        if key in table:
            checker.fail(prefix + key, rest)
        if key == secret:
            checker.fail(prefix + (secret if told else f"{secret}_file"), rest)
        checker.fail(prefix[:-1], text)


def _read(checker: Checker, key: str, file: str) -> str:
    try:
        path = checker.beside(file)
        with open(path, encoding="utf-8") as opened:
            checker.files[path] = stamp(path)  # before it is read: a change meanwhile is another
            return opened.read()
    except OSError as error:
        checker.fail(key, f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        checker.fail(key, f"{file} is not a text in UTF-8")


def _users(checker: Checker, key: str, file: str) -> dict[str, str]:
    users = {}
    for number, line in enumerate(_read(checker, key, file).splitlines(), 1):
        name, colon, password = line.partition(":")
        if not colon and line:
            checker.fail(key, f"{file}, line {number}, is not name:password")
        if colon:
            users[name] = password
    return users
