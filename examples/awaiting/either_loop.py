"""One program for asyncio and trio: requests, each with a limit, to a service that is slow once.

    python examples/awaiting/either_loop.py asyncio|trio [nanomsg|nng|zmq]

anymq tells the loops apart by itself. Tasks and time limits are not its subject; anyio has them in
one form for both (`pip install anyio trio`).
"""

from __future__ import annotations

import sys

import anyio

import anymq


async def serve(socket: anymq.Socket) -> None:
    """Answer requests until cancelled."""
    async for request in socket:
        if request == b"slow":
            await anyio.sleep(0.3)
        await socket.asend(request.upper())


async def main(backend: str | None) -> None:
    async with (
        anymq.Socket("rep", backend=backend) as service,
        anymq.Socket("req", backend=backend) as client,
        anyio.create_task_group() as tasks,
    ):
        url = service.listen("tcp://127.0.0.1:0").url
        tasks.start_soon(serve, service)
        await client.adial(url, timeout=5)
        print((await client.arequest(b"one", timeout=5)).decode())
        try:
            await client.arequest(b"slow", timeout=0.1)
        except anymq.Timeout:
            print("slow: no answer within 0.1 s")
        with anyio.move_on_after(0.1):  # the same, by cancelling
            await client.arequest(b"slow")
            print("never printed")
        print((await client.arequest(b"two", timeout=5)).decode())
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("asyncio", "trio"):
        sys.exit("usage: either_loop.py asyncio|trio [nanomsg|nng|zmq]")
    anyio.run(main, sys.argv[2] if len(sys.argv) > 2 else None, backend=sys.argv[1])
