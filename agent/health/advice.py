"""Which test would tell most about a unit, when, and what it costs. Pure.

Each test is tried on a copy of the filter: what it would measure is taken as it is expected,
so that only the uncertainty moves. A discharge to the weakest cell's cut-off measures that cell
as far as the drop under its load lets it; shorter ones give resistances, which tell of capacity
as far as the gain is known; one that is long enough shows whether a parallel cell is open.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.health.deep import capacities, is_telling
from agent.health.filter import ModuleFilter
from agent.health.forecast import ahead
from agent.health.foreseen import discharge
from agent.health.record import Site
from agent.health.report import Z90, Estimate, Ride
from agent.health.ride import limit_of
from agent.health.verdict import date
from agent.model import Advice, Trial

Vector = npt.NDArray[np.float64]

SELF_TEST, RATED, FULL = "self-test of 60 s", "discharge at rated power", "discharge to cut-off"
SLOW = "slow discharge to cut-off"
_SLOW_C = 0.5
"""Current over capacity at which the drop under load hides little of a worn cell's knee."""
_SELF_TEST_S = 60.0
_DEFAULT_C = 1.0
_CHARGE_C = 0.2
"""What chargers of standby modules give, over capacity, where none has been seen yet."""
# The noise of a good load step (evidence.py).
_STEP_OWN_SD, _STEP_COMMON_SD = 0.008, 0.02
# A discharge at rated power to its end shows the ride-through itself.
_SEEN_RIDE_SD = 0.02
_WINDOW_DEPTH = 0.012
_WANTED_SD = 0.03
"""Above this, a 90 % interval of ten points, a state of health is worth a test."""
_UNDECIDED = (0.02, 0.98)
_GOOD_SHARE = 0.6
_LEAST_GAIN = 0.25
_AHEAD_DAYS = (90.0, 180.0, 365.0, 730.0)
_DAY_S, _HOUR_S = 86400.0, 3600.0
_GRAIN_S = 10 * _DAY_S


@dataclass(frozen=True, slots=True)
class Case:
    """All that an advice rests on, at unix time ``now_s``.

    ``read`` reads filters of this module, whose sd of a capacity is multiplied by ``narrowed``.
    ``rate_c`` is the current at rated power over capacity (1/h), ``charge_c`` the charger's;
    ``missing`` the charge that misses from full, over capacity. ``model_sd`` is what the
    simulation of a ride is off by, and ``own_curve`` that the curve is the cells' own;
    ``celsius`` is how warm the ``cells`` are, by name, and ``weakest`` the place of the one that
    may hold the least; ``shorted`` names a cell that may have an inner short.
    """

    now_s: float
    state: ModuleFilter
    read: Callable[[ModuleFilter], Estimate]
    narrowed: float
    estimate: Estimate
    ride: Ride | None
    site: Site
    required_s: float
    rate_c: float
    charge_c: float
    missing: float
    model_sd: float
    own_curve: bool
    capacity_ah: float
    celsius: float
    cells: tuple[str, ...]
    weakest: int
    shorted: str | None = None


def advise(case: Case) -> Advice:
    """Say which test would tell most, and when."""
    soh_sd, ride_sd = _soh_sd(case, case.estimate), _ride_sd(case)
    if case.shorted is not None:
        text = (
            f"no test: cell {case.shorted} may have an inner short, and a deep discharge and the "
            "charge after it can make that worse; replace the unit first"
        )
        return Advice(None, None, soh_sd, ride_sd, (), text)
    trials = tuple(_trial(case, planned) for planned in _planned(case))
    chosen = _best(soh_sd, ride_sd, trials)
    if chosen is None:
        text = (
            f"no test would tell much: the state of health of cell {case.cells[case.weakest]}, "
            f"which may hold the least, is known within {_points(soh_sd)} points (90 %)"
        )
        return Advice(None, None, soh_sd, ride_sd, trials, text)
    due_s = _due_s(case, soh_sd)
    return Advice(
        chosen.test, due_s, soh_sd, ride_sd, trials, _words(case, soh_sd, chosen, trials, due_s)
    )


