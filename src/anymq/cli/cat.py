"""`anymq cat`: one socket on the command line, for scripts, trials and talking to foreign programs.

What a protocol does follows from the protocol: PUSH and PUB send, PULL and SUB print, REQ and
SURVEYOR ask and print, REP and RESPONDENT print and answer, PAIR and BUS do both. A sender waits
for its first peer, so that a single message of PUB, BUS or SURVEYOR is not sent to nobody.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymq.errors import OptionError, StateError, Timeout
from anymq.url import parse

from ._common import check_backend_name

if TYPE_CHECKING:
    from anymq.socket import Socket

PROTOCOLS = (
    "pair", "pair1", "bus", "pub", "sub", "push", "pull", "req", "rep", "surveyor", "respondent",
)  # fmt: skip
SENDERS = ("pub", "push", "req", "surveyor")
"""Protocols that are nothing without something to send."""

LAST_WORD = ("pub", "push", "rep", "respondent", "pair", "pair1", "bus")
"""Protocols in which the last word may be ours."""

EPILOG = """\
what it does, by protocol:
  push pub             send --data or --file; once, or every --interval
  pull sub             print what comes
  req surveyor         ask with --data or --file, print the reply, or all answers in survey_time
  rep respondent       print each request and answer it with --data, without it with an echo
  pair bus             send --data if given, and print what comes

formats: quoted (a line each, with C escapes), ascii (a line each, '.' for what cannot be printed),
hex, raw (the bytes alone), msgpack (each as a bin object), none

examples:
  anymq cat pull --listen tcp://127.0.0.1:5555
  anymq cat push --dial tcp://127.0.0.1:5555 --data hello
  anymq cat sub --backend nanomsg --dial ipc:///tmp/quotes --subscribe EUR --count 3
  anymq cat surveyor --listen ipc:///tmp/s --data who --option survey_time=0.5

exit status: 0 when all that was asked was sent and received; 1 when a time-out ended it before
--count messages, or before the first one; 130 after Ctrl-C
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("protocol", metavar="PROTOCOL", choices=PROTOCOLS, help=" ".join(PROTOCOLS))
    where = parser.add_argument_group("where")
    where.add_argument("--backend", metavar="B", help="nng, nanomsg, zmq; default: the first fit")
    where.add_argument("--library", metavar="PATH", help="this library file of the backend")
    where.add_argument(
        "--listen", "--bind", metavar="URL", action="append", default=[], help="may be repeated"
    )
    where.add_argument(
        "--dial", "--connect", metavar="URL", action="append", default=[], help="may be repeated"
    )
    where.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_option,
        help="any option of anymq, such as linger=0 or recv_max_size=none",
    )
    send = parser.add_argument_group("sending")
    data = send.add_mutually_exclusive_group()
    data.add_argument("-D", "--data", metavar="TEXT", help="the message, sent as UTF-8")
    data.add_argument("-F", "--file", metavar="FILE", help="the message is this file; -: stdin")
    send.add_argument("-i", "--interval", metavar="S", type=_seconds, help="send again every S s")
    send.add_argument(
        "-d", "--delay", metavar="S", type=_seconds, default=0.0, help="wait before the first"
    )
    send.add_argument(
        "--send-timeout", metavar="S", type=_seconds, help="give up sending after S s"
    )
    send.add_argument("--no-wait", action="store_true", help="do not wait for the first peer")
    send.add_argument(
        "--stay",
        metavar="S",
        type=_seconds,
        default=0.1,
        help="after the last message stay S s while peers are there, since some forget what they "
        "have not read when the connection ends; default: 0.1",
    )
    receive = parser.add_argument_group("receiving")
    receive.add_argument(
        "--format", choices=tuple(FORMATS), default="quoted", help="default: quoted"
    )
    receive.add_argument(
        "--subscribe", metavar="TOPIC", action="append", help="sub: prefix; default: everything"
    )
    receive.add_argument(
        "--recv-timeout", metavar="S", type=_seconds, help="end when nothing came for S s"
    )
    parser.add_argument(
        "-n",
        "--count",
        metavar="N",
        type=_count,
        help="end after N messages (exchanges of req, rep, surveyor, respondent); default: one "
        "for what sends without --interval, else no end",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="tell on stderr what is done")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    parser = options.parser
    if options.backend:
        check_backend_name(parser, options.backend)
    if options.library and not options.backend:
        parser.error("--library needs --backend: whose library it is")
    if not options.listen and not options.dial:
        parser.error("at least one --listen or --dial is needed")
    if options.subscribe and options.protocol != "sub":
        parser.error("--subscribe is for sub")
    if options.protocol in SENDERS and options.data is None and options.file is None:
        parser.error(f"{options.protocol} needs --data or --file")
    if options.protocol in ("pull", "sub") and not (options.data is options.file is None):
        parser.error(f"{options.protocol} only receives: --data and --file have no place")
    data = _data(options)
    with _open(options) as socket:
        for url in options.listen:
            listener = socket.listen(url)
            if options.verbose or listener.url != url:
                _tell(f"listening at {listener.url}")
        for url in options.dial:
            socket.dial(url)
            if options.verbose:
                _tell(f"dialling {url}")
        cat = _Cat(socket, options, data)
        status = cat.run()
        if options.protocol in LAST_WORD:
            cat.stay()
        return status


