"""Carries the fade on into the future at the temperature and charge of the past year."""

import numpy as np
import numpy.typing as npt

from agent.health.filter import ModuleFilter
from agent.health.record import Site
from agent.health.report import Z90, Estimate
from agent.model import Interval

Vector = npt.NDArray[np.float64]

_YEAR_DAYS = 365.25
_STEP_DAYS = 30.0
_HORIZON_YEARS = 20.0
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


def end_of_life(state: ModuleFilter, now: Estimate, *, site: Site, now_s: float) -> Interval | None:
    """When the weakest cell comes to ``END_OF_LIFE``, as unix times, or None.

    The lower bound is when the lower 90 % bound of its capacity gets there, the upper when
    the upper bound does. Nothing is said beyond 20 years.
    """
    cut = np.log1p(-now.opened * now.open_share)
    found: list[float | None] = [None, None, None]
    future, days = state.copy(), 0.0
    nothing = np.zeros(state.cells)
    while days <= _HORIZON_YEARS * _YEAR_DAYS and found[2] is None:
        mean = future.ln_capacity() + cut
        weakest = int(np.argmin(mean))
        sd = float(np.sqrt(max(future.capacity_covariance()[weakest, weakest], 0.0)))
        sd *= future.kind.interval_share
        for index, z in enumerate((-Z90, 0.0, Z90)):
            if found[index] is None and mean[weakest] + z * sd <= np.log(END_OF_LIFE):
                found[index] = now_s + days * 86400.0
        future.propagate(
            3.0 * _STEP_DAYS, celsius=site.celsius, soc=site.soc, cycles=0.0, welds=nothing
        )
        days += 3.0 * _STEP_DAYS
    if found[1] is None:
        return None
    last = now_s + _HORIZON_YEARS * _YEAR_DAYS * 86400.0
    lower = found[0] if found[0] is not None else found[1]
    return Interval(found[1], lower, found[2] if found[2] is not None else last)
