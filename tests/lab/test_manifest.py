"""The manifest: what it holds, and what is wrong in one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.manifest import ManifestError, read_manifest

SUM = "0" * 64
GOOD = f"""\
machine = "x86_64"
libc = "libc"
[parts.libc]
debian = {{ package = "libc6", version = "2", suite = "sid" }}
sha256 = "{SUM}"
folder = "usr/lib"
[builds."nng-1-wheel"]
library = "nng"
version = "1.0.0"
pypi = {{ package = "pynng", version = "0.2.0", tag = "cp36-cp36m-manylinux1_x86_64" }}
sha256 = "{SUM}"
member = "pynng/_nng.so"
ci = ["features"]
[builds."nanomsg-1-npm"]
library = "nanomsg"
version = "1.0.0"
npm = {{ package = "nanomsg", version = "3.3.0" }}
sha256 = "{SUM}"
member = "libnanomsg.so"
cmake = "package/deps"
parts = ["libc"]
"""


def read(folder: Path, text: str) -> None:
    path = folder / "builds.toml"
    path.write_text(text)
    read_manifest(path)


def test_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "builds.toml"
    path.write_text(GOOD)
    manifest = read_manifest(path)
    wheel, npm = manifest.builds.values()
    assert (wheel.name, wheel.library, wheel.wire, wheel.ci) == (
        "nng-1-wheel",
        "nng",
        "sp",
        ("features",),
    )
    assert str(wheel.origin) == "PyPI, wheel pynng-0.2.0-cp36-cp36m-manylinux1_x86_64"
    assert (npm.built, npm.parts) == ("from source with CMake", ("libc",))
    assert str(manifest.parts["libc"].origin) == "Debian sid, libc6 2"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (f'sha256 = "{SUM}"\nmember = "pynng', 'sha256 = "12"\nmember = "pynng', "no SHA-256"),
        ('library = "nng"', 'library = "zeromq"', "'zeromq' is none of"),
        ('library = "nng"\n', "", "nng-1-wheel: library is missing"),
        ('member = "pynng/', 'member = "../', "leads out of the archive"),
        ('member = "pynng/', 'member = "/', "leads out of the archive"),
        ('parts = ["libc"]', 'parts = ["nothing"]', "nanomsg-1-npm: there is no part 'nothing'"),
        ('libc = "libc"', 'libc = "nothing"', "there is no part 'nothing'"),
        ('ci = ["features"]', 'ci = ["everything"]', "ci: unknown: everything"),
        ('ci = ["features"]', "ci = true", "ci: True is no list"),
        ('version = "1.0.0"\npypi', "version = 1\npypi", "version: 1 is no str"),
        ("pypi = {", 'npm = { package = "x", version = "1" }\npypi = {', "must come from one of"),
        ('ci = ["features"]', 'colour = "red"', "nng-1-wheel: unknown: colour"),
        ('suite = "sid" ', 'suite = "sid", mirror = "x" ', "unknown: mirror"),
        ('[builds."nng-1-wheel"]', '[builds."nng/1"]', "'nng/1' is no name"),
        ("machine =", "machine", "builds.toml"),
    ],
)
def test_a_wrong_one(tmp_path: Path, old: str, new: str, what: str) -> None:
    """The error names the entry, the key and what is wrong with it."""
    assert GOOD.count(old) >= 1
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert what in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"builds\.toml"):
        read_manifest(tmp_path / "builds.toml")


def test_choosing() -> None:
    manifest = read_manifest()

    def chosen(*names: str, ci: str = "") -> list[str]:
        return [build.name for build in manifest.choose(list(names), ci=ci)]

    assert chosen() == list(manifest.builds)
    assert chosen("nng-1.0.1-wheel") == ["nng-1.0.1-wheel"]
    assert chosen("nng-1.4.0") == ["nng-1.4.0-debian", "nng-1.4.0dev-wheel"]
    with pytest.raises(ManifestError, match="there is no build 'mangos'"):
        chosen("nng", "mangos")


def test_ours_has_the_versions_that_are_wanted() -> None:
    manifest = read_manifest()
    for library, versions in {
        "nng": ["1.0", "1.1", "1.4", "1.5.2", "1.6", "1.10", "1.11", "1.12", "2.0"],
        "nanomsg": ["1.0.0", "1.1.0", "1.1.5", "1.2"],
        "zmq": ["4.1", "4.2", "4.3.2", "4.3.4", "4.3.5"],
    }.items():
        for version in versions:
            assert manifest.choose([f"{library}-{version}"]), (library, version)
    assert len(manifest.choose(["zmq-4.3.4"])) == 2


def test_what_ci_runs_comes_from_registries_that_keep_their_archives() -> None:
    """Debian's suites replace theirs; CI must not fail for that."""
    manifest = read_manifest()
    chosen = manifest.choose([], ci="features")
    assert {build.origin.registry for build in chosen} == {"pypi", "npm"}
    assert {build.library for build in manifest.choose([], ci="conformance")} == {
        "nng",
        "nanomsg",
        "zmq",
    }
    assert not any(build.parts for build in chosen), "parts are Debian's"