def _open(options: argparse.Namespace) -> Socket:
    """The socket, on the first library that has protocol, transports and options, if not named."""
    from anymq.registry import get_backend
    from anymq.socket import Socket

    settings: dict[str, Any] = dict(options.option)
    for name in ("send_timeout", "recv_timeout"):
        if getattr(options, name) is not None:
            settings[name] = getattr(options, name)
    addresses = [parse(url, listen=True) for url in options.listen]
    addresses += [parse(url, listen=False) for url in options.dial]
    features = [f"transport.{address.scheme}" for address in addresses]
    features += [f"option.{name}" for name in settings]
    backend = get_backend(
        options.backend, library=options.library, protocol=options.protocol, features=features
    )
    if options.protocol == "sub":
        settings["subscribe"] = [topic.encode() for topic in options.subscribe or [""]]
    return Socket(options.protocol, backend=backend, **settings)


def _data(options: argparse.Namespace) -> bytes | None:
    if options.data is not None:
        return str(options.data).encode(errors="surrogateescape")
    if options.file == "-":
        return sys.stdin.buffer.read()
    return Path(options.file).read_bytes() if options.file else None


class _Cat:
    """One run: the socket, what to send, and how many."""

    def __init__(self, socket: Socket, options: argparse.Namespace, data: bytes | None) -> None:
        self.socket = socket
        self.options = options
        self.data = data
        self.count: int | None = options.count
        self.received = 0
        self.write = FORMATS[options.format]

    def run(self) -> int:
        match self.options.protocol:
            case "push" | "pub":
                return self.repeat(self.socket.send)
            case "req":
                return self.repeat(lambda data: self.show(self.socket.request(data)))
            case "surveyor":
                return self.repeat(self.survey)
            case "rep" | "respondent":
                return self.receive(self.answer)
            case "pair" | "bus" | "pair1" if self.data is not None:
                return self.exchange(self.data)
            case _:
                return self.receive()

    def first(self) -> None:
        """Wait for a peer, and as long as was asked besides, before the first message."""
        if not self.options.no_wait:
            if self.options.verbose:
                _tell("waiting for a peer")
            self.socket.wait_for_peers(1, timeout=self.options.send_timeout)
        if self.options.delay:
            time.sleep(self.options.delay)

    def stay(self) -> None:
        """Leave the peers time to read the last message before the connections end.

        What still comes is read and dropped: with messages unread no library notices that a peer
        has gone.
        """
        end = time.monotonic() + self.options.stay
        while self.socket.peers and time.monotonic() < end:
            if self.socket.protocol.can_recv:
                self.receive_until(time.monotonic() + 0.01, show=False)
            else:
                time.sleep(0.01)

    def sends(self) -> int | None:
        """How many messages to send, None for no end."""
        if self.count is None and self.options.interval is None:
            return 1
        return self.count

    def repeat(self, send: Callable[[bytes], object]) -> int:
        assert self.data is not None
        self.first()
        due = time.monotonic()
        sent, limit = 0, self.sends()
        while limit is None or sent < limit:
            if sent and self.options.interval:
                due += self.options.interval
                time.sleep(max(0.0, due - time.monotonic()))
            send(self.data)
            sent += 1
        return 0

    def survey(self, data: bytes) -> None:
        answers = self.socket.survey(data)
        for answer in answers:
            self.show(answer)
        if not answers:
            raise Timeout("nobody answered the survey in its time")

    def receive(self, then: Callable[[bytes], None] | None = None) -> int:
        """Print until the count is reached or nothing came for the time-out."""
        while self.count is None or self.received < self.count:
            try:
                message = self.next()
            except Timeout:
                if self.count is None and self.received:
                    return 0
                raise
            self.show(message)
            if then:
                then(message)
        return 0

    def answer(self, request: bytes) -> None:
        self.socket.send(request if self.data is None else self.data)

    def exchange(self, data: bytes) -> int:
        """PAIR and BUS: send at the interval, and print whatever comes in between and after."""
        self.first()
        sent, limit = 0, self.sends()
        while limit is None or sent < limit:
            self.socket.send(data)
            sent += 1
            if self.options.interval is not None and sent != limit:
                self.receive_until(time.monotonic() + self.options.interval)
        try:
            return self.receive()
        except Timeout:
            if self.count is None:
                return 0
            raise

    def receive_until(self, end: float, *, show: bool = True) -> None:
        while (left := end - time.monotonic()) > 0:
            try:
                message = self.next(timeout=left)
            except Timeout:
                return
            if show:
                self.show(message)

    def next(self, **timeout: float) -> bytes:
        """The next message; the parts of a multipart one are put together."""
        try:
            return self.socket.recv(**timeout)
        except StateError:
            if not self.socket.backend.supports("multipart"):
                raise
            return b"".join(self.socket.recv_parts(**timeout))

    def show(self, message: bytes) -> None:
        self.received += 1
        self.write(message)
        sys.stdout.flush()


def _raw(message: bytes) -> None:
    sys.stdout.buffer.write(message)


def _ascii(message: bytes) -> None:
    print("".join(chr(byte) if 32 <= byte < 127 else "." for byte in message))


_ESCAPES = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 92: "\\\\"}


def _quoted(message: bytes) -> None:
    text = "".join(
        _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
        for byte in message
    )
    print(f'"{text}"')


def _hex(message: bytes) -> None:
    print('"' + "".join(f"\\x{byte:02x}" for byte in message) + '"')


def _msgpack(message: bytes) -> None:
    import msgspec

    _raw(msgspec.msgpack.encode(message))


FORMATS: dict[str, Callable[[bytes], None]] = {
    "quoted": _quoted,
    "ascii": _ascii,
    "hex": _hex,
    "raw": _raw,
    "msgpack": _msgpack,
    "none": lambda message: None,
}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 2_000_000:
        raise argparse.ArgumentTypeError(f"must be 0 to 2000000 seconds, not {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return value


def _option(text: str) -> tuple[str, Any]:
    from anymq.config import option_from_text

    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"is written NAME=VALUE, not {text!r}")
    try:
        return name, option_from_text(name, value)
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
