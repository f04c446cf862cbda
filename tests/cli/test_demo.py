"""`anymq demo`: the runs it plans, what it ships, and that nothing wrong passes for right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from anymq import load_config
from anymq.abc import Backend
from anymq.cli import _runs, demo, transfer
from anymq.cli._runs import Result, Run, perform
from tests.conformance.support import LIBRARIES

from .programs import Anymq

USABLE = {
    under_test.name: under_test.backend
    for under_test in reversed(LIBRARIES)
    if under_test.backend is not None
}
"""The default library of each backend."""

needs_a_library = pytest.mark.skipif(not USABLE, reason="no library is usable")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree with an empty file, one in a directory, and one of several pieces."""
    root = tmp_path / "tree"
    (root / "inside" / "deeper").mkdir(parents=True)
    (root / "empty").write_bytes(b"")
    (root / "inside" / "deeper" / "näme with space").write_bytes(b"content\n")
    (root / "large").write_bytes(bytes(range(256)) * 3000)
    return root


@pytest.fixture
def listing(tree: Path, tmp_path: Path) -> Path:
    path = tmp_path / "listing.json"
    files = sorted(p for p in tree.rglob("*") if p.is_file())
    path.write_text(json.dumps([[str(p.relative_to(tree)), str(p)] for p in files]))
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anymq", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50)


def runs() -> list[Run]:
    return demo.plan(USABLE, None, None)


# Everything, as a user runs it


