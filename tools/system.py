"""What must come from the operating system: the three libraries, some programs, Python's headers.

On Debian and its kin they are installed where that is allowed (as root, or through a sudo that asks
for no password). Elsewhere the error says what to install, and how.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console import Failure, capture, run, say, succeeds

__all__ = [
    "BENCH_HEADERS",
    "GUARD_PROGRAMS",
    "LAB_PROGRAMS",
    "ensure_programs",
    "ensure_python_parts",
    "ensure_system",
]

OTHER_SYSTEMS = {
    "dnf": "sudo dnf install nng nng-utils nanomsg zeromq",
    "pacman": "sudo pacman -S nng nanomsg zeromq",
    "zypper": "sudo zypper install libnng1 nng-utils libnanomsg5 libzmq5",
    "apk": "apk add nng nanomsg libzmq",
    "brew": "brew install nng nanomsg zeromq",
}


@dataclass(frozen=True)
class Need:
    """One thing from the system: what for, how to see that it is there, Debian's names for it."""

    what: str
    packages: tuple[str, ...]
    loads: tuple[str, ...] = ()
    variable: str = ""
    program: str = ""
    header: str = ""

    @property
    def present(self) -> bool:
        if self.program:
            return shutil.which(self.program) is not None
        if self.header:
            folders = ("/usr/include", "/usr/local/include")
            return any(Path(folder, self.header).is_file() for folder in folders)
        if self.variable and os.environ.get(self.variable):
            return True
        return any(_loads(name) for name in self.loads)


LIBRARIES = (
    Need("the library nng", ("libnng1",), ("libnng.so.1", "libnng.so"), "ANYMQ_NNG_LIBRARY"),
    Need(
        "the library nanomsg",
        ("libnanomsg6", "libnanomsg5"),
        ("libnanomsg.so.6", "libnanomsg.so.5", "libnanomsg.so"),
        "ANYMQ_NANOMSG_LIBRARY",
    ),
    Need("the library libzmq", ("libzmq5",), ("libzmq.so.5", "libzmq.so"), "ANYMQ_ZMQ_LIBRARY"),
)
PROGRAMS = (
    Need("the program nngcat", ("nng-utils",), program="nngcat"),
    Need("the program nanocat", ("nanomsg-utils",), program="nanocat"),
)
LAB_PROGRAMS = (
    Need("the program cmake, to build nanomsg from source", ("cmake",), program="cmake"),
    Need("the program npm, to fetch packages with", ("npm",), program="npm"),
)
BENCH_HEADERS = (Need("nanomsg's headers, for nnpy", ("libnanomsg-dev",), header="nanomsg/nn.h"),)
GUARD_PROGRAMS = (
    Need("the program valgrind, to count instructions", ("valgrind",), program="valgrind"),
)


def ensure_system() -> None:
    """See to it that the libraries and programs are here.

    Raises:
        Failure: something is missing and may not be installed; the text says what to install.
    """
    ensure_programs((*LIBRARIES, *PROGRAMS))


def ensure_programs(needs: Sequence[Need]) -> None:
    """See to it that these are here; installs what is missing, where that is allowed.

    Raises:
        Failure: something is missing and may not be installed; the text says what to install.
    """
    missing = [need for need in needs if not need.present]
    if not missing:
        return
    say("missing here: " + ", ".join(need.what for need in missing))
    if _may_install():
        _apt_update()
        _apt_install([_choose(need.packages) for need in missing])
        missing = [need for need in missing if not need.present]
    if missing:
        raise Failure(_advice(missing))


def ensure_python_parts() -> None:
    """See to it that this Python can make virtual environments and compile extensions."""
    minor = f"python3.{sys.version_info.minor}"
    of_debian = sys.prefix == "/usr" and shutil.which("apt-get") is not None
    wanted = [
        (f"{minor}-venv", "the modules venv and ensurepip", _has_venv),
        (f"{minor}-dev", "the header Python.h", _has_headers),
    ]
    missing = [(package, what) for package, what, present in wanted if not present()]
    if missing and of_debian and _may_install():
        _apt_update()
        _apt_install([package for package, _ in missing])
        missing = [(package, what) for package, what, present in wanted if not present()]
    if missing:
        what = " and ".join(what for _, what in missing)
        packages = " ".join(package for package, _ in missing)
        how = (
            f"install them with: sudo apt-get install {packages}"
            if of_debian
            else "install this Python's development parts, or name another: make PYTHON=..."
        )
        raise Failure(f"{sys.executable} lacks {what}; {how}")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not any(shutil.which(name) for name in (os.environ.get("CC", ""), compiler, "cc") if name):
        raise Failure("a C compiler is needed; on Debian: sudo apt-get install gcc libc6-dev")


def _has_venv() -> bool:
    return succeeds([sys.executable, "-c", "import venv, ensurepip"])


def _has_headers() -> bool:
    return Path(sysconfig.get_path("include"), "Python.h").is_file()


def _loads(name: str) -> bool:
    """Whether the loader finds a library, asked in a process of its own."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    return succeeds([sys.executable, "-c", code, name])


def _sudo() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def _may_install() -> bool:
    if shutil.which("apt-get") is None:
        return False
    return os.geteuid() == 0 or (shutil.which("sudo") is not None and succeeds([*_sudo(), "true"]))


def _apt_update() -> None:
    _apt("update")


def _apt_install(packages: Sequence[str]) -> None:
    _apt("-y", "--no-install-recommends", "install", *packages)


def _apt(*arguments: str) -> None:
    """Run apt-get. Whether it did any good is seen by whether what was missing is there."""
    try:
        run([*_sudo(), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *arguments])
    except Failure as failure:
        say(f"{failure}")


def _choose(packages: Sequence[str]) -> str:
    """The first of these that Debian has here (a library's package is named after its ABI)."""
    for package in packages:
        status, text = capture(["apt-cache", "policy", package])
        if status == 0 and "Candidate:" in text and "Candidate: (none)" not in text:
            return package
    return packages[-1]


def _advice(missing: Sequence[Need]) -> str:
    lines = [f"{need.what} is missing" for need in missing]
    libraries = [need for need in missing if need.variable]
    if shutil.which("apt-get") is not None:
        packages = " ".join(_choose(need.packages) for need in missing)
        lines.append(f"install with: sudo apt-get install {packages}")
    for manager, command in OTHER_SYSTEMS.items():
        if shutil.which(manager) is not None:
            lines.append(f"install with: {command}")
    if not any(line.startswith("install with") for line in lines):
        lines.append("install them with the package manager of this system")
    if libraries:
        names = ", ".join(need.variable for need in libraries)
        lines.append(f"or name the files of your own builds in {names}")
    if any(need in PROGRAMS for need in missing):
        lines.append("nngcat comes with nng and nanocat with nanomsg, where not packaged apart")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        ensure_python_parts()
        ensure_system()
    except (Failure, subprocess.SubprocessError) as error:
        raise SystemExit(str(error)) from None
