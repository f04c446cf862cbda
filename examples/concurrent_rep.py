"""A service that works at many requests at once, with deadlines, on one REP socket.

    python examples/concurrent_rep.py --loop trio --backend nng

Each worker has a context: it takes a request, works, and answers, whatever the others do, so quick
answers overtake slow ones on the same connection. Each client has one too, on a single REQ socket.
A request says how long its client will wait; the service gives up what would be late, and answers
so, and the client gives up what it has waited for long enough. Needs anyio, for both kinds of loop.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

import anyio

import anymq

LATE = b"too late"


@dataclass
class Tally:
    """What became of the requests."""

    answered: int = 0
    refused: int = 0
    unanswered: int = 0
    at_once: int = 0
    most_at_once: int = 0


async def serve(context: anymq.Context, tally: Tally) -> None:
    """One worker: answer one request after another until the socket is closed."""
    while True:
        try:
            request = json.loads(await context.arecv(timeout=None))
            tally.at_once += 1
            tally.most_at_once = max(tally.most_at_once, tally.at_once)
            with anyio.move_on_after(request["deadline"]) as scope:
                await anyio.sleep(request["work"])
            tally.at_once -= 1
            answer = LATE if scope.cancelled_caught else request["body"].upper().encode()
            await context.asend(answer)
        except anymq.Closed:
            return


async def ask(context: anymq.Context, number: int, tally: Tally) -> None:
    """One client: some requests are quick, some would be late, and one has no patience at all."""
    work = (0.01, 0.02, 60.0)[number % 3]
    body = f"request {number}"
    request = {"body": body, "work": work, "deadline": 0.2}
    patience = 0.001 if number == 0 else 10.0
    if number == 0:
        request["work"] = 0.1
    try:
        answer = await context.arequest(json.dumps(request).encode(), timeout=patience)
    except anymq.Timeout:
        tally.unanswered += 1
        return
    if answer == LATE:
        tally.refused += 1
    else:
        assert answer == body.upper().encode(), (answer, body)
        tally.answered += 1


async def main(backend: str | None, workers: int, clients: int) -> Tally:
    tally = Tally()
    chosen = anymq.get_backend(backend, features=["contexts", "protocol.req", "protocol.rep"])
    async with (
        anymq.Socket("rep", backend=chosen) as rep,
        anymq.Socket("req", backend=chosen) as req,
        anyio.create_task_group() as service,
    ):
        for _ in range(workers):
            service.start_soon(serve, rep.open_context(), tally)
        contexts = [req.open_context() for _ in range(clients)]
        await req.adial(rep.listen("tcp://127.0.0.1:0").url, timeout=10)
        async with anyio.create_task_group() as group:
            for number, context in enumerate(contexts):
                group.start_soon(ask, context, number, tally)
        await req.aclose()
        await rep.aclose()
    return tally


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Requests answered out of order, with deadlines.")
    parser.add_argument("--backend", help="a backend's name; default: any that has contexts")
    parser.add_argument("--loop", choices=("asyncio", "trio"), default="asyncio")
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--clients", type=int, default=90)
    given = parser.parse_args()
    try:
        result = anyio.run(main, given.backend, given.workers, given.clients, backend=given.loop)
    except (anymq.UnsupportedFeature, anymq.BackendUnavailable) as error:
        sys.exit(f"concurrent_rep: {error}")
    print(
        f"{result.answered} answered, {result.refused} refused as too late, "
        f"{result.unanswered} given up; {result.most_at_once} were worked at at once"
    )
