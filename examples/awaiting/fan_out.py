"""Work for several workers, handed out no faster than they take it.

    python examples/awaiting/fan_out.py [nanomsg|nng|zmq]

`asend` waits while no worker has room. So the source is never more than what the buffers hold ahead
of the workers, however much there is to do; that is told at the end. Who takes more gets more.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter

import anymq

JOBS = 400
JOB = 32 * 1024
"""Bytes of one job."""
SECONDS = {"quick": 0.0005, "slow": 0.005}
"""What each worker needs for a job."""


def small(protocol: str, backend: str | None) -> anymq.Socket:
    """A socket with few messages in its buffer, where the library counts messages."""
    socket = anymq.Socket(protocol, backend=backend, send_timeout=10, recv_timeout=10)
    option = "send_buffer" if protocol == "push" else "recv_buffer"
    if socket.backend.supports(f"option.{option}"):
        setattr(socket, option, 4)
    return socket


async def work(name: str, url: str, backend: str | None, done: list[tuple[str, int]]) -> None:
    """Do jobs until one is empty."""
    async with small("pull", backend) as jobs:
        await jobs.adial(url, timeout=5)
        while job := await jobs.arecv():
            await asyncio.sleep(SECONDS[name])
            done.append((name, int.from_bytes(job[:4], "big")))


async def main(backend: str | None) -> None:
    done: list[tuple[str, int]] = []
    ahead = 0
    with tempfile.TemporaryDirectory() as folder:
        async with asyncio.TaskGroup() as workers, small("push", backend) as source:
            url = source.listen(f"ipc://{folder}/jobs").url
            for name in SECONDS:
                workers.create_task(work(name, url, backend, done))
            await source.await_peers(len(SECONDS), timeout=5)
            for number in range(JOBS):
                await source.asend(number.to_bytes(4, "big") + bytes(JOB))
                ahead = max(ahead, number + 1 - len(done))
            while len(done) < JOBS:
                await asyncio.sleep(0.01)
            for _ in SECONDS:  # one for each: all of them have room again
                await source.asend(b"")
    print(f"{len({number for _, number in done})} of {JOBS} jobs done, each once")
    print(f"the source was at most {ahead} jobs ahead")
    print("by worker:", ", ".join(f"{name} {n}" for name, n in Counter(n for n, _ in done).items()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
