"""The registers of one device, filled from its values through its profile's map."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from agent.profiles.schema import Field, Profile, Words
from simulators.encode import Value, encode
from simulators.steering import Told, settle

Key = tuple[str, str | None]
"""A quantity and its index."""
Values = Mapping[Key, Value | None]
"""What a device has to say. A key that is missing has no value."""
Place = tuple[str, int]
"""A table ("holding", ...) and an address in it."""
_UNSEEN = object()


class _Row(NamedTuple):
    """One field: where it lies as the map says, its value's key, its registers."""

    field: Field
    where: Words
    key: Key
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """What all devices of a family with one firmware have in common.

    ``mixed`` registers are read both whole and bit by bit, the rows ``shared`` say a place
    that another row says too, ``blank`` is what stands where nothing is said.
    """

    fields: tuple[_Row, ...]
    mixed: frozenset[Place]
    shared: frozenset[int]
    told: Mapping[Place, int]
    blank: Mapping[Place, int]


@cache
def _layout(profile: Profile, lacks: frozenset[int]) -> _Layout:
    fields, told = settle(profile.fields)
    rows = tuple(row for row in _rows(fields) if not any(place[1] in lacks for place in row.places))
    whole = {place for row in rows if row.where.bit is None for place in row.places}
    bits = {row.places[0] for row in rows if row.where.bit is not None}
    times = Counter(row.where for row in rows)
    documented = {("holding", at): 0 for at in profile.limits.documented - lacks}
    return _Layout(
        rows,
        frozenset(whole & bits),
        frozenset(n for n, row in enumerate(rows) if times[row.where] > 1),
        {place: word for place, word in _steers(told) if place[1] not in lacks},
        dict(_probed(profile, lacks)) | documented,
    )


def _rows(fields: Iterable[Field]) -> Iterator[_Row]:
    for field in fields:
        where = field.where
        if isinstance(where, Words):
            places = tuple((str(table), address) for table, address in where.registers)
            if where.bit is not None:
                word = where.bit // 16
                places = (places[word if where.low_word_first else -1 - word],)
            yield _Row(field, where, (field.quantity, field.index), places)


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
        values: Callable[[], Values],
        *,
        lacks: frozenset[int] = frozenset(),
        frame: Mapping[Place, int] | None = None,
    ) -> None:
        layout = _layout(profile, lacks)
        self._fields, self._mixed = layout.fields, layout.mixed
        self._shared, self._told = layout.shared, layout.told
        self._values = values
        self._words = {**layout.blank, **(frame or {}), **layout.told}
        self._said: list[object] = [_UNSEEN] * len(self._fields)
        self._stale = True

    def refresh(self) -> None:
        """Fill the registers anew at the next read."""
        self._stale = True

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """Give ``count`` registers of ``table`` ("holding", ...), or None if one does not exist."""
        if self._stale:
            self._fill()
        words = self._words
        try:
            return [words[table, place] for place in range(address, address + count)]
        except KeyError:
            return None

    def _fill(self) -> None:
        """Encode what has changed; most values of most devices do not, from read to read.

        Of quantities that say the same place in other words the first that has a value is held.
        """
        values, said, words = self._values(), self._said, self._words
        told: set[Words] = set()
        for n, (field, where, key, places) in enumerate(self._fields):
            value = values.get(key)
            if value is None and places[0] in self._told:
                continue
            if n in self._shared:
                if where in told:
                    said[n] = _UNSEEN
                    continue
                if value is not None:
                    told.add(where)
            mixed = places[0] in self._mixed
            if said[n] == value and said[n] is not _UNSEEN and not mixed:
                continue
            said[n] = value
            encoded = encode(field, value)
            if where.bit is None:
                words.update(zip(places, encoded, strict=True))
            else:
                kept = 0xFFFF if mixed else ~(1 << where.bit % 16)
                words[places[0]] = words.get(places[0], 0) & kept | encoded[0]
        self._stale = False


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
