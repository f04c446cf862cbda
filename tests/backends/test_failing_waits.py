"""What fails while tasks wait is told to one of them, or waited out; the others are served."""

from __future__ import annotations

from typing import Any

from anymq._drivers import waits
from tests.conformance.loops import Loop
from tests.conformance.support import LIMIT, Sockets


class Failing:
    """Stands before an object; the first call of one of these methods fails."""

    def __init__(self, real: Any, names: set[str], error: Exception) -> None:
        self.real = real
        self.names = names
        self.errors = [error]

    def __getattr__(self, name: str) -> Any:
        if name not in self.names or not self.errors:
            return getattr(self.real, name)

        def fail(*_: object) -> None:
            raise self.errors.pop()

        return fail


def test_memory_that_runs_out_is_told_to_the_first(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    log: list[Any] = []

    async def receive() -> None:
        try:
            log.append(await pull.arecv())
        except MemoryError as error:
            log.append(type(error))

    async def main() -> None:
        async with loop.group() as group:
            for _ in range(2):
                group.start(receive())
                await loop.settle()
            here: waits.Waits = pull._loops.here
            receives = {"recv_nowait", "recv_some"}
            here.handle = Failing(here.handle, receives, MemoryError())  # type: ignore[assignment]
            push.send(b"kept", timeout=LIMIT)

    loop.run(main)
    assert len(log) == 2  # in an order of trio's own
    assert set(log) == {MemoryError, b"kept"}


def test_without_a_descriptor_it_asks_again(sockets: Sockets, loop: Loop) -> None:
    push, pull = sockets.pair("push", "pull")
    log: list[bytes] = []

    async def receive() -> None:
        log.append(await pull.arecv())

    async def main() -> None:
        await push.asend(b"first")
        async with loop.group() as group:
            group.start(receive())
        here: waits.Waits = pull._loops.here
        here.watch = failing = Failing(here.watch, {"want"}, OSError())  # type: ignore[assignment]
        async with loop.group() as group:
            group.start(receive())
            while failing.errors:
                await loop.sleep()
            push.send(b"second", timeout=LIMIT)

    loop.run(main)
    assert log == [b"first", b"second"]
