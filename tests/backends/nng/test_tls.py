"""TLS with nng: who is let in, who is not, and what a bad configuration is told.

The builds of nng without TLS refuse the option, and the tests of what works run over the others.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import anymq
from anymq import TLSConfig
from anymq_nng.backend import NngBackend
from tests.conformance.support import LIMIT, Sockets, finish_program

from .conftest import BUILDS, open_build

FOLDER = Path(__file__).parent / "certificates"
SERVER = TLSConfig(certificate=FOLDER / "server.pem", key=FOLDER / "server.key")
STRICT_SERVER = replace(SERVER, ca=FOLDER / "authority.pem")
CLIENT = TLSConfig(ca=FOLDER / "authority.pem", server_name="localhost")
"""Names the server, because older mbedTLS, which some builds use, compares no IP addresses."""
KNOWN_CLIENT = replace(CLIENT, certificate=FOLDER / "client.pem", key=FOLDER / "client.key")
ELSEWHERE = TLSConfig(certificate=FOLDER / "elsewhere.pem", key=FOLDER / "elsewhere.key")

SECURE = [name for name in BUILDS if open_build(name).supports("tls")]
TRANSPORTS = ("tls+tcp", "wss")
REFUSED = (anymq.OptionError, anymq.AuthenticationFailed)
NEVER = 0.7
"""Seconds in which a connection that is to be refused has not come about."""


@pytest.fixture(params=SECURE)
def secure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sockets]:
    """Makes sockets of each build that has TLS."""
    sockets = Sockets(open_build(request.param), tmp_path)
    yield sockets
    sockets.close()


def test_some_build_has_tls() -> None:
    """Otherwise the tests below would be none."""
    assert SECURE or "pynng" not in BUILDS


def test_features_agree(build: NngBackend) -> None:
    """The option is there exactly where a transport can use it, and says why or why not."""
    names = ("tls", "option.tls", "transport.tls+tcp")
    answers = {bool(build.features[name]) for name in names}
    assert len(answers) == 1
    for name in names:
        support = build.features[name]
        assert "tls+tcp" in support.evidence
        assert support or support.reason
    if not answers.pop():
        with pytest.raises(anymq.UnsupportedFeature, match="tls"):
            anymq.Socket("pair", backend=build, tls=SERVER)


def test_the_option_is_none_at_first_and_given_back(secure: Sockets) -> None:
    socket = secure.open("pair")
    assert socket.tls is None
    socket.tls = SERVER
    assert socket.tls is SERVER
    socket.tls = None
    assert socket.tls is None


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_push_pull(secure: Sockets, transport: str) -> None:
    pull = secure.open("pull", tls=SERVER)
    listener = pull.listen(secure.url(transport))
    assert listener.url.startswith(f"{transport}://127.0.0.1:")
    assert ":0" not in listener.url
    push = secure.open("push", tls=CLIENT)
    push.dial(listener.url, wait=True, timeout=LIMIT)
    event = next(pull.events(timeout=LIMIT))
    assert event.address is not None
    assert event.address.startswith(f"{transport}://127.0.0.1:")
    push.send(b"x" * 100_000)
    assert pull.recv() == b"x" * 100_000
    assert push.flush(LIMIT)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_req_rep(secure: Sockets, transport: str) -> None:
    rep = secure.open("rep", tls=SERVER)
    req = secure.open("req", tls=CLIENT)
    req.dial(rep.listen(secure.url(transport)).url, wait=True, timeout=LIMIT)
    req.send(b"question")
    assert rep.recv() == b"question"
    rep.send(b"answer")
    assert req.recv() == b"answer"


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (TLSConfig(certificate=FOLDER / "server-both.pem"), CLIENT),
        (replace(SERVER, key=FOLDER / "server-locked.key", key_password="sesame"), CLIENT),
        (SERVER, TLSConfig(verify=False)),
        (SERVER, replace(CLIENT, ca=(FOLDER / "authority.pem").read_bytes())),
        (ELSEWHERE, replace(CLIENT, server_name="elsewhere.example")),
        (STRICT_SERVER, KNOWN_CLIENT),
        (replace(STRICT_SERVER, verify=False), CLIENT),
    ],
    ids=["one file", "locked key", "unchecked", "bytes", "server_name", "mutual", "lenient"],
)
def test_accepted(secure: Sockets, server: TLSConfig, client: TLSConfig) -> None:
    pull = secure.open("pull", tls=server)
    push = secure.open("push", tls=client)
    push.dial(pull.listen(secure.url("tls+tcp")).url, wait=True, timeout=LIMIT)
    push.send(b"message")
    assert pull.recv() == b"message"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("server", "client"),
    [
        (SERVER, TLSConfig(ca=FOLDER / "stranger.pem")),
        (ELSEWHERE, replace(CLIENT, server_name="")),
        (SERVER, replace(CLIENT, server_name="elsewhere.example")),
        (STRICT_SERVER, CLIENT),
        (replace(SERVER, ca=FOLDER / "stranger.pem"), KNOWN_CLIENT),
    ],
    ids=["authority", "host", "server_name", "no client certificate", "unknown client"],
)
def test_refused(secure: Sockets, transport: str, server: TLSConfig, client: TLSConfig) -> None:
    if transport == "wss" and secure.backend.library.version < (2,):
        pytest.skip("nng 1 may end the process when a wss handshake fails: docs/semantics.md")
    pull = secure.open("pull", tls=server)
    push = secure.open("push", tls=client)
    url = pull.listen(secure.url(transport)).url
    with pytest.raises(anymq.Timeout):
        push.dial(url, wait=True, timeout=NEVER)
    assert pull.peers == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("config", [None, CLIENT, TLSConfig()])
def test_a_listener_needs_a_certificate(
    secure: Sockets, transport: str, config: TLSConfig | None
) -> None:
    with pytest.raises(anymq.OptionError, match="certificate"):
        secure.open("pull", tls=config).listen(secure.url(transport))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("config", [None, TLSConfig(), SERVER])
def test_a_dialler_needs_something_to_check_against(
    secure: Sockets, transport: str, config: TLSConfig | None
) -> None:
    with pytest.raises(anymq.OptionError, match="ca, or verify=False"):
        secure.open("push", tls=config).dial(f"{transport}://127.0.0.1:9")


BAD_PEM = b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (replace(SERVER, certificate=BAD_PEM), "certificate and key"),
        (replace(SERVER, key=BAD_PEM), "certificate and key"),
        (replace(SERVER, key=None), "certificate and key"),
        (replace(SERVER, key=FOLDER / "server-locked.key"), "certificate and key"),
        (
            replace(SERVER, key=FOLDER / "server-locked.key", key_password="wrong"),
            "certificate and key",
        ),
        (replace(SERVER, ca=BAD_PEM), "ca of"),
        (replace(SERVER, ca=BAD_PEM + b"\0"), "ca cannot hold a null"),
        (replace(SERVER, key_password="a\0b"), "key_password cannot hold a null"),
    ],
)
def test_what_nng_cannot_read_is_told(secure: Sockets, config: TLSConfig, what: str) -> None:
    socket = secure.open("pull", tls=config)
    with pytest.raises(REFUSED, match=what) as caught:
        socket.listen(secure.url("tls+tcp"))
    assert "wrong" not in str(caught.value)
    socket.tls = SERVER
    socket.listen(secure.url("tls+tcp"))


PYNNG_DIALS = """
import sys
import pynng

