"""The backend contract: what a package must provide to put a C library under `anymq.Socket`.

A backend package registers a `Provider` in the entry-point group `anymq.backends`. The provider
opens library files; each opened file is one `Backend`, with its own table of functions, so that
several builds live side by side. A backend opens sockets; each is a `NativeSocket`, which pairs a C
object (described to the engine by `anymq_ops`, see `anymq/include/anymq_ops.h`) with the
operations that are rare enough to be written in Python.

Nothing here is called on the way of a message: that is the engine's handle alone.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ._engine import Handle
from .errors import AnymqError, UnsupportedFeature
from .features import Support, absent
from .options import PORTABLE_DEFAULTS
from .protocols import Protocol

if TYPE_CHECKING:
    from .url import Address

__all__ = [
    "Backend",
    "Handle",
    "LibraryInfo",
    "NativeContext",
    "NativeEndpoint",
    "NativeSocket",
    "PeerEvent",
    "Provider",
    "include_dir",
]


def include_dir() -> str:
    """The folder with the headers of the C contract, for the compiler of a backend's adapter.

    `anymq_ops.h` is the contract; `anymq_dl.h` opens libraries the way all backends should. Both
    are needed to build only, and neither links to anything.
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


class LibraryInfo(NamedTuple):
    """Which library file a backend runs on.

    Attributes:
        path: the file that the loader really mapped, symbolic links as the loader was given them.
        version: numbers as far as the library tells them: `(4, 3, 4)`; nanomsg: the ABI triple.
        version_text: for people: `"1.5.2"`, `"1.1.0-1.1.5 (ABI 5:1:0)"`.
        found_via: `argument`, `config`, `environment`, `wheel` or `system`.
    """

    path: str
    version: tuple[int, ...]
    version_text: str
    found_via: str


class PeerEvent(NamedTuple):
    """Something that happened to a peer or an endpoint of a socket.

    Attributes:
        kind: `connected`, `disconnected`, `refused` (an attempt failed and is tried again),
            `handshake_failed`, `accept_failed`, `listening`, `listen_failed`, `closed`
            (an endpoint), or `rejected` (turned away by the protocol).
        address: of the peer or endpoint, or None where the library does not know it.
        peer: the library's number of the peer, None where it has none.
        time: seconds since the epoch when it was seen.
        native: the library's own event number, 0 where it has none.
        code: native error number or event value, 0 where there is none.
    """

    kind: str
    address: str | None = None
    peer: int | None = None
    time: float = 0.0
    native: int = 0
    code: int = 0


class NativeEndpoint(NamedTuple):
    """One bound or dialled address, as the backend knows it.

    Attributes:
        number: the library's own number of it, 0 where it has none; what `anymq_ops.peers` takes.
        url: the address in anymq's grammar, with the real port for a listener.
        native_url: what the library was given.
        peer: of a dialled address, the library's number of who is there; 0 where it tells none.
        state: whatever else the backend needs to close it.
    """

    number: int
    url: str
    native_url: str
    state: Any = None
    peer: int = 0


class NativeContext(abc.ABC):
    """A part of a socket that goes its own way, and what a socket has in common with it.

    `handle` drives it as it drives a socket, with the same guarantees: its own time limits, its own
    waits, `Closed` for all who wait. It stays valid when the socket is closed first.
    """

    backend: Backend
    handle: Handle
    headed: bool = False
    """Whether the header of a message is the program's though the socket is not raw: it says whom
    a message came from, or where it is to go."""

    @abc.abstractmethod
    def set_option(self, name: str, value: Any) -> None:
        """Set a portable option, whose value `anymq.options.check_option` has passed.

        Called for options in `option_mapping` only; never for `send_timeout`, `recv_timeout`,
        `linger` (the engine's) and `name` where the library has none.

        Raises:
            OptionError: the library refuses this value, or refuses it now.
        """

    @abc.abstractmethod
    def get_option(self, name: str) -> Any:
        """The present value of an option in `option_mapping`, in portable units."""

    @property
    @abc.abstractmethod
    def option_mapping(self) -> Mapping[str, str]:
        """Portable option name to the library's own name, for the options that this has."""

    def subscribe(self, topic: bytes) -> None:
        """SUB: receive messages that begin with `topic`; not called twice for the same one."""
        raise self.backend.unsupported("protocol.sub", "only a sub socket subscribes")

    def unsubscribe(self, topic: bytes) -> None:
        """SUB: undo `subscribe`; called only for a topic that is subscribed."""
        raise self.backend.unsupported("protocol.sub", "only a sub socket subscribes")


