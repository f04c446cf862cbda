"""Do these builds talk to each other? A laboratory for messaging libraries.

    from anymq.interop import Build, Plan, run

    report = run(Plan([Build("old", "nng", "/opt/old/libnng.so"), Build("new", "nng")]))
    report.ok, report.to_json()

Every build plays every part against every other one: each side in a process of its own, so that
one that hangs or dies is a result and not the end. What is received is compared byte for byte with
what was to come; lost, corrupt and disordered messages are told apart. `anymq interop` is the same
on the command line.
"""

from __future__ import annotations

from .builds import FOREIGN, Build, installed
from .patterns import PATTERNS, Pattern
from .peer import PeerPlan, run_peer
from .plan import DEFAULT_SIZES, Cell, Plan
from .report import OUTCOMES, Report, Run
from .runner import run

__all__ = [
    "DEFAULT_SIZES",
    "FOREIGN",
    "OUTCOMES",
    "PATTERNS",
    "Build",
    "Cell",
    "Pattern",
    "PeerPlan",
    "Plan",
    "Report",
    "Run",
    "installed",
    "run",
    "run_peer",
]
