"""Serve a recording of one device: what was recorded is answered, the rest refused.

Files are those of ``tests/recordings`` and of ``bbu-agent record``: ``.modbus.yaml`` with
blocks of words, ``.snmprec`` with the objects of an SNMP agent.
"""

import bisect
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from simulators.maps.objects import Item, Syntax
from simulators.wire.line import Line, Reply, Station

Oid = tuple[int, ...]
_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_READ_SIZE = 5
_LAST = 0xFFFF
_SYNTAXES = {
    "2": Syntax.INTEGER,
    "4": Syntax.TEXT,
    "5": Syntax.NULL,
    "6": Syntax.OID,
    "64": Syntax.ADDRESS,
    "65": Syntax.COUNTER,
    "66": Syntax.GAUGE,
    "67": Syntax.TICKS,
    "68": Syntax.OPAQUE,
    "70": Syntax.COUNTER64,
}
_OCTETS = frozenset({Syntax.TEXT, Syntax.OPAQUE, Syntax.ADDRESS})


class RecordingError(Exception):
    """A recording cannot be served. The text says why and where."""


@dataclass(frozen=True, slots=True)
class RecordedRegisters:
    """The registers of a recorded unit, by table name and address."""

    words: Mapping[tuple[str, int], int]
    silent: frozenset[tuple[str, int]] = frozenset()

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """Give ``count`` values from ``address`` on, or None if one was not recorded."""
        try:
            return [self.words[table, place] for place in range(address, address + count)]
        except KeyError:
            return None


@dataclass(slots=True)
class RecordedLine(Line):
    """A line that keeps silent where the recorded unit did."""

    silent: frozenset[tuple[str, int]] = frozenset()

    def ask(self, unit_id: int, request: bytes, since_start_s: float) -> Reply | None:
        """See ``Line.ask``."""
        if len(request) == _READ_SIZE and request[0] in _TABLES:
            address, count = struct.unpack(">HH", request[1:])
            table = _TABLES[request[0]]
            if any((table, place) in self.silent for place in range(address, address + count)):
                return None
        return Line.ask(self, unit_id, request, since_start_s)


def recorded_line(path: Path, unit_id: int) -> RecordedLine:
    """Make a line with the unit of a Modbus recording at ``unit_id``.

    Raises:
        RecordingError: the file is no such recording.
    """
    registers = read_registers(path)
    return RecordedLine({unit_id: Station(registers)}, silent=registers.silent)


def read_registers(path: Path) -> RecordedRegisters:
    """Read a ``.modbus.yaml`` file.

    Raises:
        RecordingError: the file cannot be read or is no such recording.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecordingError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise RecordingError(f"{path}: must map tables to blocks of words")
    silent = document.pop("silent", None) or {}
    words: dict[tuple[str, int], int] = {}
    try:
        for table, blocks in document.items():
            if table not in _TABLES.values():
                raise RecordingError(f"{path}: {table!r} is no table of Modbus")
            for first, block in (blocks or {}).items():
                for n, word in enumerate(_words(block)):
                    _place(words, (str(table), int(first) + n), int(word), path)
        quiet = frozenset((str(table), int(at)) for table, ats in silent.items() for at in ats)
    except (TypeError, ValueError, AttributeError) as error:
        raise RecordingError(f"{path}: {error}") from error
    return RecordedRegisters(words, quiet)


def _words(block: object) -> list[int]:
    if isinstance(block, str):
        data = block.encode("latin-1")
        if len(data) % 2:
            raise ValueError(f"{block!r} does not fill its words")
        return [int.from_bytes(data[n : n + 2]) for n in range(0, len(data), 2)]
    if isinstance(block, list) and all(isinstance(word, int) for word in block):
        return block
    raise ValueError(f"{block!r} is neither a text nor a list of words")


def _place(words: dict[tuple[str, int], int], key: tuple[str, int], word: int, path: Path) -> None:
    if key in words:
        raise RecordingError(f"{path}: {key[0]} {key[1]} is there twice")
    if not 0 <= key[1] <= _LAST or not 0 <= word <= _LAST:
        raise RecordingError(f"{path}: {key[0]} {key[1]}: {word} is no word of a register")
    words[key] = word


class RecordedTree:
    """The objects of a recorded SNMP agent."""

    def __init__(self, items: Mapping[Oid, Item]) -> None:
        self._items = items
        self._order = sorted(items)

    def get(self, oid: Oid) -> Item | None:
        """Give the object at ``oid``, or None where there is none."""
        return self._items.get(oid)

    def after(self, oid: Oid) -> tuple[Oid, Item] | None:
        """Give the first object after ``oid``, or None at the end."""
        place = bisect.bisect_right(self._order, oid)
        if place >= len(self._order):
            return None
        return self._order[place], self._items[self._order[place]]


def read_objects(path: Path) -> RecordedTree:
    """Read an ``.snmprec`` file, in the form that snmpsim takes.

    Raises:
        RecordingError: the file cannot be read or a line is no object.
    """
    items: dict[Oid, Item] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        try:
            oid, tag, text = line.split("|", 2)
            items[tuple(map(int, oid.split(".")))] = _item(tag, text)
        except (ValueError, KeyError) as error:
            raise RecordingError(f"{path}:{number}: {error}") from error
    return RecordedTree(items)


def _item(tag: str, text: str) -> Item:
    syntax = _SYNTAXES[tag.removesuffix("x")]
    if tag.endswith("x"):
        return Item(syntax, bytes.fromhex(text))
    if syntax is Syntax.OID:
        return Item(syntax, tuple(map(int, text.strip(".").split("."))))
    if syntax is Syntax.ADDRESS:
        return Item(syntax, bytes(map(int, text.split("."))))
    if syntax in _OCTETS or syntax is Syntax.NULL:
        return Item(syntax, text.encode())
    return Item(syntax, int(text))
