"""Measurements that have stopped moving: a hung converter still answers. Pure.

A coarse value may rest for weeks, so no fixed limit would be right. What counts is a value
that has moved in nearly every hour of a day, as noise makes it, and then not once for
longer than any quiet night explains. Better to miss a frozen value than to hide a true one.
"""

from dataclasses import dataclass, field, replace

from agent.model import Fault, FaultReason, Reading, Sample

_HOUR_S = 3600.0
WATCHED_HOURS = 24
LIVELY_HOURS = 20
"""Of the hours before the last change, how many must have brought a change."""
STILL_S = {
    "battery_voltage": 6 * _HOUR_S,
    "cell_voltage": 6 * _HOUR_S,
    "battery_current": 24 * _HOUR_S,
    "cell_temperature": 24 * _HOUR_S,
    "temperature": 24 * _HOUR_S,
    "ambient_temperature": 24 * _HOUR_S,
}
"""How long a lively value of each quantity must stand still to count as frozen, in seconds.

A judgement of ours: noise of one step in standby moves a voltage many times an hour.
Current has a day, because a charger that ends its float leaves it at a true 0.
"""
_GAP_S = 2 * _HOUR_S
"""A longer silence of the unit starts the watch anew: nothing is known of that time."""
MOST_WATCHED = 4096
"""Values watched of one unit; beyond, the one not read for longest goes. A battery of
hundreds of cells has room, and a device that renumbers its rows costs no more memory."""


@dataclass(slots=True)
class _Watch:
    """One value: when it last moved, and in which of the hours up to then it did (bits)."""

    value: float
    moved_s: float
    hours: int = 1
    began_s: float = 0.0

    def move(self, value: float, now_s: float) -> None:
        """Note a change."""
        passed = int((now_s - self.began_s) // _HOUR_S) - int(
            (self.moved_s - self.began_s) // _HOUR_S
        )
        mask = (1 << WATCHED_HOURS) - 1
        self.hours = (self.hours << min(passed, WATCHED_HOURS) | 1) & mask
        self.value, self.moved_s = value, now_s

    @property
    def lively(self) -> bool:
        """Say whether the value moved in nearly every hour before its last change."""
        return self.hours.bit_count() >= LIVELY_HOURS


@dataclass(slots=True)
class Stillness:
    """Follows the measurements of one unit from sample to sample."""

    _watched: dict[tuple[str, str | None], _Watch] = field(default_factory=dict)
    _last_s: float | None = None

    def judge(self, sample: Sample) -> Sample:
        """Give ``sample`` with what is frozen turned from readings into faults."""
        now_s = sample.mono_s
        if self._last_s is not None and not 0 <= now_s - self._last_s <= _GAP_S:
            self._watched.clear()
        self._last_s = now_s
        frozen = [
            reading
            for reading in sample.readings
            if reading.quantity in STILL_S and self._still(reading, now_s)
        ]
        if not frozen:
            return sample
        held = set(map(id, frozen))
        return replace(
            sample,
            readings=tuple(row for row in sample.readings if id(row) not in held),
            faults=(*sample.faults, *map(_fault, frozen)),
        )

    def _still(self, reading: Reading, now_s: float) -> bool:
        if isinstance(reading.value, str | bool):
            return False
        key = (reading.quantity, reading.index)
        watch = self._watched.pop(key, None)
        if watch is None:
            if len(self._watched) >= MOST_WATCHED:
                del self._watched[next(iter(self._watched))]
            self._watched[key] = _Watch(reading.value, now_s, began_s=now_s)
            return False
        self._watched[key] = watch
        if reading.value != watch.value:
            watch.move(reading.value, now_s)
            return False
        return watch.lively and now_s - watch.moved_s >= STILL_S[reading.quantity]


def _fault(reading: Reading) -> Fault:
    return Fault(
        reading.quantity, reading.index, FaultReason.FROZEN, str(reading.value), reading.source
    )
