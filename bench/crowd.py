"""What thousands of connected peers cost that say nothing, in anymq and in a plain C program.

    python bench/crowd.py [--peers 10000] [--seconds 10] [--rounds 2] [--json FILE] [LIBRARY ...]

LIBRARY is nanomsg, nng or zmq, or names a file as well: nng=/path/to/libnng.so. For each there is a
REP and a PULL, served by one task that awaits `arecv` in asyncio, and by a C program that waits in
the library's own receive, on the same library file. The peers are plain tcp connections of another
process that did nothing but the handshake (`peers/crowd_client.py`), the same for both.

What is measured is asked of the system, about the whole process that serves:

- memory: resident, before the peers came and when all are there;
- rest: processor time over `--seconds` in which nothing happens, in percent of one processor, and
  how often any of its threads woke up;
- come, go: seconds of processor time that it took to let all peers in, and to let them go;
- answer: time of one exchange with a further peer, which proves that it serves while all are there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from harness import (
    Program,
    build_c,
    c_program,
    free_port,
    processor_time,
    progress,
    python_program,
)

import anymq

PEER_OF = {"rep": "req", "pull": "push"}
SPARE = 200
"""Descriptors that a process has for other things than peers."""
SIZE = 1000
LIMIT = 120.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Process:
    """What the system tells of a process."""

    memory: int
    """Bytes, resident."""
    processor: float
    """Seconds, of all its threads, in user and in system mode."""
    wakes: int
    """How often one of its threads has slept."""
    threads: int
    descriptors: int


def look(pid: int) -> Process:
    folder = Path(f"/proc/{pid}")
    threads = [thread for thread in (folder / "task").iterdir() if thread.name.isdigit()]
    wakes = 0
    for thread in threads:
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                wakes += int(line.split()[1])
    return Process(
        memory=int((folder / "statm").read_text().split()[1]) * PAGE,
        processor=processor_time(pid),
        wakes=wakes,
        threads=len(threads),
        descriptors=len(list((folder / "fd").iterdir())),
    )


@dataclass
class Result:
    """One process that served."""

    library: str
    version: str
    protocol: str
    contestant: str
    peers: int
    memory_before: int
    memory_with_peers: int
    bytes_per_peer: float
    rest_percent: float
    wakes_per_second: float
    threads: int
    come_seconds: float
    go_seconds: float
    answer_ms: float


@dataclass
class Crowd:
    """The peers of one protocol on one library file."""

    backend: anymq.abc.Backend
    protocol: str
    peers: int
    seconds: float

    def run(self, contestant: str) -> Result:
        command = (
            python_program("crowd_server.py", self.backend.name)
            if contestant == "anymq"
            else c_program(f"crowd_{self.backend.name}")
        )
        url = f"tcp://127.0.0.1:{free_port()}"
        library = self.backend.library.path
        with Program(command(library, self.protocol, url, 0, SIZE)) as server:
            server.expect("ready")
            server.check_mapped(library, f"lib{self.backend.name}")
            time.sleep(1)
            before = look(server.pid)
            with self._connected(url, contestant) as client:
                if contestant == "anymq":
                    self._expect_peers(server, self.peers)
                come = look(server.pid)
                time.sleep(1)
                full = look(server.pid)
                self._tell(contestant, f"{self.seconds:g} s at rest")
                time.sleep(self.seconds)
                rest = look(server.pid)
                answer = self._exchange(url, server)
                client.tell("alive")
                line = client.expect("alive")
                if line != f"alive {self.peers}":
                    raise RuntimeError(f"{line} of {self.peers} peers")
                going = look(server.pid)
            self._tell(contestant, "peers leave")
            self._wait_for_descriptors(server.pid, before.descriptors + 10)
            if contestant == "anymq":
                self._expect_peers(server, 0)
            gone = look(server.pid)
            server.terminate()
        return Result(
            library=self.backend.name,
            version=self.backend.library.version_text,
            protocol=self.protocol,
            contestant=contestant,
            peers=self.peers,
            memory_before=before.memory,
            memory_with_peers=full.memory,
            bytes_per_peer=(full.memory - before.memory) / self.peers,
            rest_percent=(rest.processor - full.processor) / self.seconds * 100,
            wakes_per_second=(rest.wakes - full.wakes) / self.seconds,
            threads=rest.threads,
            come_seconds=come.processor - before.processor,
            go_seconds=gone.processor - going.processor,
            answer_ms=answer * 1000,
        )

    def _tell(self, contestant: str, what: str) -> None:
        progress(f"{self.backend.name} {self.protocol} {contestant}: {what}")

    @contextlib.contextmanager
    def _connected(self, url: str, contestant: str) -> Iterator[Program]:
        wire = self.backend.wire
        script = str(Path(__file__).parent / "peers" / "crowd_client.py")
        arguments = [url, str(self.peers), wire, PEER_OF[self.protocol]]
        with Program([sys.executable, script, *arguments]) as client:
            while (line := client.expect("")) != f"all {self.peers}":
                self._tell(contestant, line)
            yield client

    def _expect_peers(self, server: Program, count: int) -> None:
        server.tell(f"peers {count}")
        server.expect(f"peers {count}")

    def _exchange(self, url: str, server: Program) -> float:
        """Seconds of one request or message; the server says that it was served."""
        body = b"is anybody there?"
        with anymq.Socket(
            PEER_OF[self.protocol], backend=self.backend, send_timeout=LIMIT, recv_timeout=LIMIT
        ) as socket:
            socket.dial(url, wait=True, timeout=LIMIT)
            started = time.perf_counter()
            if self.protocol == "rep":
                if socket.request(body) != body:
                    raise RuntimeError("the reply is wrong")
            else:
                socket.send(body)
            server.expect("served")
            return time.perf_counter() - started

    @staticmethod
    def _wait_for_descriptors(pid: int, most: int) -> None:
        deadline = time.monotonic() + LIMIT
        while len(os.listdir(f"/proc/{pid}/fd")) > most:
            if time.monotonic() > deadline:
                raise RuntimeError(f"connections are still open {LIMIT:g} s after they ended")
            time.sleep(0.05)


def raise_descriptor_limit(wanted: int) -> int:
    """Raise this process's limit to what is wanted, as far as is permitted; what it is then.

    The programs that it starts have the same.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with contextlib.suppress(ValueError, OSError):  # only for the privileged
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted))
            hard = wanted
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


