"""From the filter's Gaussian to numbers: intervals per cell, ride-through, end of life."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from agent.health.birth import Birth
from agent.health.change import Change
from agent.health.chemistry import CellType
from agent.health.filter import K, ModuleFilter
from agent.health.ride import Cells, limit_of, seconds_to_cutoff
from agent.model import Interval

Vector = npt.NDArray[np.float64]

_STANDARD = NormalDist()
Z90 = 1.645
"""Half-width of a 90 % interval in standard deviations."""
_CAPACITY_FLOOR = 0.006
_GROWTH_FLOOR = 0.03
_FALLEN = 0.03
# A cell that has lost more than cells of one module differ by ages in a way of its own, of which
# nobody knows the gain: what it is ahead by may as well be half or one and a half times that.
_USUAL_SIGMAS, _AHEAD_SHARE = 1.5, 0.5
# What the ride-through model itself is off by, as a share of the time (docs/estimator.md).
_RIDE_SD = 0.03
_RIDE_SD_GUESSED_CURVE = 0.09
_STEEPEST = 0.15
_LN_LIMIT = 5.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of a module's cells at one time, ready to be reported.

    ``ln_capacity`` is ln (Q/rated) with covariance ``spread``; ``ln_growth`` ln (R/R at
    commissioning or when first measured) with sd ``growth_sd``; ``resistance_ohm`` at 10 s and
    25 degC; ``warm_slope`` what ln R grows by per 10 K beyond the thermal law; ``change`` what
    may have become of cells whose resistance has left the module's.
    """

    ln_capacity: Vector
    spread: Vector
    ln_growth: Vector
    growth_sd: Vector
    resistance_ohm: Vector
    change: Change
    warm_slope: float

    def holds(self) -> Vector:
        """State of health of every cell, what may have become of it taken off by expectation."""
        return np.asarray(np.exp(self.ln_capacity) * self.change.kept())

    def capacity_sd(self) -> Vector:
        """Sd of ln (Q/rated), floored."""
        return np.hypot(np.sqrt(np.maximum(np.diag(self.spread), 0.0)), _CAPACITY_FLOOR)

    def capacity(self, cell: int) -> Interval:
        """State of health of one cell, with its 90 % interval."""
        mean, variance = float(self.ln_capacity[cell]), max(float(self.spread[cell, cell]), 0.0)
        sd = math.hypot(math.sqrt(variance), _CAPACITY_FLOOR)
        cases = [(weight, mean + ln) for weight, ln in self.change.cases(cell)]
        middle = math.fsum(weight * _exp(ln) for weight, ln in cases)
        lower, upper = (mixture_quantile(level, cases, sd) for level in (0.05, 0.95))
        return Interval(middle, _exp(lower), _exp(upper))

    def growth(self, cell: int) -> Interval:
        """Resistance growth of one cell, with its 90 % interval."""
        mean, half = float(self.ln_growth[cell]), Z90 * float(self.growth_sd[cell])
        return Interval(_exp(mean), _exp(mean - half), _exp(mean + half))


def _exp(ln: float) -> float:
    """Exponential that stays finite: beyond e^5 a ratio has long lost its meaning."""
    return math.exp(min(max(ln, -_LN_LIMIT), _LN_LIMIT))


def mixture_quantile(level: float, cases: Sequence[tuple[float, float]], sd: float) -> float:
    """Quantile of a mixture of normals of one ``sd``; ``cases`` are weights and means."""
    if len(cases) == 1:
        return cases[0][1] + sd * _STANDARD.inv_cdf(level)
    means = [mean for _, mean in cases]
    low, high = min(means) - 6.0 * sd, max(means) + 6.0 * sd
    for _ in range(40):
        middle = 0.5 * (low + high)
        below = math.fsum(weight * _normal((middle - mean) / sd) for weight, mean in cases)
        low, high = (middle, high) if below < level else (low, middle)
    return 0.5 * (low + high)


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class Ride:
    """Ride-through at one power: seconds with interval, and the chance of the required."""

    power_w: float
    seconds: Interval
    probability: float
    limiting: int


def ride_model_sd(*, measured_curve: bool) -> float:
    """Give what the simulation of a ride is off by, as a share of the time."""
    return _RIDE_SD if measured_curve else _RIDE_SD_GUESSED_CURVE


@dataclass(frozen=True, slots=True)
class Setting:
    """What a ride is simulated with, beside the estimate and the charge.

    ``required_s`` is how long it has to last, ``measured_curve`` says that the open-circuit
    curve is these cells' own.
    """

    kind: CellType
    capacity_ah: float
    required_s: float
    celsius: float
    measured_curve: bool


def rides(
    estimate: Estimate, setting: Setting, *, powers_w: list[float], drawn: Vector
) -> list[Ride]:
    """Simulate the module at each of ``powers_w`` and put intervals on the times.

    ``drawn`` is the charge missing from full per cell, over rated capacity.
    """
    cells = _scenarios(estimate, drawn, setting.celsius)
    seconds, limiting = _simulated(cells, setting, powers_w)
    return [
        _ride(power_w, setting, seconds[n], int(limiting[n, 0]))
        for n, power_w in enumerate(powers_w)
    ]