class _Plan(NamedTuple):
    """A test: how long it takes, and its current over capacity (1/h)."""

    test: str
    seconds: float
    rate_c: float


def _planned(case: Case) -> list[_Plan]:
    """The tests to weigh: the shortest first."""
    full_s = (1.0 - case.missing) / case.rate_c * _HOUR_S
    # A ride that outlasts its simulation says only that it is longer: the charge then tells.
    if case.ride is not None and case.ride.seconds.estimate < limit_of(case.required_s):
        full_s = case.ride.seconds.estimate
    planned = [_Plan(SELF_TEST, min(_SELF_TEST_S, full_s), case.rate_c)]
    if _SELF_TEST_S < case.required_s < full_s:
        planned.append(_Plan(RATED, case.required_s, case.rate_c))
    planned.append(_Plan(FULL, full_s, case.rate_c))
    left = float(case.estimate.holds()[case.weakest]) - case.missing
    if case.rate_c > _SLOW_C and left > 0.0:
        planned.append(_Plan(SLOW, left / _SLOW_C * _HOUR_S, _SLOW_C))
    return planned


def _trial(case: Case, plan: _Plan) -> Trial:
    """Try a test on a copy of the filter."""
    test, seconds, rate_c = plan
    depth = min(rate_c * seconds / _HOUR_S, 1.0 - case.missing)
    after = case.state.copy()
    own = np.full(after.cells, _STEP_OWN_SD)
    for off in (False, True):
        expected = -after.innovation(np.zeros(after.cells), warm=0.0, off=off)[0]
        after.update_resistance(expected, own, common_sd=_STEP_COMMON_SD, warm=0.0, off=off)
    _measure(case, after, plan)
    resolved = depth >= _WINDOW_DEPTH and test != SELF_TEST
    before_sd = _capacity_sd(case, case.estimate, resolved=False)
    after_sd = _capacity_sd(case, case.read(after), resolved=resolved)
    unsure = max(_ride_sd(case) ** 2 - case.model_sd**2, 0.0) * (after_sd / before_sd) ** 2
    ride_sd = _SEEN_RIDE_SD if test == FULL else math.sqrt(case.model_sd**2 + unsure)
    charged_s = depth / case.charge_c * _HOUR_S
    soh = _weakest_soh(case)
    return Trial(test, seconds, depth, soh * after_sd, min(ride_sd, _ride_sd(case)), charged_s)


def _measure(case: Case, state: ModuleFilter, plan: _Plan) -> None:
    """Let the cells show what they hold, as far as the discharge does."""
    change, holds = case.estimate.change, case.estimate.holds()
    # A test to its cut-off ends there, not when we think that it will.
    seconds = math.inf if plan.test in (FULL, SLOW) else plan.seconds
    deep = discharge(
        state,
        holds,
        capacity_ah=case.capacity_ah,
        rate_c=plan.rate_c,
        seconds=seconds,
        missing=case.missing,
        celsius=case.celsius,
    )
    if not is_telling(deep, case.capacity_ah, state.kind.cutoff_v):
        return
    told = capacities(
        deep, state, change, case.capacity_ah, case.celsius, own_curve=case.own_curve
    ).unchanged(change.kept() < 1.0, change)
    if np.any(np.isfinite(told.ln_q)):
        narrow = min(case.narrowed, 1.0)
        state.update_capacity(told.ln_q, told.own_sd / narrow, common_sd=told.common_sd / narrow)


def may_be_weakest(estimate: Estimate) -> int:
    """Give the cell that may hold the least, rather than the one taken for the least."""
    lowest = [estimate.capacity(cell).lower for cell in range(len(estimate.holds()))]
    return int(np.argmin(lowest))


def _weakest_soh(case: Case) -> float:
    return case.estimate.capacity(case.weakest).estimate


