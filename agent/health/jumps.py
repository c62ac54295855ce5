"""Notices that one cell's resistance has suddenly left its module's, and what it may mean.

A cell is never judged by one sample: the first pulse that departs is held back, the second
that agrees with it declares a change. From then on the cell's resistance level is free, so
that its capacity is not read from a resistance that is no longer about capacity.
An open parallel cell raises R by the factor Np/(Np-1) and cuts the capacity by 1/Np; a bad
weld raises only R and keeps growing (estimator.md section 3).
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter

Vector = npt.NDArray[np.float64]

_LEAST = 0.045
_SIGMAS = 4.0
_AGREE = 0.5
_MEMORY_S = 400 * 86400.0
_DRIFT_S = 400 * 86400.0
_LOOSEN_SD = 0.3
_PEERS = 3
_OPEN_PRIOR = 0.5
_OPEN_SD = 0.035
_WELD_SCALE = 0.3


@dataclass(slots=True)
class JumpWatch:
    """Per cell, NaN where nothing: the pulse held back, the level before, when it changed."""

    cells: int
    held: Vector = field(init=False)
    held_s: Vector = field(init=False)
    level: Vector = field(init=False)
    since_s: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        for name in ("held", "held_s", "level", "since_s"):
            setattr(self, name, np.full(self.cells, math.nan))

    def judge(self, pulse: Pulse, state: ModuleFilter) -> Vector:
        """Give the pulse's ln R without the cells to be held back; loosen the changed."""
        believed = pulse.ln_r.copy()
        if np.count_nonzero(np.isfinite(believed)) < _PEERS:
            return believed
        away, sd = departures(pulse, state)
        suspect = np.abs(away) > np.maximum(_LEAST, _SIGMAS * sd)
        for cell in np.flatnonzero(suspect).tolist():
            if self._confirmed(cell, float(away[cell]), pulse.time_s):
                if math.isnan(self.level[cell]):
                    self.level[cell] = state.x[state.blocks()[3][cell]]
                self.since_s[cell] = pulse.time_s
                self.held[cell] = self.held_s[cell] = math.nan
                state.loosen(cell, _LOOSEN_SD)
            else:
                self.held[cell], self.held_s[cell] = away[cell], pulse.time_s
                believed[cell] = math.nan
        cleared = np.isfinite(away) & ~suspect
        self.held[cleared] = self.held_s[cleared] = math.nan
        return believed

    def _confirmed(self, cell: int, away: float, time_s: float) -> bool:
        held = self.held[cell]
        if math.isnan(held) or not 0.0 <= time_s - self.held_s[cell] <= _MEMORY_S:
            return False
        return bool(abs(away - held) <= _AGREE * max(abs(away), abs(held)))

    def drifting(self, now_s: float) -> Vector:
        """1 for cells whose level may still be moving after a change, else 0."""
        return np.where(np.abs(now_s - self.since_s) < _DRIFT_S, 1.0, 0.0)

    def open_probability(self, state: ModuleFilter, parallel: int | None) -> Vector:
        """Probability that a parallel cell of each series cell is open."""
        answer = np.zeros(self.cells)
        if parallel is None or parallel < 2:  # noqa: PLR2004 - one cell has no parallel one
            return answer
        r = state.blocks()[3]
        moved = np.flatnonzero(np.isfinite(self.level))
        expected = math.log(parallel / (parallel - 1))
        for cell in moved:
            jump = float(state.x[r[cell]] - self.level[cell])
            sd = math.hypot(_OPEN_SD, math.sqrt(max(state.p[r[cell], r[cell]], 0.0)))
            opened = math.exp(-0.5 * ((jump - expected) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
            weld = math.exp(-abs(jump) / _WELD_SCALE) / _WELD_SCALE
            answer[cell] = (
                _OPEN_PRIOR * opened / (_OPEN_PRIOR * opened + (1.0 - _OPEN_PRIOR) * weld)
            )
        return answer


def departures(pulse: Pulse, state: ModuleFilter) -> tuple[Vector, Vector]:
    """How far each cell's ln R is from what its module makes expect, and the sd of that."""
    innovation, spread = state.innovation(pulse.ln_r, warm=pulse.warm, off=pulse.off)
    away = innovation - np.nanmedian(innovation)
    own = np.diag(spread) - 2.0 * spread.mean(axis=1) + spread.mean()
    return away, np.sqrt(np.maximum(own, 0.0) + pulse.own_sd**2)
