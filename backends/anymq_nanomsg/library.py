"""One opened libnanomsg, in Python terms: its constants, and calls that tell their error.

Every constant is read with nn_symbol_info(3), which also says what it is (an option, an error, a
statistic) and for options the type and unit of the value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from anymq.errors import BackendUnavailable

from ._nanomsg import ffi
from ._nanomsg import lib as adapter

__all__ = ["Library", "NativeOption", "Symbol"]

MOST_SYMBOLS: int = adapter.ANYMQ_NN_MOST_SYMBOLS

MAXTTL = 17
"""NN_MAXTTL, which 1.0.0 has and does not list."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A constant as nn_symbol_info describes it, its namespace, type and unit by name."""

    name: str
    value: int
    namespace: str
    type: str
    unit: str


@dataclass(frozen=True, slots=True)
class NativeOption:
    """An option of nanomsg: its level, its number there, and `int` or `str`."""

    name: str
    level: int
    number: int
    type: str
    unit: str = "NONE"


class NativeError(Exception):
    """A call of the library failed with `code` (nn_errno)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Library:
    """An opened library file: `path`, constants, and its functions under `functions`.

    Raises:
        BackendUnavailable: the file does not load or is not libnanomsg.
    """

    def __init__(self, path: str) -> None:
        found = ffi.new("anymq_nn_lib **")
        said = ffi.new("char[1024]", b"a file name holds no null character")
        name = os.fsencode(path)
        if b"\0" in name or adapter.anymq_nn_open(name, found, said, len(said)) != 0:
            text = ffi.string(said).decode(errors="replace")
            error = BackendUnavailable(f"{path}: {text}", backend="nanomsg")
            error.tried = ((path, text),)
            raise error
        self.functions: Any = found[0]
        self.path = os.fsdecode(ffi.string(self.functions.path))
        self.symbols = self._read_symbols()
        self.constants = MappingProxyType({s.name: s.value for s in self.symbols})
        self.errors = MappingProxyType({s.value: s.name for s in self.named("ERROR")})
        self.options = {o.name: o for o in (*self._read_options(), *self._unlisted_options())}
        self.version = self._read_version()

    def _read_version(self) -> tuple[int, ...]:
        """The interface number; empty where it is not told, or cannot be one."""
        names = [f"NN_VERSION_{part}" for part in ("CURRENT", "REVISION", "AGE")]
        numbers = tuple(self.constants.get(name, -1) for name in names)
        return numbers if min(numbers) >= 0 else ()

    def _read_symbols(self) -> tuple[Symbol, ...]:
        properties = ffi.new("struct nn_symbol_properties *")
        raw: list[tuple[str, int, int, int, int]] = []
        for i in range(MOST_SYMBOLS):
            if self.functions.nn_symbol_info(i, properties, ffi.sizeof(properties[0])) <= 0:
                break
            if properties.name != ffi.NULL:
                p = properties
                name = ffi.string(p.name, 100).decode(errors="replace")
                raw.append((name, p.value, p.ns, p.type, p.unit))
        names: dict[str, dict[int, str]] = {"NN_NS_": {}, "NN_TYPE_": {}, "NN_UNIT_": {}}
        for name, value, *_ in raw:
            for prefix, by_value in names.items():
                if name.startswith(prefix):
                    by_value[value] = name.removeprefix(prefix)
        namespaces, types, units = names.values()
        return tuple(
            Symbol(name, value, namespaces.get(ns, ""), types.get(kind, ""), units.get(unit, ""))
            for name, value, ns, kind, unit in raw
        )

    @property
    def has_statistics(self) -> bool:
        return bool(self.functions.nn_get_statistic)

    def named(self, namespace: str) -> Iterator[Symbol]:
        """The constants of one namespace: `"ERROR"`, `"STATISTIC"`, `"PROTOCOL"`."""
        return (symbol for symbol in self.symbols if symbol.namespace == namespace)

    def _read_options(self) -> Iterator[NativeOption]:
        level = self.constants["NN_SOL_SOCKET"]
        for s in self.named("SOCKET_OPTION"):
            yield NativeOption(s.name, level, s.value, s.type.lower(), s.unit)
        # The others carry the name of the protocol or transport that is their level.
        levels = {s.name: s.value for n in ("PROTOCOL", "TRANSPORT") for s in self.named(n)}
        for s in self.named("TRANSPORT_OPTION"):
            owners = [name for name in levels if s.name.startswith(f"{name}_")]
            if owners:
                owner = max(owners, key=len)
                yield NativeOption(s.name, levels[owner], s.value, s.type.lower(), s.unit)

    def _unlisted_options(self) -> Iterator[NativeOption]:
        """NN_MAXTTL where nn_symbol_info forgot it, tried on a throw-away socket."""
        listed = self.named("SOCKET_OPTION")
        if not self.functions.before_1_1 or any(s.value == MAXTTL for s in listed):
            return
        option = NativeOption("NN_MAXTTL", self.constants["NN_SOL_SOCKET"], MAXTTL, "int")
        number = self.functions.nn_socket(self.constants["AF_SP"], self.constants["NN_PAIR"])
        if number < 0:
            return
        try:
            self.get_option(number, option)
        except NativeError:
            return
        finally:
            self.functions.nn_close(number)
        yield option

    def check(self, result: int) -> int:
        """The result of a call of the library.

        Raises:
            NativeError: it was negative.
        """
        if result < 0:
            raise NativeError(self.functions.nn_errno())
        return result

    def text(self, code: int) -> str:
        """The library's words for an error number."""
        return str(ffi.string(self.functions.nn_strerror(code)).decode(errors="replace"))

    def get_option(self, number: int, option: NativeOption) -> int | str:
        """An option of socket `number` (nn_getsockopt)."""
        if option.type == "str":
            room = 256
            text = ffi.new("char[]", room + 1)
            size = ffi.new("size_t *", room)
            self.check(
                self.functions.nn_getsockopt(number, option.level, option.number, text, size)
            )
            return bytes(ffi.buffer(text, min(size[0], room))).decode(errors="replace")
        value = ffi.new("int *")
        size = ffi.new("size_t *", ffi.sizeof("int"))
        self.check(self.functions.nn_getsockopt(number, option.level, option.number, value, size))
        return int(value[0])

    def set_option(self, number: int, option: NativeOption, value: int | bytes) -> None:
        """Set an option of socket `number` (nn_setsockopt)."""
        if isinstance(value, bytes):
            data, size = ffi.from_buffer(value), len(value)
        else:
            data, size = ffi.new("int *", value), ffi.sizeof("int")
        self.check(self.functions.nn_setsockopt(number, option.level, option.number, data, size))
