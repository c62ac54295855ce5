"""What may have become of a cell whose resistance has left its module's.

An open parallel cell raises R by the factor Np/(Np-1) and cuts the capacity by 1/Np; a bad
contact raises R alone; a cell that has come to the knee of its ageing gains R and loses
capacity with it (estimator.md, section 3). Resistance does not tell the last two apart. That a
knee comes late is taken for granted; where it may begin is chosen, and fitted to nothing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.health.filter import ModuleFilter
from agent.health.jumps import LONGEST_ODDS, MEMORY_S, JumpWatch

Vector = npt.NDArray[np.float64]

_OPEN_SD = 0.035
# Where nobody has told how many cells are parallel.
_LIKELY_PARALLEL = range(2, 13)
_GROWN_SCALE = 0.3
# An open cell comes in one step; what crept before it jumped rather grows.
_AFTER_CREEPING = 0.25
_LEAST_KEPT = 1e-3
# Of a capacity measured against one believed.
_SHOWN_SD = 0.05
# Odds of 1:2 for a knee over a contact at a fifth of the capacity lost, 1:40 at an eighth.
_KNEE_AT, _KNEE_SD = -math.log(0.8), 0.045


@dataclass(frozen=True, slots=True)
class Change:
    """Probabilities for each cell, 0 where nothing has changed.

    ``opened``: a parallel cell is open, which takes its share ``open_share`` of the capacity.
    ``aged``: it is past a knee, and ln of its capacity is lower by ``aged_ln`` (not below 0).
    """

    opened: Vector
    open_share: Vector
    aged: Vector
    aged_ln: Vector

    @classmethod
    def none(cls, cells: int) -> "Change":
        """Nothing has happened to any of ``cells`` cells."""
        return cls(*(np.zeros(cells) for _ in range(4)))

    def kept(self) -> Vector:
        """The share of its capacity that each cell has kept, by expectation."""
        lost = self.opened * self.open_share + self.aged * -np.expm1(-self.aged_ln)
        return np.asarray(1.0 - lost)

    def ln_kept(self) -> Vector:
        """Give ln of that share, floored where next to nothing is left."""
        return np.asarray(np.log(np.maximum(self.kept(), _LEAST_KEPT)))

    def cases(self, cell: int) -> Iterator[tuple[float, float]]:
        """Give the probability of each case of ``cell``, and ln of the capacity kept in it."""
        opened, aged = float(self.opened[cell]), float(self.aged[cell])
        yield 1.0 - opened - aged, 0.0
        if opened > 0.0:
            yield opened, math.log1p(-float(self.open_share[cell]))
        if aged > 0.0:
            yield aged, -float(self.aged_ln[cell])

    def unsure(self, cell: int) -> float:
        """Sd of ln of the capacity kept by ``cell``, by not knowing which case holds."""
        cases = list(self.cases(cell))
        mean = math.fsum(weight * ln for weight, ln in cases)
        return math.sqrt(math.fsum(weight * (ln - mean) ** 2 for weight, ln in cases))


def change_of(jumps: JumpWatch, state: ModuleFilter, parallel: int | None) -> Change:
    """Weigh what ``jumps`` has seen of each changed cell; ``parallel`` cells are in each."""
    told = Change.none(state.cells)
    r = state.blocks()[3]
    moved = np.flatnonzero(np.isfinite(jumps.level))
    beyond = np.zeros(state.cells)
    beyond[moved] = np.maximum(state.x[r[moved]] - jumps.level[moved], 0.0)
    told.aged_ln[:] = state.loss(beyond) - state.loss()
    counts = _LIKELY_PARALLEL if parallel is None else (parallel,)
    for cell in moved.tolist():
        grown = math.exp(-beyond[cell] / _GROWN_SCALE) / _GROWN_SCALE
        # What a cell had lost by then is not known of changes before this was kept.
        knee = grown * knee_odds(float(np.nan_to_num(jumps.spent[cell])))
        sd = float(jumps.level_sd[cell])
        if math.isnan(sd):
            sd = math.sqrt(max(float(state.p[r[cell], r[cell]]), 0.0))
        each = [_opened(jumps, cell, float(beyond[cell]), sd, count) for count in counts]
        opened = math.fsum(each) / len(each)
        if opened > 0.0:
            shares = (likely / count for likely, count in zip(each, counts, strict=True))
            told.open_share[cell] = math.fsum(shares) / math.fsum(each)
        grown *= _agrees(jumps.shown[cell], 0.0)
        knee *= _agrees(jumps.shown[cell], float(told.aged_ln[cell]))
        opened *= _agrees(jumps.shown[cell], -math.log1p(-float(told.open_share[cell])))
        total = opened + grown + knee
        told.opened[cell], told.aged[cell] = opened / total, knee / total
    return told


def _opened(jumps: JumpWatch, cell: int, jump: float, sd: float, parallel: int) -> float:
    """Likelihood of an open cell of ``parallel`` ones for a ``jump`` of ln R known to ``sd``."""
    if parallel <= 1:
        return 0.0
    expected = math.log(parallel / (parallel - 1))
    wide = math.hypot(_OPEN_SD, sd)
    likely = math.exp(-0.5 * ((jump - expected) / wide) ** 2) / (wide * math.sqrt(2 * math.pi))
    likely *= math.exp(jumps.window_odds(cell, expected))
    if jumps.since_s[cell] - jumps.crept_s[cell] < MEMORY_S:
        likely *= _AFTER_CREEPING
    return likely


def _agrees(shown: float, lost: float) -> float:
    """Likelihood of what a discharge has ``shown`` (``JumpWatch``) where a case has ``lost``."""
    if math.isnan(shown):
        return 1.0
    return math.exp(max(-0.5 * ((shown + lost) / _SHOWN_SD) ** 2, -LONGEST_ODDS))


def knee_odds(lost: float) -> float:
    """Odds for a knee over a contact, at most 1, where ageing had taken ``lost`` (-ln of Q)."""
    return 0.5 * math.erfc((_KNEE_AT - lost) / (_KNEE_SD * math.sqrt(2.0)))
