"""Finds load steps in the stream and takes the 10 s resistance of every cell from them.

A step is a jump of the current between two samples, from one steady level to another that
then holds for at least 8 s. The drop is fitted over ln t and read at 10 s, so that the
answer hangs neither on one sample nor on the sampling phase. The direction is not used:
a resistance is the same whichever sign the device gives its current.
"""

from collections import deque
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.record import dump, number, numbers

Vector = npt.NDArray[np.float64]

HOLD_S = 8.0
"""A step shorter than this says nothing about the 10 s resistance."""
_WINDOW_S, _LATEST_S = 16.0, 25.0
_FIRST_S = 2.5
_LONGEST_GAP_S = 20.0
_STEP_C = 0.4
_STEADY_C = 0.12
_KEEP = 4
_RAMP_S = 4.0
_FEWEST = 3
_LEAST_SPREAD = 0.1
# A level that goes back by more than this share of its step, in small steps, has not held.
_HELD = 0.5
# Of the way that the step takes the mean voltage, and times what it had moved a sample before.
_GONE_LEAST_V, _GONE, _GONE_STILL = 0.008, 0.4, 3.0
_VOLTS, _AMPERES = (0.0, 10.0), (-1e6, 1e6)


class Point(NamedTuple):
    """One sample as the step finder sees it. ``cells_v`` holds NaN for an absent cell."""

    time_s: float
    current_a: float
    cells_v: list[float]
    celsius: float


class Step(NamedTuple):
    """A load step that held long enough.

    ``resistance_ohm`` is apparent (no correction for charge drawn), NaN where a cell was
    absent; ``sd_ohm`` its own noise. ``start_sd_s`` is what is not known of the start.
    ``before_a`` and ``after_a`` are the two levels; ``held_s`` how long the level before
    had lasted, ``earlier_a`` the level before that one, 0 where nobody saw it. ``sign`` is -1
    where the device gives its current the other way round.
    """

    time_s: float
    resistance_ohm: Vector
    sd_ohm: float
    start_sd_s: float
    before_a: float
    after_a: float
    before_v: Vector
    held_s: float
    sign: float
    celsius: float
    earlier_a: float = 0.0


@dataclass(slots=True)
class StepFinder:
    """Watches samples in order and gives a ``Step`` when one is complete."""

    capacity_ah: float
    voltage_sd_v: float
    steady: deque[Point] = field(default_factory=lambda: deque(maxlen=_KEEP))
    steady_since_s: float = 0.0
    before: list[Point] = field(default_factory=list)
    after: list[Point] = field(default_factory=list)
    held_s: float = 0.0
    earlier_a: float = 0.0

    def watch(self, point: Point) -> Step | None:
        """Take the next sample; answer the step that it completes."""
        found = None
        last = self.after[-1] if self.after else (self.steady[-1] if self.steady else None)
        if last is None or not 0.0 <= point.time_s - last.time_s <= _LONGEST_GAP_S:
            found = self._finish()
            self._restart(point)
            return found
        moved = abs(point.current_a - last.current_a) / self.capacity_ah
        if self.after and moved >= _STEADY_C and self._still_stepping(point):
            self.after = [point]
        elif moved >= _STEP_C:
            found = self._finish()
            self._open(point)
        elif self.after:
            self.after.append(point)
            if point.time_s - self._begun_s() >= _WINDOW_S:
                found = self._finish()
        elif moved > _STEADY_C:
            self._restart(point)
        else:
            self.steady.append(point)
        return found

    def _begun_s(self) -> float:
        """When the open step began, or up to 2 s earlier: readings may be far apart before it."""
        return max(self.before[-1].time_s, self.after[0].time_s - _RAMP_S / 2)

    def _still_stepping(self, point: Point) -> bool:
        """Whether the load is still coming on: a first sample may catch it half-way."""
        base_a = self.before[-1].current_a
        rising = abs(point.current_a - base_a) > abs(self.after[-1].current_a - base_a)
        return rising and point.time_s - self._begun_s() <= _RAMP_S

    def _restart(self, point: Point) -> None:
        self.before, self.after = [], []
        self.steady.clear()
        self.steady.append(point)
        self.steady_since_s, self.earlier_a = point.time_s, 0.0

    def _open(self, point: Point) -> None:
        self.before = list(self.steady)
        self.held_s = self.before[-1].time_s - self.steady_since_s
        self.after = [point]

    def _finish(self) -> Step | None:
        """Close the open step; what follows it is the new steady level."""
        before, after = self.before, self.after
        if not after:
            return None
        step = measure(before, after, held_s=self.held_s, voltage_sd_v=self.voltage_sd_v)
        if step is not None:
            step = step._replace(earlier_a=self.earlier_a)
        self.earlier_a = before[-1].current_a
        self.before, self.after = [], []
        self.steady.clear()
        self.steady.extend(after[-_KEEP:])
        self.steady_since_s = after[0].time_s
        return step

    def pack(self) -> dict[str, object]:
        """What the finder holds, as JSON values."""
        held = {"steady": self.steady, "before": self.before, "after": self.after}
        saved: dict[str, object] = {key: dump(list(points)) for key, points in held.items()}
        return saved | {
            "since_s": self.steady_since_s,
            "held_s": self.held_s,
            "earlier_a": self.earlier_a,
        }

    def unpack(self, saved: object, cells: int) -> None:
        """Restore from ``pack``. Raises StoreError when it does not fit."""
        try:
            fields = dict(saved)  # type: ignore[call-overload]
            for key, target in (
                ("steady", self.steady),
                ("before", self.before),
                ("after", self.after),
            ):
                target.extend(
                    Point(number(t), number(i, _AMPERES), numbers(v, cells, _VOLTS), number(c))
                    for t, i, v, c in fields[key]
                )
            self.steady_since_s = number(fields["since_s"])
            self.held_s = number(fields["held_s"])
            self.earlier_a = number(fields.get("earlier_a", 0.0))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"the saved load step cannot be read: {error}") from error
        if self.after and not self.before:
            raise StoreError("the saved load step has no beginning")


