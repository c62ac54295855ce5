"""Which Modbus requests fetch a set of fields: whole fields, within the family's limits.

Pure. A value of several words is never split between requests, so it is never torn.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.model import Register, Table
from agent.profiles.schema import Field, Limits, Words, WordType

_WORTH_CROSSING = 12
"""Words that cost a line no more than a second request and its answer: 13 bytes of frames,
two silences of 3.5 characters, and the 5 ms that a quick device takes to answer."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One request: ``count`` words of ``table`` from ``address`` on."""

    table: Table
    address: int
    count: int

    @property
    def end(self) -> int:
        """The first address after the span."""
        return self.address + self.count

    @property
    def registers(self) -> tuple[Register, ...]:
        """Every register of the span."""
        return _registers(self.table, self.address, self.count)


# The same few spans are read of every unit of a family at every pass.
@lru_cache(maxsize=256)
def _registers(table: Table, address: int, count: int) -> tuple[Register, ...]:
    return tuple(Register(table, at) for at in range(address, address + count))


def plan(
    places: Iterable[Words], limits: Limits, *, refused: Collection[Register] = ()
) -> tuple[Span, ...]:
    """Cover ``places`` with as few requests as the limits allow, in address order.

    A place with a register in ``refused`` is left out, and no request crosses one. Unused
    registers are read only between used ones, at most ``limits.max_gap`` in a row, or more
    where all are documented and reading them is shorter than asking twice.
    """
    wanted = {
        (place.register.table, place.register.address, place.count)
        for place in places
        if not any(register in refused for register in place.registers)
    }
    spans: list[Span] = []
    for table, address, count in sorted(wanted):
        last = spans[-1] if spans else None
        if last is not None and last.table is table and _joins(last, address, limits, refused):
            joined = Span(table, last.address, max(last.end, address + count) - last.address)
            if joined.count <= limits.max_words:
                spans[-1] = joined
                continue
        spans.append(Span(table, address, count))
    return tuple(spans)


def _joins(last: Span, address: int, limits: Limits, refused: Collection[Register]) -> bool:
    gap = range(last.end, address)
    known = last.table is Table.HOLDING and len(gap) <= _WORTH_CROSSING
    if len(gap) > limits.max_gap and not (known and limits.documented.issuperset(gap)):
        return False
    return not any(Register(last.table, hole) in refused for hole in gap)


def singles(places: Sequence[Words], span: Span) -> tuple[Span, ...]:
    """Split a refused request into one for each place in it, to find the refused ones."""
    inside = {
        Span(place.register.table, place.register.address, place.count)
        for place in places
        if place.register.table is span.table
        and span.address <= place.register.address
        and place.register.address + place.count <= span.end
    }
    return tuple(sorted(inside))


def blocks(
    fields: Iterable[Field], limits: Limits, refused: Collection[Register] = ()
) -> tuple[Words, ...]:
    """Give the places that ``fields`` need, a value and its scale factor as one place.

    Where no request within the limits holds both, or it would cross a refused register,
    they stay two places; ``apart`` names the scale factors of those.
    """
    found: list[Words] = []
    for field in fields:
        joined = _joined(field, limits, refused)
        places = [place for place in field.places if isinstance(place, Words)]
        found += places if joined is None else [joined, *places[1:]]
    return tuple(dict.fromkeys(found))


def apart(
    fields: Iterable[Field], limits: Limits, refused: Collection[Register] = ()
) -> tuple[Words, ...]:
    """Name the scale factors that are not read in one request with every value they scale."""
    found = [
        field.scale_from.where
        for field in fields
        if field.scale_from is not None and _joined(field, limits, refused) is None
    ]
    return tuple(dict.fromkeys(place for place in found if isinstance(place, Words)))


def _joined(field: Field, limits: Limits, refused: Collection[Register]) -> Words | None:
    """Give one place for a value and its scale factor; None where it has none in reach."""
    scale = None if field.scale_from is None else field.scale_from.where
    where = field.where
    if not isinstance(where, Words) or not isinstance(scale, Words):
        return None
    if scale.register.table is not where.register.table:
        return None
    first, other = sorted((where, scale), key=lambda place: place.register.address)
    count = max(other.register.address + other.count - first.register.address, first.count)
    # Before any register is named: a device may point a scale factor a whole table away.
    if count > limits.max_words:
        return None
    joined = Words(first.register, count, WordType.TEXT)
    return None if any(register in refused for register in joined.registers) else joined
