"""Carries the fade on into the future at the temperature and charge of the past year."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from agent.health.filter import ModuleFilter
from agent.health.record import Site
from agent.model import Interval

Vector = npt.NDArray[np.float64]

_YEAR_DAYS = 365.25
_STEP_DAYS = 30.0
# With quarters in place of halves an end of life moves by 0.03 years at most.
_STEP_YEARS = 0.5
HORIZON_YEARS = 20.0
"""How far ahead an end of life by capacity is looked for."""
END_OF_LIFE = 0.7
"""Weakest capacity over rated at which a standby module is due, ride-through aside."""


def ahead(state: ModuleFilter, days: float, site: Site) -> ModuleFilter:
    """Give a copy of ``state`` after ``days`` at ``site`` without any news."""
    future = state.copy()
    nothing = np.zeros(state.cells)
    left = days
    while left > 0.0:
        step = min(left, 3.0 * _STEP_DAYS)
        future.propagate(step, celsius=site.celsius, soc=site.soc, cycles=0.0, welds=nothing)
        left -= step
    return future


def course(state: ModuleFilter, site: Site) -> Iterator[tuple[float, ModuleFilter]]:
    """Carry ``state`` on at ``site`` without any news, and give it again and again.

    Now and each half of a year up to ``HORIZON_YEARS``, with the years from now. It is one
    filter that moves on: take from it what is wanted of it before the next.
    """
    future, years = state.copy(), 0.0
    nothing = np.zeros(state.cells)
    while years <= HORIZON_YEARS:
        yield years, future
        days = _STEP_YEARS * _YEAR_DAYS
        future.propagate(days, celsius=site.celsius, soc=site.soc, cycles=0.0, welds=nothing)
        years += _STEP_YEARS


def falls_to(points: Sequence[tuple[float, Interval]], limit: float) -> Interval | None:
    """Say at which of the times of ``points`` their values fall to ``limit``.

    ``points`` are rising times with values; between them lies a straight line. The lower end is
    when the lower bound gets there, the upper when the upper bound does, or the last time where
    it does not. None where the estimate does not.
    """
    estimate, lower, upper = (
        _crossing([(time, values[n]) for time, values in points], limit) for n in range(3)
    )
    if estimate is None:
        return None
    last = points[-1][0]
    return Interval(
        estimate, estimate if lower is None else lower, last if upper is None else upper
    )


def _crossing(points: Sequence[tuple[float, float]], limit: float) -> float | None:
    before: tuple[float, float] | None = None
    for time, value in points:
        if value <= limit:
            if before is None:
                return time
            share = (before[1] - limit) / (before[1] - value)
            return before[0] + share * (time - before[0])
        before = time, value
    return None
