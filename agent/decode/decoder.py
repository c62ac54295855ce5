"""The same fields decoded pass after pass, and nothing worked out twice. Pure.

``sample.decode`` defines what a pass means. What registers mean follows from their words
alone once all of them were read, and a battery repeats itself: its voltages are some of a few
dozen words, and its flags nearly always the same word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from agent.decode.derived import following
from agent.decode.merge import Merge
from agent.decode.sample import concluded, decode, results
from agent.model import Fault, Raw, Reading, Register, Sample, Value
from agent.profiles.schema import Field, Words

MOST_KNOWN = 256
"""Meanings remembered of one place; with one more all are forgotten. What never comes twice,
such as a count of seconds, then costs no more memory."""


class _Told(NamedTuple):
    """A reading without its time."""

    quantity: str
    part: str | None
    value: Value
    source: str
    text: str | None

    def at(self, read_at: float) -> Reading:
        return Reading(self.quantity, self.part, self.value, read_at, self.source, self.text)


class _Meaning(NamedTuple):
    """What each field of a place says; ``told`` and ``faults`` are the same, sorted out."""

    results: tuple[tuple[Field, _Told | Fault], ...]
    told: tuple[_Told, ...]
    faults: tuple[Fault, ...]


_Key = int | None | tuple[int | None, ...]


@dataclass(slots=True)
class _Place:
    """Neighbouring fields that depend on the same registers."""

    fields: tuple[Field, ...]
    registers: tuple[Register, ...]
    series: int | None
    known: dict[_Key, _Meaning] = field(default_factory=dict)

    def meaning(self, raw: Raw) -> _Meaning:
        """Give what ``raw`` says of the fields."""
        key: _Key = None
        if len(self.registers) == 1:
            key = raw.words.get(self.registers[0])
        else:
            words = tuple(map(raw.words.get, self.registers))
            key = None if None in words else words
        if key is None:
            # Missing or refused: the words alone do not tell.
            return self._worked_out(raw)
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            found = self.known[key] = self._worked_out(raw)
        return found

    def _worked_out(self, raw: Raw) -> _Meaning:
        found = tuple(
            (row, result if isinstance(result, Fault) else _untimed(result))
            for row in self.fields
            for result in results(row, raw, self.series)
        )
        return _Meaning(
            found,
            tuple(result for _, result in found if isinstance(result, _Told)),
            tuple(result for _, result in found if isinstance(result, Fault)),
        )


def _untimed(row: Reading) -> _Told:
    return _Told(row.quantity, row.index, row.value, row.source, row.text)


class Decoder:
    """Decodes ``fields`` as ``sample.decode`` does; see there for ``series``."""

    def __init__(self, fields: Sequence[Field], *, series: int | None = None) -> None:
        """Sort the fields by the registers that they depend on."""
        self._places = tuple(
            _Place(tuple(rows), registers, series)
            for registers, rows in groupby(fields, key=_registers)
        )
        keys = {(row.quantity, row.index) for row in fields}
        self._fields, self._series = fields, series
        self._registers = all(place.registers for place in self._places)
        self._alone = len(keys) == len(fields) and not following(keys)

    def decode(self, unit: str, raw: Raw) -> Sample:
        """Decode one pass."""
        if not self._registers:
            return decode(unit, self._fields, raw, series=self._series)
        meanings = [place.meaning(raw) for place in self._places]
        if not self._alone:
            merge = Merge()
            for meaning in meanings:
                for row, result in meaning.results:
                    timed = result if isinstance(result, Fault) else result.at(raw.mono_s)
                    merge.add(row, timed)
            return concluded(unit, raw, merge)
        at_s = raw.mono_s
        readings = [
            Reading(quantity, part, value, at_s, source, text)
            for meaning in meanings
            for quantity, part, value, source, text in meaning.told
        ]
        faults = [fault for meaning in meanings for fault in meaning.faults]
        return Sample(unit, raw.wall_s, at_s, tuple(readings), tuple(faults))


def _registers(row: Field) -> tuple[Register, ...]:
    """Give all registers that decide what ``row`` says; none where other things do too."""
    places = [place for place in row.places if isinstance(place, Words)]
    if len(places) < len(row.places):
        return ()
    return tuple(dict.fromkeys(register for place in places for register in place.registers))
