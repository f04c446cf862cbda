"""What the suite tells its runner while it runs: one JSON line for each thing that happens.

The lines outlive the process. A library that crashes, or holds the interpreter lock for ever, ends
the process and not the knowledge of what had been tested; the runner reads on and starts anew after
the guilty test. The time limit of a test is kept by a thread of C that needs no interpreter lock.

Loaded as a plugin by `runner`; does nothing unless ANYMQ_TEST_EVENTS names the file to write.
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any, TextIO

import pytest

LONGEST = 1500
"""Characters of a message at most."""


class Events:
    """Writes the lines.

    Args:
        path: appended to.
        limit: seconds for a test without a `timeout` marker of its own.
        done: ids of tests that an earlier process has run already.
    """

    def __init__(self, path: str, limit: float, done: frozenset[str]) -> None:
        self._file: TextIO = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
        # Kept from pytest, which captures what is written to standard error.
        self._stderr = os.fdopen(os.dup(sys.__stderr__.fileno()), "w")  # type: ignore[union-attr]
        self._limit = limit
        self._done = done
        self._limits: dict[str, float] = {}
        self._outcome: dict[str, str] = {}

    def write(self, event: str, **values: Any) -> None:
        self._file.write(json.dumps({"event": event, **values}) + "\n")

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "timeout(seconds): the limit of this test")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        again = [item for item in items if item.nodeid in self._done]
        if again:
            config.hook.pytest_deselected(items=again)
            items[:] = [item for item in items if item.nodeid not in self._done]
        for item in items:
            marker = item.get_closest_marker("timeout")
            self._limits[item.nodeid] = float(marker.args[0]) if marker else self._limit

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.testsfailed:
            return
        self.write(
            "collected",
            tests=len(session.items),
            python=platform.python_version(),
            libraries=_libraries(),
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.write("uncollected", test=report.nodeid, message=_message(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        limit = self._limits[nodeid]
        self.write("start", test=nodeid, limit=limit)
        self._outcome.pop(nodeid, None)
        faulthandler.dump_traceback_later(limit, exit=True, file=self._stderr)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of a test's three reports the worst counts: set-up, call, tear-down."""
        reason = getattr(report, "wasxfail", None)
        if report.failed:
            self._end(report, "failed", _message(report))
        elif report.nodeid in self._outcome:
            return
        elif reason is not None:
            ident, _, words = str(reason).removeprefix("[NOTRUN] ").partition(": ")
            self._end(report, "difference", words or ident, id=ident if words else "")
        elif report.skipped:
            self._end(report, "skipped", _message(report))
        elif report.when == "teardown":
            self._end(report, "passed", "")

    def _end(self, report: pytest.TestReport, outcome: str, message: str, **more: str) -> None:
        self._outcome[report.nodeid] = outcome
        self.write("end", test=report.nodeid, outcome=outcome, message=message, **more)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        faulthandler.cancel_dump_traceback_later()
        self.write("finish", test=nodeid)

    def pytest_sessionfinish(self) -> None:
        self.write("over")


def _libraries() -> list[dict[str, Any]]:
    """The libraries under test as this process opened them."""
    from .support import LIBRARIES

    return [
        {"name": u.name, "error": str(u.error)}
        if u.backend is None
        else {
            "name": u.name,
            "id": u.id,
            "path": os.path.realpath(u.backend.library.path),
            "version": list(u.backend.library.version),
            "version_text": u.backend.library.version_text,
        }
        for u in LIBRARIES
    ]


def _message(report: Any) -> str:
    """The last lines of what went wrong, or the reason for skipping."""
    text: str
    if isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2]).removeprefix("Skipped: ")
    else:
        crash = getattr(report.longrepr, "reprcrash", None)
        text = str(crash.message) if crash else report.longreprtext
    return re.sub(r"\n\s*\n+", "\n", text.strip())[-LONGEST:]


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get("ANYMQ_TEST_EVENTS")
    if not path:
        return
    done = Path(os.environ["ANYMQ_TEST_DONE"]).read_text(encoding="utf-8").splitlines()
    limit = float(os.environ["ANYMQ_TEST_LIMIT"])
    # Children of the tests are not to write here.
    for name in ("ANYMQ_TEST_EVENTS", "ANYMQ_TEST_DONE", "ANYMQ_TEST_LIMIT"):
        del os.environ[name]
    config.pluginmanager.register(Events(path, limit, frozenset(done)), "anymq-events")
