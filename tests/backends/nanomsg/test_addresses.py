"""Addresses that nanomsg itself cannot take, or takes only in a form of its own."""

from __future__ import annotations

import os
import socket as system
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import anymq
from anymq.url import parse
from anymq_nanomsg import addresses
from anymq_nanomsg.addresses import dial_url, has_ipv6, listen_host
from tests.conformance.support import Sockets, eventually, run_program

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def exchange(made: Sockets, listener: anymq.Socket, url: str) -> None:
    push = made.open("push", dial=url)
    push.send(b"x")
    assert listener.recv() == b"x"
    push.close()
    eventually(lambda: listener.peers == 0)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("tcp://127.0.0.1:0", "127.0.0.1"),
        ("tcp://localhost:0", "127.0.0.1"),
        ("ws://localhost:0/chat", "127.0.0.1"),
        pytest.param("tcp://[::1]:0", "[::1]", marks=needs_ipv6),
    ],
)
def test_a_free_port_is_chosen(made: Sockets, url: str, host: str) -> None:
    pull = made.open("pull")
    bound = pull.listen(url).url
    address = parse(bound, listen=False)
    assert address.bracketed == host
    assert address.port
    assert address.path == parse(url, listen=True).path
    exchange(made, pull, bound)


def test_every_interface(made: Sockets) -> None:
    pull = made.open("pull")
    port = parse(pull.listen("tcp://*:0").url, listen=False).port
    exchange(made, pull, f"tcp://127.0.0.1:{port}")
    if has_ipv6():
        exchange(made, pull, f"tcp://[::1]:{port}")


def test_many_free_ports_at_once(made: Sockets) -> None:
    pull = made.open("pull")
    urls = {pull.listen("tcp://127.0.0.1:0").url for _ in range(50)}
    assert len(urls) == 50


