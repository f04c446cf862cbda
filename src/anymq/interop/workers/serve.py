"""The loop of a side: opens a socket, converses, closes, as the coordinator says.

    {"do": "open", "protocol", "action": "listen"|"dial", "url", "limit"}  -> {"done": {"url"}}
    {"do": "talk", "script", "part", "marks", "limit", "out", "into"}      -> {"done": {...}}
    {"do": "close"}                                                        -> {"done": {}}

Anything that fails is told as `{"failed": {"kind", "text"}}` with the kind `unsupported`,
`stopped` or `error`. The first line out is `{"hello": {...}}`: what the library is and has; or
`{"absent": why}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .channel import Channel, Stopped
from .payload import Messages, Received
from .talk import Endpoint, Talk

__all__ = ["Library", "hello", "serve"]


class Library(Protocol):
    """A messaging library, as a side needs it."""

    def open(self, protocol: str, action: str, url: str, limit: float) -> tuple[Endpoint, str]:
        """A socket that listens or dials in the background, and the address it is bound to.

        Raises:
            NotImplementedError: the library lacks the protocol or the transport.
        """


def hello(
    library: str,
    version_text: str,
    wire: str,
    protocols: list[str],
    transports: list[str],
    traits: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a side says of itself.

    Traits, all optional: `answers_alike` (protocols whose answers are all the same one),
    `one_way` (protocols in which it either sends or receives), `repeats` (protocols in which it
    sends the same again until it was heard), `single` (true: one message of a size is enough),
    `min_size` (bytes) and `max_size` (bytes by transport).
    """
    return {
        "library": library,
        "version_text": version_text,
        "wire": wire,
        "protocols": protocols,
        "transports": transports,
        "traits": dict(traits or {}),
    }


def serve(channel: Channel, library: Library) -> None:
    """Do what the coordinator says until it is gone, which ends the process."""
    endpoint: Endpoint | None = None
    while True:
        command = channel.command()
        try:
            if command["do"] == "open":
                channel.begin()
                endpoint, url = _open(library, command)
                result = {"url": url}
            elif command["do"] == "talk":
                if endpoint is None:
                    raise Stopped
                alone = command["part"] == "alone"
                result = endpoint.alone(command) if alone else _talk(endpoint, channel, command)
            else:
                result = {}
                if endpoint is not None:
                    endpoint.close()
                    endpoint = None
        except NotImplementedError as error:
            _fail(channel, "unsupported", error)
        except Stopped:
            _fail(channel, "stopped", "")
        except Exception as error:
            _fail(channel, "error", f"{type(error).__name__}: {error}")
        else:
            channel.tell(done=result)


def _open(library: Library, command: dict[str, Any]) -> tuple[Endpoint, str]:
    return library.open(command["protocol"], command["action"], command["url"], command["limit"])


def _talk(endpoint: Endpoint, channel: Channel, command: dict[str, Any]) -> dict[str, Any]:
    out, into = command["out"], command["into"]
    talk = Talk(
        endpoint,
        channel,
        command["script"],
        command["part"],
        command["marks"],
        command["limit"],
        Messages(out["key"], out["sizes"], out["constant"]),
        Received(Messages(into["key"], into["sizes"], into["constant"]), repeats=into["repeats"]),
    )
    return endpoint.talk(talk)


def _fail(channel: Channel, kind: str, text: object) -> None:
    channel.tell(failed={"kind": kind, "text": str(text)})
