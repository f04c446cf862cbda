"""Security in the configuration file: what it becomes, and that no secret shows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from anymq import CurveConfig, PlainConfig, TLSConfig
from anymq.cli import main
from anymq.config import Config, current_config, load_config
from anymq.errors import ConfigError

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
OTHER = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
PEM = "-----BEGIN CERTIFICATE-----\n"

CURVE = f'curve = {{public_key = "{KEY}", secret_key_file = "own.secret", server_key = "{OTHER}"}}'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with what the files name, and nothing of the caller's."""
    for name in os.environ:
        if name.startswith("ANYMQ_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    keys = tmp_path / "keys"
    keys.mkdir()
    for name, text in {
        "own.pem": PEM,
        "own.key": PEM,
        "ca.pem": PEM,
        "text": "no certificate",
        "own.secret": f"{SECRET}\n",
        "short.secret": "short and secret\n",
        "password": "open sesame\r\n",
        "users": "ann:a secret: two parts\n\nbob:b\n",
        "bad users": "ann:a\nsecret of bob\n",
    }.items():
        (keys / name).write_text(text)
    (keys / "bytes").write_bytes(b"\xff\xfe")


def load(text: str) -> Config:
    path = Path("keys/anymq.toml")
    path.write_text(f'[sockets.a]\nprotocol = "push"\n{text}')
    return load_config(path)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    message = str(caught.value)
    for secret in ("secret", "sesame", SECRET[:20]):
        assert secret not in message.replace("secret_key", "").replace(".secret", "").replace(
            "secrets are not", ""
        )
    return message.removeprefix("keys/anymq.toml: sockets.a.")


def test_tls(tmp_path: Path) -> None:
    """Paths start at the file's directory."""
    config = load(
        f"""
        [sockets.a.tls]
        certificate = "own.pem"
        key = "{tmp_path}/keys/own.key"
        key_password_file = "password"
        ca = "./ca.pem"
        server_name = "example.org"
        verify = true
        """
    )
    folder = tmp_path / "keys"
    assert config.entry("a").options == {
        "tls": TLSConfig(
            str(folder / "own.pem"),
            str(folder / "own.key"),
            "open sesame",
            str(folder / "ca.pem"),
            "example.org",
            True,
        )
    }
    assert "sesame" not in repr(config)


def test_curve() -> None:
    config = load(CURVE)
    wanted = CurveConfig(KEY, SECRET, server_key=OTHER)
    assert config.entry("a").options == {"curve": wanted}
    assert SECRET not in repr(config)
    config = load(
        f'curve = {{public_key = "{KEY}", secret_key_file = "own.secret", '
        f'server = true, allow = ["{OTHER}"]}}'
    )
    wanted = CurveConfig(KEY, SECRET, server=True, allow=[OTHER])
    assert config.entry("a").options == {"curve": wanted}


def test_plain() -> None:
    config = load('plain = {username = "ann", password_file = "password"}')
    assert config.entry("a").options == {"plain": PlainConfig("ann", "open sesame")}
    assert "sesame" not in repr(config)
    config = load('plain = {users_file = "users"}')
    users = {"ann": "a secret: two parts", "bob": "b"}
    assert config.entry("a").options == {"plain": PlainConfig(users=users)}
    assert "secret" not in repr(config)


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """They win over the file, whose table may be missing; a secret's file is not read then."""
    for name, value in {
        "TLS__CERTIFICATE": "own.pem",
        "TLS__KEY_PASSWORD": "5",
        "TLS__VERIFY": "False",
        "CURVE__SECRET_KEY": SECRET,
        "CURVE__SERVER_KEY": KEY,
        "PLAIN__USERNAME": "true",
        "PLAIN__PASSWORD": "[x]",
    }.items():
        monkeypatch.setenv(f"ANYMQ_SOCKETS__A__{name}", value)
    curve = CURVE.replace("own.secret", "nowhere")
    assert load(curve).entry("a").options == {
        "tls": TLSConfig(str(Path("keys/own.pem").absolute()), key_password="5", verify=False),
        "curve": CurveConfig(KEY, SECRET, server_key=KEY),
        "plain": PlainConfig("true", "[x]"),
    }


@pytest.mark.parametrize("change", ["rewritten", "replaced"])
@pytest.mark.parametrize(
    ("table", "name", "text"),
    [
        (CURVE, "own.secret", f"{KEY}\n\n"),
        ("plain = {username = 'ann', password_file = 'password'}", "password", "open barley\n"),
        ("plain = {users_file = 'users'}", "users", "ann:b\n"),
        ("tls = {key_password_file = 'password'}", "password", "open barley\n"),
    ],
)
def test_a_secret_that_changes(
    monkeypatch: pytest.MonkeyPatch, table: str, name: str, text: str, change: str
) -> None:
    """With the next socket it is the new one, though the configuration file is as it was.

    Its size is another, too: two changes may come within one tick of the clock of files.
    """
    load(table)
    monkeypatch.setenv("ANYMQ_CONFIG", "keys/anymq.toml")
    first = current_config()
    assert current_config() is first
    file = Path("keys", name)
    if change == "replaced":
        Path("new").write_text(text)
        Path("new").rename(file)
    else:
        file.write_text(text)
    second = current_config()
    assert second.entry("a").options != first.entry("a").options
    assert second == load_config()
    assert current_config() is second
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        current_config()


def test_a_list_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYMQ_SOCKETS__A__CURVE__SERVER", "true")
    table = f'curve = {{public_key = "{KEY}", secret_key_file = "own.secret"}}'
    for text, allowed in ((OTHER, (OTHER,)), (f'["{OTHER}", "{KEY}"]', (OTHER, KEY))):
        monkeypatch.setenv("ANYMQ_SOCKETS__A__CURVE__ALLOW", text)
        curve = load(table).entry("a").options["curve"]
        assert (curve.server, curve.allow) == (True, allowed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls = 1", "tls: must be a table, such as: tls = {ca"),
        ("curve = 'my secret'", "curve: must be a table: [sockets.orders.curve]"),
        ("plain = ['ann', 'my secret']", "plain: must be a table, such as: plain = {username"),
        (
            "tls = {key = '-----BEGIN PRIVATE KEY----- my secret'}",
            "tls: a key needs its certificate",
        ),
        (
            "tls = {ca = '-----BEGIN PRIVATE KEY----- my secret'}",
            "tls.ca: takes a path, or PEM as bytes, not as str",
        ),
        ("tls = {cert = 'x'}", "tls.cert: unknown key; known: certificate"),
        ("tls = {ca = 1}", "tls.ca: must be the path of a file in PEM form, not int"),
        ("tls = {ca = ''}", "tls.ca: must be the path of a file in PEM form, not str"),
        ("tls = {ca = 'nowhere'}", "tls.ca: cannot be read: [Errno 2] No such file"),
        ("tls = {ca = 'text'}", "tls.ca: is not in PEM form"),
        ("tls = {key = 'own.key'}", "tls: a key needs its certificate"),
        ("tls = {verify = true}", "tls: verify=True needs ca"),
        ("tls = {verify = 'true'}", "tls.verify: must be true or false, not str"),
        ("tls = {key_password = 'my secret'}", "tls.key_password: secrets are not written here; "),
        ("tls = {key_password_file = 'nowhere'}", "tls.key_password_file: nowhere cannot be read"),
        ("tls = {key_password_file = 'bytes'}", "tls.key_password_file: bytes is not a text in UT"),
        ("curve = {}", "curve.public_key: is missing; a key of 40 characters"),
        (
            f"curve = {{public_key = '{KEY}'}}",
            "curve.secret_key: is missing; give its file as secret_key_file, "
            "or set ANYMQ_SOCKETS__A__CURVE__SECRET_KEY",
        ),
        (CURVE.replace(KEY, "x"), "curve.public_key: takes 32 bytes or a str of 40 characters"),
        (CURVE.replace("own", "short"), "curve.secret_key_file: takes 32 bytes or a str of 40"),
        (CURVE.replace("server_key", "serverkey"), "curve.serverkey: unknown key; did you mean"),
        (CURVE[:-1] + ", server = true}", "curve: give either server=True or, for a client"),
        (CURVE[:-1] + ", server = 1}", "curve.server: must be true or false, not int"),
        (CURVE[:-1] + ", allow = 'x'}", "curve.allow: must be a list of keys of 40 characters"),
        (CURVE[:-1] + ", allow = []}", "curve.allow: is the server's list of clients"),
        ("plain = {}", "plain: give username and password for a client, or users for the se"),
        ("plain = {username = 'ann'}", "plain: give username and password for a client, or us"),
        ("plain = {password = 'my secret'}", "plain.password: secrets are not written here; give"),
        ("plain = {users = {ann = 'my secret'}}", "plain.users: unknown key; did you mean 'users_"),
        ("plain = {users_file = {ann = 'my secret'}}", "plain.users_file: must be the path of a"),
        ("plain = {users_file = 'bad users'}", "plain.users_file: bad users, line 2, is not name:"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_shown(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_a_wrong_variable_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYMQ_SOCKETS__A__CURVE__SECRET_KEY", "too short a secret")
    assert refused(CURVE).startswith(
        "ANYMQ_SOCKETS__A__CURVE__SECRET_KEY (sockets.a.curve.secret_key in keys/anymq.toml): "
        "takes 32 bytes or a str of 40 characters"
    )
    monkeypatch.delenv("ANYMQ_SOCKETS__A__CURVE__SECRET_KEY")
    monkeypatch.setenv("ANYMQ_SOCKETS__B__TLS__CA", "ca.pem")
    assert "no socket is called 'B' here" in refused("")


def test_the_command_line_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    load(f'{CURVE}\n[sockets.b]\nprotocol = "pull"\nplain = {{users_file = "users"}}')
    assert main(["config", "check", "--file-only", "keys/anymq.toml"]) == 0
    assert main(["config", "check", "--file-only", "--json", "keys/anymq.toml"]) == 0
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert "two parts" not in out + err
    document = json.loads(out[out.index("{\n") :])
    assert document["sockets"]["a"]["options"]["curve"] == {
        "public_key": KEY, "server_key": OTHER, "server": False, "allow": None,
    }  # fmt: skip
