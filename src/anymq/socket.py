"""The socket: one class over all libraries.

A `Socket` checks what it is given, picks a backend, and leaves messages to the engine's handle:
`send` and `recv` are one call into C. It may be used by any number of threads.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Unpack

from . import _lifetime
from ._awaiting import AwaitingCalls
from ._drivers import Loops
from ._events import peer_event
from ._exchange import Exchange
from ._limits import DEFAULT, TimeLimit, limit_argument
from ._selection import Plan, plan
from .abc import Backend, PeerEvent
from .context import CONTEXTUAL, Context, Contexts
from .endpoints import Dialer, Listener
from .errors import Closed, ForkedError, OptionError, Timeout
from .message import Message
from .options import (
    OPTIONS,
    PORTABLE_DEFAULTS,
    Option,
    OptionInfo,
    check_option,
    inapplicable,
    inapplicable_options,
)
from .protocols import Protocol
from .url import parse

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .abc import NativeEndpoint, NativeSocket
    from .options import SocketOptions
    from .security import CurveConfig, PlainConfig, TLSConfig

__all__ = ["DEFAULT", "Socket"]


ENGINE_OPTIONS: Final = frozenset({"send_timeout", "recv_timeout", "linger"})
"""Options that the engine keeps for every library; a handle begins with their defaults."""

NATIVE_DEFAULTS: Final = tuple(
    name for name in PORTABLE_DEFAULTS if name not in ENGINE_OPTIONS and name != "name"
)
"""Options that a new socket is given in the library, where it has them."""

ANSWERED: Final = frozenset({Protocol.REQ, Protocol.SURVEYOR})
"""Protocols on which what is received belongs to what was sent last."""


class Socket(Exchange, AwaitingCalls):
    """A messaging socket of any library.

    Args:
        protocol: an `anymq.Protocol` or its name; None with `config`, whose entry says it.
        backend: name of a backend, or a `Backend` from `get_backend`; None: see `get_backend`.
        raw: raw mode: the program handles protocol headers itself (`send_message`).
        listen: URL or URLs to bind.
        dial: URL or URLs to connect to, in the background.
        subscribe: SUB: topic or topics; DISH: group or groups.
        config: name of an entry in the configuration file; arguments given here win over it.
        options: any option of `anymq.options`, by name.

    Raises:
        BackendUnavailable, UnsupportedFeature: no library, or none that has what is asked for.
        AddressInvalid, AddressInUse, PermissionDenied: an URL is wrong or cannot be bound.
        OptionError, ConfigError: a bad value; the socket was not opened.

    Every method raises `Closed` once the socket is closed, and `ForkedError` in a process that was
    forked since it was opened.
    """

    __slots__ = (
        "__weakref__",
        "_backend",
        "_contexts",
        "_headed",
        "_mapping",
        "_name",
        "_native",
        "_pid",
        "_protocol",
        "_raw",
        "_topics",
        "_topics_lock",
    )

    _native: NativeSocket

    send_timeout = Option[float | None]("send_timeout")
    recv_timeout = Option[float | None]("recv_timeout")
    send_buffer = Option[int]("send_buffer")
    recv_buffer = Option[int]("recv_buffer")
    send_buffer_bytes = Option[int]("send_buffer_bytes")
    recv_buffer_bytes = Option[int]("recv_buffer_bytes")
    recv_max_size = Option[int | None]("recv_max_size")
    reconnect_min = Option[float]("reconnect_min")
    reconnect_max = Option[float]("reconnect_max")
    linger = Option[float | None]("linger")
    tcp_nodelay = Option[bool]("tcp_nodelay")
    tcp_keepalive = Option[bool]("tcp_keepalive")
    ipv6 = Option[bool]("ipv6")
    name = Option[str]("name")
    max_hops = Option[int]("max_hops")
    resend_interval = Option[float]("resend_interval")
    survey_time = Option[float]("survey_time")
    send_priority = Option[int]("send_priority")
    recv_priority = Option[int]("recv_priority")
    routing_id = Option[bytes]("routing_id")
    conflate = Option[bool]("conflate")
    immediate = Option[bool]("immediate")
    polyamorous = Option[bool]("polyamorous")
    prefer_new = Option[bool]("prefer_new")
    tls: Option[TLSConfig | None] = Option("tls")
    curve: Option[CurveConfig | None] = Option("curve")
    plain: Option[PlainConfig | None] = Option("plain")

    def __init__(
        self,
        protocol: str | Protocol | None = None,
        *,
        backend: str | Backend | None = None,
        raw: bool = False,
        listen: str | Iterable[str] | None = None,
        dial: str | Iterable[str] | None = None,
        subscribe: Buffer | Iterable[Buffer] | None = None,
        config: str | None = None,
        **options: Unpack[SocketOptions],
    ) -> None:
        chosen = plan(protocol, backend, raw, listen, dial, subscribe, config, options)
        self._open(chosen)
        try:
            self._set_up(chosen)
        except BaseException:
            self._handle.linger = 0
            self.close()
            raise

    def _open(self, chosen: Plan) -> None:
        self._backend = chosen.backend
        self._protocol = chosen.protocol
        self._raw = chosen.raw
        self._pid = os.getpid()
        self._name = ""
        self._topics: set[bytes] = set()
        self._topics_lock = threading.Lock()
        self._contexts = Contexts()
        if (
            not self._backend.fork_safe
            and _used_by.setdefault(self._backend, self._pid) != self._pid
        ):
            raise ForkedError(
                f"{self._backend.name} was already in use when this process was forked, and does "
                "not survive that: start the child with subprocess or multiprocessing's 'spawn'",
                backend=self._backend.name,
            )
        self._native = chosen.backend.open_socket(chosen.protocol, raw=chosen.raw)
        self._handle = self._native.handle
        self._loops = Loops(self._handle)
        self._headed = chosen.raw or self._native.headed
        self._handle.answers = not chosen.raw and chosen.protocol in ANSWERED
        useless = inapplicable_options(self._protocol, bool(self._raw))
        self._mapping = {
            name: native
            for name, native in self._native.option_mapping.items()
            if name not in useless
        }
        _lifetime.watch(self)

    def _set_up(self, chosen: Plan) -> None:
        given, mapping = chosen.options, self._mapping
        self._native.set_defaults(
            [name for name in NATIVE_DEFAULTS if name in mapping and name not in given]
        )
        if "linger" not in given:
            _lifetime.note_linger(PORTABLE_DEFAULTS["linger"])
        for name, value in given.items():
            self._set_option(name, value)
        for topic in chosen.subscribe:
            self.subscribe(topic)
        for url in chosen.listen:
            self.listen(url)
        for url in chosen.dial:
            self.dial(url)

    # What it is

    @property
    def backend(self) -> Backend:
        """The backend, and with it the library, that this socket runs on."""
        return self._backend

    @property
    def protocol(self) -> Protocol:
        return self._protocol

    @property
    def raw(self) -> bool:
        """Whether it is in raw mode."""
        return self._raw

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def __repr__(self) -> str:
        state = " (closed)" if self.closed else ""
        raw = "raw " if self._raw else ""
        return f"<{raw}{self._protocol} socket on {self._backend.name}{state}>"

    # Endpoints

    def listen(self, url: str) -> Listener:
        """Bind; `.url` of the result has the real port where 0 or `*` was asked for.

        Raises:
            AddressInvalid, AddressInUse, PermissionDenied: as the names say.
            UnsupportedFeature: the library lacks the transport.
        """
        address = parse(url, listen=True)
        self._backend.require(f"transport.{address.scheme}")
        return Listener(self, self._native.listen(address))

    def dial(self, url: str, *, wait: bool = False, timeout: float | None = None) -> Dialer:
        """Connect in the background, again and again until it is closed.

        Args:
            wait: return once connected.
            timeout: seconds to wait at most; None: no limit.

        Raises:
            Timeout: not connected in time; the dialer is closed again.
            AddressInvalid, UnsupportedFeature: as for `listen`.
        """
        address = parse(url, listen=False)
        self._backend.require(f"transport.{address.scheme}")
        if timeout is not None:
            check_option("recv_timeout", timeout)
        before = self.peers if wait else 0
        dialer = Dialer(self, self._native.dial(address))
        if not wait:
            return dialer
        number = dialer._native.number
        connected = False
        try:
            # Where the library cannot tell endpoints apart, any new peer must do.
            connected = self._handle.wait_peers(1 if number else before + 1, number, timeout)
        finally:
            if not connected:
                dialer.close()
        if not connected:
            raise Timeout(f"{url} did not connect within {timeout:g} s", backend=self._backend.name)
        return dialer

    def _close_endpoint(self, endpoint: NativeEndpoint) -> None:
        self._native.close_endpoint(endpoint)

    # Messages

    def recv_into(self, buffer: Buffer, *, timeout: TimeLimit = DEFAULT) -> int:
        """Receive one message into a writable buffer; its size in bytes.

        Raises:
            MessageTooLarge: it does not fit; `.size` tells its size, and it stays receivable.
        """
        return self._handle.recv_into(buffer, *limit_argument(timeout))

    def send_many(self, items: Iterable[Buffer], *, timeout: TimeLimit = DEFAULT) -> int:
        """Send many messages in one call into C; how many there were.

        The time limit is for all of them. Of an iterable that is not a list or tuple, one item more
        than was sent may have been taken when it raises.

        Raises:
            Timeout, StateError, TypeError: with `.sent` set to how many had been sent.
        """
        return self._handle.send_many(items, *limit_argument(timeout))

    def recv_many(self, max: int = 1024, *, timeout: TimeLimit = DEFAULT) -> list[bytes]:
        """Receive what there is, up to `max` messages, as soon as there is one."""
        return self._handle.recv_many(max, *limit_argument(timeout))

    def send_message(self, message: Message, *, timeout: TimeLimit = DEFAULT) -> None:
        """Send a `Message` and with it its header, which is given away with it.

        On a raw socket the header is the protocol's. On SERVER and PEER it names whom the message
        goes to, on RADIO the group; other sockets have none, and leave it out.
        """
        if not isinstance(message, Message):
            raise TypeError(f"send_message takes a Message, not {type(message).__name__}")
        header = message.header if self._headed else b""
        self._handle.send_message(header, message._whole(), *limit_argument(timeout))
        message._give_away()

    def recv_message(self, *, timeout: TimeLimit = DEFAULT) -> Message:
        """Receive one message as a `Message`, with its header where `send_message` has one."""
        return Message._received(self._handle.recv_message, *limit_argument(timeout))

    def send_parts(self, parts: Sequence[Buffer], *, timeout: TimeLimit = DEFAULT) -> None:
        """Send one message of several parts, all or none.

        Raises:
            UnsupportedFeature: the library has no multipart messages.
        """
        self._backend.require("multipart")
        self._handle.send_parts(parts, *limit_argument(timeout))

    def recv_parts(self, *, timeout: TimeLimit = DEFAULT) -> list[bytes]:
        """Receive all parts of one message.

        Raises:
            UnsupportedFeature: the library has no multipart messages.
        """
        self._backend.require("multipart")
        return self._handle.recv_parts(*limit_argument(timeout))

    def __iter__(self) -> Iterator[bytes]:
        """Messages until the socket is closed."""
        while True:
            try:
                message = self._handle.recv(None)
            except Closed:
                return
            yield message

    # Peers

    @property
    def peers(self) -> int:
        """How many peers are connected now.

        Raises:
            UnsupportedFeature: the library does not tell (`peers`).
        """
        self._backend.require("peers")
        return self._handle.peers()

    def wait_for_peers(self, n: int = 1, *, timeout: float | None = None) -> None:
        """Wait until at least `n` peers are connected.

        Raises:
            Timeout: they are not, in time.
            OptionError: `n` is negative.
            UnsupportedFeature: the library does not tell (`peers`).
        """
        self._backend.require("peers")
        if n < 0:
            raise OptionError(f"a number of peers is 0 or more, not {n}")
        if not self._handle.wait_peers(n, 0, timeout):
            raise Timeout(
                f"{self.peers} of {n} peers are connected after {timeout:g} s",
                backend=self._backend.name,
            )

    def events(self, *, timeout: float | None = None) -> Iterator[PeerEvent]:
        """What happens to peers, as it happens, until the socket is closed.

        Events are kept from the first endpoint on, the oldest dropped where nobody reads them.

        Args:
            timeout: end when nothing has happened for so many seconds; None: never.

        Raises:
            UnsupportedFeature: the library does not tell (`peer_events`).
        """
        self._backend.require("peer_events")
        while True:
            try:
                event = self._handle.next_event(timeout, peer_event)
            except Closed:
                return
            if event is None:
                return
            yield event

    def statistics(self) -> dict[str, int]:
        """Counters: `messages_sent`, `messages_received`, `peers` and what else the library counts.

        Names under `native.` are the library's own.

        Raises:
            UnsupportedFeature: it counts nothing (`statistics`).
        """
        peers = self._handle.peers()  # a closed socket is refused as closed, whatever it lacks
        self._backend.require("statistics")
        counters = {
            "messages_sent": self._handle.sent,
            "messages_received": self._handle.received,
            "peers": peers,
        }
        counters.update(self._native.statistics())
        return counters

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was sent has left this process; whether it is known to have.

        False when the time is over, or at once where the library cannot tell (`docs/semantics.md`).
        """
        return self._handle.flush(timeout)

    # Contexts

    def open_context(self) -> Context:
        """An independent request, survey, subscription or answer; hundreds run at once.

        Raises:
            UnsupportedFeature: the library has none (`contexts`), or none for this protocol.
            StateError: not now, where anymq makes them itself (`docs/contexts.md`).
        """
        self._backend.require("contexts")
        if self._raw or self._protocol not in CONTEXTUAL:
            kind = f"{'raw ' * self._raw}{self._protocol}"
            raise self._backend.unsupported("contexts", f"a {kind} socket has none")
        context = Context(self, self._native.open_context())
        self._contexts.add(context)
        if self.closed:
            context.close()
        return context

    # Options and the library's own

    @property
    def options(self) -> Mapping[str, OptionInfo]:
        """Every portable option: type, unit, default, and what it is in this library."""
        result = {}
        for spec in OPTIONS.values():
            where = self._mapping.get(spec.name)
            if spec.name in ENGINE_OPTIONS or (spec.name == "name" and where is None):
                where = "engine"
            result[spec.name] = OptionInfo(
                spec.name, spec.kind, spec.unit, spec.default, where, spec.doc
            )
        return result

    def _set_option(self, name: str, value: Any) -> None:
        value = check_option(name, value)
        if name in ENGINE_OPTIONS:
            with self._handle:
                setattr(self._handle, name, value)
            if name == "linger":
                _lifetime.note_linger(value)
        elif name == "name":  # a library that has names has its own for those without one
            if value and name in self._mapping:
                self._native.set_option(name, value)
            self._name = value
        elif name in self._mapping:
            self._native.set_option(name, value)
        else:
            raise self._lacks(name)

    def _get_option(self, name: str) -> Any:
        if name in ENGINE_OPTIONS:
            with self._handle:
                return getattr(self._handle, name)
        if name == "name":
            return self._name
        if name in self._mapping:
            return self._native.get_option(name)
        raise self._lacks(name)

    def _lacks(self, name: str) -> Exception:
        feature = f"option.{name}"
        reason = inapplicable(name, self._protocol, self._raw)
        if not reason and self._backend.supports(feature):
            reason = f"a {self._protocol} socket has no {name} there"
        return self._backend.unsupported(feature, reason)

    @property
    def native(self) -> int:
        """The library's own handle: socket number of nanomsg and nng, address of libzmq."""
        return self._native.native

    def get_native(self, option: Any, type: str | None = None) -> Any:
        """An option of the library by its own name or number."""
        return self._native.get_native(option, type)

    def set_native(self, option: Any, value: Any, type: str | None = None) -> None:
        """Set an option of the library by its own name or number; anymq does not check it."""
        self._native.set_native(option, value, type)

    # Closing

    def close(self) -> None:
        """Close; everyone who waits on the socket gets `Closed`. Closing twice does nothing.

        What was sent and has not left is given up to `linger` seconds; Ctrl-C ends that wait.
        """
        self._contexts.close(self._handle)
        self._handle.close()

    def _abandon(self) -> None:
        self._contexts.abandon()
        self._handle.abandon()

    def __del__(self, _warn: Any = warnings.warn, _getpid: Any = os.getpid) -> None:
        handle = getattr(self, "_handle", None)
        if handle is None or handle.closed:
            return
        if self._pid == _getpid():
            _warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        handle.abandon()

    def __reduce__(self) -> Any:
        raise TypeError("a socket cannot be pickled: send its URL and open a new one")


_used_by: dict[Backend, int] = {}
"""The process that first opened a socket of a library."""
