"""`anymq doctor`: what this machine has, and what to do about what it lacks.

It has to work where nothing does: without any library, and with a broken configuration.
"""

from __future__ import annotations

import argparse
import os
import platform
from typing import TYPE_CHECKING, Any

from anymq.config import SOCKET_VARIABLES, known_backends
from anymq.errors import BackendUnavailable

from ._common import Library, add_json, check_backend_name, parse_library, statuses
from ._output import print_json, print_quirks, print_table

if TYPE_CHECKING:
    from anymq.config import Config
    from anymq.errors import ConfigError
    from anymq.registry import BackendStatus

EPILOG = """\
examples:
  anymq doctor                                  all that is installed
  anymq doctor nng                              what anymq finds for nng
  anymq doctor --library nng=/opt/x/libnng.so   this file
  anymq doctor --library old=nng:/opt/old.so --library new=nng

exit status: 0 when at least one library is usable and nothing that was asked for by configuration
or environment failed; with names: when each of those is usable; else 1
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("backend", nargs="*", metavar="BACKEND", help="only these: nng, ...")
    parser.add_argument(
        "--library",
        action="append",
        default=[],
        metavar="[NAME=]BACKEND[:PATH]",
        help="only these: nng=/path, old=nng:/path, or nng for the one that anymq finds; "
        "several times",
    )
    add_json(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    for name in options.backend:
        check_backend_name(options.parser, name)
    files = [parse_library(options.parser, text) for text in options.library]
    named = [*dict.fromkeys(options.backend), *(file.name for file in files)]
    for name in named:
        if named.count(name) > 1:
            options.parser.error(f"{name} is there twice: give NAME=BACKEND:PATH with other names")
    found, config, error = statuses()
    shown = {n: s for n, s in sorted(found.items()) if not named or n in options.backend}
    problems = _problems(shown, config, error, bool(named))
    for file in files:
        shown[file.name] = _look(file) if file.path else found[file.backend]
        if not shown[file.name].available:
            problems.append(f"{file.name}: is not usable")
    if options.json:
        print_json(_document(shown, config, error, problems))
    else:
        _print(shown, config, error, problems)
    return 1 if problems else 0


def _look(library: Library) -> BackendStatus:
    """What comes of opening the file that somebody named."""
    from anymq.registry import BackendStatus, get_backend

    try:
        backend = get_backend(library.backend, library=library.path)
    except BackendUnavailable as error:
        return BackendStatus(library.backend, False, None, str(error), error.tried)
    return BackendStatus(library.backend, True, backend)


def _variable(backend: str) -> str:
    return f"ANYMQ_{backend.upper()}_LIBRARY"


def _environment() -> dict[str, str]:
    return {k: v for k, v in sorted(os.environ.items()) if k.startswith("ANYMQ_")}


def _is_known(variable: str) -> bool:
    known = {"ANYMQ_CONFIG", "ANYMQ_BACKEND", "ANYMQ_LAB_CACHE", *map(_variable, known_backends())}
    return variable in known or variable.startswith(SOCKET_VARIABLES)


def _problems(
    shown: dict[str, BackendStatus], config: Config, error: ConfigError | None, named: bool
) -> list[str]:
    """Why the exit status is not 0, a sentence each."""
    problems = [str(error)] if error else []
    for name, status in shown.items():
        if status.available:
            continue
        if name in config.libraries:
            problems.append(f"{name}: the library that {config.path} names is not usable")
        elif os.environ.get(_variable(name)):
            problems.append(f"{name}: the library that {_variable(name)} names is not usable")
        elif name == config.backend:
            problems.append(f"{name}: is the default backend and is not usable")
        elif named:
            problems.append(f"{name}: is not usable")
    if not any(status.available for status in shown.values()) and not named:
        problems.append("no library is usable")
    return problems


def _document(
    shown: dict[str, BackendStatus],
    config: Config,
    error: ConfigError | None,
    problems: list[str],
) -> dict[str, Any]:
    return {
        "anymq": _version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backends": {name: _entry(status) for name, status in shown.items()},
        "config": {
            "path": str(config.path) if config.path else None,
            "backend": config.backend,
            "libraries": dict(config.libraries),
            "error": str(error) if error else None,
        },
        "environment": _environment(),
        "problems": problems,
        "ok": not problems,
    }


def _entry(status: BackendStatus) -> dict[str, Any]:
    entry: dict[str, Any] = {"available": status.available}
    if status.backend is not None:
        library = status.backend.library
        entry |= {
            "wire": status.backend.wire,
            "path": library.path,
            "version": library.version_text,
            "found_via": library.found_via,
            "protocols": [str(protocol) for protocol in status.backend.protocols],
            "transports": list(status.backend.transports),
            "quirks": dict(status.backend.quirks),
        }
    else:
        entry |= {
            "reason": status.reason.splitlines()[0].removesuffix("; tried:"),
            "tried": [{"path": path, "said": said} for path, said in status.tried],
            "install_hint": status.install_hint,
        }
    return entry


def _print(
    shown: dict[str, BackendStatus],
    config: Config,
    error: ConfigError | None,
    problems: list[str],
) -> None:
    print(f"anymq {_version()} on Python {platform.python_version()}, {platform.platform()}\n")
    rows = []
    for name, status in shown.items():
        if status.backend is not None:
            library = status.backend.library
            rows.append((name, "usable", library.version_text, library.found_via, library.path))
        else:
            rows.append((name, "missing", "", "", ""))
    print_table(("library", "state", "version", "found via", "file"), rows)
    print_quirks({n: s.backend for n, s in shown.items() if s.backend is not None})
    for name, status in shown.items():
        if status.available:
            continue
        print(f"{name}: {status.reason.splitlines()[0].removesuffix('; tried:')}")
        for path, said in status.tried:
            print(f"    {path}: {said}" if path not in said else f"    {said}")
        if status.install_hint:
            print(f"  to get it: {status.install_hint}")
            print(f"  or name a library file in {_variable(status.name)} or in anymq.toml")
        print()
    if error:
        print("configuration: wrong, see below")
    elif config.path is None:
        print("configuration: none (no anymq.toml here, and ANYMQ_CONFIG is not set)")
    else:
        what = f"default backend {config.backend or 'the first that fits'}"
        print(f"configuration: {config.path}: {what}, sockets: {', '.join(config.sockets) or '-'}")
        for name, path in config.libraries.items():
            print(f"    library of {name}: {path}")
    environment = _environment()
    print("environment:" if environment else "environment: no ANYMQ_ variable is set")
    for variable, value in environment.items():
        unknown = "" if _is_known(variable) else "    (no such variable is known)"
        print(f"    {variable}={value}{unknown}")
    print()
    for problem in problems:
        print(f"problem: {problem}")
    if not problems:
        print(f"usable: {', '.join(n for n, s in shown.items() if s.available)}")


def _version() -> str:
    from anymq import __version__

    return __version__
