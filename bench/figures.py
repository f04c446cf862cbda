"""Arithmetic on what was measured: medians with their spread, ratios turn by turn, and aims."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["Case", "best", "case_key", "make_case", "merge", "ratio", "spread"]

Case = dict[str, Any]
"""One record of the results, as README.md describes it."""

HIGHER_IS_BETTER = {"messages/s"}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float] | None:
    """Spread of the ratios within each turn; None where nothing was measured or a value is 0."""
    if not ours or not theirs or not all(theirs):
        return None
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def make_case(
    about: Case, values: dict[str, list[float]], skipped: dict[str, str], unit: str
) -> Case:
    """The record of a case: `about` says what was measured, `values` what each contestant did.

    A ratio is anymq's value over the other's, for times as well as for rates.
    """
    ours = values.get("anymq", [])
    ratios = {
        name: found
        for name, theirs in values.items()
        if name != "anymq" and (found := ratio(ours, theirs)) is not None
    }
    return {
        **about,
        "unit": unit,
        "higher_is_better": unit in HIGHER_IS_BETTER,
        "results": {
            name: {"values": each, **spread(each)} for name, each in values.items() if each
        },
        "ratios": ratios,
        "skipped": skipped,
    }


def best(case: Case, beginning: str) -> list[float]:
    """The values of the best of the contestants whose names begin so: `pyzmq`, `pyzmq copy=False`.

    Empty where there is none.
    """
    found = [
        result
        for name, result in case["results"].items()
        if name == beginning or name.startswith(f"{beginning} ")
    ]
    if not found:
        return []
    choose = max if case["higher_is_better"] else min
    values: list[float] = choose(found, key=lambda result: result["median"])["values"]
    return values


def case_key(case: Case) -> tuple[Any, ...]:
    """What tells one case from all others."""
    return tuple(
        case[name] for name in ("library", "measure", "transport", "size", "mode", "peers")
    )


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Results with those of a later part; where both have a case the later one counts.

    Raises:
        ValueError: they are of different machines, Pythons or library files.
    """
    same = ("cpu", "cores", "python")
    for name in same:
        if old["machine"][name] != new["machine"][name]:
            raise ValueError(
                f"other {name}: {old['machine'][name]}, now {new['machine'][name]}; "
                "these figures do not belong together"
            )
    for name, library in new["libraries"].items():
        if old["libraries"].get(name, library)["sha256"] != library["sha256"]:
            raise ValueError(f"{name} was another file; these figures do not belong together")
    cases = {case_key(case): case for case in [*old["cases"], *new["cases"]]}
    joined = {
        **new,
        "machine": old["machine"],  # with its load before all of it
        "rounds": max(old["rounds"], new["rounds"]),
        "seconds": old["seconds"] + new["seconds"],
        "libraries": {**old["libraries"], **new["libraries"]},
        "contestants": {**old["contestants"], **new["contestants"]},
        "cases": list(cases.values()),
    }
    if "parts" in old:
        joined["parts"] = [*old["parts"], *new["parts"]]
    else:  # of how many it was made nobody wrote down, so the sum is not known either
        joined.pop("parts", None)
    return joined
