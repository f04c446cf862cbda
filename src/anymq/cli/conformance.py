"""`anymq conformance`: the conformance suite over one backend, or one library file of it.

For those who write a backend or package a library. The suite is the package `anymq_conformance`,
which needs pytest; every test runs in a process beside this one, so that a library which crashes or
hangs is a result like any other.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from ._common import check_backend_name
from ._output import print_json, print_table

SUITE = "anymq_conformance"
OUTCOMES = ("passed", "failed", "difference", "skipped")

EPILOG = """\
examples:
  anymq conformance nng                              the library that nng runs on here
  anymq conformance nng --library ./libnng.so        one library file
  anymq conformance mybackend -k "endpoints and ipc" --junit report.xml
  anymq conformance mybackend --test test_peers.py   one file of the suite

A test is made only for a library that has the features which it is about; what the library lacks is
refused in the right words, and that is tested too.

exit status: 0 only when every test passed, but for the documented differences; 1 when not, or when
nothing was run
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("backend", metavar="BACKEND", help="nng, nanomsg, zmq, or another's")
    parser.add_argument("--library", metavar="FILE", help="this library file of BACKEND")
    parser.add_argument(
        "-k",
        "--select",
        metavar="EXPRESSION",
        default="",
        help="only tests whose names fit, as pytest's -k takes them",
    )
    parser.add_argument(
        "--test",
        metavar="TEST",
        action="append",
        default=[],
        help="only this file or test of the suite, as --list names it; may be given several times",
    )
    parser.add_argument("--list", action="store_true", help="print the tests and run none")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is stdout")
    parser.add_argument("--junit", metavar="FILE", help="write the result as JUnit XML")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=1800.0, help="for the whole run (1800)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    check_backend_name(options.parser, options.backend)
    if options.library and not Path(options.library).is_file():
        options.parser.error(f"--library: there is no file {options.library}")
    lacking = _lacking()
    if lacking:
        print(f"anymq: {lacking}", file=sys.stderr)
        return 1
    runner = import_module(f"{SUITE}.runner")
    return _list(runner, options) if options.list else _run(runner, options)


def _lacking() -> str:
    """What has to be installed before the suite can run, or `""`."""
    if find_spec("pytest") is None:
        return "the conformance suite needs pytest: pip install 'anymq[conformance]'"
    if find_spec(SUITE) is None:
        return f"the package {SUITE}, which comes with anymq, cannot be imported: reinstall anymq"
    return ""


def _list(runner: ModuleType, options: argparse.Namespace) -> int:
    try:
        tests: list[str] = runner.list_tests(
            options.library, options.backend, selection=options.test, keyword=options.select
        )
    except RuntimeError as error:
        print(f"anymq: the suite cannot be read:\n{error}", file=sys.stderr)
        return 1
    for test in tests:
        print(test)
    return 0 if tests else 1


def _run(runner: ModuleType, options: argparse.Namespace) -> int:
    cases: list[tuple[str, str, str]] = []
    result: dict[str, Any] = runner.run_suite(
        options.library,
        options.backend,
        timeout=options.timeout,
        selection=options.test,
        keyword=options.select,
        progress=_progress if sys.stderr.isatty() else None,
        each=lambda test, outcome, reason: cases.append((test, outcome, reason)),
    )
    result["command"] = shlex.join(_command(options))
    if options.json == "-":
        print_json(result)
    elif options.json:
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.junit:
        ElementTree.ElementTree(_junit(result, cases)).write(
            options.junit, encoding="utf-8", xml_declaration=True
        )
    if options.json != "-":
        _print(result, cases)
    return 0 if result["outcome"] == "passed" else 1


def _progress(text: str) -> None:
    print(f"anymq: {text}", file=sys.stderr, flush=True)


def _command(options: argparse.Namespace) -> Iterator[str]:
    """The command line as others may repeat it: files by their names alone."""
    yield from ("anymq", "conformance", options.backend)
    for test in options.test:
        yield from ("--test", test)
    if options.library:
        yield from ("--library", Path(options.library).name)
    if options.select:
        yield from ("--select", options.select)


