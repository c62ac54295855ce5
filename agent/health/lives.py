"""When a unit's life ends: by capacity, and by the time that it carries its rated power. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.health.filter import ModuleFilter
from agent.health.forecast import END_OF_LIFE, course, falls_to
from agent.health.record import Site
from agent.health.report import Estimate, Ride
from agent.health.verdict import date
from agent.model import Interval

RIDE_YEARS = 10.0
"""How far ahead an end of life by ride-through is looked for."""
_YEAR_S = 365.25 * 86400.0


@dataclass(frozen=True, slots=True)
class Task:
    """What a unit is there for: to last ``required_s`` at rated power.

    ``rides`` gives its ride at that power for each of several estimates.
    """

    required_s: float
    rides: Callable[[list[Estimate]], list[Ride]]


@dataclass(frozen=True, slots=True)
class Lives:
    """Both ends of life as unix times; ``unknown`` says why there is none by ride-through.

    ``rides`` are the foretold rides, seconds to cut-off by unix time.
    """

    by_capacity_s: Interval | None
    by_ride_s: Interval | None
    unknown: str | None
    rides: tuple[tuple[float, Interval], ...] = ()


def lives(
    state: ModuleFilter,
    estimate_of: Callable[[ModuleFilter], Estimate],
    *,
    site: Site,
    now_s: float,
    task: Task | None,
) -> Lives:
    """Look ahead from ``now_s`` at ``site``: one course of the filter serves both ends.

    ``task`` is None where nobody knows what power the unit has to carry.
    """
    held: list[tuple[float, Interval]] = []
    times, estimates = [], []
    for years, future in course(state, site):
        time_s, estimate = now_s + years * _YEAR_S, estimate_of(future)
        held.append((time_s, estimate.capacity(int(np.argmin(estimate.holds())))))
        if task is not None and years <= RIDE_YEARS:
            times.append(time_s)
            estimates.append(estimate)
        if held[-1][1].upper <= END_OF_LIFE and (task is None or years >= RIDE_YEARS):
            break
    by_capacity_s = falls_to(held, END_OF_LIFE)
    if task is None:
        return Lives(by_capacity_s, None, "nobody has told its rated power")
    rides = tuple(zip(times, (ride.seconds for ride in task.rides(estimates)), strict=True))
    by_ride_s = falls_to(rides, task.required_s)
    unknown = _beyond(rides, task.required_s) if by_ride_s is None else None
    return Lives(by_capacity_s, by_ride_s, unknown, rides)


def _beyond(rides: Sequence[tuple[float, Interval]], required_s: float) -> str:
    """Say that no end is in sight, and when it may come at the earliest."""
    text = f"not within {RIDE_YEARS:.0f} years"
    lowest = [(time_s, Interval(ride.lower, ride.lower, ride.lower)) for time_s, ride in rides]
    earliest = falls_to(lowest, required_s)
    if earliest is None:
        return text
    return f"{text}; by its lower 90 % bound in {date(earliest.estimate)[:7]}"
