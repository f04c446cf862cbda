"""What sockets and contexts have in common: one message, request or survey after another."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ._engine import Direct
from ._limits import DEFAULT, TimeLimit
from .errors import OptionError, StateError, Timeout
from .options import check_option
from .protocols import Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .abc import Backend, NativeContext

__all__ = ["Exchange"]


class Exchange(Direct):
    """The blocking calls of `Socket` that `Context` has too; `send` and `recv` are the engine's."""

    __slots__ = ()

    if TYPE_CHECKING:
        _backend: Backend
        _native: NativeContext
        _protocol: Protocol
        _raw: bool
        _topics: set[bytes]
        _topics_lock: threading.Lock

        @property
        def survey_time(self) -> float: ...
        @property
        def closed(self) -> bool: ...
        def close(self) -> None: ...

    def request(self, data: Buffer, *, timeout: TimeLimit = DEFAULT) -> bytes:
        """REQ: send, then receive the reply to that request.

        The time limit is for both together; `DEFAULT` gives each its own.
        """
        self._must_be(Protocol.REQ, "request")
        if timeout is DEFAULT or timeout is None or timeout == 0:
            self.send(data, timeout=timeout)
            return self.recv(timeout=timeout)
        end = time.monotonic() + timeout
        self.send(data, timeout=timeout)
        return self.recv(timeout=max(0.001, end - time.monotonic()))

    def survey(self, data: Buffer, *, timeout: TimeLimit = DEFAULT) -> list[bytes]:
        """SURVEYOR: ask, and gather the answers until `survey_time` or `timeout` is over."""
        self._must_be(Protocol.SURVEYOR, "survey")
        limit = self.survey_time
        if timeout is not DEFAULT and timeout is not None:
            limit = min(limit, check_option("recv_timeout", timeout))
        self.send(data)
        end = time.monotonic() + limit
        answers: list[bytes] = []
        while (left := end - time.monotonic()) > 0:
            try:
                answers.append(self.recv(timeout=left))
            except (Timeout, StateError):
                break
        return answers

    def _must_be(self, protocol: Protocol, call: str) -> None:
        if self._protocol is not protocol or self._raw:
            raise StateError(
                f"{call}() is for {protocol} sockets, and this is a {self!r}",
                backend=self._backend.name,
            )

    # Subscriptions

    def subscribe(self, topic: Buffer = b"") -> None:
        """SUB: receive messages that begin with `topic`; subscribing twice is once.

        DISH: join the group of this name.

        Raises:
            UnsupportedFeature: not a socket that subscribes.
        """
        key = _topic(topic)
        with self._topics_lock:
            if key not in self._topics:
                self._native.subscribe(key)
                self._topics.add(key)

    def unsubscribe(self, topic: Buffer) -> None:
        """SUB: end the subscription of `topic`; DISH: leave the group.

        Raises:
            OptionError: it is not subscribed.
        """
        key = _topic(topic)
        with self._topics_lock:
            if key not in self._topics:
                if self.closed or not self._topics:
                    with self._handle:
                        pass
                raise OptionError(f"topic {key!r} is not subscribed", backend=self._backend.name)
            self._native.unsubscribe(key)
            self._topics.discard(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _topic(topic: Buffer) -> bytes:
    if isinstance(topic, str):
        raise TypeError("a topic is bytes, not str: pass text.encode() instead")
    return bytes(memoryview(topic))