class NativeSocket(NativeContext):
    """One open socket of one library.

    `handle` is the engine's: it owns the C socket from construction on. Every method below runs its
    C calls between `with self.handle:`, which checks that the socket is open and of this process,
    and locks it where the library needs that; they raise `Closed` or `ForkedError` otherwise.
    Methods translate errors of their library with `Backend.error`.
    """

    protocol: Protocol
    raw: bool

    def set_defaults(self, names: Iterable[str]) -> None:
        """Give these options of `option_mapping` the values of `PORTABLE_DEFAULTS`.

        Called once, of a new socket that nobody else knows yet. A backend overrides it where it has
        a shorter way than to set each as one that the program asked for.
        """
        for name in names:
            self.set_option(name, PORTABLE_DEFAULTS[name])

    @abc.abstractmethod
    def listen(self, address: Address) -> NativeEndpoint:
        """Bind. Port 0 has been asked for when `address.port == 0`; the result tells the real one.

        Raises:
            AddressInUse, AddressInvalid, PermissionDenied: as the names say.
        """

    @abc.abstractmethod
    def dial(self, address: Address) -> NativeEndpoint:
        """Start to connect in the background; a refused connection is tried again."""

    @abc.abstractmethod
    def close_endpoint(self, endpoint: NativeEndpoint) -> None:
        """Unbind or disconnect; closing an endpoint that is gone does nothing."""

    def subscribe(self, topic: bytes) -> None:
        """SUB: receive messages that begin with `topic`; not called twice for the same one.

        DISH: receive those of the group of this name.
        """
        raise self.backend.unsupported("protocol.sub", f"a {self.protocol} socket cannot subscribe")

    def unsubscribe(self, topic: bytes) -> None:
        """SUB and DISH: undo `subscribe`; called only for a topic that is subscribed."""
        raise self.backend.unsupported("protocol.sub", f"a {self.protocol} socket cannot subscribe")

    def open_context(self) -> NativeContext:
        """A context: an independent request, survey, subscription or answer.

        Called where the library has `contexts`, for the protocols that have such a state and are
        not raw; it may lack them for one of those.

        Raises:
            UnsupportedFeature: it does.
            StateError: it is too late to begin with contexts on this socket.
        """
        raise self.backend.unsupported("contexts", f"it has none for a {self.protocol} socket")

    @abc.abstractmethod
    def statistics(self) -> dict[str, int]:
        """Normalised counters, and the library's own under `native.`

        Normalised, where the library has them: `messages_sent`, `messages_received`, `bytes_sent`,
        `bytes_received`, `peers`, `connections` (all that were ever made), `connect_errors`.
        """

    @property
    @abc.abstractmethod
    def native(self) -> int:
        """The library's own handle: socket number of nanomsg and nng, pointer of libzmq."""

    @abc.abstractmethod
    def get_native(self, option: Any, type: str | None = None) -> Any:
        """An option of the library by its own name or number; `type` where it cannot be known."""

    @abc.abstractmethod
    def set_native(self, option: Any, value: Any, type: str | None = None) -> None:
        """Set an option of the library by its own name or number."""


