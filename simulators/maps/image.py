"""The registers of one device, filled from its values through its profile's map."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, cast

import numpy as np

from agent.profiles.schema import Field, Profile, Words, WordType
from simulators.battery.chemistry import Array
from simulators.maps.encode import Value, encode, encode_column
from simulators.maps.steering import Told, settle

Key = tuple[str, str | None]
"""A quantity and its index."""
Values = Mapping[Key, Value | None]
"""What a device has to say. A key that is missing has no value."""
Columns = Mapping[Key, Value | Array | None]
"""The same, where an index with ``{n}`` stands for all numbers from 1 on, and has an array."""
Place = tuple[str, int]
"""A table ("holding", ...) and an address in it."""
_UNSEEN = object()
_NUMBERED = re.compile(r"(\D*)([1-9]\d*)")
_SHORTEST_COLUMN = 3


class _Row(NamedTuple):
    """One field: where it lies as the map says, its value's key, its registers.

    ``mixed`` registers are read both whole and bit by bit, ``shared`` ones are said by another
    row too, ``told`` ones steer others.
    """

    field: Field
    where: Words
    key: Key
    table: str
    addresses: tuple[int, ...]
    mixed: bool = False
    shared: bool = False
    told: bool = False


class _Column(NamedTuple):
    """Rows that are alike and follow each other, numbered from 1: all cell voltages, say."""

    key: Key
    rows: tuple[_Row, ...]
    first: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """What all devices of a family with one firmware have in common.

    ``blank`` is what stands where nothing is said. ``loose`` are the numbers of the rows that
    are in no column.
    """

    rows: tuple[_Row, ...]
    columns: tuple[_Column, ...]
    loose: tuple[int, ...]
    blank: Mapping[Place, int]
    told: Mapping[Place, int]


@cache
def _layout(profile: Profile, lacks: frozenset[int]) -> _Layout:
    fields, steering = settle(profile.fields)
    told = {place: word for place, word in _steers(steering) if place[1] not in lacks}
    rows = [row for row in _rows(fields) if lacks.isdisjoint(row.addresses)]
    whole = {place for row in rows if row.where.bit is None for place in _places(row)}
    bits = {_places(row)[0] for row in rows if row.where.bit is not None}
    times = Counter(row.where for row in rows)
    marked = tuple(
        row._replace(
            mixed=_places(row)[0] in whole & bits,
            shared=times[row.where] > 1,
            told=_places(row)[0] in told,
        )
        for row in rows
    )
    columns = tuple(_columns(marked))
    within = {column.first + n for column in columns for n in range(len(column.rows))}
    documented = {("holding", at): 0 for at in profile.limits.documented - lacks}
    return _Layout(
        marked,
        columns,
        tuple(n for n in range(len(marked)) if n not in within),
        dict(_probed(profile, lacks)) | documented,
        told,
    )


def _rows(fields: Iterable[Field]) -> Iterator[_Row]:
    for field in fields:
        where = field.where
        if isinstance(where, Words):
            addresses = tuple(register.address for register in where.registers)
            if where.bit is not None:
                word = where.bit // 16
                addresses = (addresses[word if where.low_word_first else -1 - word],)
            key = (field.quantity, field.index)
            yield _Row(field, where, key, str(where.registers[0].table), addresses)


def _places(row: _Row) -> tuple[Place, ...]:
    return tuple((row.table, address) for address in row.addresses)


def _columns(rows: tuple[_Row, ...]) -> Iterator[_Column]:
    """Find the rows that can be encoded in one go."""
    for _, group in groupby(enumerate(rows), lambda pair: _likeness(pair[0], pair[1])):
        members = list(group)
        found = _NUMBERED.fullmatch(members[0][1].field.index or "")
        if found is not None and found[2] == "1" and len(members) >= _SHORTEST_COLUMN:
            key = (members[0][1].field.quantity, found[1] + "{n}")
            yield _Column(key, tuple(row for _, row in members), members[0][0])


def _likeness(at: int, row: _Row) -> object:
    """Give what rows of one column have in common; no two others have the same."""
    field, where = row.field, row.where
    found = _NUMBERED.fullmatch(field.index or "")
    plain = where.type in (WordType.U16, WordType.S16) and where.bit is None and not field.states
    if found is None or not plain or row.mixed or row.shared or row.told:
        return at
    alike = (field.quantity, found[1], row.table, where.type, field.scale, field.offset)
    return alike, row.addresses[0] - int(found[2])


@cache
def _getter(address: int, count: int) -> Callable[[Mapping[int, int]], list[int]]:
    """Give what picks ``count`` registers from ``address`` on; KeyError if one is not there."""
    if count == 1:
        return lambda words: [words[address]]
    pick = itemgetter(*range(address, address + count))
    return lambda words: list(pick(words))


class RegisterImage:
    """The registers that ``profile`` maps, without those that the firmware ``lacks``.

    ``values`` is called when registers are read after ``refresh``; a register outside the
    map does not exist, holes between mapped ones included. Registers by which the family is
    recognised and those that its limits call documented exist, with 0 where the map does not say
    what they hold, and so do those that steer others. ``frame`` holds what a layout adds to
    the map.
    """

    def __init__(
        self,
        profile: Profile,
        values: Callable[[], Columns],
        *,
        lacks: frozenset[int] = frozenset(),
        frame: Mapping[Place, int] | None = None,
    ) -> None:
        self._layout = layout = _layout(profile, lacks)
        self._values = values
        self._words: dict[str, dict[int, int]] = {row.table: {} for row in layout.rows}
        for known in (layout.blank, frame or {}, layout.told):
            for (table, address), word in known.items():
                self._words.setdefault(table, {})[address] = word
        self._said: list[object] = [_UNSEEN] * len(layout.rows)
        self._lengths = [-1] * len(layout.columns)
        self._stale = True

    def refresh(self) -> None:
        """Fill the registers anew at the next read."""
        self._stale = True

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """Give ``count`` registers of ``table`` ("holding", ...), or None if one does not exist."""
        if self._stale:
            self._fill()
        words = self._words.get(table)
        if words is None:
            return None
        try:
            return _getter(address, count)(words)
        except KeyError:
            return None

    def _fill(self) -> None:
        """Encode what has changed; most values of most devices do not, from read to read."""
        held, layout = self._values(), self._layout
        values = cast("Values", held)  # of a key without {n} there is no array
        told: set[Words] = set()
        for n in layout.loose:
            row = layout.rows[n]
            self._tell(n, row, values.get(row.key), told)
        for at, column in enumerate(layout.columns):
            array = held.get(column.key)
            length = 0
            if isinstance(array, np.ndarray):
                length = self._tell_column(column, array)
                if self._lengths[at] == length:
                    continue  # beyond it nothing is said, as before
            if self._lengths[at] != length:
                self._lengths[at] = length
                end = column.first + len(column.rows)
                self._said[column.first : end] = [_UNSEEN] * len(column.rows)
            for n, row in enumerate(column.rows[length:], column.first + length):
                self._tell(n, row, values.get(row.key), told)
        self._stale = False

    def _tell_column(self, column: _Column, array: Array) -> int:
        """Say the values of a column's first rows; give how many those are."""
        first = column.rows[0]
        begin = first.addresses[0]
        words = encode_column(first.field, array[: len(column.rows)])
        self._words[first.table].update(zip(range(begin, begin + len(words)), words, strict=True))
        return len(words)

    def _tell(self, n: int, row: _Row, value: Value | None, told: set[Words]) -> None:
        """Say the value of one row; where rows share a place, the first that has one does."""
        if value is None and row.told:
            return
        said = self._said
        if row.shared:
            if row.where in told:
                said[n] = _UNSEEN
                return
            if value is not None:
                told.add(row.where)
        if said[n] == value and said[n] is not _UNSEEN and not row.mixed:
            return
        said[n] = value
        encoded, words = encode(row.field, value), self._words[row.table]
        bit = row.where.bit
        if bit is None:
            words.update(zip(row.addresses, encoded, strict=True))
        else:
            kept = 0xFFFF if row.mixed else ~(1 << bit % 16)
            address = row.addresses[0]
            words[address] = words.get(address, 0) & kept | encoded[0]


def _steers(told: Told) -> Iterator[tuple[Place, int]]:
    for where, raw in told.items():
        if isinstance(where, Words):
            table, address = where.register
            for n, word in enumerate(encode(Field("", where), raw)):
                yield (str(table), address + n), word


def _probed(profile: Profile, lacks: frozenset[int]) -> Iterator[tuple[Place, int]]:
    for probe in profile.identify.probes:
        if isinstance(probe.where, Words):
            table, address = probe.where.register
            for place in range(address, address + probe.where.count):
                if place not in lacks:
                    yield (str(table), place), 0
