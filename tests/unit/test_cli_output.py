"""Tables and progress, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from anymq.cli import _output
from anymq.cli._progress import Progress

ROWS = [("one", 1, None), ("[bold]", 22, "x [y]")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_tables_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    _output.print_table(("name", "count", "what"), ROWS, title="A title", right=("count",))
    assert capsys.readouterr().out == (
        "A title\n"
        "name    count  what\n"
        "------  -----  -----\n"
        "one         1\n"
        "[bold]     22  x [y]\n"
        "\n"
    )


def test_rich_tables_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    assert _output.use_rich()
    _output.print_table(("name", "count", "what"), ROWS, right=("count",))
    assert "[bold]" in terminal.getvalue()
    assert "x [y]" in terminal.getvalue()


def test_plain_tables_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setitem(sys.modules, "rich.table", None)
    assert not _output.use_rich()
    _output.print_table(("name",), [("one",)])
    assert terminal.getvalue() == "name\n----\none\n\n"


def test_progress_by_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anymq.cli._progress.LINE_EVERY", 0.0)
    stream = io.StringIO()
    with Progress(2_000_000, 2, stream) as progress:
        progress.begin("nng over tcp")
        progress.update(500_000)
        progress.end("nng over tcp", "")
        progress.begin("zmq over tcp")
        progress.end("zmq over tcp", "it broke")
    assert stream.getvalue().splitlines() == [
        "[1/2] nng over tcp: 25%, 0.5 MB",
        "[1/2] nng over tcp: ok",
        "[2/2] zmq over tcp: failed: it broke",
    ]


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with Progress(100, 1, stream) as progress:
        progress.begin("nng over tcp")
        progress.update(100)
        progress.end("nng over tcp", "")
    assert "nng over tcp: ok" in stream.getvalue()


def test_progress_on_a_terminal_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    stream = Terminal()
    with Progress(100, 1, stream) as progress:
        progress.begin("nng over tcp")
        progress.end("nng over tcp", "")
    assert stream.getvalue() == "[1/1] nng over tcp: ok\n"
