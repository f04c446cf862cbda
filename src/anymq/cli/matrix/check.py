"""`anymq matrix --check`: are the pages what the results say, and do the builds still say so?"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from anymq.cli._common import open_backends

from . import markdown
from .installed import features_of
from .results import BUILDS, Build, Features, Record, Results, ResultsError

if TYPE_CHECKING:
    from anymq.abc import Backend

__all__ = ["NOT_COMPARABLE", "STALE", "installed_page", "recorded"]

STALE = 1
NOT_COMPARABLE = 3
LIMIT = 60.0
"""Seconds that a library may take to be loaded and asked."""
LABORATORY = ".lab"
CHANGED_LINES = 40
"""Lines of a page's changes that are printed."""


# Pages of recorded results


def recorded(
    pages: Mapping[Path, str], results: Results, given: Mapping[str, str], again: str
) -> int:
    """Check pages of recorded results, and ask the builds that are here.

    Args:
        pages: what each page has to be.
        results: what they were made from.
        given: files of builds, by the build's name.
        again: the command that makes the pages.

    Raises:
        ResultsError: a build that was given is none of those that were recorded.
    """
    builds = {build.name: build for build in results.loadable}
    for name in given:
        if name not in builds:
            raise ResultsError(
                f"--build {name}: no such build was recorded as one that loads ({BUILDS}); "
                f"there are {', '.join(builds)}"
            )
    stale = [path for path, text in pages.items() if not _same(path, text)]
    if stale:
        _say(f"`{again}` makes them anew")
    answers = dict(_answers(results, given))
    for name, answer in answers.items():
        print(f"{name}: {answer.summary}")
        for line in answer.differences:
            print(f"  {line}")
    compared = [name for name, answer in answers.items() if answer.compared]
    missing = [build.name for build in results.loadable if build.name not in compared]
    print(f"compared {len(compared)} of {len(builds)} recorded builds")
    if missing:
        print(f"not here: {', '.join(missing)}")
    if stale or any(answer.wrong for answer in answers.values()):
        return STALE
    return 0 if compared else NOT_COMPARABLE


def _same(path: Path, made: str) -> bool:
    try:
        present = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        _say(f"{path}: there is no such file")
        return False
    if present == made:
        print(f"{path}: current")
        return True
    changes = list(_changes(path, present, made))
    for line in changes[:CHANGED_LINES]:
        print(line if len(line) < 300 else f"{line[:300]} ...")
    if len(changes) > CHANGED_LINES:
        print(f"... and {len(changes) - CHANGED_LINES} more lines")
    _say(f"{path}: stale")
    return False


def _changes(path: Path, present: str, made: str) -> Iterator[str]:
    return difflib.unified_diff(
        present.splitlines(), made.splitlines(), str(path), "would be made now", lineterm="", n=0
    )


# What builds say now


@dataclass(frozen=True)
class Answer:
    """What came of asking one build: what it differs in, or why it could not be asked."""

    differences: tuple[str, ...] = ()
    problem: str = ""
    asked_for: bool = False

    @property
    def compared(self) -> bool:
        return not self.problem

    @property
    def wrong(self) -> bool:
        """Whether the check fails for it; a file that somebody named has to be comparable."""
        return bool(self.differences) or (self.asked_for and bool(self.problem))

    @property
    def summary(self) -> str:
        if self.problem:
            return f"cannot be asked: {self.problem}"
        if self.differences:
            return f"says something else now, in {len(self.differences)} points"
        return "says what was recorded"


def _answers(results: Results, given: Mapping[str, str]) -> Iterator[tuple[str, Answer]]:
    installed = open_backends().values()
    for build in results.loadable:
        recorded = results.features.get(build.name)
        said = _said(build, given, installed)
        if said is None:
            continue
        if isinstance(said, str):
            yield build.name, Answer(problem=said, asked_for=build.name in given)
        elif recorded is None:
            yield build.name, Answer(problem="no features were recorded of it")
        else:
            yield build.name, Answer(tuple(compare(recorded, said)))


def _said(
    build: Build, given: Mapping[str, str], installed: Iterable[Backend]
) -> Features | str | None:
    """What a build says now, why it cannot be asked, or None if it is not here."""
    if build.name in given:
        return _ask(build, given[build.name])
    path = _in_laboratory(build)
    return _installed(build, installed) or (_ask(build, path) if path else None)


