"""Ways to run a program as on a machine that has none of the three libraries.

`Namespace` gives the program a file system in which they do not exist: a mount namespace in which
each folder that holds one is replaced by a folder of links to all else. It needs the right to make
namespaces. `Auditor` needs no rights: it has the dynamic loader (glibc's) ask a small auditing
module about every file that it looks for, and the module says no to these.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

__all__ = ["Auditor", "Hiding", "Namespace"]

PREFIXES = ("libnng.", "libnanomsg.", "libzmq.")
FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")
LIMIT = 300.0

AUDIT_SOURCE = r"""
#define _GNU_SOURCE
#include <link.h>
#include <string.h>

unsigned int la_version(unsigned int version)
{
    return version < LAV_CURRENT ? version : LAV_CURRENT;
}

char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag)
{
    const char *base = strrchr(name, '/');
    (void)cookie;
    (void)flag;
    base = base != NULL ? base + 1 : name;
    if (strncmp(base, "libnng.", 7) == 0 || strncmp(base, "libnanomsg.", 11) == 0 ||
        strncmp(base, "libzmq.", 7) == 0)
        return NULL;
    return (char *)name;
}
"""


class Hiding(ABC):
    """Runs programs to which the libraries do not exist."""

    @abstractmethod
    def prepare(self, command: list[str]) -> tuple[list[str], dict[str, str]]:
        """The command to run in place of `command`, and what to add to the environment."""

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        words, more = self.prepare([str(word) for word in command])
        env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("ANYMQ_") and key not in ("LD_LIBRARY_PATH", "PYTHONPATH")
        }
        return subprocess.run(
            words,
            env={**env, **more, "NO_COLOR": "1", "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )


class Auditor(Hiding):
    def __init__(self, folder: Path) -> None:
        source, self._module = folder / "audit.c", folder / "audit.so"
        source.write_text(AUDIT_SOURCE)
        command = ["cc", "-shared", "-fPIC", "-o", str(self._module), str(source)]
        subprocess.run(command, check=True, timeout=60)

    def prepare(self, command: list[str]) -> tuple[list[str], dict[str, str]]:
        return command, {"LD_AUDIT": str(self._module)}


class Namespace(Hiding):
    def __init__(self, folder: Path) -> None:
        lines = ["set -e"]
        for number, holder in enumerate(_holders()):
            real, shown = folder / f"real{number}", folder / f"shown{number}"
            real.mkdir()
            shown.mkdir()
            for entry in os.listdir(holder):
                if not entry.startswith(PREFIXES):
                    (shown / entry).symlink_to(real / entry)
            lines.append(f"mount --bind {shlex.quote(str(holder))} {shlex.quote(str(real))}")
            lines.append(f"mount --bind {shlex.quote(str(shown))} {shlex.quote(str(holder))}")
        lines.append('exec "$@"')
        self._script = folder / "hidden.sh"
        self._script.write_text("\n".join(lines) + "\n")

    @staticmethod
    def why_not() -> str | None:
        """Why this cannot be done here, or None where it can."""
        if shutil.which("unshare") is None:
            return "there is no unshare (util-linux) here"
        done = subprocess.run(
            [*_unshare(), "mount", "--bind", "/usr", "/usr"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return None if done.returncode == 0 else f"namespaces are not allowed here: {done.stderr}"

    def prepare(self, command: list[str]) -> tuple[list[str], dict[str, str]]:
        return [*_unshare(), "sh", str(self._script), *command], {}


def _unshare() -> list[str]:
    return ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]


def _holders() -> list[Path]:
    """Every folder that the loader looks into and that holds one of the libraries."""
    listed = subprocess.run(
        ["/sbin/ldconfig", "-p"], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    files = [Path(line.rpartition("=> ")[2]) for line in listed.splitlines() if "=> " in line]
    for folder in FOLDERS:
        files += [*Path(folder).glob("*.so*"), *Path(folder).glob("*-linux-gnu*/*.so*")]
    return sorted({file.parent.resolve() for file in files if file.name.startswith(PREFIXES)})