class Backend(abc.ABC):
    """One opened library."""

    name: ClassVar[str]
    """`"nng"`; also the name of the entry point."""
    wire: ClassVar[str]
    """What it speaks: `"sp"`, `"zmtp"`, or a name of its own. Backends of one wire talk."""

    fork_safe: ClassVar[bool] = False
    """Whether a forked child may open sockets after its parent has."""

    library: LibraryInfo
    features: Mapping[str, Support]
    """An answer for every name of `anymq.features.known_features()`."""
    constants: Mapping[str, int]
    """The library's constants by their own names."""
    errors: Mapping[int, str]
    """The library's error numbers and their native names."""
    quirks: Mapping[str, str] = MappingProxyType({})
    """What this library, as it was loaded, does otherwise than the common behaviour, where no
    feature tells: a name, and a sentence for people."""

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols that this library has."""
        return tuple(p for p in Protocol if self.supports(f"protocol.{p.value}"))

    @property
    def transports(self) -> tuple[str, ...]:
        """The URL schemes that this library has."""
        return tuple(
            name.removeprefix("transport.")
            for name, support in self.features.items()
            if name.startswith("transport.") and support
        )

    def supports(self, feature: str) -> bool:
        """Whether `feature` is native or emulated here; False for a name that nobody knows."""
        return bool(self.features.get(feature))

    def require(self, feature: str) -> None:
        """Do nothing where the feature is supported.

        Raises:
            UnsupportedFeature: naming the feature, this library, its version, the version that is
                needed, and which other backends have it.
        """
        if not self.supports(feature):
            raise self.unsupported(feature)

    def unsupported(
        self, feature: str, reason: str = "", *, needed: str = ""
    ) -> UnsupportedFeature:
        """The refusal of `feature`, worded from its record, or for a `reason` of this socket's."""
        # Not `or`: an absent Support is false.
        support = self.features.get(feature, absent("there is no such feature"))
        own = not reason
        reason = reason or support.reason
        found = f"{self.name} {self.library.version_text}"
        text = f"{found} does not support {feature}"
        if reason:
            text += f": {reason}"
        needed = needed or support.needed
        if needed:
            text += f" (needs {needed})"
        if own:
            from .registry import backends_with

            others = [name for name in backends_with(feature) if name != self.name]
            if others:
                text += f"; available with {', '.join(others)}"
        error = UnsupportedFeature(text, backend=self.name)
        error.feature = feature
        error.library = self.name
        error.found = self.library.version_text
        error.needed = needed
        return error

    @abc.abstractmethod
    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> NativeSocket:
        """A new socket with the library's defaults; features were checked by the caller."""

    @abc.abstractmethod
    def error(self, code: int, doing: str = "", **context: Any) -> AnymqError:
        """The exception for one of the library's error numbers.

        `doing` says what was tried (`"listen at tcp://..."`); the message also holds the library's
        own text and the native name of the number.
        """

    def shutdown(self, timeout: float | None) -> None:  # noqa: B027 (most have nothing to do)
        """Called at interpreter exit, after every socket was closed: let what lingers leave."""

    def __repr__(self) -> str:
        lib = self.library
        return f"<{self.name} backend: {lib.version_text} at {lib.path} ({lib.found_via})>"


class Provider(abc.ABC):
    """What an entry point of `anymq.backends` names: an instance of this."""

    name: ClassVar[str]
    wire: ClassVar[str]
    preference: ClassVar[int] = 100
    """Which backend is chosen where nobody names one: the lowest that fits."""
    library_names: ClassVar[Sequence[str]]
    """What to ask the system's loader for, in order: `("libnng.so.1", "libnng.so")`."""
    install_hint: ClassVar[str]
    """How to get the library: `"apt install libnng1"` and the like, for people."""
    known_for: ClassVar[frozenset[str]]
    """Features that a good build of this library has: "who has it" in refusals, though no library
    of this kind may be installed here."""

    def bundled(self) -> Iterator[str]:
        """Paths of library files that the package carries itself."""
        return iter(())

    @abc.abstractmethod
    def open(self, path: str, found_via: str) -> Backend:
        """Open one library file (or loader name) and look at what it can do.

        Raises:
            BackendUnavailable: it does not load (with the loader's words), or is another library
                (saying which it looks like).
        """
