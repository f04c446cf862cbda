"""Counting instructions, with valgrind itself: counts repeat, and a twentieth more is seen."""

from __future__ import annotations

import os
import shutil
import textwrap
from pathlib import Path

import pytest
from console import Failure
from guard.counting import count
from guard.profile import Cost, read_profile

PROGRAM = """\
import json, os

def work(turns):
    text = ""
    for turn in range(turns):
        text += str(turn)

work(10)
parts = []
for title, turns in [("before", 2000), ("after", 2100), ("before", 2000), ("after", 2100)]:
    os.getpgrp()
    work(turns)
    os.getpgrp()
    parts += [None, (title, 2000)]
print(json.dumps({"parts": parts, "libraries": {"some": ["/nowhere", "1.0"]}}))
"""

PROFILE = """\
# callgrind format
desc: Trigger: --dump-before=getpgrp
positions: line
events: Ir
summary: 190

ob=(1) /usr/lib/libpython.so
fl=(1) ceval.c
fn=(1) run
5 40
cob=(2) /site/_engine.so
cfn=(2) send
calls=2 7
+1 150
cob=(3) /usr/lib/libnng.so
cfn=(9) began_before_this_part
calls=0 0
* 190

ob=(2)
fn=(2)
-3 50
cob=(3)
cfn=(3) nng_send
calls=4 0
* 60
cfn=(4) helper
calls=2 9
* 40

fn=(4)
9 40

ob=(3)
fn=(3)
0 45
cob=(4) /usr/lib/libc.so
cfn=(5) malloc
calls=4 0
0 15

ob=(4)
fn=(5)
0 15
"""


def test_profile_tells_the_library_from_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "profile"
    file.write_text(PROFILE)
    assert read_profile(file, 2, {"/usr/lib/libnng.so"}) == Cost(65, 2, 95)


@pytest.mark.timeout(300)
def test_a_twentieth_more_is_seen_and_counts_repeat(tmp_path: Path) -> None:
    if shutil.which("valgrind") is None and not os.environ.get("ANYMQ_TEST_EXPECT"):
        pytest.skip("valgrind is not here")
    script = tmp_path / "work.py"
    script.write_text(PROGRAM)
    first, second = (count(script) for _ in range(2))
    assert first.libraries == {"some": "1.0"}
    for counted in (first, second):
        ratio = counted.costs["after"].anymq / counted.costs["before"].anymq
        assert ratio == pytest.approx(1.05, abs=0.01)
    assert second.costs["before"].anymq == pytest.approx(first.costs["before"].anymq, rel=0.005)


def test_what_the_work_said_is_shown_when_it_failed(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(textwrap.dedent("raise SystemExit('no such luck')"))
    with pytest.raises(Failure, match="no such luck"):
        count(script)
