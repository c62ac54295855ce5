"""What a device says about its own map: counts, scale factors, units. Chosen, then told. Pure.

Many maps leave to the device how a value is scaled or whether it is there at all. Here these
are settled once, so that every other value is laid out as in a map that fixes them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.profiles.schema import Condition, Field, Object, ScaleFrom, UnitFrom, Words
from agent.profiles.units import Conversion, conversion
from agent.quantities import QUANTITIES

Place = Words | Object
Told = dict[Place, int | str]
"""What a device says at the places that steer others: raw, as a master reads it."""
_TENTHS, _THOUSANDTHS = -1, -3
_FINE = frozenset({"cell_voltage", "highest_cell_voltage", "lowest_cell_voltage"})
_MOST_TRIED = 256


def settle(fields: Iterable[Field]) -> tuple[tuple[Field, ...], Told]:
    """Give ``fields`` as they are under one choice of what steers them, and that choice.

    Left out is what cannot apply together with the fields before it, what asks for a label
    that matches a pattern, and what is called by a name that the device gives.
    """
    every, told = tuple(fields), Told()
    for condition in (condition for field in every for condition in field.when):
        if condition.at_least is not None:
            here = told.get(condition.where, 0)
            told[condition.where] = max(condition.at_least, here if isinstance(here, int) else 0)
    return tuple(_settled(every, told)), told


def _settled(fields: tuple[Field, ...], told: Told) -> Iterator[Field]:
    for field in fields:
        if not field.steered:
            yield field
            continue
        if field.name_from is not None or not all(_holds(part, told) for part in field.when):
            continue
        factor = 1.0 if field.scale_from is None else _factor(field, field.scale_from, told)
        unit = Conversion(1.0, field.offset)
        if field.unit_from is not None:
            found = _unit(field, field.unit_from, told)
            if found is None:
                continue
            unit = found
        yield replace(
            field,
            scale=field.scale * factor * unit.factor,
            offset=unit.offset,
            when=(),
            scale_from=None,
            unit_from=None,
        )


def _holds(condition: Condition, told: Told) -> bool:
    """Say whether a condition holds; what has not been told yet is told so that it does."""
    if condition.matches is not None:
        return condition.or_missing and condition.where not in told
    if condition.where not in told:
        tried = sorted(condition.one_of, key=str) or range(_MOST_TRIED)
        told[condition.where] = next(raw for raw in tried if raw not in condition.none_of)
    raw = told[condition.where]
    return (
        (not condition.one_of or raw in condition.one_of)
        and raw not in condition.none_of
        and (condition.at_least is None or (isinstance(raw, int) and raw >= condition.at_least))
    )


def _factor(field: Field, scale: ScaleFrom, told: Told) -> float:
    if scale.factors:
        raw, _ = scale.factors[0]
        return dict(scale.factors)[told.setdefault(scale.where, raw)]
    power = told.setdefault(scale.where, _THOUSANDTHS if field.quantity in _FINE else _TENTHS)
    return float(10.0 ** int(power))


def _unit(field: Field, unit: UnitFrom, told: Told) -> Conversion | None:
    """Give how the told unit becomes the quantity's; None if it is one of another dimension."""
    wanted = QUANTITIES[field.quantity].unit
    names = dict(unit.units)
    if unit.where not in told:
        fit = (raw for raw, name in names.items() if conversion(name, wanted) is not None)
        told[unit.where] = next(fit, wanted)
    raw = told[unit.where]
    return conversion(names.get(raw, str(raw)), wanted)
