"""What other values of the device say about a field: whether it applies, scale, unit, name."""

from dataclasses import dataclass
from functools import cache

from agent.decode import varbinds, words
from agent.decode.words import RawValue
from agent.model import Oid, Raw, SnmpKind
from agent.profiles import units
from agent.profiles.schema import Condition, Field, Object, Words
from agent.profiles.units import Conversion
from agent.quantities import QUANTITIES

_LARGEST_POWER = 12


@dataclass(frozen=True, slots=True)
class Steering:
    """How the raw value of a field becomes the quantity's unit. ``name`` is its row's."""

    scale: float
    conversion: Conversion
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Untold:
    """The device does not tell a scale or unit that the value needs. ``source`` is where."""

    source: str
    refused: bool


def lookup(where: Words | Object, row: Oid, raw: Raw) -> RawValue | None:
    """Give the raw value at ``where``, for a column in the row ``row``; None without one."""
    try:
        if isinstance(where, Words):
            return words.raw_value(where, raw.words)
        varbind = raw.varbinds.get(where.oid + row if where.column else where.oid)
        if varbind is None or varbind.kind is SnmpKind.NULL:
            return None
        return varbinds.raw_value(where.type, varbind, where.bit)
    except ValueError:
        return None


def applies(field: Field, row: Oid, raw: Raw) -> bool:
    """Say whether all conditions of ``field`` hold in the row ``row``."""
    return all(_holds(condition, row, raw) for condition in field.when)


def _holds(condition: Condition, row: Oid, raw: Raw) -> bool:
    value = lookup(condition.where, row, raw)
    if value is None:
        return condition.or_missing
    if condition.one_of and value not in condition.one_of:
        return False
    if value in condition.none_of:
        return False
    if condition.at_least is not None and (isinstance(value, str) or value < condition.at_least):
        return False
    return condition.matches is None or condition.matches.search(str(value)) is not None


def steering(field: Field, row: Oid, raw: Raw) -> Steering | Untold | None:
    """Give how to decode ``field`` in the row ``row``; None if it does not apply there."""
    if not field.steered:
        return _fixed(field.scale, field.offset)
    if not applies(field, row, raw):
        return None
    factor = _factor(field, row, raw)
    if isinstance(factor, Untold):
        return factor
    conversion = _conversion(field, row, raw)
    if conversion is None or isinstance(conversion, Untold):
        return conversion
    name = None
    if field.name_from is not None:
        told = lookup(field.name_from, row, raw)
        name = str(told) if told not in (None, "") else ".".join(map(str, row))
    return Steering(field.scale * factor, conversion, name)


@cache
def _fixed(scale: float, offset: float) -> Steering:
    return Steering(scale, Conversion(1.0, offset))


def _factor(field: Field, row: Oid, raw: Raw) -> float | Untold:
    told = field.scale_from
    if told is None:
        return 1.0
    value = lookup(told.where, row, raw)
    factor: float | None = told.missing
    if value is not None and told.factors:
        factor = None if isinstance(value, float) else dict(told.factors).get(value)
    elif isinstance(value, int) and abs(value) <= _LARGEST_POWER:
        factor = 10.0**value
    return _untold(told.where, row, raw) if factor is None else factor


def _conversion(field: Field, row: Oid, raw: Raw) -> Conversion | Untold | None:
    told = field.unit_from
    unit = QUANTITIES[field.quantity].unit
    if told is None:
        return Conversion(1.0, field.offset)
    value = lookup(told.where, row, raw)
    text = told.missing
    if value is not None and value != "":
        named = None if isinstance(value, float) else dict(told.units).get(value)
        text = named if told.units else str(value)
        if text is None:
            return None
    if text is None:
        return _untold(told.where, row, raw)
    return units.conversion(text, unit)


def _untold(where: Words | Object, row: Oid, raw: Raw) -> Untold:
    if isinstance(where, Words):
        refused = any(register in raw.refused for register in where.registers)
        return Untold(str(where), refused)
    place = where.oid + row if where.column else where.oid
    return Untold(".".join(map(str, place)), where.oid in raw.refused)
