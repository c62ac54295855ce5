"""A profile's fields and the raw words or varbinds of one pass to one sample. Pure.

Sentinels are compared before scaling, ranges after it. Whatever is not a usable value
becomes a fault with its reason; nothing becomes 0.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.decode import related, varbinds, words
from agent.decode.derived import derive, whole
from agent.decode.measures import measure
from agent.decode.merge import Merge
from agent.decode.related import Steering, Untold
from agent.decode.words import RawValue
from agent.model import Fault, FaultReason, Oid, Raw, Reading, Sample, Value
from agent.profiles.schema import Field, Object, ObjectType, Words
from agent.quantities import QUANTITIES, Kind

_MAX_ROWS = 1000
_FACTORY_DATES = frozenset({0, 946684800, 978307200})
"""1970-01-01, 2000-01-01 and 2001-01-01: what a clock shows that nobody has set."""


@dataclass(frozen=True, slots=True)
class _Rejected:
    """Why a field has no value this time, and the raw value as text."""

    reason: FaultReason
    raw: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was read for a field: once, or for each row of a column (``row`` its index)."""

    index: str | None
    source: str
    got: RawValue | _Rejected
    row: Oid = ()


def decode(unit: str, fields: Iterable[Field], raw: Raw, *, series: int | None = None) -> Sample:
    """Decode ``fields`` from ``raw``.

    Fields whose registers or objects are in ``raw.refused`` give a ``refused`` fault; those
    neither read nor refused give ``missing``; a column without rows does so once, without an
    index. ``series`` drops cells beyond that number:
    slots of the map that this battery does not use. Of several fields with one quantity
    and index the lowest rank with a value wins; the others' faults are then left out, and
    what contradicts it is a ``disagrees`` fault.
    """
    merge, rows = Merge(), Rows(raw)
    for field in fields:
        for result in results(field, raw, rows, series):
            merge.add(field, result)
    return concluded(unit, raw, merge)


class Rows:
    """The rows of the tables of one pass, which is gone through once for all of them."""

    def __init__(self, raw: Raw) -> None:
        """Look at nothing yet: most passes have no tables."""
        self._raw = raw
        self._oids: list[Oid] | None = None

    def below(self, root: Oid) -> list[Oid]:
        """Give the row indices below ``root``, in order."""
        if self._oids is None:
            self._oids = sorted(self._raw.varbinds)
        start, depth = bisect_right(self._oids, root), len(root)
        end = start
        while end < len(self._oids) and self._oids[end][:depth] == root:
            end += 1
        return [oid[depth:] for oid in self._oids[start:end]]


def results(
    field: Field, raw: Raw, rows: Rows, series: int | None = None
) -> Iterator[Reading | Fault]:
    """Give what ``raw`` says of one field, for a column of each of its rows; see ``decode``."""
    for outcome in _outcomes(field, raw, rows):
        if series is not None and _beyond(field, outcome.index, series):
            continue
        result = _steered(field, outcome, raw)
        if result is not None:
            yield result


def concluded(unit: str, raw: Raw, merge: Merge) -> Sample:
    """Make the sample of what ``merge`` holds of all fields."""
    held = list(merge.results())
    told = [result for result in held if isinstance(result, Reading)]
    readings, outvoted = whole(told)
    faults = [result for result in held if isinstance(result, Fault)]
    return Sample(
        unit=unit,
        wall_s=raw.wall_s,
        mono_s=raw.mono_s,
        readings=(*readings, *derive(readings)),
        faults=(*faults, *merge.disagreements(), *outvoted),
    )


def _beyond(field: Field, index: str | None, series: int) -> bool:
    if not field.quantity.startswith("cell_") or index is None or not index.isdecimal():
        return False
    return int(index) > series


def _outcomes(field: Field, raw: Raw, rows: Rows) -> Iterator[_Outcome]:
    where = field.where
    if isinstance(where, Words):
        yield _Outcome(field.index, where.source, _from_words(field, where, raw))
    elif not where.column:
        yield _Outcome(field.index, where.source, _from_object(where, where.oid, raw))
    elif field.any_row is not None:
        yield _any_row(field, where, raw, rows)
    else:
        yield from _from_column(field, where, raw, rows)


def _any_row(field: Field, where: Object, raw: Raw, rows: Rows) -> _Outcome:
    """Look for a value in a column: an empty table that can be read holds none."""
    if where.oid in raw.refused:
        return _Outcome(field.index, where.source, _Rejected(FaultReason.REFUSED, ""))
    found = [related.lookup(where, row, raw) == field.any_row for row in rows.below(where.oid)]
    return _Outcome(field.index, where.source, int(any(found)))


def _from_words(field: Field, where: Words, raw: Raw) -> RawValue | _Rejected:
    word = raw.words.get(where.register)
    if where.bit is not None and word in field.absent:
        # The whole word says "no value"; none of its bits means anything.
        return _Rejected(FaultReason.SENTINEL, str(word))
    try:
        value = words.raw_value(where, raw.words)
    except ValueError as error:
        shown = " ".join(f"{raw.words[register]:04x}" for register in where.registers)
        return _Rejected(FaultReason.UNDECODABLE, f"{shown} ({error})")
    if value is not None:
        return value
    if any(register in raw.refused for register in where.registers):
        return _Rejected(FaultReason.REFUSED, "")
    return _Rejected(FaultReason.MISSING, "")


