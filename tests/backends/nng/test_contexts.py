"""A context and its socket that end at the same time: nng by itself then uses what it has freed."""

from __future__ import annotations

import pytest

from tests.conformance.support import run_program

from .conftest import BUILDS, open_build

END_TOGETHER = """
import warnings
warnings.simplefilter("ignore", ResourceWarning)
limit = time.monotonic() + 2
while time.monotonic() < limit:
    for _ in range(20):
        rep = open_socket("rep", linger=0)
        contexts = [rep.open_context() for _ in range(6)]
        for context in contexts:
            try:
                context.recv(timeout=0)
            except anymq.WouldBlock:
                pass
        contexts.pop().close()
        del rep, context, contexts  # each is closed in the background
    deadline = time.monotonic() + LIMIT
    while len(os.listdir("/proc/self/fd")) > 200:
        assert time.monotonic() < deadline, "they are not closed"
        time.sleep(0.001)
print("done")
"""


@pytest.mark.parametrize("name", BUILDS)
def test_collected_together(name: str) -> None:
    backend = open_build(name)
    if not backend.supports("contexts"):
        pytest.skip("this build has no contexts")
    assert "done" in run_program(backend, END_TOGETHER, limit=60)
