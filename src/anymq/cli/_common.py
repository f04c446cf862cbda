"""What several commands share: looking at backends, and words about them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from anymq.config import Config, current_config, known_backends, using
from anymq.errors import ConfigError

if TYPE_CHECKING:
    from anymq.abc import Backend
    from anymq.registry import BackendStatus

__all__ = [
    "Library",
    "add_json",
    "check_backend_name",
    "check_feature_name",
    "open_backends",
    "parse_library",
    "parse_sizes",
    "parse_words",
    "statuses",
]

UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1024, "mb": 10**6, "mib": 1024**2, "gib": 1024**3}


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def statuses() -> tuple[Mapping[str, BackendStatus], Config, ConfigError | None]:
    """Every known backend, the configuration in force, and what is wrong with that.

    With a wrong configuration the backends are looked for as if there were none: what the machine
    has should be told all the same.
    """
    from anymq.registry import backends

    try:
        config = current_config()
    except ConfigError as error:
        config = Config()
        with using(config):
            return backends(), config, error
    return backends(), config, None


def open_backends() -> dict[str, Backend]:
    """The usable backends by name.

    Raises:
        ConfigError: the configuration is wrong, so that it cannot say which libraries are meant.
    """
    from anymq.registry import backends

    current_config()
    return {name: s.backend for name, s in sorted(backends().items()) if s.backend is not None}


def check_backend_name(parser: argparse.ArgumentParser, name: str) -> None:
    known = known_backends()
    if name not in known:
        parser.error(f"there is no backend {name!r}; known: {', '.join(known)}")


def check_feature_name(parser: argparse.ArgumentParser, name: str) -> None:
    from anymq.features import known_features

    known = known_features()
    if name not in known:
        close = [f for f in known if f.endswith(f".{name}")] or get_close_matches(name, known, 1)
        more = f"did you mean {close[0]}?" if close else "`anymq features` lists them"
        parser.error(f"there is no feature {name!r}; {more}")


class Library(NamedTuple):
    """What `--library` names; no path: the file that the backend finds by itself."""

    name: str
    backend: str
    path: str


def parse_library(parser: argparse.ArgumentParser, text: str) -> Library:
    """`nng`, `nng=/path`, `name=nng` or `name=nng:/path`."""
    name, equals, rest = text.partition("=")
    backend, _, path = (rest if equals else text).partition(":")
    if equals and name in known_backends() and (os.sep in rest or backend not in known_backends()):
        # The short form: the backend is the name. A path may hold colons.
        backend, path = name, rest
    check_backend_name(parser, backend)
    if (equals and not rest) or not name:
        parser.error(f"--library {text}: give NAME=BACKEND:PATH or BACKEND=PATH")
    if path and not os.path.isfile(path):
        parser.error(f"--library {text}: there is no file {path}")
    return Library(name if equals else backend, backend, path)


def parse_words(text: str) -> list[str]:
    """Words with commas between them, as an argument's type."""
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty word")
    return words


def parse_sizes(text: str) -> list[int]:
    """Numbers of bytes, `0,100,64KiB`, as an argument's type."""
    return [_size(word) for word in parse_words(text)]


def _size(word: str) -> int:
    digits = word.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = UNITS.get(word[len(digits) :].lower())
    if not (digits.isascii() and digits.isdigit()) or unit is None:
        raise argparse.ArgumentTypeError(f"{word!r} is no size: 0, 100, 64KiB, 1MiB")
    return int(digits) * unit
