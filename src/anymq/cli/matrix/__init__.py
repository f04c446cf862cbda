"""`anymq matrix`: the compatibility matrix, of recorded results or of the installed libraries.

With recorded results (`results.py`) the pages show those and nothing else. Without, they show what
the libraries of this machine say; such a page names versions, never where the libraries lie, so
that the same versions make the same page on every machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from os.path import relpath
from pathlib import Path

from anymq.cli._common import add_json, check_backend_name

from . import check, markdown, page
from .installed import look
from .results import BUILDS, Results, read_results, to_builtins

__all__ = ["configure"]

RESULTS = Path("compat_matrix")
MARKDOWN = Path("compat_matrix.md")
HTML = Path("compat_matrix.html")

EPILOG = f"""\
examples:
  anymq matrix                                of the libraries that are installed
  anymq matrix --library nng=./libnng.so      and of this file
  anymq matrix --html matrix.html             as a page to filter and search
  anymq matrix --results {RESULTS} --output {MARKDOWN} --html {HTML}
                                              of what was recorded on many builds
  anymq matrix --check                        are those pages current?

With results (by default those in ./{RESULTS}, if there are any), --check makes the pages again and
asks each recorded build that is found here whether it still says what was recorded of it: a file
given by --build, an installed package of the very same origin, or what the laboratory has fetched
to ./.lab or $ANYMQ_LAB_CACHE. Without results it makes the page that `anymq matrix --output` made
again, if the same versions are here.

exit status: 0; with --check: 0 current, {check.STALE} stale or missing, or a build says something
else now, {check.NOT_COMPARABLE} not comparable: nothing is wrong, but none of the builds that the
matrix was made from is here; 1 also when results cannot be read
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--results", metavar="DIR", type=Path, help="show what was recorded here")
    parser.add_argument(
        "--library",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="a library file to show beside the installed ones; may be given several times",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help=f"write the Markdown here; with --check: the file to check (default: {MARKDOWN})",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help=f"write an HTML page here; with --check: the file to check (default: {HTML})",
    )
    parser.add_argument("--check", action="store_true", help="compare instead of making")
    parser.add_argument(
        "--build",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="with --check: where this recorded build is; may be given several times",
    )
    add_json(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    libraries = _pairs(options.parser, "--library", options.library)
    builds = _pairs(options.parser, "--build", options.build)
    for name, _ in libraries:
        check_backend_name(options.parser, name)
    if libraries and (options.results or options.check):
        options.parser.error("--library is for pages of this machine's libraries")
    if builds and not options.check:
        options.parser.error("--build goes with --check")
    if options.check:
        return _check(options, dict(builds))
    results = read_results(options.results) if options.results else look(libraries)
    if not results.builds:
        print("anymq: no library is usable; `anymq doctor` tells why", file=sys.stderr)
        return 1
    if options.html:
        _write(options.html, page.render(results, _link(options.html, options.results)))
    if options.json:
        text = json.dumps(to_builtins(results), indent=2) + "\n"
    else:
        text = _markdown(results, options.output, options.results, options.html)
    if options.output:
        _write(options.output, text)
    elif options.json or not options.html:
        sys.stdout.write(text)
    return 0


def _pairs(
    parser: argparse.ArgumentParser, option: str, values: list[str]
) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            parser.error(f"{option} {value!r}: it is NAME=PATH")
        pairs.append((name, path))
    return pairs


def _check(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    folder: Path = options.results or RESULTS
    if not options.results and not (folder / BUILDS).exists():
        if given:
            options.parser.error(f"--build goes with results, and there is no {folder / BUILDS}")
        return check.installed_page(options.output or MARKDOWN, look())
    results = read_results(folder)
    text_file, html_file = options.output or MARKDOWN, options.html or HTML
    pages = {
        text_file: _markdown(results, text_file, folder, html_file),
        html_file: page.render(results, _link(html_file, folder)),
    }
    again = f"anymq matrix --results {folder} --output {text_file} --html {html_file}"
    return check.recorded(pages, results, given, again)


def _markdown(results: Results, output: Path | None, folder: Path | None, html: Path | None) -> str:
    page_at = output or MARKDOWN
    return markdown.render(results, _link(page_at, folder), _link(page_at, html))


def _link(page_at: Path, target: Path | None) -> str:
    """How a link on the page reaches a file or folder."""
    return Path(relpath(target, page_at.parent)).as_posix() if target else ""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
