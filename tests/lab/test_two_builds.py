"""Two builds of one library, open in one process, talk to each other."""

from __future__ import annotations

import pytest
from lab.collection import Collection

from .conftest import BuildOf, run_with

PROGRAM = """
import os, sys
import anymq
name, first, second, folder = sys.argv[1:]
one = anymq.get_backend(name, library=first)
two = anymq.get_backend(name, library=second)
assert one is not two
for backend, path in ((one, first), (two, second)):
    assert os.path.realpath(backend.library.path) == os.path.realpath(path)
maps = open("/proc/self/maps").read()
assert all(os.path.realpath(path) in maps for path in (first, second))

def socket(protocol, backend):
    options = {"subscribe": b""} if protocol == "sub" else {}
    return anymq.Socket(protocol, backend=backend, send_timeout=10, recv_timeout=10, **options)

patterns = (("push", "pull"), ("pull", "push"), ("req", "rep"), ("rep", "req"), ("pair", "pair"),
            ("pub", "sub"), ("sub", "pub"))
both = [pattern for pattern in patterns
        if all(build.supports(f"protocol.{p}") for build in (one, two) for p in pattern)]
done = 0
for transport in ("tcp", "ipc"):
    for listening, dialling in ((one, two), (two, one)):
        for a, b in both:
            done += 1
            url = "tcp://127.0.0.1:0" if transport == "tcp" else f"ipc://{folder}/s{done}"
            with socket(a, listening) as listener, socket(b, dialling) as dialler:
                dialler.dial(listener.listen(url).url)
                listener.wait_for_peers(timeout=10)
                dialler.wait_for_peers(timeout=10)
                ends = {a: listener, b: dialler}
                sender = ends.get("push") or ends.get("req") or ends.get("pub") or dialler
                receiver = listener if sender is dialler else dialler
                sent = b"x" * 100_000
                if "pub" in ends:
                    while True:  # until the subscription has come to the publisher
                        sender.send(sent)
                        try:
                            assert receiver.recv(timeout=0.1) == sent
                            break
                        except anymq.Timeout:
                            continue
                    continue
                sender.send(sent)
                assert receiver.recv() == sent
                if "rep" in ends or a == b:
                    receiver.send(b"back")
                    assert sender.recv() == b"back"
print(done, *sorted({name for name, _ in both}))
"""

PROTOCOLS = {"push", "pull", "pair", "pub", "sub", "req", "rep"}
"""What both have, unless one of them says so."""

LACKING = {"nanomsg-1.2.1-debian": {"req", "rep"}}
"""What is refused there, since it would end the process."""

PAIRS = [
    ("nng-1.0.1-wheel", "nng-1.11.0-wheel"),
    ("nng-1.1.1-wheel", "nng-2.0dev-b-wheel"),
    ("nng-1.6.0-wheel", "nng-2.0dev-b-wheel"),
    ("nng-1.5.2-debian", "nng-1.12.4-debian"),
    ("nanomsg-1.0.0-npm", "nanomsg-bundle-wheel"),
    ("nanomsg-1.0.0-npm", "nanomsg-1.1.0-npm"),
    ("nanomsg-1.1.5-debian", "nanomsg-1.2.1-debian"),
    ("zmq-4.1.6-wheel", "zmq-4.3.5-wheel"),
    ("zmq-4.2.5-wheel", "zmq-4.3.4-wheel"),
    ("zmq-4.1.4-wheel", "zmq-4.3.5-draft-npm"),
    ("zmq-4.3.4-debian", "zmq-4.3.5-debian"),
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_builds_in_one_process(
    first: str, second: str, build_of: BuildOf, lab: Collection, tmp_path_factory: object
) -> None:
    import tempfile

    builds = [build_of(first), build_of(second)]
    with tempfile.TemporaryDirectory(prefix="mq") as folder:  # short, for the paths of sockets
        paths = [str(found.library) for found in builds]
        name = builds[0].build.library
        out = run_with(builds, PROGRAM, lab.newest_runtime(), name, *paths, folder)
    done, *protocols = out.split()
    assert set(protocols) == PROTOCOLS - LACKING.get(first, set()) - LACKING.get(second, set())
    assert int(done) == 4 * len(protocols)
