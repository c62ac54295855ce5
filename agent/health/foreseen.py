"""A discharge that nobody has made yet: what it would show of a module's cells. Pure."""

import numpy as np
import numpy.typing as npt

from agent.health.deep import Deep, under_load
from agent.health.filter import ModuleFilter
from agent.health.ride import AgedCurve

Vector = npt.NDArray[np.float64]

_STEPS = 400
_BELOW_EMPTY = 0.02
_RESTED_S = 3600.0


def discharge(
    state: ModuleFilter,
    holds: Vector,
    *,
    capacity_ah: float,
    rate_c: float,
    seconds: float,
    missing: float,
    celsius: float,
) -> Deep:
    """Load the cells at ``rate_c`` (current over capacity, 1/h) until the first is at its cut-off.

    Or until the ``seconds`` are over. They hold ``holds`` of the rated capacity, and have the
    resistances that ``state`` believes; ``missing`` is the charge that misses from full, over
    capacity.
    """
    kind = state.kind
    curve = AgedCurve(kind)
    most = min(rate_c * seconds / 3600.0, max(float(holds.max()) - missing, 0.0) + _BELOW_EMPTY)
    drawn = missing + np.linspace(0.0, most, _STEPS)
    left = 1.0 - drawn[:, None] / holds
    rested_v = curve(left, drawn[:, None])
    held_s = (drawn - missing) * 3600.0 / rate_c
    current_a = rate_c * capacity_ah
    ohm = np.exp(state.ln_resistance()[0]) * under_load(kind, celsius, held_s[:, None], left)
    loaded_v = rested_v - current_a * ohm
    empty = np.flatnonzero(loaded_v.min(axis=1) <= kind.cutoff_v)
    end = int(empty[0]) if len(empty) else _STEPS - 1
    drawn_ah = (float(drawn[end]) - missing) * capacity_ah
    return Deep(
        0.0, drawn_ah, _RESTED_S, rested_v[0], loaded_v[end], -current_a, float(held_s[end])
    )
