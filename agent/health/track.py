"""How far each cell's resistance stood from its module's, test by test, for two years.

What ages moves with its module, only faster. A contact or an open parallel cell moves while
the module stands. The load steps themselves tell that; the filter, which follows, does not.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.record import AMOUNT, LN, table

Vector = npt.NDArray[np.float64]

_APART_S = 20 * 86400.0
_KEPT = 24
_OLDEST_S = 800 * 86400.0
_PEERS = 3
_RECENT = 2
_MAD = 1.4826
# A cell of twice its module's rate gains on it by as much as that grows, at a knee by twice.
_AGEING = 3.0
_DAY_S = 86400.0
_LEAD_DAYS = 180.0
# What the module is said to have grown is not known better than this.
_LEAD_MODULE = 0.02


class Lead(NamedTuple):
    """What a cell has grown beyond its module: ln R, its sd, the module's own growth, days."""

    beyond: float
    sd: float
    module: float
    days: float

    @property
    def ratio(self) -> float:
        """How many times as fast as its module it grew."""
        return 1.0 + self.beyond / self.module

    def sigmas(self) -> float:
        """How far the lead is out of what it may be by chance, in standard deviations."""
        return self.beyond / self.sd


@dataclass(slots=True)
class Track:
    """Tests in their order, those within 20 days of each other taken as one.

    ``times`` holds rows of unix seconds and growth of ln R of the module's middle cell;
    ``away`` ln R of each cell against the module's median, ``weight`` one over its variance
    (0 where the cell was absent).
    """

    times: list[list[float]] = field(default_factory=list)
    away: list[list[float]] = field(default_factory=list)
    weight: list[list[float]] = field(default_factory=list)

    def add(self, time_s: float, module: float, away: Vector, sd: Vector, *, anew: bool) -> None:
        """Take a load step, NaN for cells not to be believed; ``anew`` begins another test."""
        seen = np.isfinite(away)
        if np.count_nonzero(seen) < _PEERS:
            return
        weight = np.where(seen, 1.0 / sd**2, 0.0)
        away = np.where(seen, away, 0.0)
        if self.times and not anew and 0.0 <= time_s - self.times[-1][0] < _APART_S:
            before = np.array(self.weight[-1])
            total = before + weight
            mean = (before * np.array(self.away[-1]) + weight * away) / np.maximum(total, 1e-9)
            away, weight = mean, total
            self.times[-1][1] = round(module, 5)
        else:
            self.times.append([time_s, round(module, 5)])
            self.away.append([])
            self.weight.append([])
        self.away[-1] = [round(value, 4) for value in away.tolist()]
        self.weight[-1] = [float(round(value)) for value in weight.tolist()]
        old = sum(time_s - when > _OLDEST_S for when, _ in self.times)
        for rows in (self.times, self.away, self.weight):
            del rows[: max(old, len(rows) - _KEPT)]

    def doubt(self, cells: npt.NDArray[np.bool_]) -> None:
        """Leave ``cells`` out of the last test, of which another step said otherwise.

        Steps on and off read at other charge: a cell known by one kind alone would seem to move.
        """
        if self.times:
            for cell in np.flatnonzero(cells).tolist():
                self.weight[-1][cell] = 0.0

    def strange(self, cell: int, shown: float, sd: float, module: float, least: float) -> bool:
        """Whether ``cell``, now ``shown`` from its module, moved as nothing that ages does.

        That is by ``least`` of ln R and by far more than its module since one of the tests,
        to where it never stood: a cell that catches up with its module does no such thing.
        ``module`` is what the module has grown by now.
        """
        return self._strange(cell, shown, sd, module, least, len(self.times))

    def last_strange(self, cell: int, least: float) -> bool:
        """Whether the last test says so of ``cell``, by those before it."""
        if not self.times or self.weight[-1][cell] <= 0.0:
            return False
        sd = 1.0 / math.sqrt(self.weight[-1][cell])
        module = self.times[-1][1]
        return self._strange(cell, self.away[-1][cell], sd, module, least, len(self.times) - 1)

    def _strange(
        self, cell: int, shown: float, sd: float, module: float, least: float, count: int
    ) -> bool:
        tests = [n for n in range(count) if self.weight[n][cell] > 0.0]
        nearest, farthest = math.inf, -math.inf
        for n in tests:
            moved = shown - self.away[n][cell]
            nearest, farthest = min(nearest, moved), max(farthest, moved)
            if nearest < 0.5 * least or farthest < least:
                continue
            noise = math.hypot(sd, 1.0 / math.sqrt(self.weight[n][cell]))
            grown = max(module - self.times[n][1], 0.0)
            if moved - noise > _AGEING * grown:
                return True
        return False

    def leads(self, cells: int) -> list[Lead | None]:
        """Give each cell's clearest lead over its module since an earlier test, if any.

        By the last two tests against two earlier ones half a year before or longer; its sd holds
        what the others scatter by. A cell that comes back to where it stood before has no lead.
        """
        nothing: list[Lead | None] = [None] * cells
        if len(self.times) < 2 * _RECENT:
            return nothing
        mean, variance = self._means()
        times = np.array(self.times)
        passed_s, module = (times[-1] - times[: len(mean) - _RECENT]).T
        gone = mean[-1] - np.fmax.accumulate(mean)[:-_RECENT]
        told = (passed_s >= _LEAD_DAYS * _DAY_S) & (np.isfinite(gone).sum(axis=1) >= _PEERS)
        if not told.any():
            return nothing
        gone = gone[told] - np.nanmedian(gone[told], axis=1)[:, None]
        usual = _MAD * np.nanmedian(np.abs(gone), axis=1)
        sd = np.sqrt(variance[-1] + variance[:-_RECENT][told] + usual[:, None] ** 2)
        sigmas = np.where(np.isfinite(gone), gone / sd, -math.inf)
        best = np.argmax(sigmas, axis=0)
        days, module = passed_s[told] / _DAY_S, np.maximum(module[told], _LEAD_MODULE)
        return [
            Lead(*map(float, (gone[at, cell], sd[at, cell], module[at], days[at])))
            if math.isfinite(sigmas[at, cell])
            else None
            for cell, at in enumerate(best.tolist())
        ]

    def _means(self) -> tuple[Vector, Vector]:
        """Means over each two tests in a row, and their variances; NaN where a cell was absent."""
        weight, away = np.array(self.weight), np.array(self.away)
        total = weight[:-1] + weight[1:]
        mean = (weight[:-1] * away[:-1] + weight[1:] * away[1:]) / np.maximum(total, 1e-9)
        seen = (weight[:-1] > 0.0) & (weight[1:] > 0.0)
        variance = 1.0 / np.maximum(total, 1e-9)
        return np.where(seen, mean, np.nan), np.where(seen, variance, np.nan)

    def unpack(self, saved: object, cells: int) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        lists = saved if isinstance(saved, dict) else {}
        self.times = table(lists.get("times"), 2)
        self.away = table(lists.get("away"), cells, LN["within"])
        self.weight = table(lists.get("weight"), cells, AMOUNT["within"])
        if not len(self.times) == len(self.away) == len(self.weight):
            raise StoreError("the saved course of the resistances does not fit together")