def _capacity_sd(case: Case, estimate: Estimate, *, resolved: bool) -> float:
    """Sd of ln capacity of the weakest cell; ``resolved``: it is known if a cell is open."""
    sd = float(estimate.capacity_sd()[case.weakest])
    unsure = 0.0 if resolved else case.estimate.change.unsure(case.weakest)
    return max(math.hypot(sd, unsure), 1e-4)


def _soh_sd(case: Case, estimate: Estimate) -> float:
    return _weakest_soh(case) * _capacity_sd(case, estimate, resolved=False)


def _ride_sd(case: Case) -> float:
    """Sd of the ride-through over itself; the capacity's where no ride is predicted."""
    if case.ride is None:
        return _capacity_sd(case, case.estimate, resolved=False)
    seconds = case.ride.seconds
    return math.log(max(seconds.estimate, 1.0) / max(seconds.lower, 0.5)) / Z90


def _best(soh_sd: float, ride_sd: float, trials: tuple[Trial, ...]) -> Trial | None:
    """The shortest test that tells nearly as much as the one that tells most.

    A test tells by the share of variance that it takes away, of capacity or of ride-through.
    """
    told = [
        max(1.0 - (trial.soh_sd / soh_sd) ** 2, 1.0 - (trial.ride_sd / ride_sd) ** 2)
        for trial in trials
    ]
    most = max(told)
    if most < _LEAST_GAIN:
        return None
    enough = _GOOD_SHARE * most
    return next(trial for trial, share in zip(trials, told, strict=True) if share >= enough)


def _due_s(case: Case, soh_sd: float) -> float:
    """When the test is worth its cost: now if something is undecided, else when it gets vague."""
    low, high = _UNDECIDED
    undecided = case.ride is not None and low < case.ride.probability < high
    opened = case.estimate.change.opened
    open_or_not = bool(np.any((opened > low) & (opened < high)))
    if undecided or open_or_not or soh_sd > _WANTED_SD:
        return case.now_s
    for days in _AHEAD_DAYS:
        if _soh_sd(case, case.read(ahead(case.state, days, case.site))) > _WANTED_SD:
            return case.now_s + days * _DAY_S
    return case.now_s + _AHEAD_DAYS[-1] * _DAY_S


def _points(sd: float) -> str:
    return f"±{Z90 * sd * 100:.1f}"


def _words(
    case: Case, soh_sd: float, chosen: Trial, trials: tuple[Trial, ...], due_s: float
) -> str:
    when = "now" if due_s <= case.now_s else f"by {date(due_s + _GRAIN_S)[:7]}"
    others = ", ".join(
        f"a {one.test} {_points(one.soh_sd)}" for one in trials if one.test != chosen.test
    )
    ride = ""
    if case.ride is not None:
        ride = (
            f", and the unit's time to cut-off within {_percent(_ride_sd(case))}, after it within "
            f"{_percent(chosen.ride_sd)}"
        )
    cell = case.cells[case.weakest]
    return (
        f"a {chosen.test} ({chosen.seconds:.0f} s, {chosen.depth * 100:.0f} % deep) {when} would "
        f"tell most for its cost: of cell {cell}, which may hold the least, the state of health is "
        f"known within {_points(soh_sd)} points (90 %), after it within "
        f"{_points(chosen.soh_sd)}{f' ({others})' if others else ''}{ride}; it costs the unit's "
        f"readiness for about {chosen.recharge_s / _HOUR_S:.1f} h, until it is charged again"
    )


def _percent(sd: float) -> str:
    return f"±{math.expm1(Z90 * sd) * 100:.0f} %"


def rate_c(power_w: float | None, *, cells: int, volts: float, capacity_ah: float) -> float:
    """Current at ``power_w`` over capacity (1/h) with ``cells`` at ``volts`` each."""
    if power_w is None or power_w <= 0.0:
        return _DEFAULT_C
    return power_w / (cells * volts * capacity_ah)


def charge_c(levels: list[list[float]], capacity_ah: float) -> float:
    """The charger's current over capacity: the highest constant one seen, or a usual one."""
    return max([level[0] / capacity_ah for level in levels], default=_CHARGE_C)
