"""How long something may take, on a machine that has other work too."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["TRIES", "timely"]

TRIES = 5


def timely(measure: Callable[[], float], earliest: float, latest: float) -> None:
    """`measure()`, the seconds that something took, is between the two; programs have this too.

    Whoever waits is woken late when others have the processors, now and then, whatever the wait;
    what is slow by itself is late every time. So late is what was late `TRIES` times in a row;
    early is what was early once.
    """
    taken: list[float] = []
    while len(taken) < TRIES:
        taken.append(measure())
        assert taken[-1] >= earliest, f"{taken[-1]:.4f} s is less than {earliest} s"
        if taken[-1] <= latest:
            return
    raise AssertionError(f"{taken} seconds, each more than {latest}")
