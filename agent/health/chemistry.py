"""Which cell type a battery has: one of the library's, with the battery's own facts put in."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from agent.health.celltype import CellType, Curve
from agent.health.library import entries
from agent.model import Battery, Chemistry

__all__ = ["CellType", "Curve", "cell_type", "interpolate", "inverse"]

NCA_POWER = entries()["nca-power"].cell
_POWER = {Chemistry.NCA: "nca-power", Chemistry.NMC: "nmc-power", Chemistry.LFP: "lfp-power"}
_ENERGY = {Chemistry.NMC: "nmc-energy", Chemistry.UNKNOWN: "unknown-energy"}
# Cells that are told by their resistance and cut-off: the only ones whose gain was measured.
_KNOWN = {Chemistry.NMC: "sanyo-ur18650e"}
_ALIKE_LN, _ALIKE_V, _ALIKE = 0.045, 0.3, 2.0
# A cell of them has 1.78 Ah (from 4.1 V) to 2.15 Ah (the most that is rated): cells of other sizes
# come to the same resistance times capacity and age otherwise.
_ALIKE_AH, _ALIKE_LN_AH = 1.95, 0.15
# Halfway (geometric) between the power and the energy cells of the library.
_ENERGY_FROM_OHM_AH = 0.072
_STATED_SD = 0.12
# New cells that measure otherwise by more were told a resistance of another kind (at 1 kHz).
_MISSTATED_LN = 0.3
# Below this at full charge only LFP is made for high currents.
_LFP_BELOW_V = 3.8
# An energy cell that differs from those measured may gain resistance in another way, too.
_STRANGE_SD = 0.8


def cell_type(
    battery: Battery,
    measured_ohm: float | None = None,
    pulsed_at: float | None = None,
    *,
    new: bool = False,
) -> CellType:
    """Choose the cell type for ``battery`` and put the battery's own facts into it.

    ``measured_ohm`` is a series cell's 10 s resistance at 25 degC where the battery's own
    number is missing, or cannot be: power and energy cells of one chemistry age differently.
    ``pulsed_at`` is the state of charge at which the cells were first pulsed, ``new`` says that
    they were new then.
    """
    named = None if battery.cell is None else entries().get(battery.cell)
    key = _POWER.get(battery.chemistry, "unknown-power")
    found = entries()[key].cell if named is None else named.cell
    capacity_ah, known_ohm = battery.rated_capacity_ah, battery.resistance_ohm
    if known_ohm is not None and measured_ohm is not None and new:
        known_ohm = None if misstated(known_ohm, measured_ohm) else known_ohm
    resistance_ohm = measured_ohm if known_ohm is None else known_ohm
    if resistance_ohm is not None and capacity_ah is not None:
        specific = resistance_ohm * capacity_ah
        if named is None and specific > _ENERGY_FROM_OHM_AH:
            otherwise = entries()[_ENERGY.get(battery.chemistry, key)].cell
            at = pulsed_at if known_ohm is None and battery.resistance_by_soc is None else None
            found = _known(battery, specific, found, at) or otherwise
            strange = abs(math.log(specific / found.specific_resistance_ohm_ah))
            found = replace(found, gain_sd=math.hypot(found.gain_sd, _STRANGE_SD * strange))
        sd = found.resistance_sd if known_ohm is None else _STATED_SD
        found = replace(found, specific_resistance_ohm_ah=specific, resistance_sd=sd)
    if named is None and battery.chemistry is Chemistry.UNKNOWN and _looks_like_lfp(battery):
        found = _with_curves(found, entries()["lfp-power"].cell)
    return replace(
        found,
        gain_curve=_gain_curve(found.gain_curves, pulsed_at),
        ocv=battery.ocv or found.ocv,
        resistance_by_soc=battery.resistance_by_soc or found.resistance_by_soc,
        cutoff_v=_or(battery.cell_cutoff_v, found.cutoff_v),
        float_v=_or(battery.cell_float_v, found.float_v),
        max_v=_or(battery.cell_max_v, found.max_v),
    )


def misstated(stated_ohm: float, measured_ohm: float) -> bool:
    """Whether cells that measured ``measured_ohm`` when new contradict what was stated."""
    return abs(math.log(measured_ohm / stated_ohm)) > _MISSTATED_LN


def _looks_like_lfp(battery: Battery) -> bool:
    full_v = _or(battery.cell_max_v, _or(battery.cell_float_v, math.inf))
    return full_v < _LFP_BELOW_V


def _with_curves(found: CellType, like: CellType) -> CellType:
    """Give the priors of ``found`` with the voltages and the resistance over charge of ``like``."""
    return replace(
        found,
        ocv=like.ocv,
        resistance_by_soc=like.resistance_by_soc,
        cutoff_v=like.cutoff_v,
        float_v=like.float_v,
        max_v=like.max_v,
    )


def _known(
    battery: Battery, specific: float, read_as: CellType, pulsed_at: float | None
) -> CellType | None:
    """Give the known type that ``specific`` resistance (ohm Ah), size and cut-off agree with.

    Where nobody has told how many cells are in parallel, a module is taken for one of large cells.

    A resistance measured at charge ``pulsed_at`` was brought to the reference as ``read_as`` says.
    """
    name = _KNOWN.get(battery.chemistry)
    if name is None:
        return None
    known = entries()[name].cell
    if pulsed_at is not None:
        specific *= interpolate(read_as.resistance_by_soc, pulsed_at)
        specific /= interpolate(known.resistance_by_soc, pulsed_at)
    away = math.log(specific / known.specific_resistance_ohm_ah) / _ALIKE_LN
    lower = (_or(battery.cell_cutoff_v, known.cutoff_v) - known.cutoff_v) / _ALIKE_V
    one_ah = _or(battery.rated_capacity_ah, _ALIKE_AH) / (battery.parallel or 1)
    sized = abs(math.log(one_ah / _ALIKE_AH)) <= _ALIKE_LN_AH
    return known if sized and math.hypot(away, lower) <= _ALIKE else None


def _gain_curve(curves: tuple[tuple[float, Curve], ...], soc: float | None) -> Curve | None:
    """Give the curve for pulses at ``soc``, between the nearest; the highest where unknown."""
    if not curves:
        return None
    if soc is None:
        return curves[-1][1]
    losses = [loss for loss, _ in curves[0][1]]
    by_soc = [[(at, interpolate(curve, loss)) for at, curve in curves] for loss in losses]
    return tuple((loss, interpolate(row, soc)) for loss, row in zip(losses, by_soc, strict=True))


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def interpolate(curve: Sequence[tuple[float, float]], x: float) -> float:
    """Read ``curve`` at ``x``; beyond its ends the end values hold, NaN stays NaN."""
    if math.isnan(x):
        return x
    if x <= curve[0][0]:
        return curve[0][1]
    if x >= curve[-1][0]:
        return curve[-1][1]
    at = bisect_right(curve, (x, float("inf")))
    (x0, y0), (x1, y1) = curve[at - 1], curve[at]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def inverse(curve: Sequence[tuple[float, float]], y: float) -> float:
    """Read a rising ``curve`` backwards at ``y``; beyond its ends the end values hold."""
    return interpolate([(b, a) for a, b in curve], y)
