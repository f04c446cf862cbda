"""All three libraries in one process, in every order, beside pynng and pyzmq: none calls another.

nng exports functions with nanomsg's names, so a library that is opened into the global scope can
take over the other's calls. The dynamic loader itself reports to which library it binds each symbol
(`LD_DEBUG=bindings`), which shows more than a program that happens to work.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import anymq
from tests.conformance.support import LIBRARIES, Sockets, UnderTest, mapped

NAMES = ("nanomsg", "nng", "zmq")
ORDERS = list(itertools.permutations(NAMES))
OTHERS = ("", "pynng", "zmq", "nng", "zmq pynng nng")

PROGRAM = """
import faulthandler, importlib, json, sys
faulthandler.dump_traceback_later(30, exit=True)
order, before, after = (words.split() for words in sys.argv[1:])
for name in before:
    importlib.import_module(name)
import anymq
backends = [anymq.get_backend(name) for name in order]
pulls = [anymq.Socket("pull", backend=b, recv_timeout=10, linger=1) for b in backends]
pushes = [anymq.Socket("push", backend=b, send_timeout=10, linger=1) for b in backends]
for name in after:
    importlib.import_module(name)
for pull, push in zip(pulls, pushes):
    push.dial(pull.listen("tcp://127.0.0.1:0").url)
for word in (b"one", b"two"):
    for backend, push in zip(backends, pushes):
        push.send(word + backend.name.encode())
    for backend, pull in zip(backends, pulls):
        assert pull.recv() == word + backend.name.encode()
for socket in pushes + pulls:
    socket.close()
print(json.dumps({b.name: b.library.path for b in backends}))
"""

BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \S+ symbol `([^']+)'")
LIBRARY = re.compile(r"^lib(nanomsg|nng|zmq)[-.]|^_nng\.(?:cpython|abi3)")


def messaging_library(path: str) -> str | None:
    """The file, if it holds one of the three libraries (pynng and nng keep theirs in `_nng`)."""
    name = os.path.basename(path)
    inside = LIBRARY.match(name) and "anymq" not in path
    return os.path.realpath(path) if inside else None


def cross_bindings(log: Path) -> set[tuple[str, str, str]]:
    """(from, to, symbol) of every binding between two messaging libraries that the loader told."""
    found = set()
    for file in log.parent.glob(f"{log.name}*"):
        for source, target, symbol in BINDING.findall(file.read_text(errors="replace")):
            one, other = messaging_library(source), messaging_library(target)
            if one and other and one != other:
                found.add((one, other, symbol))
    return found


def run_watched(log: Path, *command: str) -> str:
    """Output of a program whose symbol bindings the loader writes to `log`."""
    env = {**os.environ, "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(log)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
@pytest.mark.parametrize("others", OTHERS, ids=lambda others: others or "alone")
def test_each_keeps_to_itself(order: tuple[str, ...], others: str, tmp_path: Path) -> None:
    """Whichever is loaded first, each sends and receives, and no symbol is another library's."""
    log = tmp_path / "bindings"
    paths = json.loads(run_watched(log, sys.executable, "-c", PROGRAM, " ".join(order), others, ""))
    assert len({os.path.realpath(path) for path in paths.values()}) == 3
    assert cross_bindings(log) == set()


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_others_come_later(order: tuple[str, ...], tmp_path: Path) -> None:
    """The same when the other packages are imported while sockets of anymq are open."""
    log = tmp_path / "bindings"
    run_watched(log, sys.executable, "-c", PROGRAM, " ".join(order), "", "zmq pynng nng")
    assert cross_bindings(log) == set()


def test_crossing_would_be_seen(tmp_path: Path) -> None:
    """The global scope does mix the libraries up, and the loader's report shows it."""
    program = """
import ctypes, sys
ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
ctypes.CDLL(sys.argv[2])
"""
    nng, nanomsg = (anymq.get_backend(name).library.path for name in ("nng", "nanomsg"))
    log = tmp_path / "bindings"
    run_watched(log, sys.executable, "-c", program, nng, nanomsg)
    assert any(symbol.startswith("nn_") for _, _, symbol in cross_bindings(log))


@pytest.mark.parametrize("name", NAMES)
def test_the_default_library_is_there(name: str) -> None:
    """These tests are only worth something with all three libraries."""
    default = next(under_test for under_test in LIBRARIES if under_test.name == name)
    assert default.backend is not None, f"{default.error}"


@pytest.mark.parametrize("under_test", LIBRARIES, ids=[u.id for u in LIBRARIES])
def test_the_library_that_was_asked_for(under_test: UnderTest, tmp_path: Path) -> None:
    """The file that a backend names is the one that is mapped here."""
    assert under_test.backend is not None, f"{under_test.error}"
    assert mapped(under_test.backend.library.path)
    sockets = Sockets(under_test.backend, tmp_path)
    try:
        push, pull = sockets.pair("push", "pull")
        push.send(b"works")
        assert pull.recv() == b"works"
    finally:
        sockets.close()


@pytest.mark.parametrize("name", NAMES)
def test_environment_names_the_library(name: str, tmp_path: Path) -> None:
    """A copy under another name, asked for by the environment, is used and no other is mapped."""
    original = Path(anymq.get_backend(name).library.path)
    copy = tmp_path / f"mine-{original.name}"
    copy.write_bytes(original.read_bytes())
    program = f"""
import anymq, os
backend = anymq.get_backend({name!r})
anymq.Socket("push", backend=backend).close()
assert backend.library.found_via == "environment", backend.library
maps = open("/proc/self/maps").read()
assert os.environ["WANTED"] in maps
assert os.environ["ORIGINAL"] not in maps
"""
    env = {
        **os.environ,
        f"ANYMQ_{name.upper()}_LIBRARY": str(copy),
        "WANTED": str(copy),
        "ORIGINAL": os.path.realpath(original),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
