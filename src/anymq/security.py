"""What a socket needs to know to prove who it is and to check who its peer is.

Three mechanisms: TLS (nng), CURVE and PLAIN (libzmq). A configuration is checked when made, is
never changed afterwards, and does not show its secrets when it is printed. Set it before the first
`listen` or `dial`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from .errors import OptionError

__all__ = ["CurveConfig", "PlainConfig", "TLSConfig"]

PemSource = str | os.PathLike[str] | bytes
"""A path, or the PEM text itself as bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class TLSConfig:
    """TLS for the transports `tls+tcp` and `wss`.

    Attributes:
        certificate: own certificate, and those between it and the authority's: a path, or PEM as
            bytes. A listener must have one.
        key: private key of `certificate`, as a path or PEM as bytes; where it is None it is looked
            for in `certificate`.
        key_password: of an encrypted `key`.
        ca: certificates of the authorities that peers are checked against.
        server_name: name that the listener's certificate must hold; `""`: the host dialled.
        verify: whether the peer must have a certificate that `ca` vouches for. None: a dialler's
            peer must, a listener's peer must where `ca` is given.

    Raises:
        OptionError: a key without a certificate, a file that cannot be read, `verify` without `ca`.
    """

    certificate: PemSource | None = None
    key: PemSource | None = None
    key_password: str | None = field(default=None, repr=False)
    ca: PemSource | None = None
    server_name: str = ""
    verify: bool | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.certificate is None:
            raise OptionError("TLSConfig: a key needs its certificate")
        if self.verify and self.ca is None:
            raise OptionError("TLSConfig: verify=True needs ca, the certificates to check against")
        for name in ("certificate", "key", "ca"):
            pem = read_pem(name, getattr(self, name))
            if pem is not None and b"-----BEGIN" not in pem:
                raise OptionError(f"TLSConfig: {name} is not in PEM form (no -----BEGIN line)")

    def __repr__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.repr}
        # Of PEM, a certificate's or an authority's too: the key may stand beside it.
        shown = (
            f"{name}=<PEM, {len(value)} bytes>" if isinstance(value, bytes) else f"{name}={value!r}"
            for name, value in values.items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def read_pem(name: str, source: PemSource | None) -> bytes | None:
    """The PEM text of one of `TLSConfig`'s sources."""
    if source is None or isinstance(source, bytes):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise OptionError(f"TLSConfig: {name} takes a path or bytes, not {type(source).__name__}")
    path = os.fsdecode(source)
    if "-----BEGIN" in path or "\n" in path:
        # Not taken for the name of a file that is missing: errors show that.
        raise OptionError(f"TLSConfig: {name} takes a path, or PEM as bytes, not as str")
    try:
        with open(source, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise OptionError(f"TLSConfig: {name} cannot be read: {error}") from error


CurveKey = str | bytes
"""A CURVE key: 32 bytes, or their 40 characters in Z85."""


@dataclass(frozen=True, slots=True)
class CurveConfig:
    """CURVE encryption and authentication of libzmq.

    Attributes:
        public_key, secret_key: own key pair; `curve_keypair()` of the libzmq backend makes one.
        server_key: the server's public key; makes this side a client.
        server: whether this side is the server, which is independent of who listens.
        allow: server: public keys of the clients that may connect; None: every client that knows
            the server's public key.

    Raises:
        OptionError: a key of the wrong size, or a side that is both client and server, or neither.
    """

    public_key: CurveKey
    secret_key: CurveKey = field(repr=False)
    server_key: CurveKey | None = None
    server: bool = False
    allow: Iterable[CurveKey] | None = None

    def __post_init__(self) -> None:
        if self.server == (self.server_key is not None):
            raise OptionError(
                "CurveConfig: give either server=True or, for a client, the server's server_key"
            )
        if self.allow is not None:
            if not self.server:
                raise OptionError("CurveConfig: allow is the server's list of clients")
            object.__setattr__(self, "allow", tuple(self.allow))
        for name in ("public_key", "secret_key", "server_key"):
            key = getattr(self, name)
            if key is not None:
                _check_key(name, key)
        for key in self.allow or ():
            _check_key("allow", key)


_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_Z85_DIGITS = {character: digit for digit, character in enumerate(_Z85)}


def curve_key(key: CurveKey) -> bytes:
    """The 32 bytes of a key.

    Raises:
        ValueError: the text is not Z85.
    """
    if isinstance(key, bytes):
        return key
    decoded = bytearray()
    for start in range(0, len(key), 5):
        number = 0
        for character in key[start : start + 5]:
            digit = _Z85_DIGITS.get(character)
            if digit is None:
                raise ValueError("not Z85")
            number = number * 85 + digit
        if number >= 2**32:
            raise ValueError("not Z85")
        decoded += number.to_bytes(4, "big")
    return bytes(decoded)


def _check_key(name: str, key: object) -> None:
    if isinstance(key, str) and len(key) == 40:
        try:
            curve_key(key)
        except ValueError:
            # The key itself is not shown: it may be the secret one.
            raise OptionError(f"CurveConfig: {name} is not Z85") from None
        return
    if isinstance(key, bytes) and len(key) == 32:
        return
    raise OptionError(f"CurveConfig: {name} takes 32 bytes or a str of 40 characters in Z85")


@dataclass(frozen=True, slots=True)
class PlainConfig:
    """User and password of libzmq's PLAIN mechanism, sent unencrypted.

    Attributes:
        username, password: client: what it presents.
        users: server: password by user name; makes this side the server.

    Raises:
        OptionError: both or neither of the two, or a text longer than 255 bytes.
    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    users: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        client = self.username is not None and self.password is not None
        if client == (self.users is not None) or (self.username is None) != (self.password is None):
            raise OptionError(
                "PlainConfig: give username and password for a client, or users for the server"
            )
        if self.users is not None:
            object.__setattr__(self, "users", dict(self.users))
        texts = [t for pair in (self.users or {}).items() for t in pair]
        texts += [t for t in (self.username, self.password) if t is not None]
        for text in texts:
            if not isinstance(text, str) or not 1 <= len(text.encode()) <= 255:
                raise OptionError("PlainConfig: names and passwords are str of 1 to 255 bytes")