# For people


def _print(result: dict[str, Any], cases: list[tuple[str, str, str]]) -> None:
    library = result["library"] or {}
    version = library.get("version_text", "(not loaded)")
    print(f"{result['backend']} {version}, {library.get('path', 'no library')}\n")
    by_file: dict[str, Counter[str]] = {}
    for test, outcome, _ in cases:
        by_file.setdefault(test.partition("::")[0], Counter())[outcome] += 1
    rows = [(file, *(counts[o] or "" for o in OUTCOMES)) for file, counts in by_file.items()]
    totals = Counter(outcome for _, outcome, _ in cases)
    if rows:
        rows.append(("all", *(totals[o] for o in OUTCOMES)))
        print_table(("file", *OUTCOMES), rows, right=OUTCOMES)
    for title, outcome in (("documented differences", "difference"), ("not run", "skipped")):
        chosen = [(reason, test) for test, said, reason in cases if said == outcome]
        _print_reasons(title, Counter(reason for reason, _ in chosen))
    for test, outcome, reason in cases:
        if outcome == "failed":
            print(f"FAILED {test}\n  {reason.replace(chr(10), chr(10) + '  ')}\n")
    if result["outcome"] != "passed" and result["detail"]:
        print(f"{result['detail']}\n")
    print(_verdict(result, totals))


def _print_reasons(title: str, reasons: Counter[str]) -> None:
    if reasons:
        print(f"{title}:")
        for reason, count in reasons.most_common():
            print(f"  {count:4}  {reason.splitlines()[0] if reason else 'no reason given'}")
        print()


def _verdict(result: dict[str, Any], totals: Counter[str]) -> str:
    took = f"{result['seconds']:.0f} s"
    if result["outcome"] == "passed":
        return f"conforms: {totals['passed']} tests passed in {took}"
    if result["library"] is None or "error" in result["library"]:
        return "does not conform: the library is not usable"
    if not totals:
        return "no test was run"
    words = {"crashed": " and the library crashed", "hung": " and the library hung"}
    how = words.get(result["outcome"], "")
    return f"does not conform: {totals['failed']} of {totals.total()} tests failed{how}, in {took}"


# For programs


def _junit(result: dict[str, Any], cases: list[tuple[str, str, str]]) -> ElementTree.Element:
    """One suite; a documented difference is a skipped test, as pytest's own report has it."""
    totals = Counter(outcome for _, outcome, _ in cases)
    library = result["library"] or {}
    suite = ElementTree.Element(
        "testsuite",
        name=f"anymq conformance: {result['backend']} {library.get('version_text', '')}".strip(),
        tests=str(len(cases)),
        failures=str(totals["failed"]),
        errors="0" if cases and not _unfinished(result) else "1",
        skipped=str(totals["skipped"] + totals["difference"]),
        time=str(result["seconds"]),
    )
    for test, outcome, reason in cases:
        file, _, name = test.partition("::")
        case = ElementTree.SubElement(
            suite, "testcase", classname=file.removesuffix(".py"), name=_xml(name)
        )
        if outcome == "failed":
            line = reason.splitlines()[0] if reason else "failed"
            ElementTree.SubElement(case, "failure", message=_xml(line)).text = _xml(reason)
        elif outcome != "passed":
            ElementTree.SubElement(case, "skipped", message=_xml(reason))
    if not cases or _unfinished(result):
        case = ElementTree.SubElement(suite, "testcase", classname="anymq", name="the whole run")
        ElementTree.SubElement(case, "error", message=result["outcome"]).text = _xml(
            result["detail"] or "no test was run"
        )
    root = ElementTree.Element("testsuites")
    root.append(suite)
    return root


def _unfinished(result: dict[str, Any]) -> bool:
    """Whether something went wrong that is no test's failure."""
    return result["outcome"] != "passed" and not result["failed"]


def _xml(text: str) -> str:
    """The text with what XML has no way to say as escapes."""
    return re.sub(
        "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        text,
    )
