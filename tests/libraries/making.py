"""Makes libraries that are not what they should be, out of the real ones.

A shim is a shared object that exports what a real library does: each of its functions jumps to
the real one. Functions can be left out of it, or replaced by C of the test's own, so that a library
lies about its version or lacks some of its symbols and is otherwise the real thing. It is compiled
with the system's C compiler when it is needed.
"""

from __future__ import annotations

import itertools
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

PREFIXES = {"nanomsg": "nn_", "nng": "nng_", "zmq": "zmq_"}
"""What the functions of each library begin with."""

JUMPS = {
    "x86_64": "jmp *made_table+{offset}(%rip)",
    "aarch64": "adrp x16, made_table; add x16, x16, :lo12:made_table; "
    "ldr x16, [x16, #{offset}]; br x16",
}
"""A jump to the address at an offset of the table, by machine."""

SHIM = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *made_library;
static const char *const made_names[] = {{{names} NULL}};
__attribute__((visibility("hidden"))) void *made_table[{count} + 1];

__attribute__((unused)) static void *real(const char *name)
{{
    return dlsym(made_library, name);
}}

__attribute__((constructor)) static void made_open(void)
{{
    made_library = dlopen("{path}", RTLD_NOW | RTLD_LOCAL);
    if (made_library == NULL) {{
        fprintf(stderr, "%s\\n", dlerror());
        abort();
    }}
    for (int i = 0; made_names[i] != NULL; i++)
        made_table[i] = real(made_names[i]);
}}

__asm__(".text\\n"
{stubs});

{replacements}
"""

_numbers = itertools.count()


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def _tool(variable: str, *names: str) -> str:
    for name in filter(None, (os.environ.get(variable), *names)):
        found = shutil.which(name)
        if found:
            return found
    pytest.fail(f"these tests need {' or '.join(names)}: install a C compiler with binutils")


def compile_library(source: str, folder: Path, name: str = "libmade.so") -> Path:
    """A shared object of this C source, under a name of its own."""
    stem = folder / f"{next(_numbers)}-{name}"
    text = stem.with_suffix(".c")
    text.write_text(source)
    _run(_tool("CC", "cc", "gcc"), "-shared", "-fPIC", "-O1", "-w", "-o", stem, text, "-ldl")
    return stem


def exported(path: str) -> list[str]:
    """Names of the functions that a shared object defines for others."""
    lines = _run(_tool("NM", "nm"), "-D", "--defined-only", path).splitlines()
    fields = [line.split() for line in lines]
    return sorted(f[2].partition("@")[0] for f in fields if len(f) == 3 and f[1] in "TWi")


def shim(
    path: str,
    folder: Path,
    prefix: str,
    *,
    without: Iterable[str] = (),
    instead: str = "",
    replaced: Iterable[str] = (),
) -> Path:
    """A library that forwards to the one at `path`.

    Args:
        path: the real one.
        folder: where to put it.
        prefix: what is forwarded: functions whose names begin so.
        without: functions that it does not have.
        instead: C source of functions of its own; `real("name")` is a function of the real one.
        replaced: their names.
    """
    names = [name for name in exported(path) if name.startswith(prefix)]
    assert len(names) > 10, f"{path} exports too little to be forwarded: {names}"
    left_out = {*without, *replaced}
    unknown = set(without) - set(names)
    assert not unknown, f"{path} has no {sorted(unknown)} that could be left out"
    kept = [name for name in names if name not in left_out]
    jump = JUMPS.get(platform.machine())
    if jump is None:
        pytest.fail(f"no shim can be made for {platform.machine()}: add its jump to JUMPS")
    stubs = "\n".join(
        f'".globl {name}\\n.type {name}, %function\\n{name}: {jump.format(offset=8 * i)}\\n"'
        for i, name in enumerate(kept)
    )
    source = SHIM.format(
        names="".join(f'"{name}", ' for name in kept),
        count=len(kept),
        path=path,
        stubs=stubs,
        replacements=instead,
    )
    return compile_library(source, folder)
