"""Keeps the module's state of charge: from the voltage at rest, else by counting."""

import math
from collections.abc import Sequence

import numpy as np

from agent.health.chemistry import interpolate
from agent.health.pulses import Step
from agent.health.record import Memory

Points = Sequence[tuple[float, float]]

REST_C = 0.02
"""Below this current, over capacity, a module is at rest."""
_SETTLED_S = 3600.0
_LOST_V = 0.05


def follow(
    memory: Memory,
    curve_back: Points,
    *,
    passed_s: float,
    rate_c: float | None,
    drawn: float,
    cells_v: list[float],
) -> None:
    """Move the charge by ``drawn`` (positive: put in), or read it off a settled voltage.

    ``rate_c`` is the current over capacity; ``curve_back`` is (volts, charge), rising.
    """
    if rate_c is None:
        return
    if abs(rate_c) > REST_C:
        memory.rest_s = 0.0
        memory.soc = min(max(memory.soc + drawn, 0.0), 1.0)
        return
    memory.rest_s += passed_s
    if memory.rest_s >= _SETTLED_S:
        seen = sorted(v for v in cells_v if not math.isnan(v))
        if seen:
            memory.soc = interpolate(curve_back, seen[len(seen) // 2])


def correct(
    memory: Memory, step: Step, ocv: Points, curve_back: Points, capacity_ah: float
) -> None:
    """Take the charge from the voltage before a step where counting has lost it."""
    if abs(step.before_a) > REST_C * capacity_ah or np.isnan(step.before_v).all():
        return
    volts = float(np.nanmedian(step.before_v))
    if abs(interpolate(ocv, memory.soc) - volts) > _LOST_V:
        memory.soc = interpolate(curve_back, volts)
