"""The SNMP objects of one device, filled from its values through its profile's map. Pure."""

import bisect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from agent.profiles.schema import Field, Object, ObjectType, Profile
from simulators.maps.encode import raw_value
from simulators.maps.image import Values
from simulators.maps.steering import settle

Oid = tuple[int, ...]
_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_DATES = {
    ObjectType.DATE_MDY: "%m/%d/%Y",
    ObjectType.DATE_DMY: "%d/%m/%Y",
    ObjectType.DATE_YMD: "%Y-%m-%d",
    ObjectType.DATE_FREE: "%Y-%m-%d",
}
_OCTETS_OF_BITS = 4


class Syntax(StrEnum):
    """The SMI types that devices of our field use."""

    INTEGER = "integer"
    GAUGE = "gauge"
    TICKS = "ticks"
    TEXT = "text"
    OID = "oid"
    COUNTER = "counter"
    COUNTER64 = "counter64"
    ADDRESS = "address"
    OPAQUE = "opaque"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Item:
    """One object's value."""

    syntax: Syntax
    value: int | str | bytes | Oid


@dataclass(frozen=True, slots=True)
class About:
    """The system group of a device. ``up_s`` gives seconds since its start."""

    description: str
    object_id: Oid
    name: str
    up_s: Callable[[], float]


class ObjectTree:
    """The objects that ``profile`` maps, and the system group.

    ``gauges`` are the quantities that the MIB declares as Gauge32 instead of INTEGER; of
    the mapped objects only those under ``root`` are served. What steers others is told in
    every row that has one of them.
    """

    def __init__(
        self,
        profile: Profile,
        values: Callable[[], Values],
        about: About,
        *,
        gauges: frozenset[str] = frozenset(),
        root: Oid = (1,),
    ) -> None:
        fields, told = settle(profile.fields)
        self._fields = [
            (field, field.where)
            for field in fields
            if isinstance(field.where, Object) and field.where.oid[: len(root)] == root
        ]
        self._told = [
            (where, Item(Syntax.INTEGER if isinstance(raw, int) else Syntax.TEXT, raw))
            for where, raw in told.items()
            if isinstance(where, Object) and where.oid[: len(root)] == root
        ]
        self._values = values
        self._about = about
        self._gauges = gauges
        self._items: dict[Oid, Item] = {}
        self._order: list[Oid] = []
        self._stale = True

    def refresh(self) -> None:
        """Fill the objects anew at the next read."""
        self._stale = True

    def get(self, oid: Oid) -> Item | None:
        """Give the object at ``oid``, or None where there is none."""
        self._fill()
        return self._items.get(oid)

    def after(self, oid: Oid) -> tuple[Oid, Item] | None:
        """Give the first object after ``oid``, or None at the end."""
        self._fill()
        place = bisect.bisect_right(self._order, oid)
        if place >= len(self._order):
            return None
        following = self._order[place]
        return following, self._items[following]

    def _fill(self) -> None:
        if not self._stale:
            return
        items = self._items = dict(self._system())
        values = self._values()
        for field, where in self._fields:
            if where.column:
                for oid, item in self._rows(field, where, values):
                    _put(items, oid, item)
            elif (value := values.get((field.quantity, field.index))) is not None:
                _put(items, where.oid, self._item(field, where.type, value))
        for where, item in self._told:
            rows = self._rows_of(where.oid) if where.column else [()]
            for row in rows:
                items.setdefault(where.oid + row, item)
        self._order, self._stale = sorted(items), False

    def _rows_of(self, column: Oid) -> set[Oid]:
        """Give the rows that the table of ``column`` has."""
        depth = len(column)
        return {oid[depth:] for oid in self._items if oid[: depth - 1] == column[:-1]}

    def _system(self) -> Iterator[tuple[Oid, Item]]:
        about = self._about
        yield (*_SYSTEM, 1, 0), Item(Syntax.TEXT, about.description)
        yield (*_SYSTEM, 2, 0), Item(Syntax.OID, about.object_id)
        yield (*_SYSTEM, 3, 0), Item(Syntax.TICKS, int(about.up_s() * 100))
        yield (*_SYSTEM, 5, 0), Item(Syntax.TEXT, about.name)

    def _rows(self, field: Field, where: Object, values: Values) -> Iterator[tuple[Oid, Item]]:
        if field.any_row is not None:
            # A table of what is wrong: one row while the flag is up, its number free.
            if values.get((field.quantity, field.index)):
                row = sum(where.oid == oid[:-1] for oid in self._items) + 1
                yield (*where.oid, row), _listed(where, str(field.any_row))
            return
        pattern = re.sub(r"\\\{\d\\\}", r"(\\d+)", re.escape(field.index or ""))
        order = [int(number) for number in re.findall(r"\{(\d)\}", field.index or "")]
        for (quantity, index), value in values.items():
            found = re.fullmatch(pattern, index or "") if quantity == field.quantity else None
            if found and not order and value is not None:
                yield (*where.oid, 1), self._item(field, where.type, value)
            elif found and value is not None:
                parts = sorted(zip(order, map(int, found.groups()), strict=True))
                place = (*where.oid, *(number for _, number in parts))
                yield place, self._item(field, where.type, value)

    def _item(self, field: Field, kind: ObjectType, value: float | str) -> Item:
        if kind is ObjectType.TICKS:
            return Item(Syntax.TICKS, min(round(float(value) * 100), 0xFFFFFFFF))
        if kind is ObjectType.BITS:
            bit = 0 if not value or field.where.bit is None else 1 << field.where.bit
            return Item(Syntax.TEXT, bit.to_bytes(_OCTETS_OF_BITS))
        if kind is not ObjectType.NUMBER:
            return Item(Syntax.TEXT, _text(field, kind, value))
        syntax = Syntax.GAUGE if field.quantity in self._gauges else Syntax.INTEGER
        return Item(syntax, raw_value(field, value))


def _text(field: Field, kind: ObjectType, value: float | str) -> str:
    """Give a value as a device that speaks in texts writes it."""
    if kind in _DATES:
        return datetime.fromtimestamp(float(value), UTC).strftime(_DATES[kind])
    if kind is ObjectType.MEASURE:
        return str(raw_value(field, value))
    codes = [code for code, meaning in field.states if meaning == value]
    return str(codes[0] if codes else value)


def _listed(where: Object, row: str) -> Item:
    if where.type is ObjectType.OID:
        return Item(Syntax.OID, tuple(int(part) for part in row.split(".")))
    return (
        Item(Syntax.TEXT, row) if where.type is ObjectType.TEXT else Item(Syntax.INTEGER, int(row))
    )


def _put(items: dict[Oid, Item], oid: Oid, item: Item) -> None:
    """Put an object where it belongs; of values that share one the first says what it is."""
    held = items.get(oid)
    if held is None:
        items[oid] = item
    elif isinstance(held.value, bytes) and isinstance(item.value, bytes):
        bits = int.from_bytes(held.value) | int.from_bytes(item.value)
        items[oid] = Item(Syntax.TEXT, bits.to_bytes(_OCTETS_OF_BITS))