def compare(recorded: Features, now: Features) -> Iterator[str]:
    """Every point in which a build says something else than was recorded, a line each."""
    if recorded.version_text != now.version_text:
        yield f"version: recorded {recorded.version_text}, now {now.version_text}"
    for feature in [*recorded.features, *(f for f in now.features if f not in recorded.features)]:
        before, after = recorded.features.get(feature), now.features.get(feature)
        if before != after:
            yield f"{feature}: recorded {_words(before, after)}, now {_words(after, before)}"
    for quirk in sorted({*recorded.quirks, *now.quirks}):
        then, today = recorded.quirks.get(quirk), now.quirks.get(quirk)
        if then != today:
            yield f"quirk {quirk}: recorded {then or 'nothing'!r}, now {today or 'nothing'!r}"


def _words(record: Record | None, other: Record | None) -> str:
    """A record: the status, and the fields in which it differs from the other."""
    if record is None:
        return "nothing"
    if other is None:
        return record.status
    fields = [
        f"{key} {getattr(record, key)!r}"
        for key in ("reason", "evidence", "needed")
        if getattr(record, key) != getattr(other, key)
    ]
    return f"{record.status} ({', '.join(fields)})" if fields else record.status


def _ask(build: Build, path: str) -> Features | str:
    """What a library file says, in a process of its own, since a build may crash; or why not."""
    command = [sys.executable, "-m", "anymq", "features", build.library, "--library", path]
    try:
        ended = subprocess.run(
            [*command, "--json"], capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{path}: no answer within {LIMIT:g} s"
    if ended.returncode < 0:
        return f"{path}: it crashed, by signal {-ended.returncode}"
    if ended.returncode:
        return " ".join(ended.stderr.split()) or f"{path}: exit status {ended.returncode}"
    said = json.loads(ended.stdout)[build.library]
    texts = json.dumps(said["features"]).replace(json.dumps(said["path"])[1:-1], build.name)
    return Features(
        build.name,
        build.library,
        said["version"],
        said["wire"],
        msgspec.json.decode(texts, type=dict[str, Record]),
        said["quirks"],
    )


def _in_laboratory(build: Build) -> str | None:
    """The file of a build in the folder that the laboratory fetches builds to, if it is there."""
    place = Path(os.environ.get("ANYMQ_LAB_CACHE") or LABORATORY) / "builds" / build.name
    if not build.file:
        return None
    files = (place / build.file, place / "build" / build.file)
    return next((str(file.resolve()) for file in files if file.is_file()), None)


def _installed(build: Build, backends: Iterable[Backend]) -> Features | None:
    """What the installed library says, if it is this build: of one version and one package."""
    for backend in backends:
        if (backend.name, backend.library.version_text) == (build.library, build.version_text):
            package = package_of(backend.library.path)
            words = re.findall(r"[^\s,()]+", build.origin)
            if package is not None and package in pairwise(words):
                return features_of(build.name, backend)
    return None


def package_of(path: str) -> tuple[str, str] | None:
    """Name and version of the Debian package that a file belongs to; None if there is none."""
    if not os.path.isabs(path) or shutil.which("dpkg-query") is None:
        return None
    owner = _dpkg("--search", os.path.realpath(path)).partition(": ")[0]
    name, _, version = _dpkg("--show", "--showformat=${Package} ${Version}", owner).partition(" ")
    return (name, version) if owner and version else None


def _dpkg(*arguments: str) -> str:
    """What dpkg-query says; nothing where it does not know."""
    command = ["dpkg-query", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    return ended.stdout if ended.returncode == 0 else ""


# A page of this machine's libraries


def installed_page(path: Path, results: Results) -> int:
    """Check a page of installed libraries, if those that it was made from are here.

    Against other versions a check would tell nothing: that has a status of its own.
    """
    again = f"`anymq matrix --output {path}` makes it anew"
    try:
        present = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _say(f"{path}: there is no such file; {again}", STALE)
    made_from = _made_from(present)
    if not made_from:
        return _say(f"{path}: does not say which libraries it was made from; {again}", STALE)
    here = {build.name: build for build in results.builds}
    differing = [
        f"{name} {version} (here: {here[name].version_text if name in here else 'none'})"
        for name, version in made_from.items()
        if name not in here or here[name].version_text != version
    ]
    if differing:
        return _say(
            f"{path}: cannot be checked on this machine, it was made from {', '.join(differing)}",
            NOT_COMPARABLE,
        )
    chosen = Results("", tuple(here[name] for name in made_from), results.features)
    if not _same(path, markdown.render(chosen)):
        return _say(f"{again}, unless other builds of the same versions are here", STALE)
    return 0


def _made_from(page: str) -> dict[str, str]:
    found = re.search(re.escape(markdown.MADE_FROM).replace(r"\{\}", r"(\{.*\})"), page)
    try:
        versions: dict[str, str] = json.loads(found[1]) if found else {}
    except ValueError:
        return {}
    return versions


def _say(text: str, status: int = STALE) -> int:
    print(f"anymq: {text}", file=sys.stderr)
    return status
