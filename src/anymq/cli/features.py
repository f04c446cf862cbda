"""`anymq features`: what each library can do, and how that is known."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from anymq.features import absent, known_features

from ._common import add_json, check_backend_name, check_feature_name, open_backends
from ._output import print_json, print_quirks, print_table

if TYPE_CHECKING:
    from anymq.abc import Backend

EPILOG = """\
examples:
  anymq features                            all usable libraries side by side
  anymq features nng                        one, with reasons and evidence
  anymq features nng --library ./libnng.so  one library file
  anymq features --require contexts         which libraries have it

exit status: 0; with --require: 0 only when the library (without BACKEND: at least one of the usable
ones) has all that is required; 1 when not, or when the library is not usable
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("backend", nargs="?", metavar="BACKEND", help="nng, nanomsg, zmq, ...")
    parser.add_argument("--library", metavar="PATH", help="look at this library file of BACKEND")
    parser.add_argument(
        "--require",
        metavar="FEATURE",
        action="append",
        default=[],
        help="succeed only where this is supported; may be given several times",
    )
    add_json(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    parser = options.parser
    if options.library and not options.backend:
        parser.error("--library needs BACKEND: whose library it is")
    for feature in options.require:
        check_feature_name(parser, feature)
    if options.backend:
        from anymq.registry import get_backend

        check_backend_name(parser, options.backend)
        chosen = {options.backend: get_backend(options.backend, library=options.library)}
    else:
        chosen = open_backends()
    if options.json:
        print_json({name: _document(backend) for name, backend in chosen.items()})
    if options.require:
        return _require(chosen, options.require, quiet=options.json)
    if not chosen:
        print("anymq: no library is usable; `anymq doctor` tells why", file=sys.stderr)
        return 1
    if not options.json:
        _print_one(chosen[options.backend]) if options.backend else _print_all(chosen)
        print_quirks(chosen)
    return 0


def _document(backend: Backend) -> dict[str, object]:
    library = backend.library
    return {
        "wire": backend.wire,
        "version": library.version_text,
        "path": library.path,
        "found_via": library.found_via,
        "features": {
            name: backend.features.get(name, absent("the backend does not say"))._asdict()
            for name in known_features()
        },
        "quirks": dict(backend.quirks),
    }


def _require(chosen: Mapping[str, Backend], required: list[str], *, quiet: bool) -> int:
    able = []
    for name, backend in chosen.items():
        lacking = [feature for feature in required if not backend.supports(feature)]
        if lacking:
            print(f"anymq: {backend.unsupported(lacking[0])}", file=sys.stderr)
        else:
            able.append(name)
            if not quiet:
                print(f"{name} {backend.library.version_text} has {', '.join(required)}")
    if not chosen:
        print("anymq: no library is usable; `anymq doctor` tells why", file=sys.stderr)
    return 0 if able else 1


def _print_one(backend: Backend) -> None:
    library = backend.library
    print(f"{backend.name} {library.version_text}, {library.path} (found via {library.found_via})")
    print(f"wire: {backend.wire}\n")
    rows = []
    for name in known_features():
        support = backend.features.get(name, absent("the backend does not say"))
        reason = support.reason + (f" (needs {support.needed})" if support.needed else "")
        rows.append((name, support.status, reason, support.evidence))
    print_table(("feature", "status", "how, or why not", "evidence"), rows)


def _print_all(chosen: Mapping[str, Backend]) -> None:
    rows = [
        (name, *(_status(backend, name) for backend in chosen.values()))
        for name in known_features()
    ]
    columns = [f"{name} {backend.library.version_text}" for name, backend in chosen.items()]
    print_table(("feature", *columns), rows)


def _status(backend: Backend, feature: str) -> str:
    support = backend.features.get(feature)
    return support.status if support else "absent"
