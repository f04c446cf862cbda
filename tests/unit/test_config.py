"""The configuration file: what a good one means, and how a wrong one is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from anymq.config import Config, current_config, load_config, using
from anymq.errors import ConfigError
from anymq.options import OPTIONS

GOOD = """
backend = "nng"
[libraries]
nng = "/opt/nng/libnng.so"
nanomsg = "lib/libnanomsg.so"
zmq = "libzmq.so.5"
[sockets.orders]
protocol = "push"
dial = "tcp://127.0.0.1:5555"
send_timeout = 2
linger = "none"
[sockets.quotes]
backend = "zmq"
protocol = "sub"
listen = ["tcp://*:5556", "ipc:///tmp/quotes"]
subscribe = ["EUR", "£"]
recv_max_size = 1000
[sockets."price feed"]
protocol = "dealer"
routing_id = "me"
library = "./libzmq.so"
backend = "zmq"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the caller's variables nor a file in the working directory take part."""
    for name in os.environ:
        if name.startswith("ANYMQ_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "anymq.toml") -> Path:
    path = Path(name).absolute()
    path.write_text(text)
    return path


def refused(text: str) -> str:
    path = write(text, "wrong.toml")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def socket(text: str) -> str:
    return f'[sockets.a]\nprotocol = "push"\n{text}'


def test_values_become_portable() -> None:
    config = load_config(write(GOOD, "good.toml"))
    assert config.backend == "nng"
    orders = config.entry("orders")
    assert (orders.protocol, orders.backend, orders.raw) == ("push", None, False)
    assert (orders.listen, orders.dial) == ((), ("tcp://127.0.0.1:5555",))
    assert orders.options == {"send_timeout": 2.0, "linger": None}
    assert isinstance(orders.options["send_timeout"], float)
    quotes = config.entry("quotes")
    assert quotes.backend == "zmq"
    assert quotes.listen == ("tcp://*:5556", "ipc:///tmp/quotes")
    assert quotes.subscribe == (b"EUR", "£".encode())
    assert quotes.options == {"recv_max_size": 1000}
    assert config.entry("price feed").options == {"routing_id": b"me"}


def test_library_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    config = load_config(write(GOOD, "etc/good.toml"))
    assert config.libraries == {
        "nng": "/opt/nng/libnng.so",
        "nanomsg": str(tmp_path / "etc/lib/libnanomsg.so"),
        "zmq": "libzmq.so.5",
    }
    assert config.entry("price feed").library == str(tmp_path / "etc/libzmq.so")


@pytest.mark.parametrize("name", [n for n, s in OPTIONS.items() if s.kind != "object"])
def test_every_option_has_a_key(name: str) -> None:
    values = {"bool": "true", "str": '"x"', "bytes": '"x"'}
    protocol = {
        "survey_time": "surveyor",
        "max_hops": "req",
        "resend_interval": "req",
        "polyamorous": "pair1",
        "prefer_new": "sub",
    }.get(name, "pair")
    text = f'[sockets.a]\nprotocol = "{protocol}"\n{name} = {values.get(OPTIONS[name].kind, 3)}'
    assert set(load_config(write(text)).entry("a").options) == {name}


def test_default_file_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config() == Config()
    write('backend = "zmq"')
    assert load_config().backend == "zmq"
    monkeypatch.setenv("ANYMQ_CONFIG", str(write('backend = "nanomsg"', "other.toml")))
    assert load_config().backend == "nanomsg"
    monkeypatch.setenv("ANYMQ_BACKEND", "nng")
    assert load_config().backend == "nng"


def test_current_config_follows_file_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert current_config().path is None
    path = write('backend = "zmq"')
    first = current_config()
    assert first.backend == "zmq"
    assert current_config() is first
    path.write_text('backend = "nanomsg"')
    assert current_config().backend == "nanomsg"
    monkeypatch.setenv("ANYMQ_CONFIG", str(write('backend = "nng"', "other.toml")))
    assert current_config().backend == "nng"
    with using(first):
        assert current_config() is first
    assert current_config().backend == "nng"


def test_unknown_socket_lists_the_known() -> None:
    config = load_config(write(GOOD))
    with pytest.raises(ConfigError, match=r"no socket 'ordes'; did you mean 'orders'\?"):
        config.entry("ordes")
    with pytest.raises(ConfigError, match="no socket 'xyz'; known: orders, quotes, price feed"):
        config.socket("xyz")
    with pytest.raises(ConfigError, match="no configuration file is in use"):
        Config().entry("orders")


def test_variables_override_values(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(GOOD)
    for key, value in {
        "ORDERS__SEND_TIMEOUT": "2.5",
        "ORDERS__LINGER": "0",
        "ORDERS__TCP_NODELAY": "False",
        "ORDERS__DIAL": '["tcp://127.0.0.1:1", "ipc:///tmp/x"]',
        "ORDERS__NAME": "5",
        "QUOTES__SUBSCRIBE": "USD 1",
        "QUOTES__RECV_MAX_SIZE": "none",
        "QUOTES__LISTEN": "tcp://*:1",
        "PRICE_FEED__PROTOCOL": "router",
    }.items():
        monkeypatch.setenv(f"ANYMQ_SOCKETS__{key}", value)
    config = load_config(path)
    orders, quotes = config.entry("orders"), config.entry("quotes")
    assert orders.options == {
        "send_timeout": 2.5, "linger": 0.0, "tcp_nodelay": False, "name": "5",
    }  # fmt: skip
    assert orders.dial == ("tcp://127.0.0.1:1", "ipc:///tmp/x")
    assert quotes.subscribe == (b"USD 1",)
    assert quotes.options == {"recv_max_size": None}
    assert quotes.listen == ("tcp://*:1",)
    assert config.entry("price feed").protocol == "router"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("ORDERS__SEND_TIMEOUT", "soon", "a number of seconds from 0 to 2000000"),
        ("ORDERS__SEND_TIMEOUT", "-1", 'or "none" for no limit; not -1'),
        ("ORDERS__SEND_TIMEOT", "1", "unknown key; did you mean 'send_timeout'?"),
        ("ORDERS__DIAL", "127.0.0.1:80", "it has no '://'"),
        ("ORDERS__RAW", "maybe", "must be true or false; not 'maybe'"),
        ("ORDRES__SEND_TIMEOUT", "1", "no socket is called 'ORDRES' here; did you mean 'ORDERS'?"),
        ("ORDERS__PROTOCOL", "pusch", "did you mean 'push'?"),
        ("QUOTES__RECV_MAX_SIZE", "1\nprotocol = 3", "a whole number of bytes"),
    ],
)
def test_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str, text: str
) -> None:
    path = write(GOOD)
    monkeypatch.setenv(f"ANYMQ_SOCKETS__{key}", value)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"ANYMQ_SOCKETS__{key} (")
    assert str(path) in str(caught.value)
    assert text in str(caught.value)


