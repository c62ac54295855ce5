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

from agent.health.ageing import GAS_J_MOL_K, ZERO_C_K
from agent.health.chemistry import CellType

Vector = npt.NDArray[np.float64]

LIMIT_S = 900.0
"""The simulation ends here: longer is "at least this"."""
STEP_S = 10.0

_ACTIVATION_K = 24000.0 / GAS_J_MOL_K
_THERMAL_SHARE = 0.6
_REFERENCE_K = 298.15


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one module in several scenarios: arrays of (scenario, cell).

    ``resistance_ohm`` is at 10 s and 25 degC; ``drawn`` is the charge missing from full,
    over rated capacity; ``health`` is capacity over rated capacity.
    """

    health: Vector
    resistance_ohm: Vector
    drawn: Vector
    celsius: float


def seconds_to_cutoff(
    cells: Cells, kind: CellType, *, capacity_ah: float, powers_w: Vector
) -> tuple[Vector, npt.NDArray[np.intp]]:
    """Seconds until the first cell is at cut-off, and that cell: arrays (power, scenario).

    ``powers_w`` are at the battery. Answers above ``LIMIT_S`` are given as ``LIMIT_S``.
    """
    shape = (len(powers_w), *cells.health.shape)
    soc = np.broadcast_to(1.0 - cells.drawn / cells.health, shape).copy()
    kelvin = np.full(shape, cells.celsius + ZERO_C_K)
    xs = np.array([x for x, _ in kind.ocv])
    ys = np.array([y for _, y in kind.ocv])
    rx = np.array([x for x, _ in kind.resistance_by_soc])
    ry = np.array([y for _, y in kind.resistance_by_soc])
    heat_j_k = kind.heat_j_k_ah * capacity_ah
    powers = powers_w[:, None]
    voltage = np.interp(soc, xs, ys)
    current = powers / voltage.sum(axis=2)
    seconds = np.full(shape[:2], LIMIT_S)
    limiting = np.argmin(voltage, axis=2)
    running = np.ones(shape[:2], dtype=bool)
    last_margin = np.min(voltage, axis=2) - kind.cutoff_v
    time_s = 0.0
    while time_s < LIMIT_S and bool(running.any()):
        time_s += STEP_S
        soc -= current[:, :, None] * STEP_S / 3600.0 / (capacity_ah * cells.health)
        thermal = (
            1.0
            - _THERMAL_SHARE
            + _THERMAL_SHARE * np.exp(_ACTIVATION_K * (1.0 / kelvin - 1.0 / _REFERENCE_K))
        )
        polarised = 1.0 + kind.relaxation * math.log(time_s / 10.0)
        resistance = cells.resistance_ohm * thermal * np.interp(soc, rx, ry) * polarised
        drop = current[:, :, None] * resistance
        # Below empty the curve goes on steeply down, so that the margin has a slope.
        voltage = np.interp(soc, xs, ys) + np.minimum(soc, 0.0) * 30.0 - drop
        kelvin += current[:, :, None] * drop * STEP_S / heat_j_k
        margin = np.min(voltage, axis=2) - kind.cutoff_v
        crossed = running & (margin <= 0.0)
        part = last_margin / np.maximum(last_margin - margin, 1e-9)
        seconds[crossed] = (time_s - STEP_S + STEP_S * np.clip(part, 0.0, 1.0))[crossed]
        limiting[crossed] = np.argmin(voltage, axis=2)[crossed]
        running &= ~crossed
        last_margin = margin
        current = powers / np.maximum(voltage.sum(axis=2), 0.5 * ys[0] * shape[2])
    limiting[running] = np.argmin(voltage, axis=2)[running]
    return np.minimum(seconds, LIMIT_S), limiting
