"""The registers of one device, filled from its values through its profile's map."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from agent.profiles.schema import Field, Profile, Words
from simulators.encode import Value, encode
from simulators.steering import Told, settle

Key = tuple[str, str | None]
"""A quantity and its index."""
Values = Mapping[Key, Value | None]
"""What a device has to say. A key that is missing has no value."""
_UNSEEN = object()


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
        frame: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        self._fields: list[tuple[Field, Words, Key, tuple[tuple[str, int], ...]]] = []
        fields, told = settle(profile.fields)
        for field in fields:
            if isinstance(field.where, Words):
                table, address = field.where.register
                places = tuple((str(table), address + n) for n in range(field.where.count))
                if field.where.bit is not None:
                    word = field.where.bit // 16
                    places = (places[word if field.where.low_word_first else -1 - word],)
                if not any(place[1] in lacks for place in places):
                    self._fields.append((field, field.where, (field.quantity, field.index), places))
        self._mixed = self._of_two_kinds()
        times = Counter(where for _, where, _, _ in self._fields)
        self._shared = {n for n, row in enumerate(self._fields) if times[row[1]] > 1}
        self._values = values
        self._words: dict[tuple[str, int], int] = dict(_probed(profile, lacks))
        self._words |= {("holding", at): 0 for at in profile.limits.documented - lacks}
        self._words |= dict(frame or {})
        self._told = {place: word for place, word in _steers(told) if place[1] not in lacks}
        self._words |= self._told
        self._said: list[object] = [_UNSEEN] * len(self._fields)
        self._stale = True

    def _of_two_kinds(self) -> frozenset[tuple[str, int]]:
        """Give the registers that are read both whole and bit by bit."""
        whole = {
            place for _, where, _, places in self._fields if where.bit is None for place in places
        }
        bits = {places[0] for _, where, _, places in self._fields if where.bit is not None}
        return frozenset(whole & bits)

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


def _steers(told: Told) -> Iterator[tuple[tuple[str, int], int]]:
    for where, raw in told.items():
        if isinstance(where, Words):
            table, address = where.register
            for n, word in enumerate(encode(Field("", where), raw)):
                yield (str(table), address + n), word


def _probed(profile: Profile, lacks: frozenset[int]) -> Iterator[tuple[tuple[str, int], int]]:
    for probe in profile.identify.probes:
        if isinstance(probe.where, Words):
            table, address = probe.where.register
            for place in range(address, address + probe.where.count):
                if place not in lacks:
                    yield (str(table), place), 0
