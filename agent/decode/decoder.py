"""The same fields decoded pass after pass, and nothing worked out twice. Pure.

``sample.decode`` defines what a pass means. What registers and objects mean follows from what
was read of them, or that it was not, and a battery repeats itself: its voltages are some of a
few dozen words, and its flags nearly always the same word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from agent.decode.derived import following
from agent.decode.merge import Merge
from agent.decode.sample import Rows, concluded, results
from agent.model import Fault, Oid, Raw, Reading, Register, Sample, SnmpValue, Value
from agent.profiles.schema import Field, Words

MOST_KNOWN = 256
"""Meanings remembered of one place; with one more all are forgotten. What never comes twice,
such as a count of seconds, then costs no more memory."""
MOST_IN_ALL, _LEAST_KNOWN = 16_384, 8
"""Of all places together, some 600 bytes each, and of one at least: a device that lists its cells
itself has places of its own, and a thousand of them."""
_LONGEST = 256
"""Octets of a value that is remembered."""


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


_Source = Register | Oid
_Held = Mapping[Any, object]
"""What was read, by source."""


@dataclass(slots=True)
class _Place:
    """Neighbouring fields that depend on the same registers or objects, and on nothing else.

    ``sources`` are these; none where a table's rows come into it.
    """

    fields: tuple[Field, ...]
    sources: tuple[_Source, ...]
    series: int | None
    most: int
    known: dict[object, _Meaning] = field(default_factory=dict)

    def meaning(self, raw: Raw, held: _Held, rows: Rows) -> _Meaning:
        """Give what ``raw``, which ``held`` is of, says of the fields."""
        if not self.sources:
            return self._worked_out(raw, rows)
        key: object
        if len(self.sources) == 1 and not raw.refused:
            key = held.get(self.sources[0])
        else:
            key = self._key(raw, held)
        found = self.known.get(key)
        if found is None:
            found = self._worked_out(raw, rows)
            if len(self.known) >= self.most:
                self.known.clear()
            if not _long(key):
                self.known[key] = found
        return found

    def _key(self, raw: Raw, held: _Held) -> tuple[object, ...]:
        key = tuple(map(held.get, self.sources))
        if None in key or (raw.refused and not raw.refused.isdisjoint(self.sources)):
            return tuple([(held.get(source), source in raw.refused) for source in self.sources])
        return key

    def _worked_out(self, raw: Raw, rows: Rows) -> _Meaning:
        found = tuple(
            (row, result if isinstance(result, Fault) else _untimed(result))
            for row in self.fields
            for result in results(row, raw, rows, self.series)
        )
        return _Meaning(
            found,
            tuple(result for _, result in found if isinstance(result, _Told)),
            tuple(result for _, result in found if isinstance(result, Fault)),
        )


def _untimed(row: Reading) -> _Told:
    return _Told(row.quantity, row.index, row.value, row.source, row.text)


def _long(part: object) -> bool:
    """Say whether a key, or a part of one, holds more octets than are worth remembering."""
    if isinstance(part, SnmpValue):
        return isinstance(part.value, bytes) and len(part.value) > _LONGEST
    return isinstance(part, tuple) and any(map(_long, part))


class Decoder:
    """Decodes ``fields`` as ``sample.decode`` does; see there for ``series``."""

    def __init__(self, fields: Sequence[Field], *, series: int | None = None) -> None:
        """Sort the fields by what they depend on."""
        together = [(sources, tuple(rows)) for sources, rows in groupby(fields, key=_sources)]
        most = min(MOST_KNOWN, max(_LEAST_KNOWN, MOST_IN_ALL // max(1, len(together))))
        self._places = tuple(_Place(rows, sources, series, most) for sources, rows in together)
        keys = {(row.quantity, row.index) for row in fields}
        fixed = all(_sources(row) and row.name_from is None for row in fields)
        self._alone = fixed and len(keys) == len(fields) and not following(keys)

    def decode(self, unit: str, raw: Raw) -> Sample:
        """Decode one pass."""
        rows, at_s = Rows(raw), raw.mono_s
        held: _Held = raw.words or raw.varbinds
        meanings = [place.meaning(raw, held, rows) for place in self._places]
        if not self._alone:
            merge = Merge()
            for meaning in meanings:
                for row, result in meaning.results:
                    merge.add(row, result if isinstance(result, Fault) else result.at(at_s))
            return concluded(unit, raw, merge)
        readings = [
            Reading(quantity, part, value, at_s, source, text)
            for meaning in meanings
            for quantity, part, value, source, text in meaning.told
        ]
        faults = [fault for meaning in meanings for fault in meaning.faults]
        return Sample(unit, raw.wall_s, at_s, tuple(readings), tuple(faults))


def _sources(row: Field) -> tuple[_Source, ...]:
    """Give every register or object that decides what ``row`` says; none if it is of a table."""
    found: list[_Source] = []
    for place in row.places:
        if isinstance(place, Words):
            found += place.registers
        elif place.column:
            return ()
        else:
            found.append(place.oid)
    return tuple(dict.fromkeys(found))
