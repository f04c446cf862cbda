"""A small folder of results, made for tests: three builds that load, one that does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from anymq.features import known_features

BUILDS = {"one-1.0-deb": "one", "one-2.0-whl": "one", "two-7-deb": "two"}
"""Builds that load, and their libraries."""
VERSIONS = {"one-1.0-deb": "1.0", "one-2.0-whl": "2.0", "two-7-deb": "1.2.3"}
REFUSED = "one-3.0-src"
LANES = (("push-pull", "tcp"), ("pair-pair", "ws"))


class MadeResults:
    """Writes results; a test changes the documents before or after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("builds.json", self.builds())
        for name in BUILDS:
            self.write(f"features/{name}.json", self.features(name))
        self.write("conformance/one-1.0-deb.json", self.conformance("one-1.0-deb"))
        self.write("conformance/one-2.0-whl.json", self.crash("one-2.0-whl"))
        self.write("interop/sp.json", self.interop())

    def write(self, name: str, document: object) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return path

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    @staticmethod
    def builds() -> dict[str, Any]:
        builds = [
            {
                "name": name,
                "library": library,
                "wire": "sp",
                "manifest_version": VERSIONS[name],
                "origin": f"Debian sid, lib{library} {VERSIONS[name]}-1",
                "sha256": "ab" * 32,
                "file": f"usr/lib/lib{library}.so",
                "built": None,
                "runtime": None,
                "loads": True,
                "reason": None,
                "version": [1, 2, 3],
                "version_text": VERSIONS[name],
                "identified_by": f"{library}_version()",
                "in_ci": True,
            }
            for name, library in BUILDS.items()
        ]
        refused = {**builds[0], "name": REFUSED, "loads": False, "reason": "undefined symbol: nope"}
        return {"anymq": "0.1.0", "builds": [*builds, refused]}

    @staticmethod
    def features(name: str) -> dict[str, Any]:
        """`pull` in two only, `raw` emulated by 2.0, all else absent; `push` everywhere.

        The builds of `one` tell of a quirk.
        """
        library = BUILDS[name]
        records = {
            feature: {"status": "absent", "reason": "left out", "evidence": "", "needed": "9.9"}
            for feature in known_features()
        }
        here = {"status": "native", "reason": "", "evidence": "symbol push", "needed": ""}
        records["protocol.push"] = here
        if library == "two":
            records["protocol.pull"] = here
        if name == "one-2.0-whl":
            records["raw"] = {**here, "status": "emulated", "reason": "anymq | <parses> it"}
        return {
            "build": name,
            "library": library,
            "version_text": VERSIONS[name],
            "wire": "sp",
            "features": records,
            "quirks": {"slow-start": "it begins | <late>"} if library == "one" else {},
        }

    @staticmethod
    def conformance(name: str, **changes: Any) -> dict[str, Any]:
        return {
            "build": name,
            "outcome": "passed",
            "python": "3.11.2",
            "passed": 812,
            "seconds": 61.25,
            "failed": [],
            "differences": [
                {
                    "test": "test_limits.py::test_small[ws]",
                    "id": "D3",
                    "reason": "not dialled",
                }
            ],
            "skipped": [{"test": "test_fork.py::test_x", "reason": "needs two processors"}],
            "command": f"anymq conformance --library one={name}",
            "detail": "",
            **changes,
        }

    @classmethod
    def crash(cls, name: str) -> dict[str, Any]:
        failed = [{"test": "test_exit.py::test_end[tcp]", "message": "signal 11"}]
        return cls.conformance(
            name, outcome="crashed", failed=failed, detail="ended by signal 11 in test_end"
        )

    @staticmethod
    def run(
        protocol: str, transport: str, sender: str, receiver: str, listener: str, **changes: Any
    ) -> dict[str, Any]:
        return {
            "id": "/".join((protocol, transport, sender, receiver, listener)),
            "protocol": protocol,
            "transport": transport,
            "sender": sender,
            "receiver": receiver,
            "listener": listener,
            "outcome": "ok",
            "sent": 15,
            "delivered": 15,
            "intact": True,
            "ordered": True,
            "seconds": 0.125,
            "detail": "",
            **changes,
        }

    @classmethod
    def interop(cls) -> dict[str, Any]:
        """All ok but: one time-out, one lane that a build lacks, one run that is missing."""
        runs = []
        for (protocol, transport), sender, receiver, listener in product(
            LANES, BUILDS, BUILDS, ("sender", "receiver")
        ):
            changes: Mapping[str, Any] = {}
            if (sender, receiver, transport) == ("one-1.0-deb", "two-7-deb", "ws"):
                changes = {"outcome": "unsupported", "sent": 0, "delivered": 0}
            if (sender, receiver) == ("one-2.0-whl", "two-7-deb") and listener == "receiver":
                if transport == "tcp":
                    continue
                detail = "two-7-deb: 3 of 15 </script> came"
                changes = {"outcome": "timeout", "delivered": 3, "detail": detail}
            runs.append(cls.run(protocol, transport, sender, receiver, listener, **changes))
        return {
            "anymq": "0.1.0",
            "builds": {
                name: {"library": library, "version_text": VERSIONS[name]}
                for name, library in BUILDS.items()
            },
            "parameters": {"sizes": [0, 100], "count": 5, "timeout": 10.0},
            "runs": runs,
        }
