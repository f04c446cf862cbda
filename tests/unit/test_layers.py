"""Who may import whom: the layers that keep a fourth backend a matter of one package."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import anymq

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "anymq"
BACKENDS = sorted(p for p in (ROOT / "backends").glob("anymq_*") if p.is_dir())
CONTRACT = {"abc", "errors", "features", "options", "url", "protocols", "security", "_engine"}
"""Modules of anymq that a backend may import."""


def files(*roots: Path) -> list[Path]:
    return sorted(path for root in roots for path in root.rglob("*.py"))


def module_of(path: Path) -> list[str]:
    """The dotted name of a file's module, in parts; of `__init__` its package's."""
    base = ROOT / "src" if PACKAGE in path.parents else ROOT / "backends"
    parts = list(path.relative_to(base).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, absolute, names of `from` imports added."""
    inside = ROOT / "src" in path.parents or ROOT / "backends" in path.parents
    package = module_of(path) if inside else []
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                yield f"{module}.{alias.name}"


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


CORE = files(PACKAGE)
OF_BACKENDS = files(*BACKENDS)
OUTSIDE = files(PACKAGE / "cli", PACKAGE / "compat", ROOT / "examples")


def test_there_is_something_to_check() -> None:
    assert len(CORE) > 5
    assert len(BACKENDS) >= 3
    assert len(OF_BACKENDS) > 5


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_anymq_names_no_backend(path: Path) -> None:
    """Only entry points lead to a backend."""
    assert not [name for name in imports(path) if name.startswith("anymq_")]


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_event_loops_stay_with_the_drivers(path: Path) -> None:
    """Beside them only the streams, which are anyio's, know one."""
    if "_drivers" in path.parts:
        return
    known = ("trio", "asyncio") if path.name == "streams.py" else ("trio", "asyncio", "anyio")
    assert not [n for n in imports(path) if n.split(".")[0] in known]


@pytest.mark.parametrize("path", OF_BACKENDS, ids=ids(OF_BACKENDS))
def test_a_backend_knows_the_contract_and_itself(path: Path) -> None:
    own = module_of(path)[0]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "anymq":
            assert len(parts) > 1, "the package itself is for programs"
            assert parts[1] in CONTRACT, name
        elif parts[0].startswith("anymq_"):
            assert parts[0] == own, name
        else:
            assert parts[0] not in ("asyncio", "trio", "anyio"), name


@pytest.mark.parametrize("path", OUTSIDE, ids=ids(OUTSIDE))
def test_commands_and_examples_use_the_public_api(path: Path) -> None:
    """Nothing that begins with an underscore, and nothing of a backend's."""
    for name in imports(path):
        parts = name.split(".")
        assert not parts[0].startswith("anymq_"), name
        if parts[0] == "anymq" and parts[1:2] not in (["cli"], ["compat"]):
            assert not any(p.startswith("_") and p != "__version__" for p in parts[1:]), name


@pytest.mark.parametrize("package", BACKENDS, ids=[p.name for p in BACKENDS])
def test_compiled_modules_stay_in_their_package(package: Path) -> None:
    """`ffi` and `lib` are imported by the package that compiled them alone."""
    for path in files(PACKAGE, ROOT / "tests", ROOT / "examples"):
        if (ROOT / "tests" / "backends") in path.parents:
            continue
        assert not [n for n in imports(path) if n.startswith(f"{package.name}._")], path


@pytest.mark.parametrize("path", CORE + OF_BACKENDS, ids=ids(CORE + OF_BACKENDS))
def test_files_are_of_one_subject(path: Path) -> None:
    """A file past 500 lines is two things; and each says why it exists."""
    text = path.read_text()
    assert text.count("\n") <= 600
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module's docstring says why it exists"


def modules() -> list[str]:
    """Every module that a program may import; those of commands and of interop's sides are not."""
    return ["anymq"] + [
        info.name
        for info in pkgutil.walk_packages(anymq.__path__, "anymq.")
        if not any(p.startswith("_") or p in ("cli", "workers") for p in info.name.split("."))
    ]


@pytest.mark.parametrize("name", modules())
def test_all_is_true(name: str) -> None:
    """`__all__` names what is there, each once."""
    module = importlib.import_module(name)
    exported = module.__all__
    assert len(set(exported)) == len(exported)
    for key in exported:
        assert hasattr(module, key), key


def test_all_is_complete() -> None:
    """What `import anymq` shows without an underscore is what `__all__` promises."""
    shown = {
        key
        for key, value in vars(anymq).items()
        if not key.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", "anymq").startswith("anymq")
    }
    assert shown - {"annotations", "TYPE_CHECKING", "Any"} <= set(anymq.__all__)


def test_the_public_names() -> None:
    """Removing one of these breaks programs."""
    promised = {
        "Socket", "Message", "Protocol", "Listener", "Dialer", "PeerEvent", "LibraryInfo",
        "BackendStatus", "backends", "get_backend", "load_config", "Config",
        "AnymqError", "Timeout", "WouldBlock", "Closed", "StateError", "AddressInUse",
        "AddressInvalid", "ConnectionRefused", "ConnectionLost", "MessageTooLarge",
        "PermissionDenied", "AuthenticationFailed", "OptionError", "ConfigError",
        "UnsupportedFeature", "BackendUnavailable", "ForkedError", "ResourceExhausted",
    }  # fmt: skip
    assert promised <= set(anymq.__all__)


def test_typed() -> None:
    for package in (PACKAGE, *BACKENDS):
        assert (package / "py.typed").exists()