def _from_object(where: Object, oid: Oid, raw: Raw) -> RawValue | _Rejected:
    varbind = raw.varbinds.get(oid)
    if varbind is None:
        return _unread(oid, raw)
    try:
        return varbinds.raw_value(where.type, varbind, where.bit)
    except ValueError as error:
        return _Rejected(FaultReason.UNDECODABLE, f"{varbind.value!r:.80} ({error})")


def _unread(oid: Oid, raw: Raw) -> _Rejected:
    return _Rejected(FaultReason.REFUSED if oid in raw.refused else FaultReason.MISSING, "")


def _from_column(field: Field, where: Object, raw: Raw, rows: Rows) -> Iterator[_Outcome]:
    found = rows.below(where.oid)
    if not found:
        yield _Outcome(None, where.source, _unread(where.oid, raw))
    shift = 0
    if field.first is not None and found:
        # All columns of the table together, so that a gap in one does not move its cells.
        table = rows.below(where.oid[:-1])
        shift = max(0, field.first - min(row[1] for row in table if len(row) > 1))
    for row in found[:_MAX_ROWS]:
        index = field.index
        for position, part in enumerate(row, start=1):
            number = part + shift if position == 1 else part
            index = (index or "").replace(f"{{{position}}}", str(number)) or None
        oid = where.oid + row
        yield _Outcome(index, ".".join(map(str, oid)), _from_object(where, oid, raw), row)


def _steered(field: Field, outcome: _Outcome, raw: Raw) -> Reading | Fault | None:
    """Decode one outcome by what other values say; None where the field does not apply."""
    steer = related.steering(field, outcome.row, raw)
    if steer is None:
        return None
    if isinstance(steer, Untold) and outcome.got in field.absent:
        return Fault(
            field.quantity, outcome.index, FaultReason.SENTINEL, str(outcome.got), outcome.source
        )
    if isinstance(steer, Untold):
        reason = FaultReason.REFUSED if steer.refused else FaultReason.MISSING
        return Fault(field.quantity, outcome.index, reason, "", steer.source)
    index = outcome.index
    if steer.name is not None and index is not None:
        index = index.replace("{name}", steer.name)
    rejected = outcome.got
    if not isinstance(rejected, _Rejected):
        value = _value(field, rejected, steer)
        if not isinstance(value, _Rejected):
            text = _wording(field, rejected)
            return Reading(field.quantity, index, value, raw.mono_s, outcome.source, text)
        rejected = value
    return Fault(field.quantity, index, rejected.reason, rejected.raw, outcome.source)


def _wording(field: Field, raw: RawValue) -> str | None:
    if not field.states:
        return None
    told = None if isinstance(raw, float) else dict(field.wordings).get(raw)
    return str(raw) if told is None else told


def _value(field: Field, raw: RawValue, steer: Steering) -> Value | _Rejected:
    """Turn a raw value into the quantity's value, or say why it cannot be one."""
    if raw in field.absent or raw == "":
        return _Rejected(FaultReason.SENTINEL, str(raw))
    kind = QUANTITIES[field.quantity].kind
    if field.states:
        named = dict(field.states).get(raw) if not isinstance(raw, float) else None
        return _Rejected(FaultReason.UNDECODABLE, str(raw)) if named is None else named
    if kind in (Kind.FLAG, Kind.TEXT):
        return bool(raw) if kind is Kind.FLAG else str(raw)
    if not isinstance(raw, str):
        return _number(field, kind, raw, steer)
    if field.where.type is ObjectType.MEASURE:
        return _measured(field, kind, raw, steer)
    return _Rejected(FaultReason.UNDECODABLE, raw)


def _measured(field: Field, kind: Kind, raw: str, steer: Steering) -> Value | _Rejected:
    """Decode a text of a number and its unit; the unit it names goes before the profile's."""
    unit = QUANTITIES[field.quantity].unit
    try:
        number, conversion = measure(raw, unit)
    except ValueError as error:
        return _Rejected(FaultReason.UNDECODABLE, f"{raw:.80} ({error})")
    if number in field.absent:
        return _Rejected(FaultReason.SENTINEL, raw)
    if conversion is not None and field.unit_from is None:
        steer = Steering(1.0, conversion)
    result = _number(field, kind, number, steer)
    return _Rejected(result.reason, raw) if isinstance(result, _Rejected) else result


def _number(field: Field, kind: Kind, raw: float, steer: Steering) -> Value | _Rejected:
    if kind is Kind.TIMESTAMP and raw in _FACTORY_DATES:
        return _Rejected(FaultReason.SENTINEL, str(raw))
    value = _scaled(field, raw, steer)
    quantity = QUANTITIES[field.quantity]
    lowest = quantity.lowest if field.lowest is None else field.lowest
    highest = quantity.highest if field.highest is None else field.highest
    in_range = (lowest is None or value >= lowest) and (highest is None or value <= highest)
    if not math.isfinite(value) or not in_range:
        return _Rejected(FaultReason.IMPLAUSIBLE, str(raw))
    return value


def _scaled(field: Field, raw: float, steer: Steering) -> float:
    if isinstance(field.where, Object) and field.where.type is ObjectType.TICKS:
        raw = raw / 100
    factor, offset = steer.conversion
    # Rounding takes away what binary scaling adds: 3981 * 0.001 is meant to be 3.981.
    return round(raw * steer.scale * factor + offset, 9)
