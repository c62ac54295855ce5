"""Values that follow from others, used only where the device did not send them."""

from collections.abc import Callable, Collection, Iterator, Sequence

from agent.model import Fault, FaultReason, Reading, Value

Formula = Callable[[Value], Value | None]


def _on_battery(output_source: Value) -> bool | None:
    return None if output_source in ("other", "none") else output_source == "battery"


def _testing(result: Value) -> bool:
    return result == "running"


_RULES: tuple[tuple[str, str, Formula], ...] = (
    ("on_battery", "output_source", _on_battery),
    ("self_test_running", "self_test_result", _testing),
)
"""(quantity, what it follows from, how)."""


def derive(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Give what follows from ``readings`` and is not among them."""
    known = {reading.quantity: reading for reading in readings if reading.index is None}
    for quantity, origin, formula in _RULES:
        source = known.get(origin)
        if source is None or quantity in known:
            continue
        value = formula(source.value)
        if value is not None:
            yield Reading(quantity, None, value, source.read_at, f"derived from {source.source}")


_PARTED = ("replace_battery", "battery_fault", "end_of_life")
"""Warnings that a device may raise for a pack, a string or a module of it."""


def whole(readings: Sequence[Reading]) -> tuple[list[Reading], list[Fault]]:
    """Give ``readings`` with what the parts of a battery say said of the whole too.

    Cards are known whose whole is sound while a pack must be replaced
    (centreon-plugins#2218): the part's warning then stands, and the other is counted.
    """
    kept, faults = list(readings), []
    for quantity in _PARTED:
        parts = [row for row in readings if row.quantity == quantity and row.index is not None]
        if not parts:
            continue
        told = next((row for row in parts if row.value is True), parts[0])
        own = [row for row in readings if row.quantity == quantity and row.index is None]
        if own and (told.value is not True or own[0].value is True):
            continue
        for row in own:
            kept.remove(row)
            faults.append(Fault(quantity, None, FaultReason.DISAGREES, str(row.value), row.source))
        source = f"derived from {told.source}"
        kept.append(Reading(quantity, None, told.value, told.read_at, source))
    return kept, faults


def following(places: Collection[tuple[str, str | None]]) -> bool:
    """Say whether anything can follow from readings of these quantities and indices."""
    return any((origin, None) in places for _, origin, _ in _RULES) or any(
        quantity in _PARTED and index is not None for quantity, index in places
    )
