"""Libraries that lie about their version: what they export decides, and the lie is told."""

from __future__ import annotations

import pytest

from .conftest import Look, Make
from .making import exported

# nng: nng_version() is a text.

SAYS = "const char *nng_version(void) {{ return {}; }}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('"9.9.9"', "9.9.9 (its functions are those of 1.x)"),
        ('"0.1.0"', "0.1.0 (its functions are those of 1.x)"),
        ('"2.0.0"', "2.0.0 (its functions are those of 1.x)"),
        ('"banana"', "'banana' (its functions are those of 1.x)"),
        ('""', "'' (its functions are those of 1.x)"),
        ("NULL", "'' (its functions are those of 1.x)"),
        (r'"\377\3761.5"', "'��1.5' (its functions are those of 1.x)"),
        (f'"{"1." * 3000}"', "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1"),
    ],
    ids=["9.9.9", "0.1.0", "2.0.0", "banana", "empty", "NULL", "binary", "endless"],
)
def test_nng_says_another_version(text: str, told: str, make: Make, look: Look) -> None:
    report = look("nng", make("nng", instead=SAYS.format(text), replaced=["nng_version"]))
    assert report.version_text.startswith(told)
    assert len(report.version_text) < 150
    assert report.received


def test_nng_1_with_functions_of_2(make: Make, look: Look) -> None:
    """Calls would be made in the way of the one, and answered in the way of the other."""
    report = look("nng", make("nng", instead="int nng_init(const void *p) { return 0; }\n"))
    assert "nng_init, which only 2.x has" in report.refused
    assert "nng_send_aio, which only 1.x has" in report.refused


@pytest.fixture
def nng_2() -> str:
    """A file of nng 2.x: the package `nng` has one."""
    binding = pytest.importorskip("nng._nng", reason="the package nng brings nng 2.x")
    path = str(binding.__file__)
    assert "nng_init" in exported(path)
    return path


def test_nng_2_that_says_1(nng_2: str, make: Make, look: Look) -> None:
    lie = SAYS.format('"1.5.2"')
    report = look("nng", make("nng", path=nng_2, instead=lie, replaced=["nng_version"]))
    assert report.version_text == "1.5.2 (its functions are those of 2.x)"
    assert report.received


def test_nng_2_without_its_beginning(nng_2: str, make: Make, look: Look) -> None:
    """Nothing of 2.x may be called before nng_init."""
    report = look("nng", make("nng", path=nng_2, without=["nng_init"]))
    assert "nng_init" in report.refused


def test_nng_2_with_functions_of_1(nng_2: str, make: Make, look: Look) -> None:
    own = "void nng_send_aio(unsigned s, void *aio) {}\n"
    report = look("nng", make("nng", path=nng_2, instead=own))
    assert "nng_send_aio, which only 1.x has" in report.refused


def test_nng_2_that_does_not_begin(nng_2: str, make: Make, look: Look) -> None:
    own = "int nng_init(const void *p) { return 2; }\n"
    report = look("nng", make("nng", path=nng_2, instead=own, replaced=["nng_init"]))
    assert "nng_init failed" in report.refused


# libzmq: zmq_version() gives three numbers.

NUMBERS = """
void zmq_version(int *major, int *minor, int *patch)
{{
    int numbers[] = {{{}}};
    *major = numbers[0], *minor = numbers[1], *patch = numbers[2];
}}
"""


@pytest.mark.parametrize("numbers", ["0, 1, 0", "3, 2, 5", "-1, -1, -1", "0, 0, 0"])
def test_zmq_says_it_is_too_old(numbers: str, make: Make, look: Look) -> None:
    lie = NUMBERS.format(numbers)
    report = look("zmq", make("zmq", instead=lie, replaced=["zmq_version"]))
    assert f"it says that it is libzmq {numbers.replace(', ', '.')}" in report.refused
    assert "4.0 or later" in report.refused


