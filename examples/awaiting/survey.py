"""A survey whose slowest answer comes too late: it is in no survey, not in the next one either.

    python examples/awaiting/survey.py [nanomsg|nng]

One surveyor asks three respondents, which think for different times. What has arrived when
`survey_time` is over is the result.
"""

from __future__ import annotations

import asyncio
import sys

import anymq

SURVEY_TIME = 0.5
THINKS = {"quick": 0.0, "slow": 0.2, "late": 0.8}
"""Seconds that each respondent takes to answer the first survey."""


async def respond(name: str, url: str, backend: str | None) -> None:
    """Answer every survey until cancelled; only the first answer takes long."""
    async with anymq.Socket("respondent", backend=backend, dial=url) as socket:
        seconds = THINKS[name]
        async for question in socket:
            await asyncio.sleep(seconds)
            await socket.asend(f"{name} to {question.decode()}".encode())
            seconds = 0.0


async def main(backend: str | None) -> None:
    async with anymq.Socket("surveyor", backend=backend, survey_time=SURVEY_TIME) as surveyor:
        url = surveyor.listen("tcp://127.0.0.1:0").url
        tasks = [asyncio.create_task(respond(name, url, backend)) for name in THINKS]
        await surveyor.await_peers(len(THINKS), timeout=5)
        for question in (b"first", b"second"):
            answers = await surveyor.asurvey(question)
            print(f"{question.decode()}:", ", ".join(sorted(a.decode() for a in answers)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
