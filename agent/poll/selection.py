"""What one pass over a unit reads, worked out once for all units of a family.

A fleet of thousands has a handful of families: what the words of one unit meant, the next
one's mean too.
"""

from typing import NamedTuple
from weakref import WeakValueDictionary

from agent.decode.decoder import Decoder
from agent.decode.sample import decode
from agent.model import Sample
from agent.poll.reader import Pass
from agent.poll.vital import counter_fields, glance_fields, vital_fields
from agent.profiles.schema import Cadence, Field, Profile


class Wanted(NamedTuple):
    """What one pass is to read: see ``Turn``. A glance is current and voltage alone."""

    cadences: frozenset[Cadence] = frozenset()
    vital: bool = False
    counted: bool = False
    glance: bool = False


class Selection:
    """The fields of ``profile`` that a pass reads; ``series`` as in ``decode``."""

    def __init__(self, profile: Profile, wanted: Wanted, series: int | None) -> None:
        """Choose the fields."""
        self.fields = _fields(profile, wanted)
        self._decoder = Decoder(self.fields, series=series)
        self._profile = profile
        self._series = series

    def decode(self, unit: str, result: Pass) -> Sample:
        """Decode what a pass brought; it may have ended early."""
        if result.fields is self.fields:
            return self._decoder.decode(unit, result.raw)
        return decode(unit, result.fields, result.raw, series=self._series)


# A selection holds its profile, so that the number stays that of this very profile.
_Key = tuple[int, Wanted, int | None]
_SELECTIONS: WeakValueDictionary[_Key, Selection] = WeakValueDictionary()


def select(profile: Profile, wanted: Wanted, series: int | None) -> Selection:
    """Give the selection: the same one to all units of the family for as long as one holds it."""
    key = (id(profile), wanted, series)
    found = _SELECTIONS.get(key)
    if found is None:
        found = _SELECTIONS[key] = Selection(profile, wanted, series)
    return found


def _fields(profile: Profile, wanted: Wanted) -> tuple[Field, ...]:
    if wanted.glance:
        return glance_fields(profile)
    if wanted.vital:
        return vital_fields(profile)
    fields = tuple(row for row in profile.fields if row.cadence in wanted.cadences)
    if wanted.counted and Cadence.SLOW not in wanted.cadences:
        fields += counter_fields(profile)
    return fields
