"""One answer where several objects or trees of a device tell the same: the preferred wins.

Nothing is averaged. What contradicts the chosen value, beyond what resolution and the time
between two reads explain, is a fault that is counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.model import Fault, FaultReason, Reading, Value
from agent.profiles.schema import Field
from agent.quantities import QUANTITIES, Kind

_RELATIVE = 0.1
"""Part of the larger value that two honest sources may differ by: a load or run time moves
between two requests. A slipped decimal point is ten times that and more."""
_STEPS = 2.0
"""Counts of either source's resolution that they may differ by besides."""
_SOUND = frozenset({"normal", "charging", "floating", "resting", "discharging", "test"})
_UNSOUND = frozenset({"low", "depleted", "fault", "absent"})
_ENDED_WELL = frozenset({"passed"})
_ENDED_BADLY = frozenset({"warning", "failed"})
_WARNINGS = frozenset({"replace_battery", "battery_fault", "end_of_life", "alarm"})
"""Flags of which a set one wins: a tree that lacks the warning does not outvote one that has
it (seen: a fault that only the vendor's tree shows, and one only in the standard's alarms)."""
_OPPOSED = ((_SOUND, _UNSOUND), (_ENDED_WELL, _ENDED_BADLY))


@dataclass(slots=True)
class Merge:
    """Takes results and keeps the best for each quantity and index."""

    _held: dict[tuple[str, str | None], tuple[Field, Reading | Fault]] = field(default_factory=dict)
    _readings: dict[tuple[str, str | None], list[tuple[Field, Reading]]] = field(
        default_factory=dict
    )

    def add(self, row: Field, result: Reading | Fault) -> None:
        """Take one result of the field ``row``."""
        key = (result.quantity, result.index)
        if isinstance(result, Reading):
            self._readings.setdefault(key, []).append((row, result))
        held = self._held.get(key)
        if held is None or _better(row, result, *held):
            self._held[key] = (row, result)

    def results(self) -> Iterable[Reading | Fault]:
        """Give the best of everything, in the order in which the quantities came."""
        return (result for _, result in self._held.values())

    def disagreements(self) -> Iterable[Fault]:
        """Give a fault for each value that contradicts the one that was chosen."""
        for key, rows in self._readings.items():
            chosen_field, chosen = self._held[key]
            for row, reading in rows:
                if reading is chosen or not isinstance(chosen, Reading):
                    continue
                if contradict(chosen_field, chosen.value, row, reading.value):
                    yield Fault(*key, FaultReason.DISAGREES, str(reading.value), reading.source)


def _better(row: Field, result: Reading | Fault, held_row: Field, held: Reading | Fault) -> bool:
    if isinstance(held, Fault):
        return isinstance(result, Reading) or row.rank < held_row.rank
    if isinstance(result, Fault):
        return False
    if row.quantity in _WARNINGS and result.value != held.value:
        return result.value is True
    return row.rank < held_row.rank


def contradict(one_field: Field, one: Value, other_field: Field, other: Value) -> bool:
    """Say whether two values of a quantity cannot both be true."""
    kind = QUANTITIES[one_field.quantity].kind
    if kind is Kind.FLAG or one_field.quantity == "alarms_present":
        return one != other
    if kind is Kind.STATE:
        return any(
            (one in good and other in bad) or (one in bad and other in good)
            for good, bad in _OPPOSED
        )
    if kind is Kind.TEXT or isinstance(one, str) or isinstance(other, str):
        return False
    steps = _STEPS * (abs(one_field.scale) + abs(other_field.scale))
    return abs(one - other) > max(steps, _RELATIVE * max(abs(one), abs(other)))
