"""A profile's fields and the raw words or varbinds of one pass to one sample. Pure.

Sentinels are compared before scaling, ranges after it. Whatever is not a usable value
becomes a fault with its reason; nothing becomes 0.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.decode import varbinds, words
from agent.decode.derived import derive
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


_Outcome = tuple[str | None, str, RawValue | _Rejected]
"""Index, source, and the raw value or why there is none."""


def decode(unit: str, fields: Iterable[Field], raw: Raw, *, series: int | None = None) -> Sample:
    """Decode ``fields`` from ``raw``.

    Fields whose registers or objects are in ``raw.refused`` give a ``refused`` fault; those
    neither read nor refused give ``missing``; a column without rows does so once, without an
    index. ``series`` drops cells beyond that number:
    slots of the map that this battery does not use. Of several fields with one quantity
    and index the lowest rank with a value wins; the others' faults are then left out.
    """
    chosen: dict[tuple[str, str | None], tuple[int, Reading | Fault]] = {}
    for field in fields:
        for index, source, outcome in _outcomes(field, raw):
            if series is not None and _beyond(field, index, series):
                continue
            result = _result(field, index, source, outcome, raw.mono_s)
            key = (field.quantity, index)
            held = chosen.get(key)
            if held is None or _better(field.rank, result, *held):
                chosen[key] = (field.rank, result)
    results = [result for _, result in chosen.values()]
    readings = [result for result in results if isinstance(result, Reading)]
    return Sample(
        unit=unit,
        wall_s=raw.wall_s,
        mono_s=raw.mono_s,
        readings=(*readings, *derive(readings)),
        faults=tuple(result for result in results if isinstance(result, Fault)),
    )


def _better(rank: int, result: Reading | Fault, held_rank: int, held: Reading | Fault) -> bool:
    if isinstance(result, Reading) != isinstance(held, Reading):
        return isinstance(result, Reading)
    return rank < held_rank


def _beyond(field: Field, index: str | None, series: int) -> bool:
    if not field.quantity.startswith("cell_") or index is None or not index.isdecimal():
        return False
    return int(index) > series


def _outcomes(field: Field, raw: Raw) -> Iterator[_Outcome]:
    if isinstance(field.where, Words):
        yield field.index, str(field.where), _from_words(field.where, raw)
    elif field.where.column:
        yield from _from_column(field, field.where, raw)
    else:
        yield field.index, str(field.where), _from_object(field.where, field.where.oid, raw)


def _from_words(where: Words, raw: Raw) -> RawValue | _Rejected:
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
        return varbinds.raw_value(where.type, varbind)
    except ValueError as error:
        return _Rejected(FaultReason.UNDECODABLE, f"{varbind.value!r:.80} ({error})")


def _unread(oid: Oid, raw: Raw) -> _Rejected:
    return _Rejected(FaultReason.REFUSED if oid in raw.refused else FaultReason.MISSING, "")


def _from_column(field: Field, where: Object, raw: Raw) -> Iterator[_Outcome]:
    depth = len(where.oid)
    rows = sorted(oid for oid in raw.varbinds if len(oid) > depth and oid[:depth] == where.oid)
    if not rows:
        yield None, str(where), _unread(where.oid, raw)
    for oid in rows[:_MAX_ROWS]:
        index = field.index
        for position, part in enumerate(oid[depth:], start=1):
            index = (index or "").replace(f"{{{position}}}", str(part))
        yield index, ".".join(map(str, oid)), _from_object(where, oid, raw)


def _result(
    field: Field, index: str | None, source: str, outcome: RawValue | _Rejected, read_at: float
) -> Reading | Fault:
    if isinstance(outcome, _Rejected):
        rejected = outcome
    else:
        value = _value(field, outcome)
        if not isinstance(value, _Rejected):
            text = str(outcome) if field.states else None
            return Reading(field.quantity, index, value, read_at, source, text)
        rejected = value
    return Fault(field.quantity, index, rejected.reason, rejected.raw, source)


def _value(field: Field, raw: RawValue) -> Value | _Rejected:
    """Turn a raw value into the quantity's value, or say why it cannot be one."""
    if raw in field.absent:
        return _Rejected(FaultReason.SENTINEL, str(raw))
    kind = QUANTITIES[field.quantity].kind
    if field.states:
        named = dict(field.states).get(raw) if not isinstance(raw, float) else None
        return _Rejected(FaultReason.UNDECODABLE, str(raw)) if named is None else named
    if kind is Kind.FLAG:
        return bool(raw)
    if kind is Kind.TEXT:
        return str(raw) if raw != "" else _Rejected(FaultReason.SENTINEL, "")
    if isinstance(raw, str):
        reason = FaultReason.SENTINEL if raw == "" else FaultReason.UNDECODABLE
        return _Rejected(reason, raw)
    return _number(field, kind, raw)


def _number(field: Field, kind: Kind, raw: float) -> Value | _Rejected:
    if kind is Kind.TIMESTAMP and raw in _FACTORY_DATES:
        return _Rejected(FaultReason.SENTINEL, str(raw))
    value = _scaled(field, raw)
    quantity = QUANTITIES[field.quantity]
    lowest = quantity.lowest if field.lowest is None else field.lowest
    highest = quantity.highest if field.highest is None else field.highest
    in_range = (lowest is None or value >= lowest) and (highest is None or value <= highest)
    if not math.isfinite(value) or not in_range:
        return _Rejected(FaultReason.IMPLAUSIBLE, str(raw))
    return value


def _scaled(field: Field, raw: float) -> float:
    if isinstance(field.where, Object) and field.where.type is ObjectType.TICKS:
        raw = raw / 100
    # Rounding takes away what binary scaling adds: 3981 * 0.001 is meant to be 3.981.
    return round(raw * field.scale + field.offset, 9)
