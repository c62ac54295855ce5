"""Watches the cells while nothing happens: leaks, drifting sensors, imbalance.

Between two charges an idle module only leaks. A cell that falls faster than its
neighbours leaks more (a micro-short); so does one for which the balancer has to bleed all
the others. A cell whose voltage wanders off for months although it neither leaks nor is
bled has a drifting sensor.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.chemistry import Curve
from agent.health.record import AMOUNT, GIVEN, fill_what_is_there, numbers, table

Vector = npt.NDArray[np.float64]

_DAY_S = 86400.0
_SETTLED_S = 4 * 3600.0
_BIN_S = 1800.0
_LONGEST_GAP_S = 3 * 3600.0
_FEWEST = 6
_FORGET_DAYS = 20.0
_LAST_DAYS = 3.0
_LONGEST_WAIT_DAYS = 5.0
PERIOD_DAYS = 10.0
_PERIODS = 42
# A passive balancer's bleed per Ah, where nobody tells it: chosen. Real ones reach three times as
# much, so that a leak told by bleeding alone is rather too low than too high.
BLEED_C = 0.002
# The first half year settles the charge that the cells were built with.
_UNSETTLED_PERIODS = 18
_TREND_PERIODS = 24
_FLATTEST = 0.02
# At the edge of a plateau a few millivolts are little charge or much: taken for the least.
_NEAR_V = 0.01
TELLING_V = 0.15
"""Slope of an open-circuit curve, in volts per unit of charge, below which it tells no charge."""


@dataclass(slots=True)
class StandbyWatch:
    """Sums of a module at rest. Times are unix seconds, voltages volts.

    ``bleed_a`` is what the balancer takes from a cell, None where nobody has told.
    ``rows`` are half-hourly means of the present day: stretch number, time, voltages.
    ``slope_weight`` and ``slope_sum`` gather the daily leak of each cell in amperes with
    its weight, ``drain_a`` is what the whole module loses; ``bled`` and ``bled_days`` the share
    of the time in which it was bled;
    ``away_sum`` and ``away_days`` how far it stood above the median over the same time, in volts;
    ``balance_share`` and ``balance_v`` follow the share bled and how far it has fallen below that
    mean; ``waiting_days`` have gone by since the last day at rest;
    ``history`` holds a mean departure from the median in volts for every 10 days and ``periods``
    counts them; ``rest_v`` is the last day's median voltage.
    """

    cells: int
    capacity_ah: float
    bleed_a: float | None = field(default=None, metadata=GIVEN)
    settled_s: float = 0.0
    stretch: int = 0
    day_s: float = field(default=0.0, metadata=AMOUNT)
    bin_s: float = 0.0
    bin_count: int = field(default=0, metadata=AMOUNT)
    reported: bool = False
    bled_days: float = field(default=0.0, metadata=AMOUNT)
    away_days: float = field(default=0.0, metadata=AMOUNT)
    waiting_days: float = field(default=0.0, metadata=AMOUNT)
    drain_a: float = field(default=0.0, metadata=AMOUNT)
    period_days: float = field(default=0.0, metadata=AMOUNT)
    periods: int = field(default=0, metadata=AMOUNT)
    rest_v: float = 0.0
    bin_sum: list[float] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    history: list[list[float]] = field(default_factory=list)
    slope_weight: Vector = field(init=False, metadata=AMOUNT)
    slope_sum: Vector = field(init=False)
    away_sum: Vector = field(init=False)
    balance_share: Vector = field(init=False, metadata=AMOUNT)
    balance_v: Vector = field(init=False)
    today_bled: Vector = field(init=False, metadata=AMOUNT)
    earlier_bled: Vector = field(init=False, metadata=AMOUNT)
    bled: Vector = field(init=False, metadata=AMOUNT)
    period_sum: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        for name in ("slope_weight", "slope_sum", "today_bled", "bled", "period_sum"):
            setattr(self, name, np.zeros(self.cells))
        for name in ("away_sum", "balance_share", "balance_v", "earlier_bled"):
            setattr(self, name, np.zeros(self.cells))

    def watch(
        self,
        time_s: float,
        passed_s: float,
        cells_v: list[float],
        mask: int | None,
        *,
        rest: bool,
        bleeding: bool = False,
    ) -> bool:
        """Take the next sample; True when a day of standby is complete (call ``close``).

        ``mask`` names the cells that are balanced, None where the device tells at most by
        ``bleeding`` that some are: their voltage then says nothing of leaks.
        """
        # What cells fell by over a silence, or over a jump of the clock, nobody has watched. The
        # last sample may be one that was not shown here.
        unseen_s = time_s - self.rows[-1][1] if self.rows else 0.0
        if passed_s > _DAY_S or not 0.0 <= unseen_s <= _DAY_S:
            self._break()
        passed_s = min(passed_s, _LONGEST_GAP_S)
        self.day_s += passed_s
        if mask is not None:
            self._bleed(mask, passed_s)
        if not rest or mask or bleeding:
            self._break()
            if not rest:
                self.settled_s = 0.0
        else:
            self.settled_s += passed_s
            if self.settled_s >= _SETTLED_S:
                self._gather(time_s, passed_s, cells_v)
        return self.day_s >= _DAY_S

    def _bleed(self, mask: int, passed_s: float) -> None:
        self.reported = True
        if mask > 0:
            for cell in range(self.cells):
                if mask >> cell & 1:
                    self.today_bled[cell] += passed_s

    def _break(self) -> None:
        if self.bin_count or (self.rows and self.rows[-1][0] == self.stretch):
            self.stretch += 1
        self.bin_count, self.bin_s = 0, 0.0

    def _gather(self, time_s: float, passed_s: float, cells_v: list[float]) -> None:
        if self.bin_count == 0:
            self.bin_sum = list(cells_v)
        else:
            self.bin_sum = [a + b for a, b in zip(self.bin_sum, cells_v, strict=True)]
        self.bin_count += 1
        self.bin_s += passed_s
        if self.bin_s >= _BIN_S:
            mean = [round(total / self.bin_count, 6) for total in self.bin_sum]
            if not all(map(math.isnan, mean)):
                self.rows.append([float(self.stretch), time_s, *mean])
            self.bin_count, self.bin_s = 0, 0.0

    def close(self, ocv: Curve, voltage_sd_v: float) -> None:
        """Evaluate the day and begin the next one."""
        days = self.day_s / _DAY_S
        keep = math.exp(-days / _FORGET_DAYS)
        self.slope_weight *= keep
        self.slope_sum *= keep
        self.waiting_days += days
        rows = np.array(self.rows) if len(self.rows) >= _FEWEST else np.zeros((0, 2))
        mean = None
        if len(rows):
            volts = rows[:, 2:]
            away = volts - middle(volts)[:, None]
            mean = self._standing(away)
            self.period_sum += mean
            self.period_days += 1.0
            self.rest_v = float(np.nanmedian(volts))
            self._leaks(rows[:, 0], rows[:, 1], volts, ocv, voltage_sd_v)
        # What was bled shows in the voltage only when the cells have come to rest.
        if mean is not None or self.waiting_days >= _LONGEST_WAIT_DAYS:
            self._balance(mean)
        if self.period_days >= PERIOD_DAYS:
            self.history.append([round(v, 6) for v in self.period_sum / self.period_days])
            self.periods += 1
            del self.history[:-_PERIODS]
            self.period_sum, self.period_days = np.zeros(self.cells), 0.0
        self.rows, self.day_s, self.stretch = [], 0.0, 0

    def _standing(self, away_v: Vector) -> Vector:
        """Mean of each column over what was read; a cell without a reading stands as it did."""
        seen = np.isfinite(away_v)
        count = seen.sum(axis=0)
        before = self.away_sum / max(self.away_days, 1e-9)
        total = np.where(seen, away_v, 0.0).sum(axis=0)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), before))

    def _balance(self, away_v: Vector | None) -> None:
        """Take what was bled since the last day at rest, and where the cells then stood (volts)."""
        days, self.waiting_days = self.waiting_days, 0.0
        keep = math.exp(-days / _FORGET_DAYS)
        # Today's bleeding may have come after today's rest: it counts from the next rest on.
        self.bled = self.bled * keep + self.earlier_bled / _DAY_S
        self.bled_days = self.bled_days * keep + days
        self.earlier_bled, self.today_bled = self.today_bled, np.zeros(self.cells)
        self.away_sum *= keep
        self.away_days *= keep
        if away_v is None:
            return
        self.away_sum += days * away_v
        self.away_days += days
        share = 1.0 - math.exp(-days / _LAST_DAYS)
        self.balance_v += share * (self.away_sum / self.away_days - away_v - self.balance_v)
        self.balance_share += share * (self.bled / self.bled_days - self.balance_share)

    def _leaks(
        self, stretch: Vector, time_s: Vector, volts: Vector, ocv: Curve, voltage_sd_v: float
    ) -> None:
        """Add the day's fall of every cell against the median, as a current."""
        xs, ys = np.array([s for s, _ in ocv]), np.array([v for _, v in ocv])
        soc = np.interp(volts, ys, xs)
        whole = middle(soc)
        away = soc - whole[:, None]
        hours = (time_s - time_s[0]) / 3600.0
        x, y = hours.copy(), away.copy()
        for number in np.unique(stretch):
            same = stretch == number
            x[same] -= x[same].mean()
            y[same] -= y[same].mean(axis=0)
        square = float(x @ x)
        if square < _FEWEST:
            return
        leak = -(x @ y) / square * self.capacity_ah
        drain_a = max(-float(x @ whole) / square * self.capacity_ah, 0.0)
        self.drain_a += (drain_a - self.drain_a) / _FORGET_DAYS
        residual = y - x[:, None] * (x @ y)[None, :] / square
        noise = np.sqrt(np.mean(residual**2, axis=0)) + self._least_noise(volts, ocv, voltage_sd_v)
        weight = square / (noise * self.capacity_ah) ** 2
        good = np.isfinite(leak) & np.isfinite(weight)
        self.slope_weight[good] += weight[good]
        self.slope_sum[good] += weight[good] * leak[good]

    @staticmethod
    def _least_noise(volts: Vector, ocv: Curve, voltage_sd_v: float) -> float:
        """Charge noise of one reading: the voltage noise over the curve's local slope."""
        return voltage_sd_v / slope_at(ocv, float(np.nanmedian(volts)))

    @property
    def settled(self) -> bool:
        """Whether the charge that the cells were built with has evened out."""
        return self.periods >= _UNSETTLED_PERIODS

    def leak_by_slope(self) -> tuple[Vector, Vector]:
        """Leak beyond the median cell in amperes, and its sd; infinite where unknown."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(self.slope_weight > 0.0, self.slope_sum / self.slope_weight, 0.0)
            sd = np.where(self.slope_weight > 0.0, 1.0 / np.sqrt(self.slope_weight), math.inf)
        return mean, sd

    def leak_by_bleeding(self) -> Vector:
        """Leak beyond the median cell in amperes by how much less it is bled; 0 if unknown."""
        if not self.reported or self.bled_days <= 0.0:
            return np.zeros(self.cells)
        share = self.bled / self.bled_days
        return np.asarray((np.median(share) - share) * self._bleed_c() * self.capacity_ah)

    def leak_by_balance(self, ocv: Curve) -> Vector:
        """Leak beyond the median cell in amperes by charge: what it fell, and was bled less.

        The balancer gives back what a cell has fallen by. Both are weighed by the same
        forgetting, so that no charge counts twice: the mean over that time less the charge of
        now is the forgetful mean of the fall (partial integration).
        """
        if self.away_days < _FORGET_DAYS / 2.0 or self.rest_v <= 0.0:
            return np.zeros(self.cells)
        slope_v = slope_at(ocv, self.rest_v)
        if slope_v < TELLING_V:
            near_v = (self.rest_v - _NEAR_V, self.rest_v + _NEAR_V)
            slope_v = max(slope_v, *(slope_at(ocv, volts) for volts in near_v))
        fallen = self.balance_v / slope_v / (_FORGET_DAYS * 24.0)
        bled = self.balance_share * self._bleed_c() if self.reported else np.zeros(self.cells)
        return np.asarray((fallen + np.median(bled) - bled) * self.capacity_ah)

    def _bleed_c(self) -> float:
        """Give what the balancer takes over capacity (1/h)."""
        return BLEED_C if self.bleed_a is None else self.bleed_a / self.capacity_ah

    def trend(self) -> tuple[Vector, Vector, float] | None:
        """Change of each cell's departure over the history, its scatter, and the days.

        In volts; None before there are nine settled months.
        """
        settled = min(len(self.history), self.periods - _UNSETTLED_PERIODS)
        if settled < _TREND_PERIODS:
            return None
        away = np.array(self.history[-settled:])
        x = np.arange(settled) - (settled - 1) / 2.0
        slope = x @ away / float(x @ x)
        scatter = np.std(away - away.mean(axis=0) - x[:, None] * slope, axis=0)
        return slope * (settled - 1), scatter, (settled - 1) * PERIOD_DAYS

    def now_away(self) -> Vector:
        """The last departure of each cell from the median, in volts."""
        return np.array(self.history[-1]) if self.history else np.zeros(self.cells)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        lists = saved if isinstance(saved, dict) else {}
        fill_what_is_there(self, saved)
        bin_sum = lists.get("bin_sum")
        self.bin_sum = numbers(bin_sum, self.cells) if bin_sum else []
        self.rows = table(lists.get("rows", []), 2 + self.cells)
        self.history = table(lists.get("history", []), self.cells)
        if any(math.isnan(one) for row in self.rows for one in row[:2]):
            raise StoreError("the saved standby has a mean without a time")
        if self.bin_count and not self.bin_sum:
            raise StoreError("the saved standby has a mean without a sum")


def middle(rows: Vector) -> Vector:
    """Median of each row over what was read, NaN where nothing was."""
    # The median that passes over NaN costs ten times as much, and hardly any day has one.
    return np.asarray(
        np.median(rows, axis=1) if np.isfinite(rows).all() else np.nanmedian(rows, axis=1)
    )


def slope_at(ocv: Curve, volts: float) -> float:
    """Slope of the open-circuit curve at ``volts``, volts per unit of charge."""
    at = next((i for i, (_, v) in enumerate(ocv) if v >= volts), len(ocv) - 1)
    low, high = ocv[max(at - 2, 0)], ocv[min(at + 1, len(ocv) - 1)]
    return max((high[1] - low[1]) / max(high[0] - low[0], 1e-6), _FLATTEST)
