"""How long a unit carries its load from now on, with a 90 % interval. Pure.

The cells' capacity is what the health engine believes; their voltage at rest and their
resistance are measured in the outage itself, cell by cell, so that what is not known is
mostly the charge that is left and the shape of the curve towards empty. All charge steps to
empty are worked out at once: a projection costs about a millisecond.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from agent.health.ageing import ZERO_C_K
from agent.health.change import Change
from agent.health.chemistry import CellType
from agent.health.report import Z90, Estimate
from agent.health.ride import AgedCurve
from agent.health.thermal import HOTTEST_K, thermal_factors
from agent.model import Interval

Vector = npt.NDArray[np.float64]

LONGEST_S = 3600.0
"""Longer than this is "at least this"."""
STEPS = 80
_ROUNDS = 3
_BELOW_EMPTY = 0.03
# What one cell's measured resistance may be off its prior by; beyond lies a bad reading.
_RESISTANCE_RANGE = (0.4, 3.0)
_EXTRAPOLATION_SD = 0.10
"""What is not known of how resistance grows towards empty and with time, as a share."""
_LEAST_CHARGE_SD = 0.012
"""What is not known of the charge at the start at best, over the capacity."""
# The voltage at rest: sensor, temperature, hysteresis (some 13 mV either way for LFP) and a
# curve that is another cell's. The device's count: what it calls full, and gains of sensors.
_REST_SD_V = 0.015
_SLOPE_OVER, _LEAST_SLOPE_V = 0.03, 0.05
_FULL_SD, _COUNTED_SD = 0.03, 0.1
_SHAPE_SD = 0.05
"""What the open-circuit curve towards empty may be off by, as a share of the time."""
_DIFFUSION_S, _DIFFUSION_SD_S = 20.0, 10.0
"""Seconds of load by which the surface of a particle is emptier than its mean: R^2/(15 D), the
parabolic profile of Subramanian et al. 2005 (doi 10.1149/1.2032427). Power cells have particles
of some 3 um and a diffusivity of 3e-14 m2/s; what they hold back at the end lasts so long."""
# What a cell sags and falls beyond its neighbours: three times the spread of a lot, and less than
# one open of eight parallel cells gives.
_LEAST_EXTRA, _MOST_EXTRA = 0.12, 1.0
_LEAST_FALL_V, _NOISE_V, _NOISES = 0.02, 0.0015, 4.0
_POLARISED_FROM_S = 1.0
_LEAST_CURRENT_C = 0.1
_OFFSET_V = 0.08


@dataclass(frozen=True, slots=True)
class Standing:
    """What the health engine believes of a unit at rest.

    ``cells`` are the device's names in order; ``drawn`` is the charge missing from full
    over the rated capacity, for each, and ``charge_sd`` what is not known of it, over the
    capacity.
    """

    kind: CellType
    capacity_ah: float
    cells: tuple[str, ...]
    estimate: Estimate
    drawn: Vector
    celsius: float
    charge_sd: float = _LEAST_CHARGE_SD

    def witnessed(self, charge: float | None) -> "Standing":
        """Hold the charge that the voltage at rest shows against the device's own ``charge``.

        Each counts by how well it can know: a voltage on the flat of a curve says little, a
        device that counts charge is the less sure the longer ago it was full.
        """
        health = np.exp(self.estimate.ln_capacity)
        left = 1.0 - self.drawn / health
        middle = float(np.median(left))
        soc, volts = (np.array(column) for column in zip(*self.kind.ocv, strict=True))
        near = np.clip([middle - _SLOPE_OVER, middle + _SLOPE_OVER], 0.0, 1.0)
        ends = np.interp(near, soc, volts)
        slope = max(float(ends[1] - ends[0]) / float(near[1] - near[0]), _LEAST_SLOPE_V)
        by_volts = math.hypot(_LEAST_CHARGE_SD, _REST_SD_V / slope)
        if charge is None or not 0.0 <= charge <= 1.0:
            return replace(self, charge_sd=by_volts)
        # A module is full, by its own word, at the voltage that its charger holds.
        told = charge * float(np.interp(self.kind.float_v, volts, soc))
        by_device = math.hypot(_FULL_SD, _COUNTED_SD * (1.0 - charge))
        share = by_volts**2 / (by_volts**2 + by_device**2)
        left = left + share * (told - middle)
        sd = by_volts * by_device / math.hypot(by_volts, by_device)
        return replace(self, drawn=(1.0 - left) * health, charge_sd=max(sd, _LEAST_CHARGE_SD))


@dataclass(frozen=True, slots=True)
class Present:
    """Where a discharge is now.

    ``power_w`` is positive, and what the battery delivers; ``charge_ah`` what it has since
    the start; ``cells_v`` under load and ``rest_v`` before it, by cell; absent is left out.
    ``early_v`` are the cells some seconds into the load, at the same power.
    """

    power_w: float
    charge_ah: float = 0.0
    elapsed_s: float = 0.0
    cells_v: Mapping[str, float] | None = None
    rest_v: Mapping[str, float] | None = None
    celsius: float | None = None
    early_v: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Projected:
    """The answer: seconds from now, and the cell that ends it."""

    seconds: Interval
    cell: str


def project(standing: Standing, present: Present) -> Projected | None:
    """Give the time to cut-off at constant power; None without a power that counts."""
    series = len(standing.cells)
    full_v = standing.kind.ocv[-1][1] * series
    if present.power_w / full_v < _LEAST_CURRENT_C * standing.capacity_ah:
        return None
    model = _Model(_with_the_open(standing, present), present)
    seconds, limiting = model.seconds()
    base = float(seconds[0])
    ln = np.log(np.maximum(seconds, 1.0))
    sd = math.hypot(float(np.sqrt(np.sum((ln[1:] - ln[0]) ** 2))), _SHAPE_SD)
    lower, upper = base * math.exp(-Z90 * sd), base * math.exp(Z90 * sd)
    return Projected(Interval(base, lower, min(upper, LONGEST_S)), standing.cells[limiting])


def _with_the_open(standing: Standing, present: Present) -> Standing:
    """Take off the capacity of cells that fall faster than their neighbours under one current.

    Where a parallel cell is open the others carry its share: the cell sags more by that share, and
    then all that falls, open-circuit voltage and polarisation, falls faster by it too. A bad
    contact only sags; a cell of less charge only falls. What the engine believes already is not
    taken off twice.
    """
    early_v = _of(present.early_v, standing.cells)
    sagged_v = _of(present.rest_v, standing.cells) - early_v
    fallen_v = early_v - _of(present.cells_v, standing.cells)
    common_v = min(float(np.median(sagged_v)), float(np.median(fallen_v)))
    if not common_v >= _LEAST_FALL_V:
        return standing
    more = np.minimum(sagged_v / np.median(sagged_v), fallen_v / np.median(fallen_v))
    extra = more - 1.0
    seen = extra > max(_LEAST_EXTRA, _NOISES * _NOISE_V / common_v)
    if not seen.any():
        return standing
    estimate = standing.estimate
    believed = np.log(estimate.holds())
    shown = float(np.median(believed)) - np.log1p(np.minimum(extra, _MOST_EXTRA))
    ln_q = np.where(seen, np.minimum(believed, shown), believed)
    left = 1.0 - standing.drawn / np.exp(estimate.ln_capacity)
    changed = replace(estimate, ln_capacity=ln_q, change=Change.none(len(ln_q)))
    return replace(standing, estimate=changed, drawn=(1.0 - left) * np.exp(ln_q))


class _Model:
    """Arrays of (scenario, cell); scenario 0 is the best guess."""

    def __init__(self, standing: Standing, present: Present) -> None:
        self.kind, self.present = standing.kind, present
        self.capacity_ah = standing.capacity_ah
        self.curve = AgedCurve(standing.kind)
        estimate = standing.estimate
        ln_q, growth, charge = _scenarios(estimate, standing.charge_sd)
        self.diffusion_s = np.full(len(ln_q), _DIFFUSION_S)
        self.diffusion_s[-1] += _DIFFUSION_SD_S
        self.health = np.exp(ln_q)
        self.start = standing.drawn + charge * self.health
        self.drawn = self.start + present.charge_ah / standing.capacity_ah
        celsius = standing.celsius if present.celsius is None else present.celsius
        self.kelvin = min(celsius + ZERO_C_K, HOTTEST_K)
        self.warm_slope = estimate.warm_slope
        self.elapsed_s = max(present.elapsed_s, _POLARISED_FROM_S)
        names = standing.cells
        self.offset_v = self._offset(_of(present.rest_v, names))
        prior_ohm = estimate.resistance_ohm * np.ones_like(self.health)
        self.ohm = self._measured(_of(present.cells_v, names), prior_ohm) * np.exp(growth)

    def _offset(self, rest_v: Vector) -> Vector:
        """Volts by which each cell lay off the curve at rest, as far as that is credible."""
        off = rest_v - self.curve(1.0 - self.start / self.health, self.start)
        return np.clip(np.nan_to_num(off), -_OFFSET_V, _OFFSET_V)

    def _factor(self, left: Vector, kelvin: Vector | float, elapsed_s: Vector | float) -> Vector:
        """Resistance over that at 10 s and 25 degC."""
        polarised = 1.0 + self.kind.relaxation * np.log(np.asarray(elapsed_s) / 10.0)
        thermal = thermal_factors(np.asarray(kelvin), self.warm_slope)
        return np.asarray(thermal * self.kind.resistance_at(left) * np.maximum(polarised, 0.3))

    def _measured(self, cells_v: Vector, prior_ohm: Vector) -> Vector:
        """Each cell's resistance as the load shows it, at 10 s and 25 degC."""
        pack_v = float(np.nansum(cells_v))
        seen = np.isfinite(cells_v)
        if not seen.all() or pack_v <= 0.0:
            return prior_ohm
        current_a = self.present.power_w / pack_v
        ocv = self._open(self.drawn, self._ahead(current_a, self.elapsed_s))
        left = 1.0 - self.drawn / self.health
        ohm = (ocv - cells_v) / current_a / self._factor(left, self.kelvin, self.elapsed_s)
        low, high = _RESISTANCE_RANGE
        return np.clip(ohm, low * prior_ohm, high * prior_ohm)

    def _ahead(self, current_a: Vector | float, elapsed_s: Vector | float) -> Vector:
        """Charge over rated by which the surfaces of the particles run ahead of their mean."""
        built = 1.0 - np.exp(-np.asarray(elapsed_s) / _DIFFUSION_S)
        rate = np.asarray(current_a) / self.capacity_ah
        return np.asarray(rate * built * self.diffusion_s / 3600.0)

    def _open(self, drawn: Vector, ahead: Vector) -> Vector:
        """Volts without resistance: those of the surfaces, which are emptier than the cell."""
        drawn = drawn + ahead[..., None]
        return np.asarray(self.curve(1.0 - drawn / self.health, drawn) + self.offset_v)

    def seconds(self) -> tuple[Vector, int]:
        """Seconds to cut-off in each scenario, and the cell that ends the best guess."""
        more = np.linspace(0.0, 1.0, STEPS + 1)[:, None, None]
        # To a little below empty of the fullest cell: the cut-off always lies on the way.
        room = np.max(self.health - self.drawn, axis=1)[None, :, None] + _BELOW_EMPTY
        more = more * np.maximum(room, _BELOW_EMPTY)
        drawn = self.drawn[None] + more
        left = 1.0 - drawn / self.health[None]
        ocv = self._open(drawn, np.zeros(1))
        power_w, heat_j_k = self.present.power_w, self.kind.heat_j_k_ah * self.capacity_ah
        series = ocv.shape[2]
        floor_v = 0.5 * self.kind.cutoff_v * series
        current_a = power_w / np.maximum(ocv.sum(axis=2), floor_v)
        kelvin = np.full_like(ocv, self.kelvin)
        step_ah = np.diff(more[:, :, 0], axis=0) * self.capacity_ah
        time_s = np.zeros_like(current_a)
        volts = ocv
        for _ in range(_ROUNDS):
            mean_a = 0.5 * (current_a[1:] + current_a[:-1])
            step_s = step_ah * 3600.0 / mean_a
            time_s[1:] = np.cumsum(step_s, axis=0)
            factor = self._factor(left, kelvin, self.elapsed_s + time_s[:, :, None])
            drop = current_a[:, :, None] * self.ohm[None] * factor
            ahead = self._ahead(current_a, self.elapsed_s + time_s)
            volts = self._open(drawn, ahead) - drop
            heat = (current_a[:, :, None] * drop)[1:] * step_s[:, :, None] / heat_j_k
            kelvin[1:] = np.minimum(self.kelvin + np.cumsum(heat, axis=0), HOTTEST_K)
            current_a = power_w / np.maximum(volts.sum(axis=2), floor_v)
        return self._crossing(time_s, volts)

    def _crossing(self, time_s: Vector, volts: Vector) -> tuple[Vector, int]:
        margin = volts.min(axis=2) - self.kind.cutoff_v
        below = margin <= 0.0
        first = np.where(below.any(axis=0), below.argmax(axis=0), margin.shape[0] - 1)
        found = np.empty(margin.shape[1])
        for scenario, at in enumerate(first.tolist()):
            if at == 0:
                found[scenario] = 0.0
                continue
            a, b = float(margin[at - 1, scenario]), float(margin[at, scenario])
            part = min(max(a / max(a - b, 1e-9), 0.0), 1.0)
            t0, t1 = float(time_s[at - 1, scenario]), float(time_s[at, scenario])
            found[scenario] = min(t0 + part * (t1 - t0), LONGEST_S)
        return found, int(np.argmin(volts[first[0], 0]))


