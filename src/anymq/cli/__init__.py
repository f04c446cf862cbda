"""The command `anymq`, written on the public API alone.

Every command is a module of this package with `configure(parser)`, which adds its arguments and
sets `run`. Only the module of the command that was asked for is imported, and none of the C
libraries is needed to start.

Exit status: 0 when what was asked holds, 1 when it does not or an error of anymq ended it (told in
one line on standard error), 2 for a wrong command line, 130 after Ctrl-C. A reader that goes away
(`anymq features | head`) is no error worth a word. Commands may have further ones, told by their
`--help`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from anymq.errors import AnymqError

__all__ = ["main"]

INTERRUPTED = 130
BROKEN_PIPE = 141
"""As a shell reports a program that SIGPIPE ended."""

COMMANDS = {
    "doctor": "which libraries were found, where, which version, and how to get what is missing",
    "features": "what each library can do, and how that is known",
    "matrix": "the compatibility matrix of installed libraries or of recorded builds; check it",
    "interop": "whether library builds, other programs and running peers talk to each other",
    "cat": "send and print messages, as nngcat and nanocat do, over any library",
    "conformance": "run the conformance suite over a backend or a library file",
    "bench": "how fast the libraries here are, against one another",
    "config": "check a configuration file",
    "demo": "ship a tree of files over every library and transport, and verify every byte",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status; only argparse's own exits are raised."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        options = _parser(arguments).parse_args(arguments)
        status: int = options.run(options)
        sys.stdout.flush()
    except AnymqError as error:
        return _fail(error)
    except BrokenPipeError:
        _forget_stdout()
        return BROKEN_PIPE
    except OSError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    from anymq import __version__

    parser = argparse.ArgumentParser(
        prog="anymq",
        description="One socket over nanomsg, nng and libzmq: look, check and try.",
        epilog="exit status: 0 what was asked holds, 1 it does not, 2 wrong command line",
    )
    parser.add_argument("--version", action="version", version=f"anymq {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == asked:
            import_module(f".{name}", __name__).configure(command)
    return parser


def _fail(error: BaseException) -> int:
    text = " ".join(str(error).split())
    print(f"anymq: {text}", file=sys.stderr)
    return 1


def _forget_stdout() -> None:
    """Nobody reads any more: keep the interpreter from complaining when it flushes at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
