"""`anymq config check`: is the file right, and can this machine do what it says?"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from anymq.config import Config, SocketEntry, load_config, using
from anymq.errors import AnymqError, ConfigError, UnsupportedFeature
from anymq.url import parse

from ._common import add_json
from ._output import print_json, print_table

if TYPE_CHECKING:
    from anymq.abc import Backend

EPILOG = """\
The file is checked first: keys, types, and combinations that can never work. Then each socket is
checked against the library that would serve it on this machine: protocol, transports and options.
Nothing is opened, bound or connected.

exit status: 0 when all of it holds, else 1
"""


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    check = commands.add_parser(
        "check",
        help="check a file, and whether the libraries here can do what it says",
        description="Check a configuration file, and whether the libraries here can do it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "file", nargs="?", metavar="FILE", help="default: $ANYMQ_CONFIG, then ./anymq.toml"
    )
    check.add_argument(
        "--file-only", action="store_true", help="do not look at the libraries of this machine"
    )
    add_json(check)
    check.set_defaults(run=run, parser=check)


def run(options: argparse.Namespace) -> int:
    config = load_config(options.file)
    if config.path is None:
        raise ConfigError(
            "no configuration file: name one, set ANYMQ_CONFIG, or be where anymq.toml is"
        )
    problems: list[str] = []
    served: dict[str, Backend] = {}
    if not options.file_only:
        with using(config):
            _check_libraries(config, problems)
            for entry in config.sockets.values():
                _check_socket(config, entry, served, problems)
    if options.json:
        print_json(_document(config, served, problems))
    else:
        _print(config, served)
    for problem in problems:
        print(f"anymq: {problem}", file=sys.stderr)
    if not problems and not options.json:
        print(f"{config.path}: ok")
    return 1 if problems else 0


def _check_libraries(config: Config, problems: list[str]) -> None:
    from anymq.registry import get_backend

    for name in config.libraries:
        try:
            get_backend(name)
        except AnymqError as error:
            problems.append(f"{config.path}: libraries.{name}: {_line(error)}")


def _check_socket(
    config: Config, entry: SocketEntry, served: dict[str, Backend], problems: list[str]
) -> None:
    from anymq.registry import get_backend

    name = entry.backend or config.backend
    schemes = {
        key: [parse(url, listen=key == "listen").scheme for url in getattr(entry, key)]
        for key in ("listen", "dial")
    }
    needed = {"protocol": [f"protocol.{entry.protocol}"], "raw": ["raw"] if entry.raw else []}
    needed |= {key: [f"transport.{scheme}" for scheme in s] for key, s in schemes.items()}
    needed |= {option: [f"option.{option}"] for option in entry.options}
    where = f"{config.path}: sockets.{entry.name}"
    try:
        if name is None:
            features = [feature for several in needed.values() for feature in several]
            backend = get_backend(protocol=entry.protocol, features=features)
        else:
            backend = get_backend(name, library=entry.library)
    except AnymqError as error:
        problems.append(f"{where}: {_line(error)}")
        return
    served[entry.name] = backend
    for key, features in needed.items():
        for feature in features:
            try:
                backend.require(feature)
            except UnsupportedFeature as error:
                problems.append(f"{where}.{key}: {_line(error)}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _document(config: Config, served: dict[str, Backend], problems: list[str]) -> dict[str, Any]:
    return {
        "path": str(config.path),
        "backend": config.backend,
        "libraries": dict(config.libraries),
        "sockets": {
            name: {
                "protocol": str(entry.protocol),
                "backend": entry.backend,
                "served_by": served[name].name if name in served else None,
                "library": entry.library,
                "raw": entry.raw,
                "listen": list(entry.listen),
                "dial": list(entry.dial),
                "subscribe": [topic.decode() for topic in entry.subscribe],
                "options": {key: _plain(value) for key, value in entry.options.items()},
            }
            for name, entry in config.sockets.items()
        },
        "problems": problems,
        "ok": not problems,
    }


def _plain(value: Any) -> Any:
    """An option's value for JSON; of what makes a socket secure, all but the secrets."""
    if isinstance(value, bytes):
        return value.decode()
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.repr}
    return value


def _print(config: Config, served: dict[str, Backend]) -> None:
    rows = [
        (
            name,
            f"raw {entry.protocol}" if entry.raw else entry.protocol,
            f"{served[name].name} {served[name].library.version_text}" if name in served else "",
            " ".join(
                [f"listen {url}" for url in entry.listen] + [f"dial {url}" for url in entry.dial]
            ),
            " ".join(f"{key}={value!r}" for key, value in entry.options.items()),
        )
        for name, entry in config.sockets.items()
    ]
    if rows:
        print_table(("socket", "protocol", "served by", "addresses", "options"), rows)
