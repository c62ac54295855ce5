"""Finds windows: a rested module, a discharge, and rest again, with the charge in between.

The charge drawn over the fall of the open-circuit curve tells how much charge a cell gives
per volt. Near full charge that is nearly blind to lost lithium (estimator.md section 2),
but a parallel cell that has opened shows at once, because everything scales with it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.chemistry import interpolate
from agent.health.record import AMOUNT, fill, numbers, table

Vector = npt.NDArray[np.float64]

REST_S = 300.0
_ENOUGH_REST_S = 900.0
_LONGEST_GAP_S = 7200.0
_LOAD_GAP_S = 70.0
_REST_C = 0.03
_BEFORE = 8
_LEAST_DEPTH = 0.012
_LEAST_FALL = 0.006
_PEERS = 3


class Window(NamedTuple):
    """``drawn_ah`` was taken (negative: put in) between two rests; NaN for absent cells."""

    time_s: float
    drawn_ah: float
    before_v: Vector
    after_v: Vector
    samples: int


@dataclass(slots=True)
class WindowFinder:
    """Watches samples in order and gives a ``Window`` when its second rest is over.

    ``resting_s`` is how long the present rest has lasted; ``sums_v`` and ``count`` the rest
    voltages gathered so far; ``drawn_ah`` the charge since the rest at ``before_v`` (empty
    without one).
    """

    capacity_ah: float
    time_s: float | None = None
    current_a: float = 0.0
    resting_s: float = 0.0
    loaded: bool = False
    drawn_ah: float = 0.0
    samples: int = field(default=0, metadata=AMOUNT)
    before_v: list[float] = field(default_factory=list)
    rest_v: list[list[float]] = field(default_factory=list)

    def watch(self, time_s: float, current_a: float, cells_v: list[float]) -> Window | None:
        """Take the next sample; answer the window that it completes."""
        gap_s = 0.0 if self.time_s is None else time_s - self.time_s
        last_a, self.time_s, self.current_a = self.current_a, time_s, current_a
        rest = abs(current_a) < _REST_C * self.capacity_ah
        if gap_s < 0.0 or gap_s > (_LOAD_GAP_S if self.loaded else _LONGEST_GAP_S):
            self._forget()
        elif gap_s > 0.0:
            self.drawn_ah -= 0.5 * (last_a + current_a) * gap_s / 3600.0
        if rest:
            return self._rest(time_s, gap_s, cells_v)
        found = self._close(time_s) if self.resting_s >= REST_S and not self.loaded else None
        if not self.loaded:
            self._begin()
        return found

    def _forget(self) -> None:
        self.before_v, self.rest_v = [], []
        self.resting_s = self.drawn_ah = 0.0
        self.loaded = False

    def _begin(self) -> None:
        """A load begins: the rest so far is the window's first end."""
        self.before_v = _mean(self.rest_v) if self.resting_s >= REST_S else []
        self.samples = len(self.rest_v)
        self.rest_v, self.loaded = [], True
        self.drawn_ah = self.resting_s = 0.0

    def _rest(self, time_s: float, gap_s: float, cells_v: list[float]) -> Window | None:
        if self.loaded:
            self.loaded, self.resting_s, self.rest_v = False, 0.0, []
        else:
            self.resting_s += gap_s
        found = None
        if self.before_v and self.resting_s >= _ENOUGH_REST_S:
            found = self._close(time_s)
        if self.resting_s >= REST_S or not self.before_v:
            self.rest_v.append(cells_v)
            del self.rest_v[:-_BEFORE]
        return found

    def _close(self, time_s: float) -> Window | None:
        before, after = self.before_v, _mean(self.rest_v)
        self.before_v = []
        if not before or not after or abs(self.drawn_ah) < _LEAST_DEPTH * self.capacity_ah:
            return None
        samples = min(self.samples, len(self.rest_v))
        return Window(time_s, self.drawn_ah, np.array(before), np.array(after), samples)

    def unpack(self, saved: object, cells: int) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        lists = saved if isinstance(saved, dict) else {}
        before_v = lists.get("before_v")
        self.before_v = numbers(before_v, cells) if before_v else []
        self.rest_v = table(lists.get("rest_v"), cells)
        if self.before_v and not self.samples:
            raise StoreError("the saved window has a beginning without samples")


def _mean(rows: list[list[float]]) -> list[float]:
    """Mean of each column, NaN where a cell was absent in one of the rows."""
    if not rows:
        return []
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]


def falls(
    window: Window, curve_back: Sequence[tuple[float, float]], capacity_ah: float, sd_v: float
) -> tuple[Vector, Vector] | None:
    """Give ln of the charge that each cell fell by its curve, and the noise of that.

    ``curve_back`` gives charge by volts, ``sd_v`` is one reading's noise. NaN where a cell
    tells nothing, None where too few cells do.
    """
    fall = np.array(
        [
            interpolate(curve_back, before) - interpolate(curve_back, after)
            for before, after in zip(window.before_v, window.after_v, strict=True)
        ]
    )
    depth = window.drawn_ah / capacity_ah
    good = fall * depth > _LEAST_FALL * abs(depth)
    if np.count_nonzero(good) < _PEERS:
        return None
    fall = np.where(good, np.abs(fall), np.nan)
    slope = np.abs(window.before_v - window.after_v) / fall
    return np.log(fall), sd_v * math.sqrt(2.0 / window.samples) / slope / fall
