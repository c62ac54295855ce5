"""What no schema expresses: that the fields of a profile make sense together."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from agent.profiles.document import FieldDocument
from agent.profiles.schema import Field, Object, Protocol, Words, WordType
from agent.quantities import QUANTITIES, Kind, Quantity, Scope

_LAST_ADDRESS = 0xFFFF
_RANGES = {
    WordType.U16: (0, 0xFFFF),
    WordType.S16: (-0x8000, 0x7FFF),
    WordType.U32: (0, 0xFFFFFFFF),
    WordType.S32: (-0x80000000, 0x7FFFFFFF),
    WordType.U64: (0, 2**64 - 1),
    WordType.S64: (-(2**63), 2**63 - 1),
    WordType.SBS_DATE: (0, 0xFFFF),
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
    yield from _index(field, quantity)
    yield from _sentinels(field)
    yield from _states(field, quantity)
    if (field.lowest is None) != (field.highest is None) or (
        field.lowest is not None and field.highest is not None and field.lowest >= field.highest
    ):
        yield "range must rise from low to high"


def _index(field: Field, quantity: Quantity) -> Iterator[str]:
    if quantity.scope in (Scope.CELL, Scope.NAME) and field.index is None:
        yield f"needs an index: {field.quantity} is one of several"
    if quantity.key == "alarm" and field.index is not None and " " in field.index:
        yield "an alarm's name has no spaces"


def _sentinels(field: Field) -> Iterator[str]:
    if isinstance(field.where, Words) and field.where.type in _RANGES:
        low, high = _RANGES[field.where.type]
        for raw in field.absent:
            if not isinstance(raw, int) or not low <= raw <= high:
                yield f"absent value {raw} does not fit {field.where.type}"


def _states(field: Field, quantity: Quantity) -> Iterator[str]:
    names = [name for _, name in field.states]
    if quantity.kind is Kind.STATE:
        if not names:
            yield "a state needs values, from raw to name"
        for name in names:
            if name not in quantity.states:
                yield f"{name!r} is no state of {field.quantity}: {', '.join(quantity.states)}"
    elif quantity.kind is Kind.FLAG:
        if not names and not (isinstance(field.where, Words) and field.where.bit is not None):
            yield "a flag needs values (raw to true or false) or a bit"
        if any(not isinstance(name, bool) for name in names):
            yield "a flag's values are true or false"
    elif names:
        yield "only states and flags have values"


def together(fields: Iterable[Field], protocol: Protocol, max_words: int) -> Iterator[str]:
    """Say what is wrong between fields: overlaps, duplicates, mixed protocols."""
    seen: dict[tuple[str, str | None, int], Field] = {}
    owners: dict[tuple[object, int | None], Field] = {}
    for field in fields:
        key = (field.quantity, field.index, field.rank)
        if key in seen:
            yield f"{label(field)}: is also at {seen[key].where}; give one of them a rank"
        seen.setdefault(key, field)
        if isinstance(field.where, Object) == (protocol is Protocol.MODBUS):
            yield f"{label(field)}: is no place of protocol {protocol}"
        if isinstance(field.where, Words):
            yield from _reach(field, field.where, max_words)
        for place in _places(field):
            other = owners.setdefault(place, field)
            if other is not field:
                yield f"{label(field)}: overlaps {label(other)}"


def _reach(field: Field, where: Words, max_words: int) -> Iterator[str]:
    if where.registers[-1].address > _LAST_ADDRESS:
        yield f"{label(field)}: ends beyond register {_LAST_ADDRESS}"
    if where.count > max_words:
        yield f"{label(field)}: is {where.count} words long, limits.max_words is {max_words}"


def _places(field: Field) -> Iterator[tuple[object, int | None]]:
    if isinstance(field.where, Object):
        # One object may serve two quantities when each reads its own values from it.
        yield ((*field.where.oid, field.quantity), None)
        return
    for register in field.where.registers:
        yield (register, field.where.bit)


def label(field: Field) -> str:
    """Name a field for a message: quantity, index and place."""
    index = "" if field.index is None else f"[{field.index}]"
    return f"field {field.quantity}{index} at {field.where}"
