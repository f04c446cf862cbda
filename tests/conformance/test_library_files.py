"""Library files: several at once, each by itself, and bad ones refused with what was tried."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import anymq
from anymq.abc import Backend

from .support import LIMIT, mapped, run_program


def test_several_builds_at_once(backend: Backend, tmp_path: Path) -> None:
    """A second file of the library is a second library, whose sockets talk to the first's."""
    run_program(
        backend,
        """
        other = anymq.get_backend(backend.name, library=sys.argv[3])
        assert os.path.realpath(other.library.path) == os.path.realpath(sys.argv[3])
        assert os.path.realpath(backend.library.path) != os.path.realpath(sys.argv[3])
        assert anymq.get_backend(backend.name, library=sys.argv[3]) is other
        def sockets(one, two):
            pull = anymq.Socket("pull", backend=one, recv_timeout=LIMIT)
            push = anymq.Socket("push", backend=two, send_timeout=LIMIT,
                                dial=pull.listen("tcp://127.0.0.1:0").url)
            return push, pull
        opened = [sockets(a, b) for a in (backend, other) for b in (backend, other)]
        for push, pull in opened:
            push.send(b"hello")
        for push, pull in opened:
            assert pull.recv() == b"hello"
            push.close()
            pull.close()
        """,
        str(shutil.copy(os.path.realpath(backend.library.path), tmp_path / "libcopy.so")),
    )


def refused(name: str, path: str) -> anymq.BackendUnavailable:
    with pytest.raises(anymq.BackendUnavailable) as caught:
        anymq.get_backend(name, library=path)
    error = caught.value
    assert isinstance(error, ImportError)
    assert path in str(error)
    assert any(tried == path and said for tried, said in error.tried)
    return error


def test_no_such_file(backend: Backend, tmp_path: Path) -> None:
    refused(backend.name, str(tmp_path / "missing.so"))


def test_a_text_file(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("I am no library\n")
    refused(backend.name, str(path))


def test_an_empty_file(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "empty.so"
    path.touch()
    refused(backend.name, str(path))


@pytest.mark.parametrize("size", [40, 1000, 200_000])
def test_a_truncated_library(backend: Backend, tmp_path: Path, size: int) -> None:
    """Refused before it is mapped, for that would end the process."""
    path = tmp_path / "half.so"
    whole = Path(backend.library.path).read_bytes()
    if size >= len(whole):
        pytest.skip(f"the library has {len(whole)} bytes")
    path.write_bytes(whole[:size])
    refused(backend.name, str(path))


def test_a_folder(backend: Backend, tmp_path: Path) -> None:
    refused(backend.name, str(tmp_path))


def test_another_library_altogether(backend: Backend) -> None:
    """One that every Python process has mapped."""
    with open("/proc/self/maps") as maps:
        path = next(w for line in maps for w in line.split() if "/libc.so" in w or "/libc-" in w)
    refused(backend.name, path)


def test_the_library_of_another_backend(backend: Backend) -> None:
    found = [status.backend for status in anymq.backends().values() if status.backend is not None]
    others = [other for other in found if other.name != backend.name]
    if not others:
        pytest.skip("there is no library of another backend here")
    for other in others:
        error = refused(backend.name, other.library.path)
        if {backend.wire, other.wire} <= {"sp", "zmtp"}:  # these know one another
            assert other.name in str(error).replace(other.library.path, ""), "what it looks like"


@pytest.mark.parametrize("bad", ["", 5, b"/x", object()], ids=repr)
def test_a_path_is_a_path(backend: Backend, bad: object) -> None:
    with pytest.raises((TypeError, ValueError, anymq.BackendUnavailable)):
        anymq.get_backend(backend.name, library=bad)


def test_a_path_object(backend: Backend) -> None:
    found = anymq.get_backend(backend.name, library=Path(backend.library.path))
    assert os.path.realpath(found.library.path) == os.path.realpath(backend.library.path)


def test_a_bad_path_in_the_environment_is_an_error(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was asked for: no silent fall-back to the system's."""
    path = str(tmp_path / "missing.so")
    monkeypatch.setenv(f"ANYMQ_{backend.name.upper()}_LIBRARY", path)
    with pytest.raises(anymq.BackendUnavailable, match="missing"):
        anymq.get_backend(backend.name)
    status = anymq.backends()[backend.name]
    assert not status.available
    assert path in status.reason


def test_a_path_in_the_environment(backend: Backend, tmp_path: Path) -> None:
    """Told apart from one that was asked for by argument, which this program does first."""
    run_program(
        backend,
        """
        assert backend.library.found_via == "argument"
        os.environ[f"ANYMQ_{backend.name.upper()}_LIBRARY"] = sys.argv[3]
        found = anymq.get_backend(backend.name)
        assert found is not backend
        assert os.path.realpath(found.library.path) == os.path.realpath(sys.argv[3])
        assert found.library.found_via == "environment"
        """,
        str(shutil.copy(os.path.realpath(backend.library.path), tmp_path / "libcopy.so")),
    )


def test_a_refused_library_leaves_the_right_one_usable(backend: Backend, tmp_path: Path) -> None:
    refused(backend.name, str(tmp_path))
    with anymq.Socket("pull", backend=backend, recv_timeout=LIMIT) as pull:
        listener = pull.listen("tcp://127.0.0.1:0")
        with anymq.Socket("push", backend=backend, dial=listener.url) as push:
            push.send(b"x", timeout=LIMIT)
            assert pull.recv() == b"x"


def test_a_library_that_is_gone_while_open(backend: Backend, tmp_path: Path) -> None:
    """The file of an open library may be deleted: it stays mapped and works."""
    copy = shutil.copy(os.path.realpath(backend.library.path), tmp_path / "gone.so")
    run_program(
        backend,
        """
        other = anymq.get_backend(backend.name, library=sys.argv[3])
        os.unlink(sys.argv[3])
        with anymq.Socket("pair", backend=other) as pair:
            pair.listen("tcp://127.0.0.1:0")
        """,
        str(copy),
    )
    assert mapped(backend.library.path)
