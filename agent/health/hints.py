"""Notices a cell whose resistance leaves its module's within one test, before a second confirms it.

One step is never believed (``jumps``), nor does what is noticed here move the estimate. But both
steps of one test, on and off, that put a cell as far out as chance does not put cells of this
module are worth a word, months before the next test.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.health.evidence import Pulse
from agent.health.record import AMOUNT, LN, fill

Vector = npt.NDArray[np.float64]

LEAST, SIGMAS = 0.045, 4.0
"""How far a cell has to leave its module, in ln R and in sd (estimator.md, section 3)."""
SCATTER_MEMORY, SCATTER_PRIOR = 24.0, 3.0
"""Load steps that a mean of how far they scatter goes back, and those that its start counts as."""
# Neither step may contradict the other.
_EACH_SIGMAS = 1.0
_ONE_TEST_S = 3600.0
_FEWEST = 6.0
_CALMEST = 0.15
# What ages fast is ahead by as much at every test; a contact that goes bad was not, a test before.
_NEW = 0.5
# Median of the square of a number that is normal with variance 1.
_MEDIAN_SQUARE = 0.455


@dataclass(slots=True)
class HintWatch:
    """What one test told of each cell.

    ``scatter`` is the variance of the cells' departures over what is expected of them, from
    ``steps`` load steps. Per cell, NaN where nothing: ``on_away`` the departure in ln R at the
    last step that began a load (at ``on_s``), ``on_sd`` what it is expected to be by chance;
    ``since_s`` when a test first put the cell out, ``out_by`` by how much (ln R), ``sigmas`` by how
    many standard deviations of what the module's cells scatter by; ``before`` the same of the last
    test, whatever it was.
    """

    cells: int
    scatter: float = field(default=1.0, metadata=AMOUNT)
    steps: float = field(default=0.0, metadata=AMOUNT)
    on_s: float = math.nan
    on_away: Vector = field(init=False, metadata=LN)
    on_sd: Vector = field(init=False, metadata=AMOUNT)
    since_s: Vector = field(init=False)
    out_by: Vector = field(init=False, metadata=LN)
    sigmas: Vector = field(init=False)
    before: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        for name in ("on_away", "on_sd", "since_s", "out_by", "sigmas", "before"):
            setattr(self, name, np.full(self.cells, math.nan))

    def look(self, pulse: Pulse, away: Vector, sd: Vector) -> None:
        """Take how far a step put each cell from its module (ln R), and the sd of that.

        NaN where a cell was absent; some were there.
        """
        if not pulse.off:
            self.on_s, self.on_away, self.on_sd = pulse.time_s, away.copy(), sd.copy()
        elif 0.0 <= pulse.time_s - self.on_s < _ONE_TEST_S:
            self._both(pulse.time_s, away, sd)
            self.on_s = math.nan
        ratio = float(np.nanmedian((away / sd) ** 2)) / _MEDIAN_SQUARE
        self.steps = min(self.steps + 1.0, SCATTER_MEMORY)
        self.scatter += (ratio - self.scatter) / (self.steps + SCATTER_PRIOR)

    def forget(self, cell: int) -> None:
        """Leave ``cell`` to those who have found what it has."""
        self.since_s[cell] = self.out_by[cell] = self.sigmas[cell] = math.nan

    def _both(self, time_s: float, away: Vector, sd: Vector) -> None:
        """Judge a test by both of its steps."""
        on, off = self.on_away / self.on_sd, away / sd
        weights = self.on_sd**-2, sd**-2
        mean = (weights[0] * self.on_away + weights[1] * away) / (weights[0] + weights[1])
        sigmas = (on + off) / math.sqrt(2.0 * max(self.scatter, _CALMEST))
        agree = (on > _EACH_SIGMAS) & (off > _EACH_SIGMAS)
        agree &= ~(self.before > _NEW * sigmas)
        self.before = sigmas
        out = agree & (mean > LEAST) & (sigmas > SIGMAS) & (self.steps >= _FEWEST)
        for cell in np.flatnonzero(out & np.isnan(self.since_s)).tolist():
            self.since_s[cell], self.out_by[cell] = time_s, mean[cell]
            self.sigmas[cell] = sigmas[cell]
        # The filter has followed half way: what was real stays on this side of it.
        for cell in np.flatnonzero(np.isfinite(mean) & (mean < 0.0)).tolist():
            self.forget(cell)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
