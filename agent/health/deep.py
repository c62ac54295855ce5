"""Capacity from deep discharges: the only evidence that measures it.

From a rest near full to the knee of a cell's curve the charge drawn is that cell's capacity,
less what the curve says is left; a cell that has not come to its knee has at least what was
drawn. Discharges that end far from empty say nothing here: what they show of lost lithium is a
bias of the curve (estimator.md, section 2).
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from agent.health.change import Change
from agent.health.chemistry import CellType, interpolate
from agent.health.filter import ModuleFilter
from agent.health.record import fill, numbers, table
from agent.health.ride import AgedCurve
from agent.health.standby import slope_at
from agent.health.thermal import thermal_factor
from agent.health.verdict import date
from agent.model import Basis

Vector = npt.NDArray[np.float64]

_REST_C, _LOAD_C = 0.03, 0.05
_REST_S = 300.0
_LONGEST_REST_GAP_S, _LONGEST_GAP_S = 7200.0, 120.0
# A load found after a silence may have begun anywhere in it: more charge than this is too much.
_UNSEEN = 0.1
_LEAST_DEPTH, _DEEP = 0.1, 0.5
_AT_CUTOFF_V, _GENTLE_C = 0.1, 1.0
_FULL_FROM = 0.8
_LAST = 3
_LEAST_FALL_V = 0.1
# How well the end is known: the curve's own error, and the drop under load.
_CURVE_SD_V, _DROP_SD = 0.03, 0.25
# Cells of one lot differ a little in the shape of their knee.
_OWN_SD = 0.008
# Of the charge missing from full at the start: "full" is a convention where no curve is given.
_OWN_CURVE_SD, _GUESSED_CURVE_SD = 0.1, 0.5
_COMMON_SD, _REST_SD_V, _UNRESTED_SD_V = 0.012, 0.004, 0.015
_GRID = np.linspace(math.log(0.3), math.log(1.25), 250)
# A capacity far from what is believed is possible: something may have happened to the cell.
_CHANGED, _CHANGED_SD = 0.03, 0.2
_LEARNT = 0.9
_MEASURED_SD = 0.05
_PEERS, _APART = 3, 0.08
# Two standard deviations, as a loss of ln likelihood.
_ALLOWED = 2.0
FREE_SD = 0.2
"""How far, in ln Q, the capacity of a cell may lie from that of its module once it departs."""


class Deep(NamedTuple):
    """A discharge from rest, at its end: ``drawn_ah`` since the rest.

    ``rest_s`` is how long the rest had lasted at least. ``current_a`` and ``end_v`` are under
    load, ``held_s`` is its duration; NaN for absent cells. ``unseen`` is what the load may
    have drawn before it was seen, over rated capacity; half of it is counted.
    """

    time_s: float
    drawn_ah: float
    rest_s: float
    before_v: Vector
    end_v: Vector
    current_a: float
    held_s: float
    unseen: float = 0.0


class Told(NamedTuple):
    """ln (Q/rated) as told to the filter: value and own sd per cell (NaN: nothing).

    ``least`` is the smallest ln (Q/rated) that a cell's end voltage allows, ``alone`` the mean by
    this discharge alone where it has ``measured`` a cell, else NaN.
    """

    ln_q: Vector
    own_sd: Vector
    least: Vector
    common_sd: float
    measured: npt.NDArray[np.bool_]
    alone: Vector

    def unchanged(self, moved: npt.NDArray[np.bool_], change: Change) -> Self:
        """Give it as told of cells to which nothing has happened: the filter knows no others.

        Of those that ``moved`` only what was measured counts, without what ``change`` has taken.
        """
        ln_q = np.where(moved & ~self.measured, math.nan, self.ln_q - change.ln_kept())
        unsure = np.array([change.unsure(cell) for cell in range(len(ln_q))])
        return self._replace(ln_q=ln_q, own_sd=np.hypot(self.own_sd, unsure))


@dataclass(slots=True)
class DeepWatch:
    """Watches for discharges from rest, and remembers when each cell's capacity was measured.

    ``last`` holds the last loaded samples: time, charge drawn, current, voltages.
    ``tested_s`` is when a cell was measured, ``bounded_s`` when it showed a least capacity.
    """

    cells: int
    capacity_ah: float
    time_s: float | None = None
    current_a: float = 0.0
    rest_s: float = 0.0
    start_s: float | None = None
    drawn_ah: float = 0.0
    unseen: float = 0.0
    depth: float = 0.0
    rest_v: list[float] = field(default_factory=list)
    last: list[list[float]] = field(default_factory=list)
    tested_s: Vector = field(init=False)
    bounded_s: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        self.tested_s = np.full(self.cells, math.nan)
        self.bounded_s = np.full(self.cells, math.nan)

    def watch(self, time_s: float, current_a: float, cells_v: list[float]) -> Deep | None:
        """Take the next sample; answer the discharge that it ends, if it took a tenth."""
        gap_s = 0.0 if self.time_s is None else time_s - self.time_s
        before_a, self.time_s, self.current_a = self.current_a, time_s, current_a
        longest_s = _LONGEST_REST_GAP_S if self.start_s is None else _LONGEST_GAP_S
        if not 0.0 <= gap_s <= longest_s:
            self.rest_s, self.start_s, self.last, self.rest_v = 0.0, None, [], []
            gap_s = 0.0
        if current_a < -_LOAD_C * self.capacity_ah:
            self._load(time_s, gap_s, before_a, cells_v)
            return None
        found = self._end()
        if abs(current_a) < _REST_C * self.capacity_ah:
            self.rest_s += gap_s
            self.rest_v = cells_v
        else:
            self.rest_s, self.rest_v = 0.0, []
        return found

    def _load(self, time_s: float, gap_s: float, before_a: float, cells_v: list[float]) -> None:
        if self.start_s is None:
            if not self.rest_v:
                return
            self.unseen = -self.current_a * gap_s / 3600.0 / self.capacity_ah
            if self.unseen > _UNSEEN:
                self.rest_s, self.rest_v = 0.0, []
                return
            self.start_s, self.drawn_ah = time_s, 0.0
            before_a = 0.0
        self.drawn_ah -= 0.5 * (before_a + self.current_a) * gap_s / 3600.0
        self.last.append([time_s, self.drawn_ah, self.current_a, *cells_v])
        del self.last[:-_LAST]

    def _end(self) -> Deep | None:
        last, start_s = self.last, self.start_s
        before_v, rest_s = np.array(self.rest_v), self.rest_s
        self.last, self.start_s = [], None
        if start_s is None or len(last) < _LAST:
            return None
        self.rest_s, self.rest_v = 0.0, []
        time_s, drawn_ah, current_a = last[1][:3]
        if drawn_ah < _LEAST_DEPTH * self.capacity_ah:
            return None
        end_v = np.median(np.array([row[3:] for row in last]), axis=0)
        fallen_v = before_v - end_v
        # A flipped current sign makes a charge of a discharge.
        if np.isnan(fallen_v).all() or not np.nanmedian(fallen_v) > _LEAST_FALL_V:
            return None
        held_s = time_s - start_s
        return Deep(time_s, drawn_ah, rest_s, before_v, end_v, current_a, held_s, self.unseen)

    def remember(self, deep: Deep, told: Told) -> None:
        """Note which cells ``deep`` has measured."""
        seen = np.isfinite(told.ln_q)
        self.tested_s[told.measured & seen] = deep.time_s
        self.bounded_s[seen] = deep.time_s
        self.depth = deep.drawn_ah / self.capacity_ah

    def bases(self, *, stepped: npt.NDArray[np.bool_]) -> list[Basis]:
        """Give the best kind of evidence for each cell; ``stepped``: a load step told of it."""
        kinds = np.where(stepped, Basis.RESISTANCE, Basis.PRIOR)
        kinds = np.where(np.isfinite(self.bounded_s), Basis.WINDOW, kinds)
        kinds = np.where(np.isfinite(self.tested_s), Basis.FULL_TEST, kinds)
        return [Basis(kind) for kind in kinds]

    def evidence(self, cells: tuple[str, ...]) -> tuple[str, ...]:
        """Say in words what deep discharges have told."""
        seen = self.bounded_s[np.isfinite(self.bounded_s)]
        if not len(seen):
            text = "capacity is inferred from resistance growth; only a test of 80 % depth "
            return (text + "measures it",)
        last_s = float(seen.max())
        text = f"the discharge of {self.depth * 100:.0f} % of rated capacity on {date(last_s)} "
        found = [c for c, t in zip(cells, self.tested_s, strict=True) if t == last_s]
        least = [
            c
            for c, t, b in zip(cells, self.tested_s, self.bounded_s, strict=True)
            if b == last_s and t != last_s
        ]
        parts = []
        if found:
            parts.append(f"measured the capacity of cells {', '.join(found)}")
        if least:
            parts.append(f"showed what cells {', '.join(least)} hold at least")
        return (text + " and ".join(parts),)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        lists = saved if isinstance(saved, dict) else {}
        rest_v = lists.get("rest_v")
        self.rest_v = numbers(rest_v, self.cells) if rest_v else []
        self.last = table(lists.get("last"), 3 + self.cells)


def at_cutoff(deep: Deep, cutoff_v: float) -> bool:
    """Whether a cell was at its cut-off when ``deep`` ended."""
    return bool(np.nanmin(deep.end_v) < cutoff_v + _AT_CUTOFF_V)


def is_telling(deep: Deep, capacity_ah: float, cutoff_v: float) -> bool:
    """Whether ``deep`` came near empty: half of the rated charge drawn, or a worn cell at its end.

    Under a high load a cell is at its cut-off before it is empty: diffusion limits it, and the
    drop hides the rest.
    """
    gentle = -deep.current_a <= _GENTLE_C * capacity_ah
    return (gentle and at_cutoff(deep, cutoff_v)) or deep.drawn_ah >= _DEEP * capacity_ah


def capacities(
    deep: Deep,
    state: ModuleFilter,
    change: Change,
    capacity_ah: float,
    celsius: float,
    *,
    own_curve: bool,
) -> Told:
    """Weigh what each cell's end voltage says against what the filter ``state`` believes.

    ``change`` is what has become of cells beyond that, and ``own_curve`` says that the
    open-circuit curve is these cells' own, so that what was missing from full at the start is
    known well.

    The answer is what the filter has to be told so that it comes to believe the outcome.
    """
    kind = state.kind
    unsure = np.array([change.unsure(cell) for cell in range(state.cells)])
    believed = state.ln_capacity() + change.ln_kept(), np.hypot(state.ln_capacity_sd(), unsure)
    resistance_ohm = np.exp(state.ln_resistance()[0])
    curve_back = [(v, s) for s, v in kind.ocv]
    curve = AgedCurve(kind)
    count = len(deep.end_v)
    value, own_sd, least, shown = (np.full(count, math.nan) for _ in range(4))
    measured = np.zeros(count, dtype=bool)
    start = float(np.nanmedian(deep.before_v))
    missing = 1.0 - interpolate(curve_back, start)
    drawn = deep.drawn_ah / capacity_ah + missing
    left = 1.0 - drawn / np.exp(_GRID)
    expected_v = curve(left, np.full(_GRID.shape, drawn))
    grown = under_load(kind, celsius, np.array(deep.held_s), left)
    for cell in np.flatnonzero(np.isfinite(deep.end_v) & np.isfinite(deep.before_v)).tolist():
        drop_v = -deep.current_a * float(resistance_ohm[cell]) * grown
        sd_v = np.hypot(_CURVE_SD_V, _DROP_SD * drop_v)
        seen = -0.5 * ((expected_v - drop_v - deep.end_v[cell]) / sd_v) ** 2 - np.log(sd_v)
        least[cell] = _GRID[np.argmax(seen > seen.max() - _ALLOWED)]
        mean, sd = float(believed[0][cell]), float(believed[1][cell])
        after, after_sd = _moments(_prior(mean, sd) * np.exp(seen - seen.max()))
        if after_sd >= _LEARNT * sd:
            continue
        told_var = 1.0 / (1.0 / after_sd**2 - 1.0 / sd**2)
        value[cell] = told_var * (after / after_sd**2 - mean / sd**2)
        own_sd[cell] = math.hypot(math.sqrt(told_var), _OWN_SD)
        shown[cell], alone_sd = _moments(np.exp(seen - seen.max()))
        measured[cell] = alone_sd < _MEASURED_SD and drawn >= _FULL_FROM * math.exp(after)
    rest_sd_v = _REST_SD_V if deep.rest_s >= _REST_S else _UNRESTED_SD_V
    start_sd = rest_sd_v / slope_at(kind.ocv, start)
    missing_sd = missing * (_OWN_CURVE_SD if own_curve else _GUESSED_CURVE_SD)
    common_sd = math.hypot(_COMMON_SD, start_sd, missing_sd, deep.unseen / math.sqrt(12.0))
    measured &= common_sd < _MEASURED_SD
    return Told(value, own_sd, least, common_sd, measured, np.where(measured, shown, np.nan))


def under_load(kind: CellType, celsius: float, held_s: Vector, left: Vector) -> Vector:
    """Resistance over that at 10 s and 25 degC after ``held_s`` of load, by the charge left."""
    polarised = 1.0 + kind.relaxation * np.log(np.maximum(held_s, 10.0) / 10.0)
    return np.asarray(thermal_factor(celsius) * polarised * kind.resistance_at(left))


def outliers(told: Told) -> npt.NDArray[np.intp]:
    """Give the measured cells that are not of their module: they say nothing of the others."""
    if np.count_nonzero(np.isfinite(told.least)) < _PEERS:
        return np.zeros(0, dtype=np.intp)
    middle = float(np.nanmedian(told.least))
    return np.flatnonzero(told.measured & (told.ln_q < middle - _APART))


def _prior(mean: float, sd: float) -> Vector:
    normal = np.exp(-0.5 * ((_GRID - mean) / sd) ** 2) / sd
    changed = np.exp(-0.5 * ((_GRID - mean) / _CHANGED_SD) ** 2) / _CHANGED_SD
    return np.asarray((1.0 - _CHANGED) * normal + _CHANGED * changed)


def _moments(weight: Vector) -> tuple[float, float]:
    total = float(weight.sum())
    if total <= 0.0:
        return 0.0, math.inf
    mean = float((weight * _GRID).sum()) / total
    step = float(_GRID[1] - _GRID[0])
    return mean, math.sqrt(float((weight * (_GRID - mean) ** 2).sum()) / total + step**2 / 12.0)
