"""The recorded results in `compat_matrix/`: written anew, or compared with what came out now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "Recorded"]

FOLDER = Path(__file__).resolve().parents[2] / "compat_matrix"

FEATURE_HEAD = ("library", "version_text", "wire")
ASKED = ("features", "quirks")
"""What a build says that is in a file of its own."""
VARYING = ("seconds", "python", "command", "detail")


class Recorded:
    """A folder of results; see docs/lab.md for its files."""

    def __init__(self, anymq: str, folder: Path = FOLDER) -> None:
        self._anymq = anymq
        self._folder = folder

    # Writing

    def write_builds(self, answers: list[dict[str, Any]], *, complete: bool) -> None:
        """What the builds say. With `complete` those of builds that are no more are removed."""
        entries = [{k: v for k, v in one.items() if k not in ASKED} for one in answers]
        if not complete:
            old = (self._read("builds.json") or {}).get("builds", [])
            fresh = {entry["name"]: entry for entry in entries}
            entries = [fresh.pop(entry["name"], entry) for entry in old] + list(fresh.values())
        self._write("builds.json", {"anymq": self._anymq, "builds": entries})
        names = {entry["name"] for entry in entries if entry["loads"]}
        for kind in ("features", "conformance"):
            for path in (self._folder / kind).glob("*.json"):
                if path.stem not in names:
                    path.unlink()
        for one in answers:
            if one["loads"]:
                self._write(f"features/{one['name']}.json", features_of(one))

    def write_conformance(self, result: Mapping[str, Any]) -> None:
        self._write(f"conformance/{result['build']}.json", result)

    def write_interop(self, wire: str, document: Mapping[str, Any]) -> None:
        """A line for each run, so that a changed run is a changed line."""
        head = {key: value for key, value in document.items() if key != "runs"}
        lines = ",\n".join(f"  {json.dumps(run, ensure_ascii=False)}" for run in document["runs"])
        text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
        self._write_text(f"interop/{wire}.json", f'{text},\n "runs": [\n{lines}\n ]\n}}\n')

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        self._write_text(name, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def _write_text(self, name: str, text: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    # Comparing

    def check_builds(self, answers: Iterable[Mapping[str, Any]]) -> list[str]:
        """How what these builds say differs from what is recorded; CI's must load."""
        differences = []
        recorded = {b["name"]: b for b in (self._read("builds.json") or {}).get("builds", [])}
        for one in answers:
            name = one["name"]
            if not one["loads"]:
                differences.append(f"{name}: cannot be loaded: {one['reason']}")
                continue
            old = recorded.get(name, {})
            differences += [
                f"{name}: {key}: {one[key]!r}, recorded: {old.get(key)!r}"
                for key in ("sha256", "version", "origin", "file")
                if old.get(key) != one[key]
            ]
            said = features_of(one)
            known = self._read(f"features/{name}.json") or {}
            differences += [
                f"{name}: {key}: {_short(said.get(key))}, recorded: {_short(known.get(key))}"
                for key in FEATURE_HEAD
                if said.get(key) != known.get(key)
            ]
            for part in ASKED:
                now, then = said[part], known.get(part, {})
                differences += [
                    f"{name}: {point}: {_short(now.get(point))}, "
                    f"recorded: {_short(then.get(point))}"
                    for point in sorted({*now, *then})
                    if now.get(point) != then.get(point)
                ]
        return differences

    def check_conformance(self, result: Mapping[str, Any]) -> list[str]:
        """How a run of the suite is worse than, or other than, what is recorded."""
        name = result["build"]
        differences = [f"{name}: {entry['test']}: {entry['message']}" for entry in result["failed"]]
        if result["outcome"] != "passed":
            differences.append(f"{name}: the suite ended as {result['outcome']}")
            if result["detail"]:
                differences.append(result["detail"])
        recorded = self._read(f"conformance/{name}.json")
        if recorded is None:
            return [*differences, f"{name}: no run of the suite is recorded"]
        now, then = (
            {(entry["test"], entry["id"]) for entry in one["differences"]}
            for one in (result, recorded)
        )
        if now != then:
            told = ", ".join(f"{test} ({ident})" for test, ident in sorted(now ^ then))
            differences.append(f"{name}: documented differences changed: {told}")
        return differences

    def check_interop(self, wire: str, document: Mapping[str, Any]) -> list[str]:
        """Runs that ended otherwise than recorded."""
        recorded = self._read(f"interop/{wire}.json") or {"runs": []}
        then = {run["id"]: run["outcome"] for run in recorded["runs"]}
        return [
            f"{run['id']}: {run['outcome']} ({run['detail']}), recorded: {then.get(run['id'])}"
            for run in document["runs"]
            if then.get(run["id"]) != run["outcome"]
        ]

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            text = (self._folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        document: dict[str, Any] = json.loads(text)
        return document


def features_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The file of features of a build that was asked."""
    return {
        "build": answer["name"],
        **{key: answer[key] for key in FEATURE_HEAD},
        "features": answer["features"],
        "quirks": answer["quirks"],
    }


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(str(v) for v in value.values() if v)
    return repr(value)
