"""Listening and dialling: addresses, ports, and what is wrong with a bad one."""

from __future__ import annotations

import os
import socket as sockets_of_python
import stat
from pathlib import Path

import pytest

import anymq
from anymq import url as grammar

from .support import LIMIT, Sockets, eventually
from .urls import BAD_URLS


def has_ipv6() -> bool:
    try:
        with sockets_of_python.socket(sockets_of_python.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def exchange(sockets: Sockets, listener: anymq.Socket, url: str) -> None:
    """A PULL that listens takes one message from a new PUSH that dials `url`."""
    push = sockets.open("push", dial=url)
    push.send(b"hello")
    assert listener.recv() == b"hello"
    push.close()


@pytest.mark.parametrize("port", ["0", "*"])
@pytest.mark.parametrize("host", ["127.0.0.1", "*", "localhost"])
@pytest.mark.transports("tcp", "ws")
def test_any_free_port(sockets: Sockets, transport: str, host: str, port: str) -> None:
    """`url` holds the port that was given; two listeners get two."""
    pull = sockets.open("pull")
    path = "/ab" if transport == "ws" else ""
    urls = [pull.listen(f"{transport}://{host}:{port}{path}").url for _ in range(2)]
    assert urls[0] != urls[1]
    for url in urls:
        address = grammar.parse(url, listen=True)
        assert address.scheme == transport
        assert address.port
        assert address.path == path
        exchange(sockets, pull, str(address).replace("*", "127.0.0.1"))


def test_url_can_be_dialled(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    listener = pull.listen(sockets.url(transport))
    assert listener.url.startswith(f"{transport}://")
    exchange(sockets, pull, listener.url)


def test_a_dialler_knows_its_url(sockets: Sockets, transport: str) -> None:
    url = sockets.open("pull").listen(sockets.url(transport)).url
    dialer = sockets.open("push").dial(url)
    assert dialer.url == url
    assert url in repr(dialer)


@pytest.mark.transports("tcp")
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    listener = pull.listen("tcp://[::1]:0")
    assert listener.url.startswith("tcp://[::1]:")
    exchange(sockets, pull, listener.url)


def test_address_in_use(sockets: Sockets, transport: str) -> None:
    first = sockets.open("pull")
    url = first.listen(sockets.url(transport)).url
    second = sockets.open("pull")
    with pytest.raises(anymq.AddressInUse) as caught:
        second.listen(url)
    assert url in str(caught.value)
    assert isinstance(caught.value, OSError)
    exchange(sockets, first, url)
    exchange(sockets, second, second.listen(sockets.url(transport)).url)


@pytest.mark.transports("tcp", "ws")
def test_a_port_of_another_program_is_in_use(sockets: Sockets, transport: str) -> None:
    with sockets_of_python.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(anymq.AddressInUse, match=str(port)):
            sockets.open("pull").listen(f"{transport}://127.0.0.1:{port}/".rstrip("/"))


def test_closing_a_listener_frees_the_address(sockets: Sockets, transport: str) -> None:
    first = sockets.open("pull")
    listener = first.listen(sockets.url(transport))
    exchange(sockets, first, listener.url)
    listener.close()
    listener.close()
    second = sockets.open("pull")
    eventually(lambda: bound(second, listener.url))
    exchange(sockets, second, listener.url)


def bound(socket: anymq.Socket, url: str) -> bool:
    """Listen, unless the address is still being freed (the libraries unbind in the background)."""
    try:
        socket.listen(url)
    except anymq.AddressInUse:
        return False
    return True


def test_closing_a_socket_frees_the_address(sockets: Sockets, transport: str) -> None:
    first = sockets.open("pull")
    url = first.listen(sockets.url(transport)).url
    exchange(sockets, first, url)
    first.close()
    second = sockets.open("pull")
    eventually(lambda: bound(second, url))
    exchange(sockets, second, url)


def test_closing_one_listener_leaves_the_other(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    first, second = pull.listen(sockets.url()), pull.listen(sockets.url())
    first.close()
    exchange(sockets, pull, second.url)


def test_closing_a_dialler_ends_the_connection(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    push = sockets.open("push")
    dialer = push.dial(pull.listen(sockets.url(transport)).url)
    sockets.connected(push, pull)
    dialer.close()
    dialer.close()
    eventually(lambda: pull.peers == 0)
    with pytest.raises(anymq.Timeout):
        push.send(b"x", timeout=0.1)


@pytest.mark.transports("ipc")
def test_ipc_path_is_a_socket_file(sockets: Sockets, transport: str, tmp_path: Path) -> None:
    """An absolute path is taken as it is; a stale file of a listener that died is no obstacle."""
    path = tmp_path / "x"
    pull = sockets.open("pull", listen=f"ipc://{path}")
    assert stat.S_ISSOCK(path.stat().st_mode)
    exchange(sockets, pull, f"ipc://{path}")


@pytest.mark.transports("ipc")
def test_relative_ipc_path(
    sockets: Sockets, transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pull = sockets.open("pull")
    listener = pull.listen("ipc://here")
    assert (tmp_path / "here").exists()
    exchange(sockets, pull, listener.url)


@pytest.mark.transports("ipc")
def test_a_folder_that_does_not_exist(sockets: Sockets, transport: str, tmp_path: Path) -> None:
    pull = sockets.open("pull")
    with pytest.raises(anymq.AnymqError, match="missing") as caught:
        pull.listen(f"ipc://{tmp_path}/missing/x")
    assert isinstance(caught.value, (OSError, ValueError))
    exchange(sockets, pull, pull.listen(sockets.url()).url)


@pytest.mark.transports("ipc")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours(sockets: Sockets, transport: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(anymq.PermissionDenied):
        sockets.open("pull").listen(f"ipc://{tmp_path}/x")


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:0", "tcp://192.0.2.1:5555"])
def test_an_address_that_is_not_this_machines(sockets: Sockets, address: str) -> None:
    pull = sockets.open("pull")
    with pytest.raises((anymq.AddressInvalid, OSError), match=r"192\.0\.2\.1") as caught:
        pull.listen(address)
    assert isinstance(caught.value, anymq.AnymqError)
    exchange(sockets, pull, pull.listen(sockets.url()).url)


@pytest.mark.parametrize(("bad", "why"), BAD_URLS, ids=[bad for bad, _ in BAD_URLS])
def test_bad_urls(sockets: Sockets, bad: str, why: str) -> None:
    """Refused alike everywhere, naming the URL and what is wrong; the socket stays usable."""
    pull = sockets.open("pull")
    for call in (pull.listen, pull.dial):
        with pytest.raises(anymq.AddressInvalid, match=why) as caught:
            call(bad)
        assert repr(bad) in str(caught.value)
    with pytest.raises(anymq.AddressInvalid, match=why):
        sockets.open("pull", listen=bad)
    exchange(sockets, pull, pull.listen(sockets.url()).url)


@pytest.mark.parametrize("bad", ["tcp://*:5555", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*"])
def test_wildcards_cannot_be_dialled(sockets: Sockets, bad: str) -> None:
    with pytest.raises(anymq.AddressInvalid, match="dial"):
        sockets.open("push").dial(bad)


@pytest.mark.parametrize("bad", [None, 5, b"tcp://127.0.0.1:5555", Path("/x")])
def test_a_url_is_a_str(sockets: Sockets, bad: object) -> None:
    pull = sockets.open("pull")
    for call in (pull.listen, pull.dial):
        with pytest.raises(TypeError, match="str"):
            call(bad)


def test_transports_that_the_library_lacks(sockets: Sockets) -> None:
    """The scheme is known to anymq, but not to this library."""
    backend = sockets.backend
    lacking = [t for t in anymq.features.TRANSPORTS if not backend.supports(f"transport.{t}")]
    assert lacking, "no library has every transport"
    push = sockets.open("push")
    for scheme in lacking:
        has_port = scheme in ("tcp", "ws", "wss", "tls+tcp")
        url = f"{scheme}://127.0.0.1:5555" if has_port else f"{scheme}://x"
        for call in (push.listen, push.dial):
            with pytest.raises(
                anymq.UnsupportedFeature, match=scheme.replace("+", r"\+")
            ) as caught:
                call(url)
            assert caught.value.feature == f"transport.{scheme}"


def test_dial_and_wait(sockets: Sockets, transport: str) -> None:
    pull = sockets.open("pull")
    push = sockets.open("push")
    push.dial(pull.listen(sockets.url(transport)).url, wait=True, timeout=LIMIT)
    assert push.peers == 1
    push.send(b"x")
    assert pull.recv() == b"x"


@pytest.mark.differs("D33")
def test_a_peer_that_was_waited_for_can_be_sent_to_at_once(
    sockets: Sockets, transport: str
) -> None:
    pull = sockets.open("pull")
    push = sockets.open("push")
    push.dial(pull.listen(sockets.url(transport)).url, wait=True, timeout=LIMIT)
    push.send(b"x", timeout=0)
    assert pull.recv() == b"x"
