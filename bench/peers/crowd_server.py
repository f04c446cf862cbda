"""A REP or PULL with one task that awaits: LIBRARY rep|pull URL 0 SIZE BACKEND (see c/bench.h).

Answers "peers N" with the same as soon as the socket has so many peers.
"""

import asyncio
import os
import sys

import anymq

library, protocol, url, _, _, name = sys.argv[1:]


async def serve(socket: anymq.Socket) -> None:
    async for message in socket:
        if protocol == "rep":
            await socket.asend(message)
        print("served", flush=True)


async def tell_peers(socket: anymq.Socket, count: int) -> None:
    while socket.peers != count:
        await asyncio.sleep(0.02)
    print("peers", count, flush=True)


async def main() -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()
    socket = anymq.Socket(protocol, backend=anymq.get_backend(name, library=library), linger=0)
    socket.listen(url)

    def told() -> None:
        lines = os.read(0, 4096)
        if not lines:
            ended.set()
        for line in lines.decode().splitlines():
            tasks.add(asyncio.create_task(tell_peers(socket, int(line.split()[1]))))

    loop.add_reader(0, told)
    tasks.add(asyncio.create_task(serve(socket)))
    print("ready", flush=True)
    await ended.wait()
    socket.close()


asyncio.run(main())
