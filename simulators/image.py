"""The registers of one device, filled from its values through its profile's map."""

from collections.abc import Callable, Iterator, Mapping

from agent.profiles.schema import Field, Profile, Words
from simulators.encode import Value, encode

Key = tuple[str, str | None]
"""A quantity and its index."""
Values = Mapping[Key, Value | None]
"""What a device has to say. A key that is missing has no value."""


class RegisterImage:
    """The registers that ``profile`` maps, and no others.

    ``values`` is called when registers are read after ``refresh``; a register outside the
    map does not exist, holes between mapped ones included.
    """

    def __init__(self, profile: Profile, values: Callable[[], Values]) -> None:
        self._fields: list[tuple[Field, Words]] = [
            (field, field.where) for field in profile.fields if isinstance(field.where, Words)
        ]
        self._values = values
        self._words: dict[tuple[str, int], int] = {}
        self._probed = dict(_probed(profile))
        self._stale = True

    def refresh(self) -> None:
        """Fill the registers anew at the next read."""
        self._stale = True

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """Give ``count`` registers of ``table`` ("holding", ...), or None if one does not exist."""
        if self._stale:
            self._fill()
        try:
            return [self._words[table, place] for place in range(address, address + count)]
        except KeyError:
            return None

    def _fill(self) -> None:
        values = self._values()
        words = dict(self._probed)
        for field, where in self._fields:
            table, address = where.register
            for n, word in enumerate(encode(field, values.get((field.quantity, field.index)))):
                key = (str(table), address + n)
                words[key] = words.get(key, 0) | word if where.bit is not None else word
        self._words, self._stale = words, False


def _probed(profile: Profile) -> Iterator[tuple[tuple[str, int], int]]:
    """Give the registers by which the family is recognised: they exist, as 0 where unmapped."""
    for probe in profile.identify.probes:
        if isinstance(probe.where, Words):
            table, address = probe.where.register
            for place in range(address, address + probe.where.count):
                yield (str(table), place), 0