def _scenarios(estimate: Estimate, charge_sd: float) -> tuple[Vector, Vector, Vector]:
    """Give ln capacity, ln resistance factor and charge error: the best guess, then each doubt."""
    count = len(estimate.ln_capacity)
    ln_q = np.log(estimate.holds())
    sd = estimate.capacity_sd()
    common = math.sqrt(max(float(estimate.spread.mean()), 0.0))
    own = np.sqrt(np.maximum(sd**2 - common**2, 0.0))
    nothing = np.zeros(count)
    rows = [(ln_q, nothing, nothing), (ln_q - common, nothing, nothing)]
    for cell in np.argsort(ln_q)[:3]:
        moved = ln_q.copy()
        moved[cell] -= own[cell]
        rows.append((moved, nothing, nothing))
    rows.append((ln_q, np.full(count, _EXTRAPOLATION_SD), nothing))
    rows.append((ln_q, nothing, np.full(count, charge_sd)))
    # The last doubt, of diffusion, is no matter of these three.
    rows.append((ln_q, nothing, nothing))
    capacity, growth, charge = (np.array(column) for column in zip(*rows, strict=True))
    return capacity, growth, charge


def _of(values: Mapping[str, float] | None, cells: tuple[str, ...]) -> Vector:
    known = values or {}
    return np.array([known.get(cell, math.nan) for cell in cells])
