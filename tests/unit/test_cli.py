"""The command line without any C library: what it says, and with which status it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anymq import cli, get_backend
from anymq.cli.cat import FORMATS
from anymq.features import known_features

from . import test_registry
from .test_registry import World

world = test_registry.world


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ANYMQ_"):
            monkeypatch.delenv(name)


class Command:
    """Runs `main` and keeps what it printed."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        self.out, self.err = self.capfd.readouterr()
        assert "Traceback" not in self.err
        return status


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Command:
    return Command(capfd)


def two(world: World) -> None:
    """`one` is there, `two` is not."""
    world.add("one", preference=10)
    world.add("two", preference=20, loader=set())


# The command itself


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("doctor", "--nonsense"),
        ("config",),
        ("cat",),
        ("cat", "pusch", "--dial", "tcp://a:1"),
        ("cat", "push", "--data", "x"),
        ("cat", "push", "--dial", "tcp://a:1"),
        ("cat", "req", "--dial", "tcp://a:1"),
        ("cat", "pull", "--dial", "tcp://a:1", "--data", "x"),
        ("cat", "pull", "--dial", "tcp://a:1", "--subscribe", "x"),
        ("cat", "pull", "--dial", "tcp://a:1", "--backend", "nonsense"),
        ("cat", "pull", "--dial", "tcp://a:1", "--library", "/x.so"),
        ("cat", "pull", "--dial", "tcp://a:1", "--option", "linger"),
        ("cat", "pull", "--dial", "tcp://a:1", "--option", "linger=x"),
        ("cat", "pull", "--dial", "tcp://a:1", "--option", "nonsense=1"),
        ("cat", "pull", "--dial", "tcp://a:1", "--option", "tls=1"),
        ("cat", "pull", "--dial", "tcp://a:1", "--count", "0"),
        ("cat", "pull", "--dial", "tcp://a:1", "--recv-timeout", "-1"),
        ("cat", "push", "--dial", "tcp://a:1", "--data", "x", "--file", "y"),
        ("matrix", "--library", "one"),
        ("matrix", "--library", "nonsense=/x.so"),
        ("matrix", "--check", "--library", "nng=/x.so"),
        ("matrix", "--build", "nng-1=/x.so"),
        ("features", "nonsense"),
        ("features", "--library", "/x.so"),
        ("features", "--require", "nonsense"),
        ("doctor", "nonsense"),
        ("doctor", "--library", "nonsense"),
        ("doctor", "--library", "nng=/nowhere/libnng.so"),
        ("doctor", "nng", "--library", "nng"),
        ("demo", "--transport", "carrier-pigeon"),
        ("demo", "--backend", "nonsense"),
        ("demo", "--limit", "0"),
        ("bench", "--transport", "carrier-pigeon"),
        ("bench", "--transport", "tcp,"),
        ("bench", "--measure", "smoke"),
        ("bench", "--mode", "many"),
        ("bench", "--size", "-1"),
        ("bench", "--size", "10 stones"),
        ("bench", "--size", "1GiB"),
        ("bench", "--rounds", "0"),
        ("bench", "--rounds", "1.5"),
        ("bench", "--seconds", "nan"),
        ("bench", "--seconds", "2", "--time-limit", "1"),
        ("bench", "--backend", "nonsense"),
        ("bench", "--library", "nng=/nowhere/libnng.so"),
    ],
)
def test_wrong_command_lines_are_usage_errors(run: Command, arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 2
    assert run.err.startswith("usage: anymq")
    assert "error: " in run.err.splitlines()[-1]


@pytest.mark.parametrize("command", ["", *cli.COMMANDS, "config check"])
def test_help(run: Command, command: str) -> None:
    assert run(*command.split(), "--help") == 0
    assert "exit status" in run.out or command == "config"


def test_version(run: Command) -> None:
    import anymq

    assert run("--version") == 0
    assert run.out == f"anymq {anymq.__version__}\n"


def test_only_the_command_that_is_asked_for_is_imported() -> None:
    code = (
        "import sys; from anymq.cli import main; main(['config', 'check', '/nowhere']);"
        "print(*(m for m in sys.modules if m.startswith('anymq.cli.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    commands = {f"anymq.cli.{name}" for name in cli.COMMANDS}
    assert commands & set(done.stdout.split()) == {"anymq.cli.config"}


def test_interrupted(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anymq.config.load_config", interrupt)
    monkeypatch.setattr("anymq.cli.config.load_config", interrupt)
    assert run("config", "check") == 130
    assert run.err == ""


def test_a_reader_that_is_gone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "anymq", "doctor", "--json"],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=30,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


# doctor


def test_doctor_tells_what_is_there_and_how_to_get_the_rest(run: Command, world: World) -> None:
    two(world)
    assert run("doctor") == 0
    assert "libone.so.1" in run.out
    assert "1.2.3" in run.out
    assert "two: no library found for two" in run.out
    assert "libtwo.so.1: cannot open shared object" in run.out
    assert "to get it: fetch two" in run.out
    assert "ANYMQ_TWO_LIBRARY" in run.out
    assert "no ANYMQ_ variable is set" in run.out


def test_doctor_of_some(run: Command, world: World) -> None:
    two(world)
    assert run("doctor", "one") == 0
    assert "two" not in run.out
    assert run("doctor", "two") == 1
    assert "problem: two: is not usable" in run.out
    assert run("doctor", "one", "two") == 1


def test_doctor_where_there_is_nothing(run: Command, world: World) -> None:
    assert run("doctor") == 1
    assert "problem: no library is usable" in run.out
    world.add("one", loader=set())
    test_registry.registry._providers.cache_clear()
    assert run("doctor") == 1
    assert "to get it: fetch one" in run.out


def test_doctor_with_a_broken_configuration(run: Command, world: World) -> None:
    two(world)
    world.configure("backend = 3")
    assert run("doctor") == 1
    assert "1.2.3" in run.out
    assert "problem: anymq.toml: backend: must be the name of a backend; not 3" in run.out


def test_doctor_when_what_was_asked_for_fails(
    run: Command, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two(world)
    world.configure("backend = 'two'\n[libraries]\none = '/nowhere/libone.so'")
    assert run("doctor") == 1
    assert "problem: one: the library that anymq.toml names is not usable" in run.out
    assert "/nowhere/libone.so: there is no such file" in run.out
    assert "problem: two: is the default backend and is not usable" in run.out
    world.configure("")
    monkeypatch.setenv("ANYMQ_TWO_LIBRARY", world.file("one"))
    assert run("doctor") == 1
    assert "problem: two: the library that ANYMQ_TWO_LIBRARY names is not usable" in run.out
    assert f"ANYMQ_TWO_LIBRARY={world.file('one')}" in run.out
    monkeypatch.setenv("ANYMQ_TWO_LIBRARY", world.file("two"))
    monkeypatch.setenv("ANYMQ_BAKEND", "two")
    assert run("doctor") == 0
    assert f"ANYMQ_TWO_LIBRARY={world.file('two')}\n" in run.out
    assert "ANYMQ_BAKEND=two    (no such variable is known)\n" in run.out


def test_doctor_json(run: Command, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two(world)
    monkeypatch.setenv("ANYMQ_BACKEND", "one")
    assert run("doctor", "--json") == 0
    document = json.loads(run.out)
    assert document["ok"] is True
    assert document["config"]["backend"] == "one"
    assert document["environment"] == {"ANYMQ_BACKEND": "one"}
    one, missing = document["backends"]["one"], document["backends"]["two"]
    assert one["available"] is True
    assert (one["version"], one["found_via"]) == ("1.2.3", "system")
    assert one["protocols"] == ["push"]
    assert one["transports"] == ["tcp"]
    assert missing["available"] is False
    assert [attempt["path"] for attempt in missing["tried"]] == ["libtwo.so.1", "libtwo.so"]
    assert missing["install_hint"] == "fetch two"


def test_doctor_of_library_files(run: Command, world: World) -> None:
    two(world)
    sound, strange = world.file("one", 7), world.file("two", 8)
    assert run("doctor", "--library", f"one={sound}") == 0
    assert sound in run.out
    assert "argument" in run.out
    assert "two" not in run.out
    assert run("doctor", "one", "--library", f"old=one:{sound}", "--json") == 0
    found = json.loads(run.out)["backends"]
    assert (found["one"]["path"], found["old"]["path"]) == ("libone.so.1", sound)
    assert run("doctor", "--library", f"strange=one:{strange}") == 1
    assert f"{strange}: it looks like something else" in run.out
    assert "problem: strange: is not usable" in run.out
    assert "ANYMQ_STRANGE_LIBRARY" not in run.out
    assert run("doctor", "--library", "new=two") == 1
    assert "to get it: fetch two" in run.out


# quirks


def test_quirks_are_shown(run: Command, world: World) -> None:
    world.add("one")
    for command in (("features",), ("features", "one"), ("doctor",)):
        assert run(*command) == 0
        assert "quirk" not in run.out, command
    get_backend("one").quirks = {"slow-start": "it begins late"}
    for command in (("features",), ("features", "one"), ("doctor",)):
        assert run(*command) == 0
        assert "slow-start" in run.out, command
        assert "it begins late" in run.out, command
    assert run("features", "--json") == 0
    assert json.loads(run.out)["one"]["quirks"] == {"slow-start": "it begins late"}
    assert run("doctor", "--json") == 0
    assert json.loads(run.out)["backends"]["one"]["quirks"] == {"slow-start": "it begins late"}


# features


def test_features_side_by_side(run: Command, world: World) -> None:
    world.add("one")
    world.add("two", has={"contexts"})
    assert run("features") == 0
    lines = {line.split()[0]: line.split()[1:] for line in run.out.splitlines() if line}
    assert lines["feature"] == ["one", "1.2.3", "two", "1.2.3"]
    assert lines["contexts"] == ["absent", "native"]
    assert lines["protocol.push"] == ["native", "native"]
    assert set(known_features()) <= set(lines)


def test_features_of_one_have_reasons_and_evidence(run: Command, world: World) -> None:
    world.add("one")
    assert run("features", "one") == 0
    assert "one 1.2.3, libone.so.1 (found via system)" in run.out
    assert "not here (needs 2.0)" in run.out
    assert "fake" in run.out


def test_features_of_one_file(run: Command, world: World) -> None:
    world.add("one")
    assert run("features", "one", "--library", world.file("one", 7), "--json") == 0
    document = json.loads(run.out)["one"]
    assert document["path"] == world.file("one", 7)
    assert document["found_via"] == "argument"
    assert document["features"]["protocol.push"]["status"] == "native"
    assert set(document["features"]) == set(known_features())
    assert run("features", "one", "--library", "/nowhere/libone.so") == 1
    assert run.err.startswith("anymq: ")
    assert "/nowhere/libone.so" in run.err
    assert run.err.count("\n") == 1


def test_features_required(run: Command, world: World) -> None:
    world.add("one")
    world.add("two", has={"contexts"})
    assert run("features", "--require", "contexts") == 0
    assert "two 1.2.3 has contexts" in run.out
    assert "one 1.2.3 does not support contexts: not here (needs 2.0)" in run.err
    assert run("features", "one", "--require", "contexts") == 1
    assert run("features", "two", "--require", "contexts", "--require", "raw") == 1
    assert run("features", "--require", "contexts", "--require", "raw") == 1


def test_features_did_you_mean(run: Command, world: World) -> None:
    world.add("one")
    assert run("features", "--require", "protocol.pusch") == 2
    assert "did you mean protocol.push?" in run.err
    assert run("features", "--require", "push") == 2
    assert "did you mean protocol.push?" in run.err


def test_without_any_library(run: Command, world: World) -> None:
    world.add("one", loader=set())
    for command in (
        ("features",), ("features", "--require", "raw"), ("matrix",), ("demo",),
        ("cat", "push", "--dial", "tcp://127.0.0.1:1", "--data", "x"), ("features", "one"),
    ):  # fmt: skip
        assert run(*command) == 1, command
        assert run.err.startswith("anymq: "), command
        assert run.err.count("\n") == 1, command


# config check


def test_config_check(run: Command, world: World) -> None:
    world.add("one", has={"option.linger"})
    world.configure('[sockets.a]\nprotocol = "push"\ndial = "tcp://127.0.0.1:5"\nlinger = 0')
    assert run("config", "check") == 0
    assert "dial tcp://127.0.0.1:5" in run.out
    assert run.out.endswith("anymq.toml: ok\n")
    assert run("config", "check", "--json", "anymq.toml") == 0
    entry = json.loads(run.out)["sockets"]["a"]
    assert entry["served_by"] == "one"
    assert entry["options"] == {"linger": 0.0}


def test_config_check_asks_the_libraries(run: Command, world: World) -> None:
    world.add("one")
    world.configure(
        'backend = "one"\n[libraries]\none = "libone.so.1"\n'
        '[sockets.a]\nprotocol = "bus"\nlisten = "ipc:///tmp/a"\nraw = true\nlinger = 1'
    )
    assert run("config", "check") == 1
    problems = run.err.splitlines()
    for key, feature in (
        ("protocol", "protocol.bus"),
        ("raw", "raw"),
        ("listen", "transport.ipc"),
        ("linger", "option.linger"),
    ):
        wanted = f"anymq: anymq.toml: sockets.a.{key}: one 1.2.3 does not support {feature}"
        assert any(problem.startswith(wanted) for problem in problems), key
    assert run("config", "check", "--file-only") == 0
    world.configure('[libraries]\none = "/nowhere.so"')
    assert run("config", "check") == 1
    assert "anymq.toml: libraries.one: the library /nowhere.so" in run.err
    world.configure('[sockets.a]\nprotocol = "bus"')
    assert run("config", "check") == 1
    assert "anymq.toml: sockets.a: no available backend has all of protocol.bus" in run.err


def test_config_check_of_wrong_files(run: Command, world: World) -> None:
    assert run("config", "check") == 1
    assert run.err.startswith("anymq: no configuration file: ")
    assert run("config", "check", "gone.toml") == 1
    assert run.err.startswith("anymq: gone.toml: cannot read")
    world.configure("x = 1")
    assert run("config", "check") == 1
    assert run.err == "anymq: anymq.toml: x: unknown key; known: backend, libraries, sockets\n"


# cat


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quoted", b'"a\\"\\\\\\n\\r\\t\\x00\\xff"\n'),
        ("ascii", b'a"\\.....\n'),
        ("hex", b'"\\x61\\x22\\x5c\\x0a\\x0d\\x09\\x00\\xff"\n'),
        ("raw", b'a"\\\n\r\t\0\xff'),
        ("msgpack", b'\xc4\x08a"\\\n\r\t\0\xff'),
        ("none", b""),
    ],
)
def test_formats(capfdbinary: pytest.CaptureFixture[bytes], name: str, expected: bytes) -> None:
    FORMATS[name](b'a"\\\n\r\t\0\xff')
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == expected


def test_cat_with_a_file_that_is_not_there(run: Command, world: World, tmp_path: Path) -> None:
    world.add("one")
    missing = str(tmp_path / "gone")
    assert run("cat", "push", "--dial", "tcp://127.0.0.1:1", "--file", missing) == 1
    assert run.err == f"anymq: [Errno 2] No such file or directory: '{missing}'\n"


def test_cat_names_what_the_library_lacks(run: Command, world: World) -> None:
    world.add("one")
    assert run("cat", "bus", "--dial", "tcp://127.0.0.1:1", "--backend", "one") == 1
    assert run.err.startswith("anymq: one 1.2.3 does not support protocol.bus: not here")
    assert run("cat", "push", "--dial", "tcp:127.0.0.1", "--data", "x") == 1
    assert run.err.startswith("anymq: bad URL 'tcp:127.0.0.1'")


# bench


def test_bench_with_nothing_to_measure(run: Command, world: World) -> None:
    assert run("bench") == 1
    assert run.err == "anymq: nothing to measure: no library is usable; `anymq doctor` tells more\n"
    world.add("one")
    test_registry.registry._providers.cache_clear()
    assert run("bench") == 1
    assert "none of these has what was asked for: one" in run.err


def test_bench_tells_libraries_apart(run: Command, world: World) -> None:
    world.add("one")
    assert run("bench", "--backend", "one", "--library", f"one={world.file('one')}") == 2
    assert "one is named twice" in run.err
    assert run("bench", "--library", f"one={world.file('two', 8)}") == 1
    assert "it looks like something else" in run.err