def test_zmq_says_nothing(make: Make, look: Look) -> None:
    silent = "void zmq_version(int *major, int *minor, int *patch) {}\n"
    assert "0.0.0" in look("zmq", make("zmq", instead=silent, replaced=["zmq_version"])).refused


@pytest.mark.parametrize("numbers", ["9, 9, 0", "4, 4, 0", "2147483647, 2147483647, 2147483647"])
def test_zmq_says_it_is_newer_than_any(numbers: str, make: Make, look: Look) -> None:
    """It may be: what it can do is asked for, as always."""
    lie = NUMBERS.format(numbers)
    report = look("zmq", make("zmq", instead=lie, replaced=["zmq_version"]))
    assert report.version_text == f"{numbers.replace(', ', '.')} (unknown to anymq)"


@pytest.mark.parametrize(
    ("lost", "without"),
    [
        ("zmq_has, which 4.1 brought", ["zmq_has"]),
        ("zmq_curve_public, which 4.2 brought", ["zmq_curve_public"]),
        ("zmq_timers_new, which 4.3 brought", ["zmq_timers_new"]),
    ],
    ids=["4.1", "4.2", "4.3"],
)
def test_zmq_lacks_what_its_version_has(
    lost: str, without: list[str], make: Make, look: Look
) -> None:
    report = look("zmq", make("zmq", without=without))
    assert lost in report.version_text
    assert report.received


# nanomsg: its version is among its constants.

CONSTANTS = """
struct properties { int value; const char *name; int ns, type, unit; };
int nn_symbol_info(int i, struct properties *p, int size)
{
    int (*asked)(int, struct properties *, int) = real("nn_symbol_info");
    int result = asked(i, p, size);
    (void)strcmp;
    %s
    return result;
}
"""


def constants(change: str) -> dict[str, object]:
    return {"instead": CONSTANTS.replace("%s", change), "replaced": ["nn_symbol_info"]}


VERSION = 'if (result > 0 && strncmp(p->name, "NN_VERSION_", 11) == 0) '


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (VERSION + "p->value = 9;", "unknown release (ABI 9:9:9)"),
        (VERSION + "p->value = 0;", "unknown release (ABI 0:0:0)"),
        (VERSION + "p->value = -7;", "unknown release (ABI not told)"),
        (VERSION + 'p->name = "NN_NOTHING";', "unknown release (ABI not told)"),
        (VERSION + "p->name = NULL;", "unknown release (ABI not told)"),
        (VERSION + r'p->name = "\xff\xfe";', "unknown release (ABI not told)"),
        (
            'if (result > 0 && strcmp(p->name, "NN_VERSION_REVISION") == 0) p->value = 0;',
            "says 1.0.0, but its constants are those of 1.1 (ABI 5:0:0)",
        ),
        ('if (result <= 0) { p->name = "NN_AGAIN"; result = size; }', "1.1"),
    ],
    ids=["9", "0", "negative", "missing", "NULL", "binary", "older", "endless"],
)
def test_nanomsg_says_another_version(change: str, told: str, make: Make, look: Look) -> None:
    report = look("nanomsg", make("nanomsg", **constants(change)))
    assert report.version_text.startswith(told)
    assert report.received


def test_nanomsg_says_it_is_newer_than_it_is(make: Make, look: Look) -> None:
    hidden = 'if (result > 0 && strcmp(p->name, "NN_MAXTTL") == 0) p->name = "NN_HIDDEN";'
    report = look("nanomsg", make("nanomsg", **constants(hidden)))
    assert "its constants are those of 1.0" in report.version_text
    assert report.absent("option.tcp_nodelay")


def test_nanomsg_lists_no_constants(make: Make, look: Look) -> None:
    report = look("nanomsg", make("nanomsg", **constants("result = 0;")))
    assert "incomplete libnanomsg: in nn_symbol_info it lacks AF_SP, " in report.refused