COLUMNS: tuple[tuple[str, Callable[[Result], float], str], ...] = (
    ("bytes/peer", lambda r: r.bytes_per_peer, ",.0f"),
    ("before MiB", lambda r: r.memory_before / 2**20, ".1f"),
    ("with all", lambda r: r.memory_with_peers / 2**20, ".1f"),
    ("rest %", lambda r: r.rest_percent, ".3f"),
    ("wakes/s", lambda r: r.wakes_per_second, ".1f"),
    ("threads", lambda r: r.threads, ".0f"),
    ("come s", lambda r: r.come_seconds, ".2f"),
    ("go s", lambda r: r.go_seconds, ".2f"),
    ("answer ms", lambda r: r.answer_ms, ".1f"),
)


def report(results: dict[str, list[Result]]) -> None:
    """Print one library and protocol: a line for each round, and what anymq adds."""
    first = results["anymq"][0]
    print(f"\n{first.library} {first.version}, {first.protocol}, {first.peers:,} peers")
    print(" " * 8 + "".join(f"{title:>12}" for title, _, _ in COLUMNS))
    for contestant, rounds in results.items():
        for one in rounds:
            cells = "".join(f"{format(value(one), form):>12}" for _, value, form in COLUMNS)
            print(f"  {contestant:<6}{cells}")
    ours, plain = (median(r.bytes_per_peer for r in results[name]) for name in ("anymq", "C"))
    print(f"  anymq: {ours - plain:+,.0f} bytes a peer, {ours / plain:.2f} x the C program's")


def chosen(names: list[str]) -> list[anymq.abc.Backend]:
    """Backends by name or as name=file."""
    pairs = [name.partition("=") for name in names or anymq.backends()]
    return [anymq.get_backend(name, library=file or None) for name, _, file in pairs]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "libraries", nargs="*", metavar="library", help="nanomsg, nng, zmq, nng=FILE"
    )
    parser.add_argument("--peers", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--seconds", type=float, default=10, help="of rest (default: 10)")
    parser.add_argument("--rounds", type=int, default=2, help="of each (default: 2)")
    parser.add_argument("--protocols", nargs="+", choices=list(PEER_OF), default=list(PEER_OF))
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    options = parser.parse_args()
    backends = chosen(options.libraries)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, Python {sys.version.split()[0]}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = raise_descriptor_limit(options.peers + SPARE)
    peers = min(options.peers, limit - SPARE)
    print(
        f"descriptors: limit {soft}, at most {hard}; now {limit}, which is enough for {peers} peers"
    )
    records: list[dict[str, object]] = []
    for backend in backends:
        build_c(f"crowd_{backend.name}")
        for protocol in options.protocols:
            crowd = Crowd(backend, protocol, peers, options.seconds)
            results: dict[str, list[Result]] = {"anymq": [], "C": []}
            for _ in range(options.rounds):
                for contestant, rounds in results.items():
                    rounds.append(crowd.run(contestant))
            progress("")
            report(results)
            records += [asdict(one) for rounds in results.values() for one in rounds]
    if options.json:
        Path(options.json).write_text(json.dumps(records, indent=1) + "\n")
    return 0 if peers == options.peers else 1


if __name__ == "__main__":
    sys.exit(main())
