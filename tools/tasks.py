"""The commands behind the Makefile; each does the set-up that it needs first."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from console import ROOT, Failure, capture, run, say
from environments import FOLDER, Environment, main_environment, other_pythons
from peers import bench_environment
from system import GUARD_PROGRAMS, LAB_PROGRAMS, ensure_programs, ensure_python_parts, ensure_system
from wheel import find_wheel

STYLE = ("src", "backends", "tests", "tools", "bench", "examples", "setup.py")
MAIN_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
MATRIX_OF_OTHER_VERSIONS = 3
NO_BASELINE = 3
WIDTH_TOLD = 200
WHEEL_TESTS = ("tests/unit", "tests/conformance", "tests/cli")
"""For the other Pythons: what an adapter does with the builds of its library is the same."""
SUITE = ("tests/conformance", "tests/backends")


class Report:
    """Runs steps and remembers how each ended; after a failed one the others still run.

    A step that returns a text ended as that says, neither well nor badly.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, float]] = []
        self.told: list[tuple[str, str]] = []

    def step(self, title: str, action: Callable[[], object]) -> None:
        say(title)
        started = time.monotonic()
        try:
            result = action()
        except Failure as failure:
            print(failure, file=sys.stderr, flush=True)
            self.rows.append((title, "FAILED", time.monotonic() - started))
            self.told.extend((title, line) for line in failure.told)
        else:
            ended = result if isinstance(result, str) else "ok"
            self.rows.append((title, ended, time.monotonic() - started))

    def together(self, steps: Mapping[str, Callable[[], object]]) -> None:
        """Run steps side by side, two at a time: most of a test's time is waiting."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.step, steps.keys(), steps.values()))

    def close(self) -> None:
        """Print the table, and below it what failed, where the end of a long log shows it.

        Raises:
            Failure: a step failed.
        """
        say("summary")
        width = max(len(title) for title, _, _ in self.rows)
        for title, result, took in self.rows:
            print(f"  {title:<{width}}  {result:<12}  {took:6.1f} s")
        failed = [title for title, result, _ in self.rows if result == "FAILED"]
        for title, line in self.told:
            print(f"  {title} | {line[:WIDTH_TOLD]}")
        if failed:
            raise Failure(f"failed: {', '.join(failed)}")


def present(*names: str) -> list[Path]:
    return [ROOT / name for name in names if (ROOT / name).exists()]


def prepare(*groups: str, warnings: bool = False) -> Environment:
    ensure_python_parts()
    ensure_system()
    return main_environment(*groups, warnings=warnings)


def lint_steps(environment: Environment, report: Report) -> None:
    ruff = environment.program("ruff")
    mypy: list[str | Path] = [environment.python, "-m", "mypy"]
    report.step(
        "ruff check", lambda: run([ruff, "check", "--output-format", "concise", *present(*STYLE)])
    )
    report.step("ruff format", lambda: run([ruff, "format", "--check", *present(*STYLE)]))
    report.step("mypy, the package", lambda: run(mypy))
    tools = [*sorted((ROOT / "tools").glob("*.py")), *present("tools/lab", "tools/guard")]
    report.step("mypy, tools", lambda: run([*mypy, "--strict", *tools]))
    report.step(
        "mypy, bench", lambda: run([*mypy, "--strict", *sorted((ROOT / "bench").glob("*.py"))])
    )


def pytest(
    environment: Environment, *arguments: str | Path, tag: str, leak_rounds: int = 20
) -> None:
    """Run tests against the wheel that is installed there; a library that is missing is a failure.

    `-P` and the absence of the checkout's sources from the path keep it to the installed package;
    `-v` names each test before it runs, so that a crash tells in which.
    """
    run(
        [environment.python, "-P", "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments],
        {
            "ANYMQ_WHEEL_TESTS": "1",
            "ANYMQ_TEST_EXPECT": "nanomsg,nng,zmq",
            "ANYMQ_TEST_LEAK_ROUNDS": str(leak_rounds),
            "ANYMQ_LAB_EXPECT": "ci",
        },
        tag=tag,
    )


def in_lab(environment: Environment, *arguments: str) -> None:
    """Let the laboratory do something, with the wheel that is installed."""
    run([environment.python, "tools/lab", *arguments], tag="lab")


def check_matrix(environment: Environment) -> None:
    """The committed table is what would be made now, if it is of the versions that are here."""
    status, text = capture([environment.program("anymq"), "matrix", "--check"])
    print(text, flush=True)
    if status not in (0, MATRIX_OF_OTHER_VERSIONS):
        raise Failure("compat_matrix.md is not current: make matrix")


def compare_costs(environment: Environment, *arguments: str) -> str | None:
    """Count instructions, with the wheel that is installed, and compare with the baseline."""
    status, text = capture([environment.python, "tools/guard", *arguments])
    print(text, flush=True)
    if status == NO_BASELINE:
        return "NOT COMPARED"
    if status != 0:
        told = [line for line in text.splitlines() if line.startswith("CHANGED")]
        raise Failure("costs are not those of the baseline", told or text.splitlines()[-5:])
    return None


def test() -> None:
    """Everything: style, types, compiler warnings, all tests here, the wheel on other Pythons."""
    environment = prepare("test", "lint", warnings=True)
    ensure_programs((*LAB_PROGRAMS, *GUARD_PROGRAMS))
    wheel = find_wheel()
    report = Report()
    report.step("wheel built with compiler warnings as errors", lambda: None)
    lint_steps(environment, report)
    report.step("compat_matrix.md", lambda: check_matrix(environment))
    report.step("the laboratory's builds", lambda: in_lab(environment, "fetch", "--ci"))
    others = other_pythons()
    report.together(
        {
            f"Python {MAIN_VERSION}: the suite": partial(suite_tests, environment),
            f"Python {MAIN_VERSION}: all other tests": partial(other_tests, environment),
            **{
                f"Python {version}: the same wheel": partial(on_python, version, base, wheel)
                for version, base in others
            },
            "the laboratory, CI's part": lambda: in_lab(environment, "check", "--ci"),
            "instructions counted": partial(compare_costs, environment),
        }
    )
    tested = ", ".join([MAIN_VERSION, *(version for version, _ in others)])
    say(f"{wheel.name} was tested under Python {tested}")
    report.close()


def suite_tests(environment: Environment) -> None:
    pytest(environment, *present(*SUITE), tag="suite", leak_rounds=100)


def other_tests(environment: Environment) -> None:
    left_out = [f"--ignore={path}" for path in present(*SUITE)]
    pytest(environment, *left_out, "tests", tag="other")


def on_python(version: str, base: str, wheel: Path) -> None:
    other = Environment(FOLDER / version, base)
    other.create()
    other.install_tools("test")
    other.install_wheel(wheel)
    pytest(other, *present(*WHEEL_TESTS), tag=version)


def lint() -> None:
    """Style, types and compiler warnings."""
    environment = prepare("test", "lint", warnings=True)
    report = Report()
    report.step("wheel built with compiler warnings as errors", lambda: None)
    lint_steps(environment, report)
    report.close()


def demo() -> None:
    """`anymq demo` from the wheel."""
    run([prepare().program("anymq"), "demo"])


def develop() -> None:
    """An editable install in .venv."""
    ensure_python_parts()
    ensure_system()
    environment = Environment(ROOT / ".venv", sys.executable)
    environment.create()
    environment.install_tools("build", "test", "lint")
    environment.install_editable()
    say("run the tests with: .venv/bin/python -m pytest")


def wheel() -> None:
    """The wheel and the source archive in dist/."""
    ensure_python_parts()
    main_environment()
    say(str(find_wheel().relative_to(ROOT)))


def matrix() -> None:
    """compat_matrix.md and compat_matrix.html from the results that the laboratory recorded."""
    anymq = prepare().program("anymq")
    pages = ["--output", "compat_matrix.md", "--html", "compat_matrix.html"]
    run([anymq, "matrix", "--results", "compat_matrix", *pages])


def lab() -> None:
    """The laboratory: every build, recorded in compat_matrix/, and the matrix made from that."""
    environment = prepare("test")
    ensure_programs(LAB_PROGRAMS)
    try:
        in_lab(environment, "record")
    finally:
        matrix()


def bench() -> None:
    """The benchmark, in an environment that has what anymq is compared with, and its page."""
    bench_environment_only()
    python = bench_environment().python
    run([python, "bench/run.py", "--json", "bench/results/latest.json"])
    run([python, "bench/page.py", "bench/results/latest.json"])


def bench_environment_only() -> None:
    """The environment that the benchmark runs in."""
    ensure_python_parts()
    ensure_system()
    say(f"run it with: {bench_environment().python.relative_to(ROOT)} bench/run.py")


def guard() -> None:
    """Instructions counted, compared with the baseline."""
    environment = prepare("test")
    ensure_programs(GUARD_PROGRAMS)
    if compare_costs(environment):
        raise Failure("there is no baseline for this machine: make baseline")


def baseline() -> None:
    """What is counted now, put in the baseline."""
    environment = prepare("test")
    ensure_programs(GUARD_PROGRAMS)
    compare_costs(environment, "--update")


TASKS: dict[str, Callable[[], None]] = {
    "test": test,
    "lint": lint,
    "demo": demo,
    "develop": develop,
    "wheel": wheel,
    "matrix": matrix,
    "lab": lab,
    "bench": bench,
    "bench-environment": bench_environment_only,
    "guard": guard,
    "baseline": baseline,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    # Shells start background jobs with Ctrl-C ignored; the tests must be able to hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        TASKS[parser.parse_args().task]()
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
