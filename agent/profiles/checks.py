"""What no schema expresses: that the fields of a profile make sense together."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from agent.model import Table
from agent.profiles import units
from agent.profiles.document import FieldDocument
from agent.profiles.schema import Field, Object, ObjectType, Protocol, Words, WordType
from agent.quantities import QUANTITIES, Kind, Quantity, Scope

_LAST_ADDRESS = 0xFFFF
_BIT_TABLES = (Table.COIL, Table.DISCRETE)
_RANGES = {
    WordType.U16: (0, 0xFFFF),
    WordType.S16: (-0x8000, 0x7FFF),
    WordType.U32: (0, 0xFFFFFFFF),
    WordType.S32: (-0x80000000, 0x7FFFFFFF),
    WordType.U64: (0, 2**64 - 1),
    WordType.S64: (-(2**63), 2**63 - 1),
    WordType.SBS_DATE: (0, 0xFFFF),
    WordType.BCD16: (0, 9999),
    WordType.BCD32: (0, 99_999_999),
}


def entry(document: FieldDocument, field: Field) -> Iterator[str]:
    """Say what is wrong with one field on its own; ``document`` is where it came from."""
    quantity = QUANTITIES.get(field.quantity)
    if quantity is None:
        near = get_close_matches(field.quantity, QUANTITIES, n=1)
        yield "is no quantity" + (f"; did you mean {near[0]}?" if near else "")
        return
    if not document.bits and (document.unit or "") != quantity.unit:
        yield f"unit must be {quantity.unit!r}, the quantity's own, not {document.unit or ''!r}"
    if field.scale == 0:
        yield "scale 0 would make every value alike"
    yield from _index(field, quantity)
    yield from _sentinels(field)
    yield from _units(field, quantity)
    yield from _states(field, quantity)
    if document.range is not None:
        yield from _range(*document.range, quantity)


def _range(lowest: float, highest: float, quantity: Quantity) -> Iterator[str]:
    if lowest >= highest:
        yield "range must rise from low to high"
    if quantity.lowest is None or quantity.highest is None:
        yield f"only numbers have a range, and {quantity.key} is a {quantity.kind}"
    elif lowest < quantity.lowest or highest > quantity.highest:
        yield f"range must lie within the quantity's own, {quantity.lowest} to {quantity.highest}"


def _index(field: Field, quantity: Quantity) -> Iterator[str]:
    if quantity.scope in (Scope.CELL, Scope.NAME) and field.index is None:
        yield f"needs an index: {field.quantity} is one of several"
    if quantity.key == "alarm" and field.index is not None and " " in field.index:
        yield "an alarm's name has no spaces"


def _sentinels(field: Field) -> Iterator[str]:
    kind = field.where.type
    for raw in sorted(field.absent, key=str):
        if kind in (WordType.TEXT, ObjectType.TEXT):
            fits = isinstance(raw, str)
        elif kind in (ObjectType.MEASURE, ObjectType.BITS, ObjectType.OID):
            fits = True
        elif isinstance(kind, WordType) and kind in _RANGES:
            low, high = _RANGES[kind]
            fits = isinstance(raw, int) and low <= raw <= high
        else:
            fits = isinstance(raw, int)
        if not fits:
            yield f"absent value {raw} does not fit {kind}"


def _units(field: Field, quantity: Quantity) -> Iterator[str]:
    if field.unit_from is None:
        return
    for _, unit in field.unit_from.units:
        if not units.known(unit):
            yield f"{unit!r} is no unit that the agent knows"
    if quantity.unit not in units.TARGETS:
        yield f"unit_from has no meaning for {quantity.key}"


def _states(field: Field, quantity: Quantity) -> Iterator[str]:
    names = [name for _, name in field.states]
    if quantity.kind is Kind.STATE:
        if not names:
            yield "a state needs values, from raw to name"
        for name in names:
            if name not in quantity.states:
                yield f"{name!r} is no state of {field.quantity}: {', '.join(quantity.states)}"
    elif quantity.kind is Kind.FLAG:
        if not names and not _two_valued(field):
            yield "a flag needs values (raw to true or false) or a bit"
        if any(not isinstance(name, bool) for name in names):
            yield "a flag's values are true or false"
    elif names:
        yield "only states and flags have values"
    elif isinstance(field.where, Words) and field.where.bit is not None:
        yield "only flags can be bits"


def _two_valued(field: Field) -> bool:
    """Say whether the raw value itself is true or false."""
    of_bits = isinstance(field.where, Words) and field.where.register.table in _BIT_TABLES
    return field.where.bit is not None or field.any_row is not None or of_bits


def together(fields: Iterable[Field], protocol: Protocol, max_words: int) -> Iterator[str]:
    """Say what is wrong between fields: overlaps, duplicates, mixed protocols."""
    seen: dict[tuple[object, ...], Field] = {}
    owners: dict[object, list[Field]] = {}
    for field in fields:
        key = (field.quantity, field.index, field.rank, field.when, field.unit_from)
        if key in seen:
            yield f"{label(field)}: is also at {seen[key].where}; give one of them a rank"
        seen.setdefault(key, field)
        if not all(suits(place, protocol) for place in field.places):
            yield f"{label(field)}: is no place of protocol {protocol}"
        if isinstance(field.where, Words):
            yield from _reach(field, field.where, max_words)
        places = field.where.registers if isinstance(field.where, Words) else (field.where.oid,)
        clashes = [
            other
            for place in places
            for other in owners.setdefault(place, [])
            if not _share(field, other)
        ]
        if clashes:
            yield f"{label(field)}: overlaps {label(clashes[0])}"
        for place in places:
            owners[place].append(field)


def suits(where: Words | Object, protocol: Protocol) -> bool:
    """Say whether a place is one of ``protocol``."""
    return isinstance(where, Words) == (protocol is Protocol.MODBUS)


def _share(one: Field, other: Field) -> bool:
    """Say whether two fields may read one place: different bits, or states of one value."""
    if isinstance(one.where, Words) and isinstance(other.where, Words):
        bits = one.where.bit, other.where.bit
        if None not in bits:
            return bits[0] != bits[1]
        if one.when and other.when and one.rank != other.rank:
            # Which of the two it is depends on another value, as the order of bytes does.
            return True
    if isinstance(one.where, Object) and isinstance(other.where, Object):
        if one.where.bit != other.where.bit or one.any_row != other.any_row:
            return True
        if any(field.when or field.unit_from for field in (one, other)):
            # Which of the two it is depends on another value; both never apply at once.
            return True
        if (one.lowest, one.highest) != (other.lowest, other.highest):
            return True
    alike = one.where == other.where and one.quantity != other.quantity
    return alike and bool(one.states) and bool(other.states)


def _reach(field: Field, where: Words, max_words: int) -> Iterator[str]:
    if where.registers[-1].address > _LAST_ADDRESS:
        yield f"{label(field)}: ends beyond register {_LAST_ADDRESS}"
    if where.count > max_words:
        yield f"{label(field)}: is {where.count} words long, limits.max_words is {max_words}"


def label(field: Field) -> str:
    """Name a field for a message: quantity, index and place."""
    index = "" if field.index is None else f"[{field.index}]"
    return f"field {field.quantity}{index} at {field.where}"
