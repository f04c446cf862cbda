"""Addresses that libzmq would take the wrong way, or silently do harm with."""

from __future__ import annotations

import os
import socket as plain
from pathlib import Path

import pytest

import anymq
from tests.conformance.support import LIMIT, Sockets


def ipv6_here() -> bool:
    try:
        with plain.socket(plain.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not ipv6_here(), reason="this machine has no IPv6")


def exchange(sockets: Sockets, listen: str, dial: str, **options: object) -> str:
    pull = sockets.open("pull", **options)
    url = pull.listen(listen).url
    port = url.rpartition(":")[2]
    push = sockets.open("push", dial=dial.format(port=port), **options)
    push.send(b"x")
    assert pull.recv() == b"x"
    return url


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_ipv4_reaches_every_interface(sockets: Sockets, host: str) -> None:
    url = exchange(sockets, "tcp://*:0", "tcp://" + host + ":{port}")
    assert url.startswith("tcp://*:")


@needs_ipv6
def test_ipv6_reaches_every_interface(sockets: Sockets) -> None:
    exchange(sockets, "tcp://*:0", "tcp://[::1]:{port}")


@needs_ipv6
def test_ipv6_number(sockets: Sockets) -> None:
    assert exchange(sockets, "tcp://[::1]:0", "tcp://[::1]:{port}").startswith("tcp://[::1]:")


def test_without_ipv6(sockets: Sockets) -> None:
    exchange(sockets, "tcp://*:0", "tcp://127.0.0.1:{port}", ipv6=False)
    push = sockets.open("push", ipv6=False)
    for call in (push.dial, push.listen):
        with pytest.raises(anymq.AddressInvalid, match="ipv6 is False"):
            call("tcp://[::1]:5555")


def test_ipv4_numbers_are_shown_as_such(sockets: Sockets) -> None:
    """libzmq would show ::ffff:127.0.0.1."""
    pull = sockets.open("pull")
    assert pull.listen("tcp://127.0.0.1:0").url.startswith("tcp://127.0.0.1:")
    assert pull.get_native("LAST_ENDPOINT").startswith("tcp://127.0.0.1:")
    assert pull.ipv6 is True


def test_a_name_may_be_listened_at(sockets: Sockets) -> None:
    """libzmq itself binds numbers and interfaces only."""
    exchange(sockets, "tcp://localhost:0", "tcp://localhost:{port}")
    with pytest.raises(anymq.AddressInvalid, match="no address or interface"):
        sockets.open("pull").listen("tcp://no-such-host.invalid:0")


def test_an_interface_may_be_listened_at(sockets: Sockets) -> None:
    if "lo" not in {name for _, name in plain.if_nameindex()}:
        pytest.skip("no interface lo")
    exchange(sockets, "tcp://lo:0", "tcp://127.0.0.1:{port}", ipv6=False)


def test_the_source_address_is_used(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    port = pull.listen("tcp://127.0.0.1:0").url.rpartition(":")[2]
    sockets.open("push", dial=f"tcp://127.0.0.2:0;127.0.0.1:{port}")
    for event in pull.events(timeout=LIMIT):
        if event.kind == "connected":
            assert event.address is not None
            assert event.address.startswith("tcp://127.0.0.2:")
            return
    pytest.fail("nobody connected")


def test_a_local_socket_in_use_is_not_taken_over(sockets: Sockets) -> None:
    url = sockets.url("ipc")
    first = sockets.open("pull", listen=url)
    with pytest.raises(anymq.AddressInUse, match="somebody listens there"):
        sockets.open("pull").listen(url)
    push = sockets.open("push", dial=url)
    push.send(b"x")
    assert first.recv() == b"x"


def test_a_stale_local_socket_is_replaced(sockets: Sockets, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with plain.socket(plain.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert path.is_socket()
    pull = sockets.open("pull", listen=f"ipc://{path}")
    sockets.open("push", dial=f"ipc://{path}").send(b"x")
    assert pull.recv() == b"x"


def test_a_file_is_not_deleted(sockets: Sockets, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(anymq.AddressInUse, match="not a socket"):
        sockets.open("pull").listen(f"ipc://{path}")
    assert path.read_text() == "data"


def test_a_relative_path_that_looks_abstract(
    sockets: Sockets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sockets.open("pull", listen="ipc://@name")
    assert os.listdir() == ["@name"]


def test_abstract_names_leave_no_file(
    sockets: Sockets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = sockets.url("abstract")
    pull = sockets.open("pull", listen=url)
    push = sockets.open("push")
    push.dial(url, wait=True, timeout=LIMIT)
    push.send(b"x")
    assert pull.recv() == b"x"
    assert os.listdir() == []
    assert next(iter(pull.events(timeout=LIMIT))).address == url


def test_two_wildcard_listeners_are_two(sockets: Sockets) -> None:
    pull = sockets.open("pull")
    first, second = pull.listen("tcp://*:0"), pull.listen("tcp://*:0")
    assert first.url != second.url
    first.close()
    with anymq.Socket("pull", backend=sockets.backend) as other:
        other.listen(first.url)
        with pytest.raises(anymq.AddressInUse):
            other.listen(second.url)


def test_dialling_one_address_twice(sockets: Sockets) -> None:
    """One to libzmq; it stays until both dialers are closed."""
    pull = sockets.open("pull")
    url = pull.listen(sockets.url()).url
    push = sockets.open("push")
    first, second = push.dial(url), push.dial(url)
    push.wait_for_peers(timeout=LIMIT)
    first.close()
    push.send(b"x")
    assert pull.recv() == b"x"
    second.close()
    with pytest.raises(anymq.Timeout):
        push.send(b"y", timeout=0.05)


def test_a_web_socket_path_of_several_steps(sockets: Sockets) -> None:
    if not sockets.backend.supports("transport.ws"):
        pytest.skip("this build has no ws")
    pull = sockets.open("pull")
    with pytest.raises(anymq.AddressInvalid, match="one step"):
        pull.listen("ws://127.0.0.1:0/a/b")
    assert pull.listen("ws://127.0.0.1:0/a").url.endswith("/a")


@pytest.mark.parametrize("scheme", ["udp", "pgm", "norm"])
def test_transports_that_a_type_cannot_use(sockets: Sockets, scheme: str) -> None:
    with pytest.raises((anymq.UnsupportedFeature, anymq.AddressInvalid)):
        sockets.open("push").dial(f"{scheme}://127.0.0.1:5555")
