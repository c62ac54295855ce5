"""The cell types that the estimator has priors for, as data with their sources.

Open-circuit curves and resistance shapes: the tables shipped with ``simses`` 1.3.12 (BSD-3;
Panasonic NCR18650 for NCA, Sanyo UR18650E for NMC, Sony US26650FTC1 for LFP; the resistance
shape of power cells from Samsung 21700 NCA), thinned.
Ageing laws: see ``agent.health.ageing``. Resistance-capacity gain: ``gain`` is
ln(R/R0) over -ln(Q/Q0). Entries marked *calibrated* were fitted on development data and are
stated in docs/estimator.md; nothing here belongs to one module.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.health.ageing import LFP_SONY, NCA_PANASONIC, NMC_MJ1, AgeingLaw
from agent.model import Battery, Chemistry

Curve = tuple[tuple[float, float], ...]
"""Points (x, y) with rising x; straight lines between them."""


@dataclass(frozen=True, slots=True)
class CellType:
    """Priors of one cell type.

    ``specific_resistance_ohm_ah`` is the 10 s resistance at 25 degC times the capacity;
    ``resistance_sd`` the spread of its logarithm. ``ln_rate`` and ``ln_rate_sd`` are the
    logarithm of the fade rate over the law's own rate, and what is not known of it.
    ``gain_sd`` is what is not known of ln gain for a module, ``cell_gain_sd`` and
    ``cell_rate_sd`` the spread of a module's cells in ln gain and ln fade rate.
    ``gain_curve`` bends the gain: (u, rho over gain) with u = -ln(Q/Q0); straight if None.
    ``level_walk`` is how far ln R of all cells wanders in the root of a year without loss.
    ``rate_walk`` is the same for the ln of the fade rate, so that knees can be followed.
    ``hidden_walk`` is how far capacity may go in the root of a year unseen by resistance.
    ``relaxation`` is d ln R / d ln t near 10 s. ``heat_j_k_ah`` is the heat capacity per Ah.
    """

    name: str
    chemistry: Chemistry
    ocv: Curve
    law: AgeingLaw
    cutoff_v: float
    float_v: float
    max_v: float
    specific_resistance_ohm_ah: float
    resistance_sd: float
    ln_rate: float
    ln_rate_sd: float
    gain: float
    gain_sd: float
    cell_gain_sd: float
    cell_rate_sd: float
    resistance_by_soc: Curve
    level_walk: float
    rate_walk: float
    hidden_walk: float
    relaxation: float
    heat_j_k_ah: float
    gain_curve: Curve | None = None


_NCA_OCV: Curve = (
    (0.0, 2.7),
    (0.02, 3.011),
    (0.05, 3.236),
    (0.1, 3.392),
    (0.2, 3.508),
    (0.3, 3.572),
    (0.4, 3.62),
    (0.5, 3.685),
    (0.6, 3.791),
    (0.7, 3.874),
    (0.8, 3.955),
    (0.9, 4.06),
    (0.92, 4.083),
    (0.94, 4.11),
    (0.96, 4.14),
    (0.98, 4.17),
    (1.0, 4.2),
)
_NMC_OCV: Curve = (
    (0.0, 2.7),
    (0.02, 2.944),
    (0.05, 3.2),
    (0.1, 3.4),
    (0.15, 3.54),
    (0.2, 3.605),
    (0.3, 3.657),
    (0.4, 3.704),
    (0.5, 3.773),
    (0.6, 3.871),
    (0.7, 3.968),
    (0.8, 4.04),
    (0.9, 4.1),
    (0.94, 4.131),
    (0.98, 4.165),
    (1.0, 4.2),
)
_LFP_OCV: Curve = (
    (0.0, 2.4),
    (0.02, 2.7),
    (0.05, 2.95),
    (0.1, 3.1),
    (0.15, 3.189),
    (0.2, 3.21),
    (0.3, 3.25),
    (0.4, 3.29),
    (0.5, 3.299),
    (0.6, 3.303),
    (0.7, 3.315),
    (0.8, 3.33),
    (0.94, 3.343),
    (0.97, 3.348),
    (0.985, 3.4),
    (1.0, 3.59),
)
_POWER_R: Curve = ((0.0, 1.57), (0.05, 1.57), (0.1, 1.29), (0.2, 1.09), (0.4, 1.0), (1.0, 1.0))
_SANYO_R: Curve = ((0.0, 2.0), (0.05, 1.85), (0.1, 1.6), (0.2, 1.25), (0.4, 1.08), (0.7, 1.0))
_LFP_R: Curve = ((0.0, 1.8), (0.1, 1.33), (0.2, 1.1), (0.3, 1.0), (1.0, 1.0))
# Calibrated on the 24 Sanyo UR18650E cells of the ISEA reference tests (DOI
# 10.18154/RWTH-2021-04545): mean ln R growth by loss, of 10 s pulses at 77 % of charge and at
# 57 %. The only real series at hand in which a cell is pulsed as a standby cell is.
_SANYO_LOSS = (0.0, 0.034, 0.074, 0.126, 0.184, 0.238, 0.326, 0.411, 0.59, 0.86)
_SANYO_AT_77 = (0.0, 0.041, 0.087, 0.127, 0.155, 0.182, 0.224, 0.262, 0.34, 0.443)
_SANYO_AT_57 = (0.0, 0.053, 0.117, 0.175, 0.21, 0.241, 0.287, 0.328, 0.41, 0.546)

NCA_POWER = CellType(
    name="NCA power cell",
    chemistry=Chemistry.NCA,
    ocv=_NCA_OCV,
    law=NCA_PANASONIC,
    cutoff_v=2.7,
    float_v=4.07,
    max_v=4.2,
    specific_resistance_ohm_ah=0.037,
    resistance_sd=0.3,
    ln_rate=0.1,
    ln_rate_sd=0.5,
    gain=2.25,
    gain_sd=0.13,
    cell_gain_sd=0.13,
    cell_rate_sd=0.10,
    resistance_by_soc=_POWER_R,
    level_walk=0.003,
    rate_walk=0.15,
    hidden_walk=0.004,
    relaxation=0.1,
    heat_j_k_ah=20.0,
)
NMC_POWER = replace(
    NCA_POWER,
    name="NMC power cell",
    chemistry=Chemistry.NMC,
    ocv=_NMC_OCV,
    law=NMC_MJ1,
    float_v=4.05,
    specific_resistance_ohm_ah=0.05,
    ln_rate=-0.7,
    resistance_by_soc=_POWER_R,
)
# Energy cells gain far less resistance for the capacity that they lose than power cells.
NMC_ENERGY = replace(
    NMC_POWER,
    name="NMC energy cell",
    specific_resistance_ohm_ah=0.1,
    gain=1.0,
    gain_sd=0.12,
    cell_gain_sd=0.05,
    gain_curve=tuple(zip(_SANYO_LOSS, _SANYO_AT_77, strict=True)),
    resistance_by_soc=_SANYO_R,
)
LFP_POWER = replace(
    NCA_POWER,
    name="LFP power cell",
    chemistry=Chemistry.LFP,
    ocv=_LFP_OCV,
    law=LFP_SONY,
    cutoff_v=2.4,
    float_v=3.5,
    max_v=3.6,
    specific_resistance_ohm_ah=0.035,
    ln_rate_sd=0.4,
    gain=1.75,
    gain_sd=0.18,
    level_walk=0.006,
    resistance_by_soc=_LFP_R,
    heat_j_k_ah=28.0,
)
UNKNOWN = replace(
    NMC_POWER,
    name="unknown cell",
    chemistry=Chemistry.UNKNOWN,
    law=NCA_PANASONIC,
    specific_resistance_ohm_ah=0.06,
    resistance_sd=0.6,
    ln_rate=0.0,
    ln_rate_sd=1.0,
    gain=1.7,
    gain_sd=0.45,
    level_walk=0.05,
    rate_walk=0.4,
    hidden_walk=0.04,
)
UNKNOWN_ENERGY = replace(
    NMC_ENERGY,
    name="unknown energy cell",
    chemistry=Chemistry.UNKNOWN,
    law=NCA_PANASONIC,
    ln_rate=0.0,
    ln_rate_sd=0.8,
    gain=1.1,
    gain_sd=0.4,
    level_walk=0.08,
    rate_walk=0.6,
    hidden_walk=0.08,
    cell_gain_sd=0.1,
)
LIBRARY = (NCA_POWER, NMC_POWER, NMC_ENERGY, LFP_POWER, UNKNOWN, UNKNOWN_ENERGY)
"""Every cell type that the agent knows."""

# Halfway (geometric) between the power and the energy cells of the library.
_ENERGY_FROM_OHM_AH = 0.072
_STATED_SD = 0.12


_ENERGY = {Chemistry.NMC: NMC_ENERGY, Chemistry.UNKNOWN: UNKNOWN_ENERGY}


def cell_type(
    battery: Battery, measured_ohm: float | None = None, pulsed_at: float | None = None
) -> CellType:
    """Choose the cell type for ``battery`` and put the battery's own facts into it.

    ``measured_ohm`` is a series cell's 10 s resistance at 25 degC where the battery's own
    number is missing: power and energy cells of one chemistry age differently.
    ``pulsed_at`` is the state of charge at which the cells were first pulsed.
    """
    found = {
        Chemistry.NCA: NCA_POWER,
        Chemistry.NMC: NMC_POWER,
        Chemistry.LFP: LFP_POWER,
    }.get(battery.chemistry, UNKNOWN)
    capacity_ah, known_ohm = battery.rated_capacity_ah, battery.resistance_ohm
    resistance_ohm = measured_ohm if known_ohm is None else known_ohm
    if resistance_ohm is not None and capacity_ah is not None:
        specific = resistance_ohm * capacity_ah
        if specific > _ENERGY_FROM_OHM_AH:
            found = _ENERGY.get(battery.chemistry, found)
        sd = found.resistance_sd if known_ohm is None else _STATED_SD
        found = replace(found, specific_resistance_ohm_ah=specific, resistance_sd=sd)
    if pulsed_at is not None and found.gain_curve is not None:
        found = replace(found, gain_curve=_sanyo_curve(pulsed_at))
    return replace(
        found,
        ocv=battery.ocv or found.ocv,
        cutoff_v=_or(battery.cell_cutoff_v, found.cutoff_v),
        float_v=_or(battery.cell_float_v, found.float_v),
        max_v=_or(battery.cell_max_v, found.max_v),
    )


def _sanyo_curve(soc: float) -> Curve:
    share = min(max((soc - 0.57) / 0.2, 0.0), 1.0)
    pairs = zip(_SANYO_LOSS, _SANYO_AT_57, _SANYO_AT_77, strict=True)
    return tuple((u, low + share * (high - low)) for u, low, high in pairs)


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