@needs_a_library
@pytest.mark.parametrize("one", runs(), ids=lambda one: one.title.replace(" ", "-"))
def test_every_run_verifies_every_file(one: Run, listing: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    result = perform(
        one, listing, tmp_path, USABLE, time_limit=40, corrupt=False, on_bytes=seen.append
    )
    assert result.failure == ""
    assert (result.files, result.bytes) == (3, 768_008)
    assert result.rate > 0
    assert max(seen) == 768_008
    assert not list(tmp_path.glob("run-*")), "nothing is left behind"


@needs_a_library
def test_command(tree: Path) -> None:
    name = next(iter(USABLE))
    done = run("--tree", str(tree), "--limit", "3", "--backend", name, "--transport", "tcp")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 files, 1.8 MB" in done.stdout
    assert "made here: made-large" in done.stdout
    assert f"[1/1] {name} over tcp: ok" in done.stdout
    assert "1 of 1 runs: every file verified by SHA-256, 2 MB in all" in done.stdout


@needs_a_library
def test_command_json(tree: Path) -> None:
    name = next(iter(USABLE))
    done = run(
        "--tree", str(tree), "--limit", "3", "--backend", name, "--transport", "ipc", "--json"
    )
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["files"] == 4
    assert document["empty_files"] == 1
    [only] = document["runs"]
    assert (only["sender"], only["receiver"], only["transport"]) == (name, name, "ipc")
    assert only["ok"] is True
    assert only["bytes"] == document["bytes"]
    assert f"[1/1] {name} over ipc: ok" in done.stderr


@needs_a_library
def test_a_flipped_bit_fails(tree: Path) -> None:
    name = next(iter(USABLE))
    done = run("--tree", str(tree), "--limit", "3", "--backend", name, "--corrupt", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert {one["ok"] for one in document["runs"]} == {False}
    assert document["runs"][0]["failure"] == (
        "send: 3 of 4 files and 768008 of 1768008 bytes were verified; wrong: made-large"
    )
    assert f"anymq: {name} over tcp: " in done.stderr


@needs_a_library
def test_ctrl_c_ends_it_and_its_processes(tree: Path) -> None:
    with Anymq("demo", "--tree", str(tree)) as running:
        assert running.line().startswith(str(tree))
        running.interrupt()
        assert running.status() == 130


def test_a_tree_that_is_not_there(tmp_path: Path) -> None:
    if not USABLE:
        pytest.skip("no library is usable")
    done = run("--tree", str(tmp_path / "gone"))
    assert done.returncode == 1
    assert done.stderr == f"anymq: {tmp_path / 'gone'}: is not a directory\n"


# What is planned


def test_plan_has_each_transport_and_each_pair_of_one_wire() -> None:
    planned = runs()
    assert len(set(planned)) == len(planned)
    for name, backend in USABLE.items():
        for transport in demo.SHIPPED_OVER:
            assert (Run(name, name, transport) in planned) == backend.supports(
                f"transport.{transport}"
            )
    crossing = [one for one in planned if one.sender != one.receiver]
    for one in crossing:
        assert one.transport != "inproc"
        assert USABLE[one.sender].wire == USABLE[one.receiver].wire
        assert Run(one.receiver, one.sender, one.transport) in planned
    assert demo.plan(USABLE, [], None) == []
    for one in demo.plan(USABLE, None, ["ipc"]):
        assert one.transport == "ipc"


def test_only_the_configuration_differs(tmp_path: Path) -> None:
    """Each file is one that `load_config` takes, and says the libraries that are under test."""
    for one in runs():
        file = tmp_path / "anymq.toml"
        file.write_text(_runs.configuration(one, tmp_path, USABLE))
        config = load_config(file)
        assert config.entry("content-out").backend == one.sender
        assert config.entry("answer").backend == one.receiver
        assert set(config.sockets) == {"content-out", "content-in", "ask", "answer"}
        assert dict(config.libraries) == {
            name: USABLE[name].library.path for name in (one.sender, one.receiver)
        }


# What is shipped


def test_gather_leaves_out_caches_and_packages(tree: Path, tmp_path: Path) -> None:
    for skipped in ("site-packages", "__pycache__"):
        (tree / skipped).mkdir()
        (tree / skipped / "file").write_bytes(b"x")
    (tree / "link").symlink_to("large")
    load = demo.gather(tree, None, tmp_path)
    names = [name for name, _ in json.loads(load.listing.read_text())]
    assert sorted(names) == ["empty", "inside/deeper/näme with space", "large", "made-large"]
    assert load.largest == 24_000_000
    assert load.made == ("made-large",)


def test_gather_makes_what_is_missing(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "one").write_bytes(b"1")
    load = demo.gather(bare, 6, tmp_path)
    assert load.made == ("made-empty", "made-large")
    assert (load.files, load.empty, load.bytes) == (3, 1, 2_000_001)


def test_gather_keeps_to_the_limit(tree: Path, tmp_path: Path) -> None:
    (tree / "huge").write_bytes(bytes(5_000_000))
    load = demo.gather(tree, 3, tmp_path)
    assert load.bytes <= 3_000_000
    assert "made-large" in load.made


# What goes wrong


def a_run() -> Run:
    return runs()[0]


def failed(result: Result) -> str:
    assert result.failure
    return result.failure


@pytest.fixture
def attempt(listing: Path, tmp_path: Path) -> Callable[..., Result]:
    def perform_one(
        one: Run, backends: dict[str, Backend] | None = None, time_limit: float = 30
    ) -> Result:
        return perform(
            one,
            listing,
            tmp_path,
            backends or USABLE,
            time_limit=time_limit,
            corrupt=False,
            on_bytes=lambda count: None,
        )

    return perform_one


@needs_a_library
def test_a_process_that_dies(
    attempt: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_runs, "PROGRAM", ("-c", "import os; os.abort()"))
    assert "ended before its time, killed by SIGABRT" in failed(attempt(a_run()))


@needs_a_library
def test_a_process_that_says_nothing_and_ends_well(
    attempt: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_runs, "PROGRAM", ("-c", "pass"))
    assert "the send process ended before its time, status 0" in failed(attempt(a_run()))


@needs_a_library
def test_a_run_that_hangs(attempt: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_runs, "PROGRAM", ("-c", "import threading; threading.Event().wait()"))
    assert failed(attempt(a_run(), time_limit=0.5)).startswith("not done after 0.5 s: it hangs")


@needs_a_library
def test_output_that_is_no_report(
    attempt: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_runs, "PROGRAM", ("-c", "print('hello')"))
    assert "unexpected output: 'hello" in failed(attempt(a_run()))


@needs_a_library
def test_a_summary_that_says_less(
    attempt: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent does not believe a summary that lacks a file."""
    line = '{"event": "summary", "files": 2, "bytes": 5, "seconds": 1}'
    monkeypatch.setattr(_runs, "PROGRAM", ("-c", f"print('{line}')"))
    assert "2 of 3 files and 5 of 768008 bytes" in failed(attempt(a_run()))


def test_names_that_lead_outside(tmp_path: Path) -> None:
    for name in ("/etc/passwd", "../x", "a/../../x", ""):
        with pytest.raises(transfer.TransferError, match="outside"):
            transfer._noted(tmp_path, name, 1, "")


def test_verification_reads_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"right")
    right = transfer.digest(tmp_path / "a")
    files = [
        transfer.File("a", tmp_path / "a", 5, right),
        transfer.File("longer", tmp_path / "a", 6, right),
        transfer.File("gone", tmp_path / "gone", 5, right),
        transfer.File("other", tmp_path / "a", 5, "0" * 64),
    ]
    summary = transfer._verify(files)
    assert (summary["files"], summary["bytes"]) == (1, 5)
    assert summary["wrong"] == ["longer", "gone", "other"]