def rides_in_time(
    estimates: list[Estimate], setting: Setting, *, power_w: float, drawn: list[Vector]
) -> list[Ride]:
    """Simulate one module at ``power_w`` at several times of its life, at once.

    For 21 times that costs twice what one costs. ``drawn`` is for each as in ``rides``.
    """
    times = [_scenarios(*each, setting.celsius) for each in zip(estimates, drawn, strict=True)]
    cells = Cells(
        np.concatenate([one.health for one in times]),
        np.concatenate([one.resistance_ohm for one in times]),
        np.concatenate([one.drawn for one in times]),
        setting.celsius,
        estimates[0].warm_slope,
    )
    seconds, limiting = _simulated(cells, setting, [power_w])
    by_time = seconds[0].reshape(len(times), -1)
    first = limiting[0].reshape(len(times), -1)[:, 0]
    return [
        _ride(power_w, setting, row, int(cell)) for row, cell in zip(by_time, first, strict=True)
    ]


def _simulated(
    cells: Cells, setting: Setting, powers_w: list[float]
) -> tuple[Vector, npt.NDArray[np.intp]]:
    return seconds_to_cutoff(
        cells,
        setting.kind,
        capacity_ah=setting.capacity_ah,
        powers_w=np.array(powers_w),
        limit_s=limit_of(setting.required_s),
    )


def _ride(power_w: float, setting: Setting, seconds: Vector, limiting: int) -> Ride:
    """Put an interval on the first of ``seconds``; the others are where it may be wrong."""
    base = float(seconds[0])
    ln = np.log(np.maximum(seconds, 1.0))
    model_sd = ride_model_sd(measured_curve=setting.measured_curve)
    sd = math.hypot(float(np.sqrt(np.sum((ln[1:] - ln[0]) ** 2))), model_sd)
    lower = base * math.exp(-Z90 * sd)
    upper = base * math.exp(Z90 * sd)
    z = math.log(max(base, 1.0) / max(setting.required_s, 1.0)) / sd
    return Ride(power_w, Interval(base, lower, max(upper, base)), _normal(z), limiting)


def _scenarios(estimate: Estimate, drawn: Vector, celsius: float) -> Cells:
    """The estimate, then one scenario for each direction in which it may be wrong."""
    count = len(estimate.ln_capacity)
    ln_q = np.log(estimate.holds())
    sd = estimate.capacity_sd()
    # Common error of all cells, then the own error of the weakest three.
    common = math.sqrt(max(float(estimate.spread.mean()), 0.0))
    own = np.sqrt(np.maximum(sd**2 - common**2, 0.0))
    capacity, resistance = [ln_q, ln_q - common], [np.zeros(count), np.zeros(count)]
    for cell in np.argsort(ln_q)[:3]:
        moved = ln_q.copy()
        moved[cell] -= own[cell]
        capacity.append(moved)
        resistance.append(np.zeros(count))
    capacity.append(ln_q)
    resistance.append(np.full(count, 0.03))
    ohm = estimate.resistance_ohm * np.exp(np.array(resistance))
    return Cells(
        np.exp(np.array(capacity)),
        ohm,
        np.broadcast_to(drawn, ohm.shape),
        celsius,
        estimate.warm_slope,
    )


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the evidence has told of the cells so far, which the future does not make surer.

    ``covariance`` is that of ln (Q/rated) by now; ``doubt`` what its sd is multiplied by
    (``JumpWatch.doubt``).
    """

    covariance: Vector
    doubt: float

    def doubted(self, spread: Vector) -> Vector:
        """Give the covariance ``spread`` of now or of a time to come, what was learnt doubted."""
        # What the lot knows may leave less than the module's own evidence does.
        variance, own = np.diag(spread), np.maximum(np.diag(self.covariance), 1e-12)
        part = np.sqrt(np.clip(variance / own, 0.0, 1.0))
        beyond = (self.doubt**2 - 1.0) * self.covariance * np.outer(part, part)
        return np.asarray(spread + beyond)


def estimate_of(
    state: ModuleFilter,
    birth: Birth,
    *,
    level: Vector,
    change: Change,
    learnt: Learnt,
) -> Estimate:
    """Read the filter ``state``; ``level`` is r at commissioning of the cells that jumped."""
    growth, growth_sd = birth.growth(state, level)
    # What grows, charge transfer, films or diffusion, answers otherwise to warmth, charge and
    # current than the whole: after a year our simulated NCA cell shows half as much growth again
    # at 80 % of charge and 3 C as at float and 2 C (simulators/battery/polarisation.py).
    doubt = np.hypot(_GROWTH_FLOOR, state.kind.growth_share * growth)
    _, _, rho, r, _ = state.blocks()
    # No ageing lowers a resistance: what is made of this one is worth as little as it is wrong.
    fallen = max(-float(np.median(growth)) - _FALLEN, 0.0)
    loss = state.loss()
    usual = _USUAL_SIGMAS * state.kind.cell_rate_sd * float(np.median(loss))
    ahead = np.maximum(loss - np.median(loss) - usual, 0.0)
    return Estimate(
        ln_capacity=state.ln_capacity(),
        spread=state.kind.interval_share**2 * learnt.doubted(state.capacity_covariance())
        + np.diag((_AHEAD_SHARE * ahead) ** 2)
        + fallen**2,
        ln_growth=growth,
        growth_sd=np.hypot(growth_sd, doubt),
        resistance_ohm=np.exp(state.x[r] + state.x[rho]),
        change=change,
        warm_slope=float(np.clip(state.x[K], -_STEEPEST, _STEEPEST)),
    )