url, authority = sys.argv[1:]
tls = pynng.TLSConfig(
    pynng.TLSConfig.MODE_CLIENT, server_name="localhost", ca_files=authority,
    auth_mode=pynng.TLSConfig.AUTH_MODE_REQUIRED)
with pynng.Pair0(tls_config=tls, send_timeout=10000, recv_timeout=10000) as pair:
    pair.dial(url, block=True)
    pair.send(b"question")
    print(pair.recv().decode())
"""

PYNNG_LISTENS = """
import sys
import pynng

tls = pynng.TLSConfig(pynng.TLSConfig.MODE_SERVER, cert_key_file=sys.argv[1])
with pynng.Pair0(tls_config=tls, send_timeout=10000, recv_timeout=10000) as pair:
    listener = pair.listen("tls+tcp://127.0.0.1:0")
    print(str(listener.local_address).rpartition(":")[2], flush=True)
    pair.send(b"question")
    print(pair.recv().decode())
"""


def program(source: str, *args: str) -> subprocess.Popen[str]:
    """A process of its own: pynng ends the library when its process does."""
    command = [sys.executable, "-c", source, *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def test_pynng_dials(secure: Sockets) -> None:
    pytest.importorskip("pynng")
    pair = secure.open("pair", tls=SERVER)
    url = pair.listen(secure.url("tls+tcp")).url
    process = program(PYNNG_DIALS, url, str(FOLDER / "authority.pem"))
    try:
        assert pair.recv() == b"question"
        pair.send(b"answer")
    finally:
        out, _ = finish_program(process)
    assert out == "answer\n"


def test_pynng_listens(secure: Sockets) -> None:
    pytest.importorskip("pynng")
    process = program(PYNNG_LISTENS, str(FOLDER / "server-both.pem"))
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        pair = secure.open("pair", tls=CLIENT)
        pair.dial(f"tls+tcp://127.0.0.1:{port}", wait=True, timeout=LIMIT)
        assert pair.recv() == b"question"
        pair.send(b"answer")
    finally:
        out, _ = finish_program(process)
    assert out == "answer\n"


def test_both_sides_from_a_file(secure: Sockets, tmp_path: Path) -> None:
    """The server's key is locked, and its password in a file."""
    (tmp_path / "password").write_text("sesame\n")
    path = tmp_path / "anymq.toml"
    path.write_text(
        f"""
        [sockets.server]
        protocol = "pull"
        tls.certificate = "{FOLDER}/server.pem"
        tls.key = "{FOLDER}/server-locked.key"
        tls.key_password_file = "password"
        [sockets.client]
        protocol = "push"
        tls = {{ca = "{FOLDER}/authority.pem", server_name = "localhost"}}
        """
    )
    config = anymq.load_config(path)
    with (
        config.socket("server", backend=secure.backend) as pull,
        config.socket("client", backend=secure.backend, linger=0) as push,
    ):
        push.dial(pull.listen(secure.url("tls+tcp")).url, wait=True, timeout=LIMIT)
        push.send(b"x", timeout=LIMIT)
        assert pull.recv(timeout=LIMIT) == b"x"