def test_a_port_that_was_taken_meanwhile(made: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is tried."""
    with system.create_server(("127.0.0.1", 0)) as taken:
        offered = [taken.getsockname()[1]] * 3
        real = addresses.reserved_port

        @contextmanager
        def reserved(host: str, doing: str) -> Iterator[int]:
            if offered:
                yield offered.pop()
            else:
                with real(host, doing) as port:
                    yield port

        monkeypatch.setattr(addresses, "reserved_port", reserved)
        pull = made.open("pull")
        exchange(made, pull, pull.listen("tcp://127.0.0.1:0").url)
        assert not offered


def test_ports_that_are_all_taken(made: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an end to it, and the socket stays usable."""
    with system.create_server(("127.0.0.1", 0)) as taken:

        @contextmanager
        def reserved(host: str, doing: str) -> Iterator[int]:
            tried.append(1)
            yield taken.getsockname()[1]

        tried: list[int] = []
        pull = made.open("pull")
        with monkeypatch.context() as patch:
            patch.setattr(addresses, "reserved_port", reserved)
            with pytest.raises(anymq.AddressInUse):
                pull.listen("tcp://127.0.0.1:0")
        assert len(tried) == addresses.FREE_PORT_ATTEMPTS
        exchange(made, pull, pull.listen("tcp://127.0.0.1:0").url)


@pytest.mark.parametrize("transport", ["tcp", "ws", "ipc", "inproc"])
def test_listening_again_at_once(made: Sockets, transport: str) -> None:
    pull = made.open("pull")
    url = pull.listen(made.url(transport)).url
    pull.close()
    for _ in range(20):
        again = made.open("pull")
        listener = again.listen(url)
        listener.close()
        again.listen(url)
        exchange(made, again, url)
        again.close()


@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_a_dialer_survives_that_its_listener_closes(made: Sockets, transport: str) -> None:
    """With IPv6 on, nanomsg would bind the dialer of an IPv4 address to an IPv6 one, and abort."""
    url = made.url(transport)
    run_program(
        made.backend,
        f"""
        pull, push = open_socket("pull"), open_socket("push", reconnect_min=0.01)
        listener = pull.listen({url!r})
        push.dial(listener.url, wait=True, timeout=LIMIT)
        listener.close()
        while push.peers:
            time.sleep(0.001)
        pull.listen(listener.url)
        push.send(b"x")
        assert pull.recv() == b"x"
        push.close(); pull.close()
        """,
    )


def test_what_nanomsg_is_given_to_dial() -> None:
    def given(url: str, ipv6: bool) -> str:
        return dial_url(parse(url, listen=False), ipv6)

    assert given("tcp://127.0.0.1:5", False) == "tcp://127.0.0.1:5"
    assert given("tcp://127.0.0.1:5", True) == "tcp://0.0.0.0;127.0.0.1:5"
    assert given("tcp://[::1]:5", True) == "tcp://[::1]:5"
    assert given("tcp://example.org:5", True) == "tcp://example.org:5"
    assert given("ws://127.0.0.1:5", False) == "ws://127.0.0.1:5/"
    assert given("tcp://127.0.0.1;127.0.0.1:5", True) == "tcp://127.0.0.1;127.0.0.1:5"
    assert given("ipc://relative", True) == "ipc://relative"


@pytest.mark.parametrize(
    "url",
    [
        "tcp://lo;127.0.0.1:5",
        "tcp://192.0.2.1;127.0.0.1:5",
        "tcp://127.0.0.1;[::1]:5",
        "tcp://[::1];127.0.0.1:5",
        "ws://127.0.0.1:5/a;b",
        "inproc://" + "x" * 120,
    ],
)
def test_what_is_refused_before_nanomsg_sees_it(made: Sockets, url: str) -> None:
    push = made.open("push")
    with pytest.raises(anymq.AddressInvalid):
        push.dial(url)


def test_ipv6_is_refused_where_it_is_off(made: Sockets) -> None:
    pull = made.open("pull", ipv6=False)
    with pytest.raises(anymq.AddressInvalid, match="ipv6"):
        pull.listen("tcp://[::1]:0")
    with pytest.raises(anymq.AddressInvalid, match="ipv6"):
        pull.dial("tcp://[::1]:5")
    assert parse(pull.listen("tcp://*:0").url, listen=False).host == "0.0.0.0"


def test_without_ipv6_the_option_does_no_harm(
    made: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "has_ipv6", lambda: False)
    pull = made.open("pull", ipv6=True)
    assert pull.ipv6 is True
    assert pull.get_native("NN_IPV4ONLY") == 1
    bound = pull.listen("tcp://*:0").url
    assert parse(bound, listen=False).host == "0.0.0.0"
    exchange(made, pull, bound)


def test_names_to_listen_at() -> None:
    assert listen_host(parse("tcp://localhost:5", listen=True), True) == "127.0.0.1"
    with pytest.raises(anymq.AddressInvalid, match=r"no-such-host\.invalid"):
        listen_host(parse("tcp://no-such-host.invalid:5", listen=True), True)
    interface = system.if_nameindex()[0][1]
    with pytest.raises(anymq.AddressInvalid, match="interface"):
        listen_host(parse(f"tcp://{interface}:5", listen=True), True)


# Local sockets: nanomsg removes whatever is in the way, and aborts where it may not


def test_a_file_that_is_no_socket_is_left_alone(made: Sockets, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    pull = made.open("pull")
    with pytest.raises(anymq.AddressInUse, match="not a socket"):
        pull.listen(f"ipc://{path}")
    assert path.read_text() == "data"


def test_a_stale_socket_is_replaced(made: Sockets, tmp_path: Path) -> None:
    path = tmp_path / "stale"
    with system.socket(system.AF_UNIX) as gone:
        gone.bind(str(path))
        gone.listen()
    assert stat.S_ISSOCK(path.stat().st_mode)
    pull = made.open("pull")
    exchange(made, pull, pull.listen(f"ipc://{path}").url)


@pytest.mark.parametrize("backlog", [0, 5])
def test_a_live_socket_is_in_use(made: Sockets, tmp_path: Path, backlog: int) -> None:
    path = tmp_path / "live"
    with system.socket(system.AF_UNIX) as other, system.socket(system.AF_UNIX) as client:
        other.bind(str(path))
        other.listen(backlog)
        client.connect(str(path))
        pull = made.open("pull")
        with pytest.raises(anymq.AddressInUse):
            pull.listen(f"ipc://{path}")
        assert path.exists()


def test_a_folder_that_is_missing(made: Sockets, tmp_path: Path) -> None:
    with pytest.raises(anymq.AddressInvalid, match="folder"):
        made.open("pull").listen(f"ipc://{tmp_path}/missing/s")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(made: Sockets, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(anymq.PermissionDenied):
            made.open("pull").listen(f"ipc://{tmp_path}/s")
    finally:
        tmp_path.chmod(0o700)


def test_a_relative_path(made: Sockets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pull = made.open("pull")
    pull.listen("ipc://relative")
    assert stat.S_ISSOCK((tmp_path / "relative").stat().st_mode)
    exchange(made, pull, f"ipc://{tmp_path}/relative")
