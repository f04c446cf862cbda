"""`python tools/guard`: has anything become more costly, counted in instructions?

    python tools/guard            compare with the baseline
    python tools/guard --update   make what is counted now the baseline of this setting

The work is that of `work.py`, with the anymq that this interpreter imports. The exit status is 0 if
all is as it was, 1 if something changed by more than is allowed, and 3 if there is no baseline for
this interpreter, machine and libraries, so that nothing was compared. `make guard` and
`make baseline` do the same with an anymq that is built and installed for it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
sys.path[0] = str(TOOLS)

from console import Failure  # noqa: E402

from guard.baseline import changes, load, save, setting  # noqa: E402
from guard.counting import Counted, count  # noqa: E402

NO_BASELINE = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tools/guard", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    update: bool = parser.parse_args().update
    try:
        counted = count()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    show(counted)
    here = setting(counted.libraries)
    if update:
        save(counted, here)
        print("this is the baseline now")
        return 0
    baselines = load()
    for baseline in baselines:
        if baseline.setting == here:
            return report(list(changes(baseline.costs, counted.costs)))
    print(f"NOT COMPARED: no baseline for {here}; there is one for")
    for baseline in baselines:
        print(f"  {baseline.setting}")
    return NO_BASELINE


def show(counted: Counted) -> None:
    print(f"{'':<28}{'anymq':>14}{'library calls':>15}{'in all':>14}")
    for title, cost in counted.costs.items():
        print(f"{title:<28}{cost.anymq:14,.1f}{cost.library_calls:15,.1f}{cost.total:14,.1f}")


def report(found: list[str]) -> int:
    if not found:
        print("nothing costs more than in the baseline")
        return 0
    for line in found:
        print(f"CHANGED {line}")
    print("if that is as it should be: python tools/guard --update, and commit the baseline")
    return 1


if __name__ == "__main__":
    sys.exit(main())
