"""TLS of an endpoint, from the `TLSConfig` of its socket.

nng built with mbedTLS 2 compares host names only: where an IP address is dialled there, no
certificate is accepted until `server_name` gives a name that it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anymq.errors import OptionError
from anymq.security import TLSConfig, read_pem

from ._nng import ffi, lib
from .library import Library

if TYPE_CHECKING:
    from anymq.url import Address

__all__ = ["TLS_SCHEMES", "set_tls"]

TLS_SCHEMES = frozenset({"tls+tcp", "wss"})

AUTH_NONE, AUTH_REQUIRED = 0, 2


def set_tls(
    library: Library, kind: int, number: int, address: Address, config: TLSConfig | None
) -> tuple[int, str]:
    """Give an endpoint that was not started yet its TLS: nng's error number, and what it was about.

    Raises:
        OptionError: the configuration is not enough for this kind of endpoint.
    """
    listening = kind == lib.NNG_LISTENER
    doing = f"cannot {'listen at' if listening else 'dial'} {address}"
    if config is None:
        need = "a certificate" if listening else "ca, or verify=False"
        raise _insufficient(doing, f"set the socket's tls first, to a TLSConfig with {need}")
    if listening and config.certificate is None:
        raise _insufficient(doing, "a listener's TLSConfig needs a certificate")
    verify = config.verify
    if verify is None:
        if not listening and config.ca is None:
            raise _insufficient(
                doing,
                "there is nothing to check the peer's certificate against: "
                "give TLSConfig ca, or verify=False to check nothing",
            )
        verify = config.ca is not None
    certificate = _text("certificate", read_pem("certificate", config.certificate))
    key = certificate if config.key is None else _text("key", read_pem("key", config.key))
    name = None if listening else (config.server_name or address.host).encode()
    password = None if config.key_password is None else config.key_password.encode()
    texts = {
        "certificate": certificate,
        "key": key,
        "password": _text("key_password", password),
        "ca": _text("ca", read_pem("ca", config.ca)),
        "server_name": _text("server_name", name),
    }
    wanted = ffi.new("anymq_nng_tls *")
    kept = []  # nng copies what it needs; until then these own the memory
    for field, text in texts.items():
        if text is not None:
            kept.append(ffi.new("char[]", text))
            setattr(wanted, field, kept[-1])
    wanted.auth_mode = AUTH_REQUIRED if verify else AUTH_NONE
    failed: Any = ffi.new("const char **")
    code: int = lib.anymq_nng_set_tls(library.pointer, kind, number, wanted, failed)
    return code, ffi.string(failed[0]).decode()


def _insufficient(doing: str, reason: str) -> OptionError:
    return OptionError(f"{doing}: {reason}", backend="nng")


def _text(name: str, text: bytes | None) -> bytes | None:
    """nng takes texts that end at the first null character."""
    if text is not None and b"\0" in text:
        raise OptionError(f"TLSConfig: {name} cannot hold a null character", backend="nng")
    return text