def measure(
    before: list[Point], after: list[Point], *, held_s: float, voltage_sd_v: float
) -> Step | None:
    """Fit the 10 s resistance of a step from the samples ``before`` and ``after`` it."""
    before = _in_step(before, after)
    # The load came at some moment between the two samples around the step.
    gap_s = after[0].time_s - before[-1].time_s
    start_s = before[-1].time_s + gap_s / 2
    used = [p for p in after if _FIRST_S <= p.time_s - start_s <= _WINDOW_S]
    if not used or used[-1].time_s - start_s < HOLD_S:
        # Readings every 11 to 16 s leave none between 8 and 16 s: the next one is as good.
        used += [p for p in after if _WINDOW_S < p.time_s - start_s <= _LATEST_S][:1]
    if not used or used[-1].time_s - start_s < HOLD_S:
        return None
    # Loaded samples move on with the load, rested ones do not: only the last loaded one counts.
    rested = abs(before[-1].current_a) < abs(after[-1].current_a)
    base = before if rested else before[-1:]
    before_v = _mean_of_seen(np.array([p.cells_v for p in base]))
    before_a = float(np.mean([p.current_a for p in base]))
    drop = np.array([p.cells_v for p in used]) - before_v
    change_a = np.array([p.current_a for p in used]) - before_a
    moved_a = change_a * np.sign(change_a[0])
    if not moved_a.min() > _HELD * moved_a.max():
        return None
    # One sign for the whole module: a cell that moves against the others shows as negative.
    each = drop / change_a[:, None]
    sign = np.sign(np.nanmedian(each)) if np.any(np.isfinite(each)) else 1.0
    each = each * sign
    log_t = np.log(np.array([p.time_s - start_s for p in used]) / 10.0)
    resistance, spread = _at_ten_seconds(each, log_t)
    noise_v = max(voltage_sd_v, _shown_sd_v(drop, log_t)) * sqrt(spread + 1.0 / len(base))
    return Step(
        time_s=after[0].time_s,
        resistance_ohm=resistance,
        sd_ohm=noise_v / float(np.min(np.abs(change_a))),
        start_sd_s=gap_s / sqrt(12.0),
        before_a=before_a,
        after_a=float(np.mean([p.current_a for p in used])),
        before_v=before_v,
        held_s=held_s,
        sign=float(sign),
        celsius=float(np.mean([p.celsius for p in used])),
    )


def _in_step(before: list[Point], after: list[Point]) -> list[Point]:
    """Leave out a last sample whose voltage has gone where only the next one's current does.

    Some devices give currents and voltages that were read one sample apart.
    """
    if len(before) < _FEWEST:
        return before
    rows = np.array([p.cells_v for p in (*before[-3:], after[0])])
    volts = _mean_of_seen(rows.T)
    earlier, still, last, first = volts.tolist()
    gone = last - still
    early = abs(first - still) > _GONE_LEAST_V and gone / (first - still) > _GONE
    return before[:-1] if early and abs(gone) > _GONE_STILL * abs(still - earlier) else before


def _shown_sd_v(drop: Vector, log_t: Vector) -> float:
    """Noise of a voltage by how the cells scatter about their lines and about one another.

    0 where too little was seen to tell.
    """
    seen = drop[:, np.isfinite(drop).all(axis=0)]
    count, cells = seen.shape
    if count <= _FEWEST or cells < _FEWEST:
        return 0.0
    centred = log_t - log_t.mean()
    rest = seen - seen.mean(axis=0)
    rest = rest - np.outer(centred, centred @ rest) / (centred @ centred)
    rest = rest - rest.mean(axis=1)[:, None]
    return sqrt(float((rest**2).sum()) / ((cells - 1) * (count - 2)))


def _mean_of_seen(rows: Vector) -> Vector:
    """Mean of each column over what is there; NaN where nothing is."""
    seen = np.isfinite(rows)
    total = np.where(seen, rows, 0.0).sum(axis=0)
    return np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan)


def _at_ten_seconds(each: Vector, log_t: Vector) -> tuple[Vector, float]:
    """Value at ln(t/10 s) = 0 of a straight line over ``log_t``, and its variance factor.

    One line for each column; absent readings (NaN) are left out, a column without any is NaN.
    """
    seen = np.isfinite(each)
    count = np.maximum(seen.sum(axis=0), 1)
    values = np.where(seen, each, 0.0)
    mean_t = (seen * log_t[:, None]).sum(axis=0) / count
    mean = values.sum(axis=0) / count
    centred = np.where(seen, log_t[:, None] - mean_t, 0.0)
    square = (centred**2).sum(axis=0)
    enough = (count >= _FEWEST) & (square > _LEAST_SPREAD)
    slope = np.where(enough, (centred * values).sum(axis=0) / np.maximum(square, 1e-12), 0.0)
    factor = 1.0 / count + np.where(enough, mean_t**2 / np.maximum(square, 1e-12), 0.0)
    answer = np.where(seen.any(axis=0), mean - slope * mean_t, np.nan)
    return answer, float(np.max(factor))
