"""Opening a library: what it tells of itself, and what is refused."""

from __future__ import annotations

import ctypes.util
import errno
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import anymq
from anymq.features import known_features
from anymq_nanomsg import provider
from anymq_nanomsg.backend import NanomsgBackend
from tests.conformance.support import BACKENDS, LIMIT, mapped


def test_importing_the_package_loads_nothing() -> None:
    source = (
        "import sys, anymq_nanomsg; print('anymq_nanomsg._nanomsg' in sys.modules, "
        "'libnanomsg' in open('/proc/self/maps').read())"
    )
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def test_the_file_is_the_one_that_is_mapped(nanomsg: NanomsgBackend) -> None:
    assert mapped(nanomsg.library.path)
    assert "libnanomsg" in nanomsg.library.path


def test_version_is_the_abi_triple(nanomsg: NanomsgBackend) -> None:
    names = ("NN_VERSION_CURRENT", "NN_VERSION_REVISION", "NN_VERSION_AGE")
    assert nanomsg.library.version == tuple(nanomsg.constants[n] for n in names)
    assert f"(ABI {':'.join(map(str, nanomsg.library.version))})" in nanomsg.library.version_text


def test_constants_come_from_the_library(nanomsg: NanomsgBackend) -> None:
    """Two of them are fixed by the wire protocol: type = protocol x 16 + role."""
    assert nanomsg.constants["NN_PUSH"] == 0x50
    assert nanomsg.constants["NN_SURVEYOR"] == 0x62
    assert len(nanomsg.constants) > 100


def test_options_know_level_type_and_unit(nanomsg: NanomsgBackend) -> None:
    options, constants = nanomsg.native.options, nanomsg.constants
    assert options["NN_SNDBUF"].level == constants["NN_SOL_SOCKET"]
    assert options["NN_TCP_NODELAY"].level == constants["NN_TCP"]
    assert options["NN_REQ_RESEND_IVL"].level == constants["NN_REQ"]
    assert options["NN_SURVEYOR_DEADLINE"].unit == "MILLISECONDS"
    assert options["NN_SOCKET_NAME"].type == "str"


def test_errors_have_names_and_words(nanomsg: NanomsgBackend) -> None:
    by_name = {name: code for code, name in nanomsg.errors.items()}
    assert by_name["EAGAIN"] == errno.EAGAIN
    assert by_name["EFSM"] not in errno.errorcode
    assert "state" in nanomsg.native.text(by_name["EFSM"])


@pytest.mark.parametrize(
    ("symbol", "doing", "kind"),
    [
        ("ETERM", "send", anymq.Closed),
        ("EBADF", "send", anymq.Closed),
        ("EAGAIN", "send", anymq.WouldBlock),
        ("ETIMEDOUT", "receive", anymq.Timeout),
        ("EFSM", "receive", anymq.StateError),
        ("EADDRINUSE", "listen at tcp://*:1", anymq.AddressInUse),
        ("EINVAL", "dial tcp://a:1", anymq.AddressInvalid),
        ("EINVAL", "set option name to 'x'", anymq.OptionError),
        ("ENODEV", "listen at tcp://a:1", anymq.AddressInvalid),
        ("EMSGSIZE", "send", anymq.MessageTooLarge),
        ("EMFILE", "open a pair socket", anymq.ResourceExhausted),
        ("EACCES", "listen at tcp://*:1", anymq.PermissionDenied),
        ("ECONNREFUSED", "dial", anymq.ConnectionRefused),
        ("ECONNRESET", "send", anymq.ConnectionLost),
    ],
)
def test_error_classes(
    nanomsg: NanomsgBackend, symbol: str, doing: str, kind: type[anymq.AnymqError]
) -> None:
    code = next(code for code, name in nanomsg.errors.items() if name == symbol)
    error = nanomsg.error(code, doing)
    assert type(error) is kind
    assert (error.code, error.symbol, error.backend) == (code, symbol, "nanomsg")
    assert error.errno == (code if code in errno.errorcode else None)
    assert doing in str(error)
    assert symbol in str(error)


def test_an_unknown_error_number_is_kept(nanomsg: NanomsgBackend) -> None:
    error = nanomsg.error(987654321, "send")
    assert type(error) is anymq.AnymqError
    assert error.code == 987654321


def test_every_feature_is_answered_with_evidence(nanomsg: NanomsgBackend) -> None:
    assert tuple(nanomsg.features) == known_features()
    for name, support in nanomsg.features.items():
        assert support.evidence, name
        assert support or support.reason, name


def test_what_the_provider_is_known_for(nanomsg: NanomsgBackend) -> None:
    """A sound release has all of it; the others lack what they would do wrong, and say so."""
    has = {name for name, support in nanomsg.features.items() if support}
    assert has <= provider.known_for
    lacking = {name: nanomsg.features[name] for name in provider.known_for - has}
    assert all(support.needed for support in lacking.values())
    assert bool(lacking) is (nanomsg.release.before_1_1 or nanomsg.release.loses_place)


def refused(path: str) -> str:
    with pytest.raises(anymq.BackendUnavailable) as caught:
        provider.open(path, "argument")
    assert caught.value.tried
    return str(caught.value)


def test_a_library_that_imitates_is_refused() -> None:
    """libnng 1.x exports functions of nanomsg's names."""
    others = [b.library.path for b in BACKENDS.values() if b.name == "nng"]
    if not others:
        pytest.skip("no libnng here")
    for path in others:
        assert "libnng" in refused(path)


def test_another_library_is_refused() -> None:
    name = ctypes.util.find_library("m")
    assert name is not None
    assert "nn_symbol_info" in refused(name)


def test_a_text_file_is_refused() -> None:
    assert sysconfig.get_makefile_filename() in refused(sysconfig.get_makefile_filename())


def test_what_does_not_exist_is_refused() -> None:
    assert "no-such-library.so" in refused("no-such-library.so")
    assert "null" in refused("lib\0nanomsg.so")


def test_a_file_opened_again_is_the_same(nanomsg: NanomsgBackend) -> None:
    again = NanomsgBackend(nanomsg.library.path, "argument")
    assert again.native.functions == nanomsg.native.functions


def test_a_second_copy_is_another_library(nanomsg: NanomsgBackend, tmp_path: Path) -> None:
    """Neither sees the other's inproc names."""
    path = str(shutil.copy(nanomsg.library.path, tmp_path / "libnanomsg-copy.so"))
    other = NanomsgBackend(path, "argument")
    assert other.library.path == path
    assert other.native.functions != nanomsg.native.functions
    url = "inproc://nanomsg-two-copies"
    with (
        anymq.Socket("pull", backend=nanomsg, listen=url) as one,
        anymq.Socket("pull", backend=other, listen=url) as two,
        anymq.Socket("push", backend=other, dial=url) as push,
    ):
        push.send(b"x", timeout=LIMIT)
        assert two.recv(timeout=LIMIT) == b"x"
        assert one.peers == 0