def test_variable_that_could_mean_two(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('[sockets."a b"]\nprotocol = "push"\n[sockets.a_b]\nprotocol = "push"')
    monkeypatch.setenv("ANYMQ_SOCKETS__A_B__RAW", "true")
    with pytest.raises(ConfigError, match="it could mean any of 'a b', 'a_b'"):
        load_config(path)


def test_wrong_backend_variable_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYMQ_BACKEND", "nngg")
    with pytest.raises(ConfigError, match="ANYMQ_BACKEND: there is no backend 'nngg'; did you"):
        load_config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bakend = 'nng'", "bakend: unknown key; did you mean 'backend'?"),
        ("backend = 3", "backend: must be the name of a backend; not 3"),
        ("backend = 'zeromq'", "backend: there is no backend 'zeromq'; did you mean 'zmq'?"),
        ("libraries = 3", "libraries: must be a table of backend names"),
        ("[libraries]\nxng = '/x'", "libraries.xng: there is no backend 'xng'"),
        ("[libraries]\nnng = ''", "libraries: must be a table of backend names"),
        ("sockets = []", "sockets: must be a table for each socket"),
        ("[sockets]\na = 1", "sockets: must be a table for each socket"),
        ("[sockets.a]\nraw = true", "sockets.a.protocol: is missing; one of: pair, pair1"),
        ('[sockets.""]\nprotocol = "push"', 'sockets."": a socket needs a name'),
        ("[sockets.a]\nprotocol = 'puhs'", "sockets.a.protocol: must be one of: pair, pair1"),
        (socket("backend = 'nn'"), "sockets.a.backend: there is no backend 'nn'"),
        (socket("sendtimeout = 1"), "sockets.a.sendtimeout: unknown key; did you mean 'send_ti"),
        (socket("send_timeout = '1'"), "sockets.a.send_timeout: must be a number of seconds"),
        (socket("send_timeout = true"), "sockets.a.send_timeout: must be a number of seconds"),
        (socket("send_timeout = nan"), "sockets.a.send_timeout: must be a number of seconds"),
        (socket("send_timeout = inf"), "sockets.a.send_timeout: must be a number of seconds"),
        (socket("linger = -0.1"), "sockets.a.linger: must be a number of seconds from 0 to 2000"),
        (socket("send_buffer = 1.5"), "sockets.a.send_buffer: must be a whole number of messages"),
        (socket("send_buffer = -1"), "sockets.a.send_buffer: must be a whole number of messages"),
        (socket("max_hops = 256"), "sockets.a.max_hops: must be a whole number of hops from 1 to"),
        (socket("tcp_nodelay = 1"), "sockets.a.tcp_nodelay: must be true or false; not 1"),
        (socket("name = 1"), "sockets.a.name: must be a text; not 1"),
        (socket("listen = 1"), "sockets.a.listen: must be a URL or a list of URLs; not 1"),
        (socket("dial = ['tcp://a:1', 2]"), "sockets.a.dial: must be a URL or a list of URLs"),
        (socket("dial = 'tcp://*:1'"), "sockets.a.dial: bad URL 'tcp://*:1': a host to dial must"),
        (socket("listen = 'tpc://a:1'"), "sockets.a.listen: bad URL 'tpc://a:1': unknown scheme"),
        (socket("library = '/x/libnng.so'"), "sockets.a.library: says no whose library it is"),
        (
            socket("subscribe = ['a']"),
            "sockets.a.subscribe: is for sub and dish; this is a pu",
        ),
        (socket("subscribe = 'a'"), "sockets.a.subscribe: must be a list of texts"),
        (
            socket("survey_time = 1"),
            "sockets.a.survey_time: survey_time is for surveyor sockets only",
        ),
        (
            socket("resend_interval = 1"),
            "sockets.a.resend_interval: resend_interval is for req sockets only",
        ),
        (
            socket("polyamorous = true"),
            "sockets.a.polyamorous: polyamorous is for pair1 sockets only",
        ),
        (socket("recv_buffer = 1"), "sockets.a.recv_buffer: a push socket never receives"),
        ("[sockets.a]\nprotocol = 'sub'\nsend_buffer = 1", "sockets.a.send_buffer: a sub socket"),
        (
            "[sockets.a]\nprotocol = 'surveyor'\nraw = true\nsurvey_time = 1",
            "sockets.a.survey_time: a raw surveyor socket leaves",
        ),
        ("[sockets.a]\nprotocol = 'dealer'\nraw = true", "sockets.a.raw: dealer is as it is"),
        (socket("raw = true\nbackend = 'zmq'"), "sockets.a.raw: zmq has no raw sockets; use deal"),
        (
            socket("reconnect_min = 2\nreconnect_max = 1"),
            "sockets.a.reconnect_max: must be 0 (no back-off) or at least reconnect_min (2 s)",
        ),
        ('[sockets."a b"]\nx = 1', 'sockets."a b".x: unknown key'),
    ],
)
def test_wrong_files_name_the_key(text: str, message: str) -> None:
    assert refused(text).startswith(message)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"backend = nng\n", "(at line 1, column 11)"),
        (b"a = 1\nb = [", "at line 2, column 6, the end of the file"),
        (b"a = 1\na = 2\n", "(at line 2, column"),
        (b'a = 1\nb = "\xff"', "not UTF-8 (at line 2, column 6)"),
    ],
)
def test_not_toml_tells_the_place(content: bytes, place: str) -> None:
    path = Path("wrong.toml")
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith("wrong.toml: not TOML: ")
    assert place in str(caught.value)


def test_file_that_was_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot read .*: No such file"):
        load_config("nowhere.toml")
    with pytest.raises(ConfigError, match=r"cannot read .*: Is a directory"):
        load_config(".")
    monkeypatch.setenv("ANYMQ_CONFIG", "gone.toml")
    with pytest.raises(ConfigError, match=r"gone\.toml: .*named by ANYMQ_CONFIG.*No such file"):
        current_config()


def test_nothing_to_check_imports_no_checker() -> None:
    code = (
        "import sys; from anymq.config import current_config; current_config();"
        "sys.exit(any(m in sys.modules for m in ('msgspec', 'tomllib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
