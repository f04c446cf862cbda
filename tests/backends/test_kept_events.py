"""An event that could not be given to the program is the first that is given next."""

from __future__ import annotations

import pytest

import anymq
from tests.conformance.support import LIMIT, Sockets

pytestmark = pytest.mark.requires("peer_events", "peers")


def upcoming(socket: anymq.Socket, kind: str) -> anymq.PeerEvent:
    """The next event of a kind."""
    for event in socket.events(timeout=LIMIT):
        if event.kind == kind:
            return event
    pytest.fail(f"no {kind} event")


def test_one_for_which_there_is_no_memory(sockets: Sockets) -> None:
    """Whichever allocation it is that fails."""
    hooks = pytest.importorskip("_testcapi")
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    failed, start = 0, 0
    while failed == start:
        for _ in pull.events(timeout=0):
            pass
        push = sockets.open("push", dial=url)
        pull.wait_for_peers(timeout=LIMIT)
        events, got = pull.events(), None
        hooks.set_nomemory(start, start + 1)
        try:
            got = next(events)
        except MemoryError:
            failed += 1
        finally:
            hooks.remove_mem_hooks()
        if got is None or got.kind != "connected":
            upcoming(pull, "connected")
        push.close()
        upcoming(pull, "disconnected")
        start += 1
    assert failed > 0


def test_one_whose_reader_was_interrupted(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    for _ in pull.events(timeout=0):
        pass

    def interrupted(event: object) -> None:
        raise KeyboardInterrupt

    sockets.open("push", dial=url)
    with pytest.raises(KeyboardInterrupt):
        pull._handle.next_event(LIMIT, interrupted)
    upcoming(pull, "connected")


def test_kept_ones_go_with_their_socket(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    sockets.open("push", dial=url)
    with pytest.raises(ZeroDivisionError):
        pull._handle.next_event(LIMIT, lambda event: 1 / 0)
    pull.close()
    assert list(pull.events()) == []
