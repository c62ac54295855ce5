"""Checks what comes in: time that jumps, numbers that are none, cells that are missing.

The engine behind it sees finite numbers, one list of cells of the right length, and time
that never runs backwards.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from agent.health.pulses import Point

_MAX_CELL_V = 10.0
_MAX_RATE_C = 200.0
# The ends of most scales, where a torn or a shorted sensor reads: neither is a temperature.
_COLDEST_C, _HOTTEST_C = -40.0, 125.0
# No two places of a module at rest differ by so much.
_ASTRAY_C = 30.0
_TO_COMPARE = 3
_ASSUMED_C = 25.0
_LATEST_S = 4.1e9
# No more ageing than this from one gap: the clock may have jumped.
_LONGEST_GAP_S = 2 * 365.25 * 86400.0
# A clock that stays behind for this long is right, and the future was wrong.
_BELIEVE_PAST_S = 7 * 86400.0
# What comes later than this after the last sample waits for another one that agrees.
_BELIEVE_FUTURE_S = 5 * 86400.0


def is_time(time_s: float) -> bool:
    """Whether ``time_s`` can be unix time: from 1970 (a clock that was reset) to 2100."""
    return 0.0 <= time_s <= _LATEST_S


@dataclass(slots=True)
class Clock:
    """Gives elapsed seconds from times that may jump either way.

    After a jump back no time passes until the old time is reached again, unless the clock
    stays behind for a week. One time that is days ahead is believed when the next is no earlier.
    """

    high_s: float | None = None
    behind_since_s: float | None = None
    last_s: float | None = None
    ahead_s: float | None = None

    def advance(self, time_s: float) -> float:
        """Seconds that have passed since the last call, never negative."""
        back = self.last_s is not None and time_s < self.last_s
        self.last_s = time_s
        if self.high_s is None:
            self.high_s = time_s
            return 0.0
        waited_s, self.ahead_s = self.ahead_s, None
        if time_s - self.high_s > _BELIEVE_FUTURE_S and (waited_s is None or time_s < waited_s):
            self.ahead_s = time_s
            return 0.0
        if time_s >= self.high_s:
            passed = min(time_s - self.high_s, _LONGEST_GAP_S)
            self.high_s, self.behind_since_s = time_s, None
            return passed
        if self.behind_since_s is None or back:
            self.behind_since_s = time_s
        if time_s - self.behind_since_s >= _BELIEVE_PAST_S:
            self.high_s, self.behind_since_s = time_s, None
        return 0.0


def cell_voltages(cells_v: Iterable[float | None], count: int) -> list[float]:
    """Exactly ``count`` voltages, NaN where there is none that can be one."""
    good = [float(v) if v is not None and 0.0 <= v <= _MAX_CELL_V else math.nan for v in cells_v][
        :count
    ]
    # One cell may be at 0 V. That all of them are is an answer of which nothing was filled in.
    if count > 1 and all(v == 0.0 for v in good):
        good = []
    return good + [math.nan] * (count - len(good))


def celsius(value: float | None) -> float:
    """One temperature if it can be one, else NaN."""
    return value if value is not None and _COLDEST_C < value < _HOTTEST_C else math.nan


def temperature(sensors_c: Iterable[float], ambient_c: float | None) -> float | None:
    """Mean of the plausible pack sensors, else of the air around, else None.

    Where there are three readings, the air's among them, one far from their middle is left out.
    """
    good = [t for t in sensors_c if t is not None and _COLDEST_C < t < _HOTTEST_C]
    air_c = celsius(ambient_c)
    if good:
        told = good if math.isnan(air_c) else [*good, air_c]
        if len(told) >= _TO_COMPARE and max(told) - min(told) > _ASTRAY_C:
            middle_c = median(told)
            good = [t for t in good if abs(t - middle_c) <= _ASTRAY_C] or good
        return sum(good) / len(good)
    return None if math.isnan(air_c) else air_c


def current(current_a: float | None, capacity_ah: float) -> float | None:
    """The current if it can be one, in amperes."""
    if current_a is None or not abs(current_a) <= _MAX_RATE_C * capacity_ah:
        return None
    return current_a


def point(time_s: float, current_a: float, cells_v: list[float], celsius: float | None) -> Point:
    """Pack checked values for the step finder; an unknown temperature counts as 25 degC."""
    return Point(time_s, current_a, cells_v, _ASSUMED_C if celsius is None else celsius)
