"""The rules for what shows while nothing happens: shorts and sensors."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.health.chemistry import Curve, inverse
from agent.health.gain import GainWatch
from agent.health.report import Z90
from agent.health.standby import BLEED_C, TELLING_V, StandbyWatch, slope_at
from agent.health.verdict import Finding, date
from agent.model import Interval, Verdict

Vector = npt.NDArray[np.float64]

SHORT = "cell_short"
"""The code of a cell that may have an inner short."""
# All leaks are judged for a 15 Ah cell and scale with the capacity.
_REFERENCE_AH = 15.0
_BY_SLOPE_A = 0.0015
_SIGMAS = 5.0
_BY_BALANCE_A = 0.0004
# The first half year evens out what the cells were built with.
_UNSETTLED = 2.5
_CONTRADICTED_SD = 3.0

# Balancers leave cells of a module apart by 4 to 10 mV; within that a cell may wander.
_DRIFT_V = 0.007
# What is further off is no drift of a sensor: the cell is.
_FARTHEST_V = 0.05
_OUTWARD_V = 0.002
_QUIET_V = 0.0015
_LEAK_FREE_A = 0.0004
_CLEAN = 4.0
# A leak by the idle voltage is believed as a number where its sd is below this.
_VAGUE_A = 0.001
_LEAK_FLOOR_A = 0.0003
_BALANCE_SHARE_SD, _TOLD_SHARE_SD = 0.5, 0.2
# What a leak told by the balancer is off by, as a share: its current taken for one, or told.
_ALIKE_SD = 0.5

_APART = 0.06
_APART_V = 0.010
_APART_STEPS = 3.0
# On a plateau the way a cell was charged, or its sensor, may make as much on either side.
_VAGUE_V = 0.025
# A unit lasts for less by so much: no longer a matter of balancing.
_FAR_APART = 0.2
# A module that nobody keeps charged falls apart by the sizes of its cells, not by leaks.
_KEPT = 0.3


class _Lost(NamedTuple):
    """Amperes that each cell loses beyond the median cell: by its idle voltage, its balancer.

    ``alike_a`` is what of that the cell only seemed to lose, because it is smaller.
    """

    slope: Vector
    slope_sd: Vector
    balance: Vector
    alike_a: Vector


def _lost(watch: StandbyWatch, ocv: Curve, holds: Vector) -> _Lost:
    """Weigh both kinds of evidence for cells of the state of health ``holds``.

    What all lose alike takes more of the voltage of a smaller cell.
    """
    smaller = np.minimum(holds / float(np.median(holds)), 1.0)
    alike_a = watch.drain_a * (1.0 - smaller)
    slope, sd = watch.leak_by_slope()
    balance = watch.leak_by_balance(ocv)
    return _Lost(smaller * slope - alike_a, sd, smaller * balance - alike_a, alike_a)


def shorts(
    watch: StandbyWatch, ocv: Curve, cells: tuple[str, ...], holds: Vector
) -> Iterator[Finding]:
    """Cells that lose charge faster than their neighbours; ``holds`` is their state of health."""
    if not _kept_charged(watch, ocv):
        return
    scale = watch.capacity_ah / _REFERENCE_AH
    slope, sd, balance, _ = _lost(watch, ocv, holds)
    sd = np.hypot(sd, _usual(slope))
    settled = 1.0 if watch.settled else _UNSETTLED
    least_a = max(_BY_BALANCE_A * scale * settled, _SIGMAS * _usual(balance))
    others = _by_balance(watch)
    for index, cell in enumerate(cells):
        fast = float(slope[index])
        by_slope = min(fast / (_BY_SLOPE_A * scale), fast / (_SIGMAS * float(sd[index])))
        by_balance = float(balance[index]) / least_a
        # A balancer of another size must not make a leak where the idle voltage shows none.
        if fast + _CONTRADICTED_SD * float(sd[index]) < 0.5 * float(balance[index]):
            by_balance = 0.0
        falls = by_slope > by_balance
        leak_a = fast if falls else float(balance[index])
        half_a = Z90 * (float(sd[index]) if falls else _balance_share_sd(watch) * leak_a)
        low_ma, high_ma = 1000.0 * (leak_a - half_a), 1000.0 * (leak_a + half_a)
        how = "idle it falls faster" if falls else others
        yield Finding(
            SHORT,
            cell,
            max(by_slope, by_balance),
            Verdict.REPLACE,
            f"cell {cell}: loses about {leak_a * 1000.0:.1f} mA more than its neighbours "
            f"({max(low_ma, 0.0):.1f} to {high_ma:.1f}): {how}",
        )


def _by_balance(watch: StandbyWatch) -> str:
    if not watch.reported:
        return "it keeps falling behind them"
    if watch.bleed_a is None:
        taken = f"taken for {BLEED_C * 1000.0:.0f} mA for each Ah (balance_current tells)"
        return f"the balancer bleeds the others, {taken}"
    return f"the balancer bleeds the others, by {watch.bleed_a * 1000.0:.0f} mA"


def _balance_share_sd(watch: StandbyWatch) -> float:
    return _BALANCE_SHARE_SD if watch.bleed_a is None else _TOLD_SHARE_SD


def _kept_charged(watch: StandbyWatch, ocv: Curve) -> bool:
    """Whether the module rests at a charge to stand by with."""
    return watch.rest_v <= 0.0 or inverse(ocv, watch.rest_v) >= _KEPT


def _usual(each: Vector) -> float:
    """How far cells of this module usually stand from its median, as a standard deviation."""
    return 1.4826 * float(np.median(np.abs(each - np.median(each))))


def leaks(watch: StandbyWatch, ocv: Curve, holds: Vector) -> list[Interval | None]:
    """What each cell loses beyond the median cell in amperes; None where nothing tells.

    The fall of the idle voltage tells it where it is seen well, the balancer's work otherwise.
    ``holds`` is the cells' state of health, which is not known exactly either.
    """
    scale = watch.capacity_ah / _REFERENCE_AH
    slope, slope_sd, balance, alike_a = _lost(watch, ocv, holds)
    told = watch.reported and bool(watch.history)
    found: list[Interval | None] = []
    for index in range(watch.cells):
        mean, sd = float(slope[index]), float(slope_sd[index])
        if not sd < _VAGUE_A * scale:
            if not told:
                found.append(None)
                continue
            mean = float(balance[index])
            sd = _balance_share_sd(watch) * abs(mean)
        smaller_sd = _ALIKE_SD * float(alike_a[index])
        half = Z90 * math.hypot(sd, _LEAK_FLOOR_A * scale, smaller_sd)
        found.append(Interval(mean, mean - half, mean + half))
    return found


def imbalance(
    watch: StandbyWatch,
    ocv: Curve,
    cells: tuple[str, ...],
    *,
    voltage_step_v: float,
    excused: frozenset[str],
) -> Iterator[Finding]:
    """Cells that stand at another charge than their module, by ten days at rest.

    ``excused`` are cells that differ for a reason already named. Where the curve is flat only
    a voltage far away tells of charge.
    """
    away = watch.now_away()
    least_v = max(_APART_V, _APART_STEPS * voltage_step_v)
    for index, cell in enumerate(cells):
        apart_v = float(away[index])
        told = abs(apart_v) > least_v and cell not in excused
        share = _apart(ocv, watch.rest_v, apart_v) if told else 0.0
        side = "above" if share > 0.0 else "below"
        yield Finding(
            "cell_imbalance",
            cell,
            abs(share) / _APART,
            Verdict.DEGRADED if abs(share) > _FAR_APART else Verdict.WATCH,
            f"cell {cell}: at rest it stands {apart_v * 1000.0:+.0f} mV from its module, about "
            f"{abs(share) * 100.0:.0f} % of charge {side} it",
        )


def _apart(ocv: Curve, rest_v: float, apart_v: float) -> float:
    """Give how much charge ``apart_v`` is from ``rest_v``, a share; on a flat curve the least."""
    if rest_v <= 0.0:
        return 0.0
    slack_v = 0.0 if slope_at(ocv, rest_v) > TELLING_V else math.copysign(_VAGUE_V, apart_v)
    share = inverse(ocv, rest_v + apart_v - slack_v) - inverse(ocv, rest_v + slack_v)
    return share if share * apart_v > 0.0 else 0.0


def sensors(
    watch: StandbyWatch,
    gain: GainWatch,
    cells: tuple[str, ...],
    *,
    voltage_step_v: float,
    excused: frozenset[str],
) -> Iterator[Finding]:
    """Voltage sensors that wander off, and the pack's current sensor.

    ``excused`` are cells that differ for another reason: a smaller capacity moves the
    voltage at rest as well.
    """
    yield Finding(
        "current_sensor",
        None,
        1.0 if gain.since_s > 0.0 else 0.0,
        Verdict.WATCH,
        f"current sensor: the constant currents of charger and self-test both read "
        f"{(gain.ratio - 1.0) * 100.0:+.1f} % since {date(gain.since_s)}; "
        "currents are corrected for it",
    )
    found = watch.trend()
    if found is None or not watch.reported:
        return
    change, scatter, days = found
    away = watch.now_away()
    slope, sd = watch.leak_by_slope()
    leak = np.maximum(np.abs(watch.leak_by_bleeding()), np.abs(slope) - _CONTRADICTED_SD * sd)
    quiet = float(np.median(np.abs(change))) < _QUIET_V
    least = max(_DRIFT_V, 0.8 * voltage_step_v, _SIGMAS * _usual(change))
    for index, cell in enumerate(cells):
        moved = float(change[index])
        outward = moved * float(away[index]) > 0.0
        near = _OUTWARD_V < abs(away[index]) < _FARTHEST_V
        clean = abs(moved) > _CLEAN * float(scatter[index])
        innocent = float(leak[index]) < _LEAK_FREE_A * watch.capacity_ah / _REFERENCE_AH
        believed = quiet and outward and near and clean and innocent and cell not in excused
        yield Finding(
            "cell_sensor",
            cell,
            abs(moved) / least if believed else 0.0,
            Verdict.WATCH,
            f"cell {cell}: its voltage reads {moved * 1000.0:+.0f} mV against its module over "
            f"{days:.0f} days, while it neither leaks nor is balanced differently",
        )
