"""What several commands share: looking at backends, and words about them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from anymq.config import Config, current_config, using
from anymq.errors import ConfigError

if TYPE_CHECKING:
    from anymq.abc import Backend
    from anymq.registry import BackendStatus

__all__ = ["add_json", "check_backend_name", "check_feature_name", "open_backends", "statuses"]


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
    from anymq.config import known_backends

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
