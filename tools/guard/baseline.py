"""What the work cost when its cost was last found right, and what is to be said of a change."""

from __future__ import annotations

import json
import platform
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from console import capture

from guard.counting import Counted
from guard.profile import Cost

__all__ = ["Baseline", "changes", "load", "save", "setting"]

FILE = Path(__file__).with_name("baseline.json")
ALLOWED = {"anymq": 0.03, "library_calls": 0.03, "total": 0.10}
"""The part by which a figure may be higher than in the baseline. On one machine those of anymq
repeat to within 1 %, most of them to the last digit, whatever else the machine does; in all, up to
2 % depend on when the libraries' threads run."""
GAIN = 0.05
"""Where `Cost.anymq` is lower by this part or more, the baseline no longer guards what was won."""
WORDS = {
    "anymq": "instructions of anymq",
    "library_calls": "calls into the library",
    "total": "instructions in all",
}

Setting = dict[str, str]


@dataclass(frozen=True)
class Baseline:
    """Costs, and the setting that they hold for: counts depend on all that is named there."""

    setting: Setting
    costs: dict[str, Cost]


def setting(libraries: Mapping[str, str]) -> Setting:
    """What this interpreter, this machine and these libraries are, as far as counts depend on it.

    Code for vectors is chosen by what the processor can do.
    """
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    vectors = "avx2" in Path("/proc/cpuinfo").read_text().split()
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "built by": platform.python_compiler() + (", optimized" if optimized else ""),
        "machine": platform.machine() + (" with AVX2" if vectors else ""),
        "libc": " ".join(platform.libc_ver()),
        "valgrind": capture(["valgrind", "--version"])[1],
        **libraries,
    }


def load(file: Path = FILE) -> list[Baseline]:
    held: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return [
        Baseline(each["setting"], {title: Cost(**cost) for title, cost in each["costs"].items()})
        for each in held
    ]


def save(counted: Counted, here: Setting, file: Path = FILE) -> None:
    """Put this in the place of what is known of the same setting; others stay."""
    kept = [each for each in load(file) if each.setting != here]
    kept.append(Baseline(here, _rounded(counted.costs)))
    kept.sort(key=lambda each: sorted(each.setting.items()))
    file.write_text(json.dumps([asdict(each) for each in kept], indent=1) + "\n")


def changes(baseline: Mapping[str, Cost], now: Mapping[str, Cost]) -> Iterator[str]:
    """A line for each figure that is too high, or so low that the baseline should be renewed."""
    for title in sorted(baseline.keys() | now.keys()):
        if title not in now:
            yield f"{title}: in the baseline, but no longer counted"
        elif title not in baseline:
            yield f"{title}: not in the baseline"
        else:
            yield from _changed(title, baseline[title], now[title])


def _changed(title: str, before: Cost, now: Cost) -> Iterator[str]:
    for field, allowed in ALLOWED.items():
        old, new = getattr(before, field), getattr(now, field)
        text = f"{title}: {old:,.1f} -> {new:,.1f} {WORDS[field]}"
        if new > old * (1 + allowed):
            by = f"{new / old - 1:+.1%}" if old else "from none"
            yield f"{text} ({by}; {allowed:.0%} allowed)"
        elif field == "anymq" and new <= old * (1 - GAIN):
            yield f"{text} ({new / old - 1:+.1%}: better; the baseline should hold that)"


def _rounded(costs: Mapping[str, Cost]) -> dict[str, Cost]:
    return {
        title: Cost(*(round(getattr(cost, field.name), 1) for field in fields(Cost)))
        for title, cost in costs.items()
    }
