"""CURVE and PLAIN: who gets in, who does not, and what the answering thread leaves behind."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import anymq
from anymq.abc import Backend
from anymq.security import CurveConfig, PlainConfig
from tests.conformance.support import LIMIT, Sockets, finish_program, start_program

REFUSED = 0.4
"""Seconds in which a client that may not connect does not; one that may needs a hundredth."""

Keys = tuple[str, str]


def keypair(backend: Backend) -> Keys:
    pair: Keys = backend.curve_keypair()  # type: ignore[attr-defined]
    return pair


def curve_server(keys: Keys, **more: Any) -> CurveConfig:
    return CurveConfig(*keys, server=True, **more)


def talks(server: anymq.Socket, client: anymq.Socket, url: str) -> None:
    client.dial(url, wait=True, timeout=LIMIT)
    client.send(b"question")
    assert server.recv() == b"question"


def refused(client: anymq.Socket, url: str) -> None:
    with pytest.raises(anymq.Timeout):
        client.dial(url, wait=True, timeout=REFUSED)


@pytest.fixture
def keys(zmq: Backend) -> tuple[Keys, Keys, Keys]:
    """Of a server, a client and a stranger."""
    return keypair(zmq), keypair(zmq), keypair(zmq)


Three = tuple[Keys, Keys, Keys]


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_curve(sockets: Sockets, keys: Three, transport: str) -> None:
    server, client, _ = keys
    pull = sockets.open("pull", curve=curve_server(server))
    push = sockets.open("push", curve=CurveConfig(*client, server_key=server[0]))
    talks(pull, push, pull.listen(sockets.url(transport)).url)


def test_the_server_may_dial(sockets: Sockets, keys: Three) -> None:
    server, client, _ = keys
    push = sockets.open("push", curve=CurveConfig(*client, server_key=server[0]))
    pull = sockets.open("pull", curve=curve_server(server, allow=[client[0]]))
    pull.dial(push.listen(sockets.url()).url, wait=True, timeout=LIMIT)
    push.send(b"x")
    assert pull.recv() == b"x"


def test_curve_with_a_wrong_server_key(sockets: Sockets, keys: Three) -> None:
    server, client, stranger = keys
    pull = sockets.open("pull", curve=curve_server(server))
    url = pull.listen(sockets.url()).url
    refused(sockets.open("push", curve=CurveConfig(*client, server_key=stranger[0])), url)
    assert pull.peers == 0
    talks(pull, sockets.open("push", curve=CurveConfig(*client, server_key=server[0])), url)


def test_curve_allow(sockets: Sockets, keys: Three) -> None:
    server, client, stranger = keys
    pull = sockets.open("pull", curve=curve_server(server, allow=[client[0]]))
    url = pull.listen(sockets.url()).url
    refused(sockets.open("push", curve=CurveConfig(*stranger, server_key=server[0])), url)
    talks(pull, sockets.open("push", curve=CurveConfig(*client, server_key=server[0])), url)


def test_lists_of_two_servers_are_apart(sockets: Sockets, keys: Three) -> None:
    server, client, stranger = keys
    urls = []
    pulls = [sockets.open("pull", curve=curve_server(server, allow=a)) for a in ([client[0]], [])]
    pulls.append(sockets.open("pull", curve=curve_server(server)))
    urls = [pull.listen(sockets.url()).url for pull in pulls]
    config = CurveConfig(*client, server_key=server[0])
    talks(pulls[0], sockets.open("push", curve=config), urls[0])
    refused(sockets.open("push", curve=config), urls[1])
    other = CurveConfig(*stranger, server_key=server[0])
    talks(pulls[2], sockets.open("push", curve=other), urls[2])


def test_a_client_without_encryption(sockets: Sockets, keys: Three) -> None:
    pull = sockets.open("pull", curve=curve_server(keys[0]))
    url = pull.listen(sockets.url()).url
    refused(sockets.open("push"), url)
    assert pull.peers == 0


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_plain(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull", plain=PlainConfig(users={"ann": "secret", "bob": "größer"}))
    url = pull.listen(sockets.url(transport)).url
    for name, password in (("ann", "wrong"), ("ann", "größer"), ("eve", "secret")):
        refused(sockets.open("push", plain=PlainConfig(name, password)), url)
    refused(sockets.open("push"), url)
    assert pull.peers == 0
    for name, password in (("ann", "secret"), ("bob", "größer")):
        talks(pull, sockets.open("push", plain=PlainConfig(name, password)), url)


def test_the_configuration_is_read_back_and_taken_off(sockets: Sockets, keys: Three) -> None:
    server, _, _ = keys
    plain = PlainConfig("ann", "secret")
    curve = curve_server(server)
    pull = sockets.open("pull", curve=curve)
    assert pull.curve is curve
    with pytest.raises(anymq.OptionError, match="this one has curve"):
        pull.plain = plain
    pull.curve = None
    assert pull.curve is None
    pull.plain = plain
    assert pull.plain is plain
    pull.plain = None
    url = pull.listen(sockets.url()).url
    talks(pull, sockets.open("push"), url)
    with pytest.raises(anymq.OptionError, match="before"):
        pull.curve = curve
    assert pull.curve is None


def test_rules_are_not_taken_off(sockets: Sockets, keys: Three) -> None:
    """libzmq keeps the domain under which it asks."""
    server, client, _ = keys
    curve = curve_server(server, allow=[client[0]])
    pull = sockets.open("pull", curve=curve)
    with pytest.raises(anymq.OptionError, match="open another socket"):
        pull.curve = None
    assert pull.curve is curve


def test_inproc_is_refused(sockets: Sockets, keys: Three) -> None:
    """libzmq does no handshake there."""
    for options in ({"curve": curve_server(keys[0])}, {"plain": PlainConfig("a", "b")}):
        socket = sockets.open("pull", **options)
        with pytest.raises(anymq.OptionError, match="inproc"):
            socket.listen(sockets.url("inproc"))
        with pytest.raises(anymq.OptionError, match="inproc"):
            socket.dial(sockets.url("inproc"))


@pytest.mark.parametrize("side", ["server", "client"])
def test_curve_with_pyzmq(sockets: Sockets, keys: Three, side: str) -> None:
    pyzmq = pytest.importorskip("zmq")
    server, client, _ = keys
    with pyzmq.Context() as context, context.socket(pyzmq.PAIR) as theirs:
        theirs.linger = 0
        theirs.rcvtimeo = theirs.sndtimeo = int(LIMIT * 1000)
        own = client if side == "server" else server
        theirs.curve_publickey, theirs.curve_secretkey = own[0].encode(), own[1].encode()
        if side == "server":  # ours
            ours = sockets.open("pair", curve=curve_server(server, allow=[client[0]]))
            theirs.curve_serverkey = server[0].encode()
            theirs.connect(ours.listen(sockets.url()).url)
            ours.wait_for_peers(1, timeout=LIMIT)
        else:
            ours = sockets.open("pair", curve=CurveConfig(*client, server_key=server[0]))
            theirs.curve_server = True
            port = theirs.bind_to_random_port("tcp://127.0.0.1")
            ours.dial(f"tcp://127.0.0.1:{port}", wait=True, timeout=LIMIT)
        ours.send(b"question")
        assert theirs.recv() == b"question"
        theirs.send(b"answer")
        assert ours.recv() == b"answer"


def test_many_servers_have_one_thread(sockets: Sockets) -> None:
    plain = PlainConfig(users={"ann": "secret"})
    for _ in range(20):
        sockets.open("pull", plain=plain, listen=sockets.url()).close()
    answering = [t for t in threading.enumerate() if t.name == "anymq-zap"]
    assert len(answering) <= 2, "one for each of the two builds"
    sockets.backend.shutdown(LIMIT)
    left = [t for t in threading.enumerate() if t.name == "anymq-zap"]
    assert len(left) < len(answering)
    pull = sockets.open("pull", plain=plain)
    talks(
        pull,
        sockets.open("push", plain=PlainConfig("ann", "secret")),
        pull.listen(sockets.url()).url,
    )


def test_a_program_that_answers_itself(zmq: Backend) -> None:
    finish_program(
        start_program(
            zmq,
            """
            own = open_socket("router", listen="inproc://zeromq.zap.01")
            try:
                open_socket("pull", plain=anymq.security.PlainConfig(users={"ann": "secret"}))
            except anymq.OptionError as error:
                assert "zeromq.zap.01" in str(error)
            else:
                raise SystemExit("no error")
            """,
        )
    )


def test_exit_with_an_open_server_is_prompt(zmq: Backend) -> None:
    _, took = finish_program(
        start_program(
            zmq,
            """
            plain = anymq.security.PlainConfig(users={"ann": "secret"})
            server = open_socket("pull", plain=plain, listen="tcp://127.0.0.1:0")
            """,
        ),
        limit=LIMIT,
    )
    assert took < LIMIT / 2


def test_a_forked_child_has_its_own(zmq: Backend) -> None:
    finish_program(
        start_program(
            zmq,
            """
            from anymq.security import PlainConfig
            users = PlainConfig(users={"ann": "secret"})
            def use():
                with open_socket("pull", plain=users) as pull:
                    url = pull.listen("tcp://127.0.0.1:0").url
                    with open_socket("push", plain=PlainConfig("ann", "secret")) as push:
                        push.dial(url, wait=True, timeout=LIMIT)
                        push.send(b"x")
                        assert pull.recv() == b"x"
            use()
            child = os.fork()
            if child == 0:
                use()
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            use()
            """,
        ),
        limit=LIMIT * 2,
    )


def test_secrets_are_not_in_errors(sockets: Sockets, keys: Three) -> None:
    server, client, _ = keys
    socket = sockets.open("pull", curve=curve_server(server))
    socket.listen(sockets.url())
    with pytest.raises(anymq.OptionError) as caught:
        socket.curve = CurveConfig(*client, server_key=server[0])
    assert client[1] not in str(caught.value)
    assert client[1] not in repr(CurveConfig(*client, server_key=server[0]))


def test_key_pairs_differ(zmq: Backend) -> None:
    first, second = keypair(zmq), keypair(zmq)
    assert len({*first, *second}) == 4
    assert all(len(key) == 40 for key in first + second)


def from_file(sockets: Sockets, folder: Path, server: str, client: str) -> None:
    """Two sockets of a file, with these tables, talk."""
    path = folder / "anymq.toml"
    path.write_text(
        f'[sockets.server]\nprotocol = "pull"\n{server}\n'
        f'[sockets.client]\nprotocol = "push"\n{client}\n'
    )
    config = anymq.load_config(path)
    limits = {"send_timeout": LIMIT, "recv_timeout": LIMIT, "linger": 0.0}
    with (
        config.socket("server", backend=sockets.backend, **limits) as pull,
        config.socket("client", backend=sockets.backend, **limits) as push,
    ):
        talks(pull, push, pull.listen(sockets.url()).url)


def test_curve_from_a_file(sockets: Sockets, keys: Three, tmp_path: Path) -> None:
    server, client, _ = keys
    (tmp_path / "server.secret").write_text(server[1])
    (tmp_path / "client.secret").write_text(client[1])
    from_file(
        sockets,
        tmp_path,
        f"""
        curve.public_key = "{server[0]}"
        curve.secret_key_file = "server.secret"
        curve.server = true
        curve.allow = ["{client[0]}"]
        """,
        f"""
        curve.public_key = "{client[0]}"
        curve.secret_key_file = "client.secret"
        curve.server_key = "{server[0]}"
        """,
    )


def test_plain_from_a_file(
    sockets: Sockets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users").write_text("ann:sesame\n")
    monkeypatch.setenv("ANYMQ_SOCKETS__CLIENT__PLAIN__PASSWORD", "sesame")
    from_file(sockets, tmp_path, 'plain.users_file = "users"', 'plain.username = "ann"')
