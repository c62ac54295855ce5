"""Notices that the current sensor's gain has changed.

The charger's constant current and the self-test's constant current or constant power are set
by two different regulators, neither of which is the pack's sensor. When both readings move by
the same factor, the sensor has moved.
"""

import math
from dataclasses import dataclass, field

from agent.errors import StoreError
from agent.health.record import GIVEN, fill_what_is_there, number, numbers

_SAME_LEVEL = 0.06
_REFERENCE = 4
_RECENT = 2
_KEPT = 8
_LEAST = 0.008
_AGREE = 0.5
_STEADY = 0.02
_FEWEST = 4
_FLAT = 0.004
_IGNORED = 2
_LONGEST = 64
_CHARGE_FROM_C = 0.05
_LOAD_FROM_C = 0.3


@dataclass(slots=True)
class GainWatch:
    """Plateaus of the current, in amperes, and of a load's power by that current, in watts.

    ``step_a`` is the sensor's resolution.
    ``charges``, ``loads`` and ``powers`` are levels, each [reference, times seen, last means
    ...]; ``plateau`` and ``watts`` the readings of the present ones, power negative as the
    current of a load; ``ratio`` the sensor's gain over its first one, as far as it is believed;
    ``since_s`` when it was first believed.
    """

    capacity_ah: float
    step_a: float = field(default=0.01, metadata=GIVEN)
    charges: list[list[float]] = field(default_factory=list)
    loads: list[list[float]] = field(default_factory=list)
    powers: list[list[float]] = field(default_factory=list)
    plateau: list[float] = field(default_factory=list)
    watts: list[float] = field(default_factory=list)
    ratio: float = field(default=1.0, metadata={"within": (0.5, 2.0)})
    since_s: float = 0.0

    def watch(self, time_s: float, current_a: float, volts: float = math.nan) -> None:
        """Take the next reading of the current, positive when charging, and the pack's voltage."""
        plateau = self.plateau
        steady_a = _STEADY * abs(plateau[0]) + 1.2 * self.step_a if plateau else 0.0
        if plateau and abs(current_a - plateau[0]) > steady_a:
            # A load that moves by itself is a constant power, not a constant current.
            if current_a > 0.0 or abs(current_a) < 0.5 * abs(plateau[0]):
                self._close(time_s)
            self.plateau = plateau = []
        if len(plateau) < (_LONGEST if plateau or self._counts(current_a) else 0):
            plateau.append(current_a)
        self._watch_power(time_s, current_a, volts)

    def _watch_power(self, time_s: float, current_a: float, volts: float) -> None:
        loaded = current_a < -_LOAD_FROM_C * self.capacity_ah
        power_w = current_a * volts
        step_w = 1.2 * self.step_a * abs(volts)
        moved = bool(self.watts) and not (
            abs(power_w - self.watts[0]) <= _STEADY * abs(self.watts[0]) + step_w
        )
        if self.watts and (moved or not loaded):
            watts, self.watts = self.watts, []
            flat = not loaded and self._flat(watts[_IGNORED:], step_w)
            self._level(time_s, self.powers, watts[_IGNORED:] if flat else [])
        # Cells that all read 0 V give no power, and no level to compare others with.
        if loaded and power_w < 0.0 and len(self.watts) < _LONGEST:
            self.watts.append(power_w)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill_what_is_there(self, saved)
        lists = saved if isinstance(saved, dict) else {}
        self.plateau = numbers(lists.get("plateau"))
        self.watts = numbers(lists.get("watts", []))
        for name in ("charges", "loads", "powers"):
            rows = lists.get(name, [])
            if not isinstance(rows, list):
                raise StoreError("the saved levels of the current have another shape")
            setattr(self, name, [_level_of(row) for row in rows])

    def _counts(self, current_a: float) -> bool:
        rate = current_a / self.capacity_ah
        return rate > _CHARGE_FROM_C or rate < -_LOAD_FROM_C

    def _close(self, time_s: float) -> None:
        used, self.plateau = self.plateau[_IGNORED:], []
        # One reading may open a plateau on which nothing flows, and that is no level.
        if not used or not self._counts(sum(used) / len(used)):
            return
        charging = used[0] > 0.0
        if charging or self._flat(used, self.step_a):
            self._level(time_s, self.charges if charging else self.loads, used)

    @staticmethod
    def _flat(used: list[float], step: float) -> bool:
        half = len(used) // 2
        if not half:
            return False
        drift = abs(sum(used[:half]) / half - sum(used[-half:]) / half)
        return drift <= _FLAT * abs(used[0]) + 0.5 * step

    def _level(self, time_s: float, levels: list[list[float]], used: list[float]) -> None:
        """Add the mean of a plateau to the level that it belongs to."""
        if len(used) < _FEWEST:
            return
        mean = sum(used) / len(used)
        near = [lv for lv in levels if abs(mean / lv[0] - 1.0) < _SAME_LEVEL]
        if not near:
            if len(levels) < _KEPT:
                levels.append([mean, 1.0, mean])
            return
        level = near[0]
        level[1] += 1.0
        if level[1] <= _REFERENCE:
            level[0] += (mean - level[0]) / level[1]
        level.append(mean)
        del level[2 : max(len(level) - _RECENT, 2)]
        self._judge(time_s)

    def _judge(self, time_s: float) -> None:
        charge, load = self._moved(self.charges), self._moved(self.loads + self.powers)
        if min(abs(charge), abs(load)) < _LEAST or charge * load <= 0.0:
            return
        if abs(charge - load) > _AGREE * max(abs(charge), abs(load)):
            return
        if self.since_s <= 0.0:
            self.since_s = time_s
        self.ratio = 1.0 + (charge + load) / 2.0

    @staticmethod
    def _moved(levels: list[list[float]]) -> float:
        """By which share the level that is seen most has moved, as far as its last means agree."""
        ready = [lv for lv in levels if lv[1] > _REFERENCE and len(lv) == 2 + _RECENT]
        if not ready:
            return 0.0
        often = max(ready, key=lambda lv: lv[1])
        recent = [value / often[0] - 1.0 for value in often[2:]]
        return min(recent, key=abs) if min(recent) * max(recent) > 0.0 else 0.0


def _level_of(saved: object) -> list[float]:
    """Read one level back: reference, times seen and the last means."""
    row = saved if isinstance(saved, list) else []
    if len(row) not in range(3, 3 + _RECENT) or row[0] == 0:
        raise StoreError("the saved levels of the current have another shape")
    read = [float(number(one)) for one in row]
    if read[1] < 1.0:
        raise StoreError("the saved levels of the current hold one that was never seen")
    return read
