"""Fetching, unpacking and building; what cannot be had is told, not dropped."""

from __future__ import annotations

import hashlib
import io
import platform
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from lab.binaries import BinaryError, make_stub, needed_glibc, running_glibc
from lab.collection import Collection
from lab.manifest import Build, Manifest, Origin, Part
from lab.registries import FetchError, Registries
from lab.runtime import make_interpreter


def archive(path: Path, files: dict[str, bytes]) -> str:
    """Make a package of npm's kind; its checksum."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `npm pack` brings packages from, counting how often it is called."""
    folder = tmp_path / "registry"
    folder.mkdir()
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/calls\n'
        f'cp {folder}/"$3".tgz . || {{ echo "npm error 404 Not Found: $3"; exit 1; }}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return folder


def calls(tmp_path: Path) -> int:
    path = tmp_path / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def collection(tmp_path: Path, **changes: object) -> tuple[Collection, Build]:
    """A collection of one build, `thing@1.0`."""
    values = {
        "name": "nng-thing",
        "library": "nng",
        "version": "1.0",
        "origin": Origin("npm", "thing", "1.0"),
        "sha256": "0" * 64,
        "member": "package/libthing.so",
        **changes,
    }
    build = Build(**values)  # type: ignore[arg-type]
    libc = Part("libc", Origin("debian", "libc6", "2", "sid"), "0" * 64, "usr/lib")
    manifest = Manifest(platform.machine(), "libc", {build.name: build}, {"libc": libc})
    return Collection(manifest, tmp_path / "cache"), build


def quietly(_: str) -> None:
    pass


def test_fetched_once(tmp_path: Path, registry: Path) -> None:
    content = Path("/bin/true").read_bytes()
    checksum = archive(registry / "thing@1.0.tgz", {"libthing.so": content})
    lab, build = collection(tmp_path, sha256=checksum)
    assert "not fetched yet" in lab.find(build).reason
    for _ in range(2):
        found = lab.fetch([build], quietly)[0]
        assert not found.reason
        assert found.library is not None
        assert found.library.read_bytes() == content
    assert calls(tmp_path) == 1
    shutil.rmtree(tmp_path / "cache" / "builds")
    assert lab.fetch([build], quietly)[0].library
    assert calls(tmp_path) == 1, "the archive was kept"


def test_another_checksum_is_refused(tmp_path: Path, registry: Path) -> None:
    archive(registry / "thing@1.0.tgz", {"libthing.so": b"not what was meant"})
    lab, build = collection(tmp_path)
    found = lab.fetch([build], quietly)[0]
    assert found.library is None
    assert "refused" in found.reason
    assert "0" * 64 in found.reason
    assert not list((tmp_path / "cache").rglob("*.so")), "nothing of it was unpacked"
    assert not list((tmp_path / "cache").rglob("*.tgz")), "nor kept"
    assert lab.find(build).reason == found.reason, "listed with the reason"


def test_a_spoilt_archive_is_fetched_anew(tmp_path: Path, registry: Path) -> None:
    checksum = archive(registry / "thing@1.0.tgz", {"libthing.so": b"x"})
    registries = Registries(tmp_path / "cache")
    origin = Origin("npm", "thing", "1.0")
    registries.get(origin, checksum).write_bytes(b"spoilt")
    assert hashlib.sha256(registries.get(origin, checksum).read_bytes()).hexdigest() == checksum


def test_what_has_disappeared_is_listed(tmp_path: Path, registry: Path) -> None:
    lab, build = collection(tmp_path)
    found = lab.fetch([build], quietly)[0]
    assert found.reason == "npm, thing 1.0: npm says: npm error 404 Not Found: thing@1.0"
    checksum = archive(registry / "thing@1.0.tgz", {"libthing.so": Path("/bin/true").read_bytes()})
    again, build = collection(tmp_path, sha256=checksum)
    assert again.fetch([build], quietly)[0].library, "it is there again"


def test_a_client_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lab, build = collection(tmp_path)
    assert "npm: No such file" in lab.fetch([build], quietly)[0].reason


def test_an_archive_without_the_library(tmp_path: Path, registry: Path) -> None:
    checksum = archive(registry / "thing@1.0.tgz", {"README": b""})
    lab, build = collection(tmp_path, sha256=checksum)
    found = lab.fetch([build], quietly)[0]
    assert found.reason == "npm, thing 1.0: there is no file package/libthing.so in it"


def test_a_binary_for_another_machine(tmp_path: Path, registry: Path) -> None:
    lab, build = collection(tmp_path)
    other = Manifest("m68k", "libc", lab.manifest.builds, lab.manifest.parts)
    found = Collection(other, tmp_path / "cache").fetch([build], quietly)[0]
    assert "built for m68k" in found.reason
    assert calls(tmp_path) == 0


CMAKE = b"""\
cmake_minimum_required(VERSION 3.5)
project(thing C)
add_library(thing SHARED thing.c)
"""


def test_built_from_source(tmp_path: Path, registry: Path) -> None:
    files = {"src/CMakeLists.txt": CMAKE, "src/thing.c": b"int thing(void) { return 7; }\n"}
    checksum = archive(registry / "thing@1.0.tgz", files)
    lab, build = collection(tmp_path, sha256=checksum, cmake="package/src", member="libthing.so")
    found = lab.fetch([build], quietly)[0]
    assert not found.reason
    assert found.library is not None
    assert found.library.is_file()


def test_source_that_does_not_compile(tmp_path: Path, registry: Path) -> None:
    files = {"src/CMakeLists.txt": CMAKE, "src/thing.c": b"this is no C\n"}
    checksum = archive(registry / "thing@1.0.tgz", files)
    lab, build = collection(tmp_path, sha256=checksum, cmake="package/src", member="libthing.so")
    assert "cmake fails" in lab.fetch([build], quietly)[0].reason


def test_what_a_binary_needs() -> None:
    maps = Path("/proc/self/maps").read_text().splitlines()
    library = next(line.split()[-1] for line in maps if "/libc.so" in line)
    assert needed_glibc(Path("/bin/true")) >= (2,)
    assert running_glibc() >= needed_glibc(Path("/bin/true"))
    assert needed_glibc(Path(library)) <= running_glibc()


def test_what_is_no_binary(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("I am no library")
    with pytest.raises(BinaryError, match="readelf"):
        needed_glibc(path)


def test_stubs_only_for_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(BinaryError, match="wants nothing like napi_"):
        make_stub(Path("/bin/true"), ("napi_*",), tmp_path / "stub.so")


def test_an_interpreter_needs_a_loader(tmp_path: Path) -> None:
    with pytest.raises(BinaryError, match="there is no loader"):
        make_interpreter(Path(sys.executable), tmp_path, tmp_path / "runtimes")


def test_an_unknown_package_of_a_real_registry_is_told(tmp_path: Path) -> None:
    """pip says no in its own words, whichever registry it asks."""
    origin = Origin("pypi", "pyzmq", "0.0.0", "cp36-cp36m-manylinux1_x86_64")
    with pytest.raises(FetchError, match=r"pip says: .*pyzmq==0"):
        Registries(tmp_path).get(origin, "0" * 64)
