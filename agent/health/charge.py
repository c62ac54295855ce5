"""Keeps the module's state of charge: from the voltage at rest, else by counting."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agent.health.chemistry import interpolate
from agent.health.pulses import Step
from agent.health.record import Memory

Vector = npt.NDArray[np.float64]
Points = Sequence[tuple[float, float]]

REST_C = 0.02
"""Below this current, over capacity, a module is at rest."""
_SETTLED_S = 3600.0
# A load found after a silence began somewhere in it, and not at its beginning.
_LONGEST_BEGUN_S = 30.0
# Nor did one that would have taken more than this of the charge over it.
_MOST_UNSEEN = 0.1
_LOST_V = 0.05
_NOTICED_V = 0.003


def follow(
    memory: Memory, curve_back: Points, passed_s: float, rate_c: float | None, cells_v: list[float]
) -> None:
    """Count the charge of ``passed_s`` at ``rate_c``, or read it off a settled voltage.

    ``rate_c`` is the current over capacity, positive when charging; ``curve_back`` is (volts,
    charge), rising.
    """
    if rate_c is None:
        return
    if abs(rate_c) > REST_C:
        if memory.rest_s > 0.0 or -rate_c * passed_s / 3600.0 > _MOST_UNSEEN:
            passed_s = min(passed_s / 2.0, _LONGEST_BEGUN_S)
        memory.rest_s = 0.0
        memory.soc = min(max(memory.soc + rate_c * passed_s / 3600.0, 0.0), 1.0)
        return
    memory.rest_s += passed_s
    if memory.rest_s >= _SETTLED_S:
        seen = sorted(v for v in cells_v if not math.isnan(v))
        if seen:
            memory.soc = interpolate(curve_back, seen[len(seen) // 2])


def at_step(
    memory: Memory, step: Step, ocv: Points, curve_back: Points, *, capacity_ah: float, now_s: float
) -> float:
    """Give the charge at which ``step`` came, which is known at ``now_s`` only.

    Where counting has lost it, the voltage before the step puts ``memory`` right.
    """
    held_s = min(max(now_s - step.time_s, 0.0), _LONGEST_BEGUN_S)
    moved = step.after_a * held_s / 3600.0 / capacity_ah
    begun = min(max(memory.soc - moved, 0.0), 1.0)
    if abs(step.before_a) > REST_C * capacity_ah or np.isnan(step.before_v).all():
        return begun
    volts = float(np.nanmedian(step.before_v))
    if abs(interpolate(ocv, begun) - volts) > _LOST_V:
        begun = interpolate(curve_back, volts)
        memory.soc = min(max(begun + moved, 0.0), 1.0)
    return begun


def missing(soc: float, away_v: Vector, ocv: Points, ln_capacity: Vector) -> Vector:
    """Give the charge missing from full per cell, over rated capacity: the module's and its own.

    ``soc`` is the module's charge, ``away_v`` how far each cell rests from its median.
    """
    curve_back = [(volts, share) for share, volts in ocv]
    cut = round(soc, 2)
    each = np.full(len(away_v), cut)
    volts = interpolate(ocv, cut)
    for index in np.flatnonzero(np.abs(away_v) > _NOTICED_V).tolist():
        each[index] = interpolate(curve_back, volts + float(away_v[index]))
    return np.asarray((1.0 - each) * np.exp(ln_capacity))
