"""Who may connect: the answers that libzmq asks for when a client has shown who it is.

libzmq asks over an inproc address of its context, once for each handshake (ZAP, RFC 27). One thread
for each library answers for all of its sockets, from the first that has rules until exit. Where it
cannot answer, libzmq refuses the client.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from anymq.errors import AddressInUse, AnymqError, OptionError
from anymq.protocols import Protocol
from anymq.url import parse

if TYPE_CHECKING:
    from .backend import ZmqBackend
    from .sockets import ZmqSocket

__all__ = ["Rules", "ZapHandler"]

_ADDRESS = "inproc://zeromq.zap.01"
_VERSION = b"1.0"
_FIELDS = 6
_SECONDS = 1.0
_domains = itertools.count(1)


class Rules:
    """Whom one socket lets in; they count for as long as the socket keeps this object."""

    def __init__(
        self, *, keys: frozenset[bytes] | None = None, users: Mapping[str, str] | None = None
    ) -> None:
        self.domain = f"anymq-{next(_domains)}"
        self._keys = keys
        self._users = {n.encode(): p.encode() for n, p in (users or {}).items()}

    def user(self, mechanism: bytes, credentials: Sequence[bytes]) -> bytes | None:
        """The name of a client that may connect; None for any other."""
        if mechanism == b"CURVE" and self._keys is not None and len(credentials) == 1:
            return credentials[0].hex().encode() if credentials[0] in self._keys else None
        if mechanism == b"PLAIN" and len(credentials) == 2:
            from hmac import compare_digest

            name, password = credentials
            wanted = self._users.get(name)
            # Unknown users take as long as wrong passwords.
            same = compare_digest(password, b"" if wanted is None else wanted)
            return name if same and wanted is not None else None
        return None


class ZapHandler:
    """Answers for the sockets of one library."""

    def __init__(self, backend: ZmqBackend) -> None:
        self._backend = backend
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        # A child has neither the thread nor the right to touch the socket.
        self._lock = threading.Lock()
        self._rules: weakref.WeakValueDictionary[bytes, Rules] = weakref.WeakValueDictionary()
        self._socket: ZmqSocket | None = None
        self._thread: threading.Thread | None = None

    def add(self, rules: Rules) -> None:
        """Answer by these rules, for as long as somebody else keeps them.

        Raises:
            OptionError: the program answers libzmq's questions itself.
        """
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._start()
            self._rules[rules.domain.encode()] = rules

    def _start(self) -> None:
        from .sockets import ZmqSocket

        socket = ZmqSocket(self._backend, Protocol.ROUTER)
        socket.handle.linger = 0
        try:
            socket.listen(parse(_ADDRESS, listen=True))
            thread = threading.Thread(
                target=self._serve, args=(socket,), name="anymq-zap", daemon=True
            )
            thread.start()
        except AddressInUse as error:
            socket.handle.close()
            raise OptionError(
                f"this program has bound {_ADDRESS} itself: anymq cannot check clients beside it",
                backend=self._backend.name,
            ) from error
        except BaseException:
            socket.handle.close()
            raise
        self._socket, self._thread = socket, thread

    def _serve(self, socket: ZmqSocket) -> None:
        try:
            while True:
                request = socket.handle.recv_parts(None)
                answer = self._answer(request)
                if answer:
                    socket.handle.send_parts(answer, _SECONDS)
        except AnymqError:  # closed, or broken: then nobody gets in any more
            pass
        finally:
            socket.handle.close()

    def _answer(self, request: Sequence[bytes]) -> list[bytes]:
        """The reply to one request; none to what is no request."""
        peer, *rest = request
        if len(rest) < _FIELDS + 1 or rest[0] or rest[1] != _VERSION:
            return []
        request_id, domain, mechanism, credentials = rest[2], rest[3], rest[6], rest[7:]
        with self._lock:
            rules = self._rules.get(domain)
        user: bytes | None = None
        if rules is not None:
            user = rules.user(mechanism, credentials)
        elif not domain and mechanism == b"CURVE":
            user = b""  # a server without a list: the key that it showed was enough
        status, text = (b"400", b"refused") if user is None else (b"200", b"OK")
        return [peer, b"", _VERSION, request_id, status, text, user or b"", b""]

    def stop(self) -> None:
        """End the thread; rules that are added later start another."""
        with self._lock:
            socket, thread = self._socket, self._thread
            self._socket = self._thread = None
        if socket is not None:
            socket.handle.close()
        if thread is not None:
            thread.join(_SECONDS)
