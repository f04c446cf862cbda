"""Which backend and which file: precedence, refusals, sharing; with providers in Python."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import anymq
from anymq import config, registry
from anymq.abc import Backend, LibraryInfo, NativeSocket, Provider
from anymq.errors import AnymqError, BackendUnavailable, UnsupportedFeature
from anymq.features import Support, absent, known_features, native
from anymq.protocols import Protocol


class FakeBackend(Backend):
    """A library that has what its provider says, and opens nothing."""

    wire = "sp"
    constants: Mapping[str, int] = {}
    errors: Mapping[int, str] = {}

    def __init__(self, name: str, has: frozenset[str], path: str, found_via: str) -> None:
        type(self).name = name
        self.library = LibraryInfo(path, (1, 2, 3), "1.2.3", found_via)
        self.features: Mapping[str, Support] = MappingProxyType(
            {
                feature: native("fake") if feature in has else absent("not here", needed="2.0")
                for feature in known_features()
            }
        )

    def open_socket(self, protocol: Protocol, *, raw: bool = False) -> NativeSocket:
        raise NotImplementedError

    def error(self, code: int, doing: str = "", **context: Any) -> AnymqError:
        return AnymqError(doing, backend=self.name, code=code)


class FakeProvider(Provider):
    """Opens a file whose text begins with its name, and loader names that it was given."""

    wire = "sp"

    def __init__(
        self, name: str, preference: int, has: set[str], loader: set[str], bundle: list[str]
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.preference = preference  # type: ignore[misc]
        self.library_names = (f"lib{name}.so.1", f"lib{name}.so")  # type: ignore[misc]
        self.install_hint = f"fetch {name}"  # type: ignore[misc]
        self.known_for = frozenset(has)  # type: ignore[misc]
        self.loader = loader
        self.bundle = bundle
        self.opened: list[str] = []

    def bundled(self) -> Iterator[str]:
        return iter(self.bundle)

    def open(self, path: str, found_via: str) -> Backend:
        self.opened.append(path)
        if "/" in path:
            if not Path(path).read_text().startswith(self.name):
                raise BackendUnavailable("it looks like something else", backend=self.name)
        elif path not in self.loader:
            raise BackendUnavailable(f"{path}: cannot open shared object", backend=self.name)
        kind = type(f"Fake{self.name.title()}", (FakeBackend,), {})
        return kind(self.name, self.known_for, path, found_via)


class Point:
    """An entry point."""

    def __init__(self, name: str, load: Callable[[], object]) -> None:
        self.name = name
        self.load = load


class World:
    """The providers that are installed, and files for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.points: list[Point] = []

    def add(
        self,
        name: str,
        *,
        preference: int = 10,
        has: set[str] | None = None,
        loader: set[str] | None = None,
        bundle: list[str] | None = None,
    ) -> FakeProvider:
        found = {f"lib{name}.so.1"} if loader is None else loader
        features = {"protocol.push", "transport.tcp"} | (has or set())
        provider = FakeProvider(name, preference, features, found, bundle or [])
        self.points.append(Point(name, lambda: provider))
        return provider

    def file(self, name: str, number: int = 1) -> str:
        path = self.folder / f"{name}-{number}.so"
        path.write_text(f"{name} {number}")
        return str(path)

    def configure(self, text: str) -> None:
        (self.folder / "anymq.toml").write_text(text)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A process in which nothing is installed but what the test adds."""
    made = World(tmp_path)
    for module in (registry, config):
        monkeypatch.setattr(module, "entry_points", lambda **_: made.points)
    monkeypatch.setattr(registry, "_opened", {})
    monkeypatch.setattr(registry, "_failed", {})
    for variable in ("ANYMQ_BACKEND", "ANYMQ_CONFIG", "ANYMQ_ONE_LIBRARY", "ANYMQ_TWO_LIBRARY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    registry._providers.cache_clear()
    yield made
    registry._providers.cache_clear()


# Which backend


def test_preference_decides(world: World) -> None:
    world.add("two", preference=20)
    world.add("one", preference=10)
    assert anymq.get_backend().name == "one"
    assert list(anymq.backends()) == ["one", "two"]


def test_the_first_that_fits(world: World) -> None:
    world.add("one", preference=10)
    world.add("two", preference=20, has={"contexts", "protocol.bus", "transport.ws"})
    assert anymq.get_backend(features=["contexts"]).name == "two"
    assert anymq.get_backend(protocol="bus").name == "two"
    assert anymq.get_backend(transport="ws").name == "two"
    assert anymq.get_backend(protocol="push").name == "one"


def test_none_fits(world: World) -> None:
    world.add("one", has={"contexts"})
    world.add("two", has={"multipart"})
    with pytest.raises(UnsupportedFeature) as caught:
        anymq.get_backend(features=["contexts", "multipart"])
    for word in ("one", "two", "contexts", "multipart"):
        assert word in str(caught.value)


def test_an_unavailable_one_is_passed_over(world: World) -> None:
    world.add("one", preference=1, loader=set())
    world.add("two", preference=2)
    assert anymq.get_backend().name == "two"


def test_no_library_at_all(world: World) -> None:
    world.add("one", loader=set())
    world.add("two", loader=set())
    with pytest.raises(BackendUnavailable) as caught:
        anymq.get_backend()
    assert {path for path, _ in caught.value.tried} == {
        "libone.so.1", "libone.so", "libtwo.so.1", "libtwo.so",
    }  # fmt: skip
    assert "fetch one" in str(caught.value)
    assert "fetch two" in str(caught.value)


def test_the_file_names_the_default(world: World) -> None:
    world.add("one", preference=1)
    world.add("two", preference=2)
    world.configure('backend = "two"')
    assert anymq.get_backend().name == "two"
    assert anymq.get_backend("one").name == "one", "an argument wins"


def test_the_environment_wins_over_the_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("one", preference=1)
    world.add("two", preference=2)
    world.configure('backend = "one"')
    monkeypatch.setenv("ANYMQ_BACKEND", "two")
    assert anymq.get_backend().name == "two"


def test_a_named_backend_must_fit(world: World) -> None:
    world.add("one", preference=1)
    world.add("two", preference=2, has={"contexts"})
    with pytest.raises(UnsupportedFeature) as caught:
        anymq.get_backend("one", features=["contexts"])
    error = caught.value
    assert (error.feature, error.library, error.found, error.needed) == (
        "contexts", "one", "1.2.3", "2.0",
    )  # fmt: skip
    assert "two" in str(error), "who has it"


def test_unknown_names(world: World) -> None:
    world.add("one")
    with pytest.raises(BackendUnavailable, match=r"'three'.*known: one"):
        anymq.get_backend("three")
    with pytest.raises(anymq.OptionError, match="protocol 'puhs'"):
        anymq.get_backend(protocol="puhs")
    with pytest.raises(anymq.OptionError, match="transport 'tpc'"):
        anymq.get_backend(transport="tpc")
    with pytest.raises(anymq.OptionError, match="did you mean 'contexts'"):
        anymq.get_backend(features=["context"])


def test_nothing_installed(world: World) -> None:
    with pytest.raises(BackendUnavailable, match="none is installed"):
        anymq.get_backend("one")
    assert anymq.backends() == {}


def test_a_package_that_cannot_be_imported(world: World) -> None:
    """It hurts nobody else, and says what is wrong with it."""

    def load() -> object:
        raise ImportError("no module named sorrow")

    world.points.append(Point("broken", load))
    world.add("one")
    assert anymq.get_backend().name == "one"
    status = anymq.backends()["broken"]
    assert not status.available
    assert "sorrow" in status.reason
    with pytest.raises(BackendUnavailable, match="sorrow"):
        anymq.get_backend("broken")


# Which file


def test_argument_wins_over_file_and_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("one")
    by_argument, by_config, by_environment = (world.file("one", n) for n in range(3))
    assert anymq.get_backend("one").library == LibraryInfo(
        "libone.so.1", (1, 2, 3), "1.2.3", "system"
    )
    monkeypatch.setenv("ANYMQ_ONE_LIBRARY", by_environment)
    library = anymq.get_backend("one").library
    assert (library.path, library.found_via) == (by_environment, "environment")
    world.configure(f'[libraries]\none = "{by_config}"')
    library = anymq.get_backend("one").library
    assert (library.path, library.found_via) == (by_config, "config")
    library = anymq.get_backend("one", library=by_argument).library
    assert (library.path, library.found_via) == (by_argument, "argument")


def test_one_carried_in_the_package_wins_over_the_systems(world: World) -> None:
    path = world.file("one")
    world.add("one", bundle=[path])
    library = anymq.get_backend("one").library
    assert (library.path, library.found_via) == (path, "wheel")


def test_loader_names_are_tried_in_order(world: World) -> None:
    provider = world.add("one", loader={"libone.so"})
    assert anymq.get_backend("one").library.path == "libone.so"
    assert provider.opened == ["libone.so.1", "libone.so"]


def test_a_file_that_was_asked_for_is_never_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.add("one")
    world.add("two")
    missing = str(tmp_path / "missing.so")
    wrong = world.file("two")
    for path, said in ((missing, "no such file"), (wrong, "something else"), ("/", "directory")):
        with pytest.raises(BackendUnavailable, match=said) as caught:
            anymq.get_backend("one", library=path)
        assert [p for p, _ in caught.value.tried] == [path]
        assert path in str(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).tried == caught.value.tried
    monkeypatch.setenv("ANYMQ_ONE_LIBRARY", missing)
    with pytest.raises(BackendUnavailable, match="ANYMQ_ONE_LIBRARY"):
        anymq.get_backend("one")
    monkeypatch.delenv("ANYMQ_ONE_LIBRARY")
    world.configure(f'[libraries]\none = "{missing}"')
    with pytest.raises(BackendUnavailable, match="configuration"):
        anymq.get_backend("one")


def test_a_file_needs_a_name(world: World) -> None:
    world.add("one")
    with pytest.raises(anymq.OptionError, match="name"):
        anymq.get_backend(library=world.file("one"))


def test_the_same_file_is_opened_once(world: World, tmp_path: Path) -> None:
    provider = world.add("one")
    path = world.file("one")
    link = tmp_path / "link.so"
    link.symlink_to(path)
    first = anymq.get_backend("one", library=path)
    assert anymq.get_backend("one", library=path) is first
    assert anymq.get_backend("one", library=link) is first
    assert anymq.get_backend("one") is not first
    assert provider.opened.count(path) == 1


def test_several_files_are_several_backends(world: World) -> None:
    world.add("one")
    found = [anymq.get_backend("one", library=world.file("one", n)) for n in range(3)]
    assert len({id(b) for b in found}) == 3
    assert set(registry.opened_backends()) == set(found)


def test_a_library_that_came_is_found(world: World) -> None:
    """`backends()` looks again at what was missing before."""
    provider = world.add("one", loader=set())
    assert not anymq.backends()["one"].available
    provider.loader.add("libone.so")
    assert anymq.backends()["one"].available
    assert anymq.get_backend("one").name == "one"


def test_status(world: World) -> None:
    world.add("one")
    world.add("two", loader=set())
    one, two = anymq.backends().values()
    assert (one.available, one.reason, one.tried) == (True, "", ())
    assert one.backend is anymq.get_backend("one")
    assert (two.available, two.backend, two.install_hint) == (False, None, "fetch two")
    assert [path for path, _ in two.tried] == ["libtwo.so.1", "libtwo.so"]
    assert "libtwo.so" in two.reason
