"""Ride-through: how long the module carries a power before its weakest cell is empty.

All cells carry one current I = P / sum of the cell voltages. Each cell sits at its own
charge, resistance and temperature; its resistance grows with the logarithm of time as the
polarisation does, and falls as the load heats it. The scenario axis carries the estimate
and its disturbed neighbours, so that one run gives the time and its uncertainty.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.health.ageing import ZERO_C_K
from agent.health.chemistry import CellType
from agent.health.thermal import HOTTEST_K, thermal_factors

Vector = npt.NDArray[np.float64]

# Scenarios that are already over run on; they must stay finite.
_MOST_HEATING_K = 5.0
_LEAST_HEALTH = 1e-3
_KNEE_FROM = 0.3
_KNEE_FIT = (0.3, 0.6)
LIMIT_S = 900.0
"""The simulation ends here where no longer time is required: longer is "at least this"."""
_LONGEST_S = 2 * 86400.0
_BEYOND = 2.0
STEP_S = 10.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one module in several scenarios: arrays of (scenario, cell).

    ``resistance_ohm`` is at 10 s and 25 degC; ``drawn`` is the charge missing from full,
    over rated capacity; ``health`` is capacity over rated capacity; ``warm_slope`` is
    what ln R grows by per 10 K beyond the thermal law (learnt from the seasons).
    """

    health: Vector
    resistance_ohm: Vector
    drawn: Vector
    celsius: float
    warm_slope: float = 0.0


class AgedCurve:
    """Open-circuit voltage of a cell that lost lithium, by charge left and charge drawn.

    Calendar ageing takes lithium, not electrode: counted from full, the cathode gives the
    same charge per volt as in a new cell, and only the anode's knee comes earlier. So the
    new curve without its knee is read by the charge drawn, its knee by the charge left.
    """

    def __init__(self, kind: CellType) -> None:
        self.soc = np.array([x for x, _ in kind.ocv])
        self.volts = np.array([y for _, y in kind.ocv])
        low, high = _KNEE_FIT
        ends = np.interp([low, high], self.soc, self.volts)
        straight = ends[0] + (self.soc - low) * (ends[1] - ends[0]) / (high - low)
        self.smooth = np.where(self.soc < _KNEE_FROM, straight, self.volts)
        self.knee = self.volts - self.smooth

    def __call__(self, left: Vector, drawn: Vector) -> Vector:
        """Volts at ``left`` (of the present capacity) and ``drawn`` (of the rated one)."""
        # Below empty the curve goes on steeply down, so that the margin keeps a slope.
        knee = np.interp(left, self.soc, self.knee) + np.minimum(left, 0.0) * 30.0
        return np.asarray(np.interp(1.0 - drawn, self.soc, self.smooth) + knee)


def _resistance(cells: Cells, kind: CellType, kelvin: Vector, left: Vector) -> Vector:
    """Ohms of every cell after 10 s of load at ``kelvin`` with the charge ``left``."""
    thermal = thermal_factors(kelvin, cells.warm_slope)
    return np.asarray(cells.resistance_ohm * thermal * kind.resistance_at(left))


def limit_of(required_s: float) -> float:
    """Give the seconds after which a simulation ends, well beyond ``required_s``.

    So far that an answer cut there has its whole interval above the required seconds.
    """
    return min(max(LIMIT_S, _BEYOND * required_s), _LONGEST_S)


def seconds_to_cutoff(
    cells: Cells,
    kind: CellType,
    *,
    capacity_ah: float,
    powers_w: Vector,
    limit_s: float = LIMIT_S,
) -> tuple[Vector, npt.NDArray[np.intp]]:
    """Seconds until the first cell is at cut-off, and that cell: arrays (power, scenario).

    ``powers_w`` are at the battery. Answers above ``limit_s`` are given as ``limit_s``; up to
    there it goes in 90 steps, of 10 s where nothing longer than ``LIMIT_S`` is asked.
    """
    step_s = STEP_S * limit_s / LIMIT_S
    shape = (len(powers_w), *cells.health.shape)
    drawn = np.broadcast_to(cells.drawn, shape).copy()
    health = np.maximum(np.broadcast_to(cells.health, shape), _LEAST_HEALTH)
    kelvin = np.full(shape, cells.celsius + ZERO_C_K)
    curve = AgedCurve(kind)
    heat_j_k = kind.heat_j_k_ah * capacity_ah
    powers = powers_w[:, None]
    voltage = curve(1.0 - drawn / health, drawn)
    # Cells that are empty give no voltage to divide by.
    least_v = 0.5 * curve.volts[0] * shape[2]
    current = powers / np.maximum(voltage.sum(axis=2), least_v)
    seconds = np.full(shape[:2], limit_s)
    limiting = np.argmin(voltage, axis=2)
    running = np.ones(shape[:2], dtype=bool)
    last_margin = np.min(voltage, axis=2) - kind.cutoff_v
    time_s = 0.0
    while time_s < limit_s and bool(running.any()):
        time_s += step_s
        drawn += current[:, :, None] * step_s / 3600.0 / capacity_ah
        left = 1.0 - drawn / health
        resistance = _resistance(cells, kind, kelvin, left) * (
            1.0 + kind.relaxation * math.log(time_s / 10.0)
        )
        drop = current[:, :, None] * resistance
        voltage = curve(left, drawn) - drop
        heating = np.clip(current[:, :, None] * drop * step_s / heat_j_k, 0.0, _MOST_HEATING_K)
        kelvin = np.minimum(kelvin + heating, HOTTEST_K)
        margin = np.min(voltage, axis=2) - kind.cutoff_v
        crossed = running & (margin <= 0.0)
        part = last_margin / np.maximum(last_margin - margin, 1e-9)
        seconds[crossed] = (time_s - step_s + step_s * np.clip(part, 0.0, 1.0))[crossed]
        limiting[crossed] = np.argmin(voltage, axis=2)[crossed]
        running &= ~crossed
        last_margin = margin
        current = powers / np.maximum(voltage.sum(axis=2), least_v)
    limiting[running] = np.argmin(voltage, axis=2)[running]
    return np.minimum(seconds, limit_s), limiting
