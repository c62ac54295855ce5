"""Turns a load step into ln R at 10 s, 25 degC and the chemistry's reference charge."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from agent.health.chemistry import CellType, interpolate
from agent.health.pulses import HOLD_S, Step
from agent.health.thermal import thermal_factor

Vector = npt.NDArray[np.float64]

_OWN_SD = 0.008
_COMMON_SD = 0.012
_SENSOR_SD_C = 0.5
_SLOPE_SD = 0.3
_HEATING_SD = 0.004
_STEEP = 0.25
_STEEP_SD = 0.5
_CHARGE_SD = 0.5
_SOC_SD = 0.015
_USELESS_SD = 0.25
_REST_C = 0.06
# After a load a rest still moves: 30 s after one of the same size 6 % of a step is its echo
# (measured on Sanyo UR18650E, pulses with 30 s between them). Away with the root of time.
_ECHO, _ECHO_S, _LOUDEST = 0.06, 30.0, 0.02
# Nearer to empty the resistance is all diffusion and changes by the percent of charge.
_EMPTIEST = 0.12
_LOAD_C = 2.0
_LOWEST = 0.15


class Useless(StrEnum):
    """Why a load step gives no resistance."""

    EMPTY = "step_empty"
    UNRESTED = "step_unrested"
    STEEP = "step_steep"
    VAGUE = "step_vague"


@dataclass(frozen=True, slots=True)
class Pulse:
    """ln R of every cell by one load step, NaN where there is none, with its noise.

    ``warm`` is (T - 25 degC)/10; ``off`` is true for a step that ended a load; ``load`` is
    ln of the step's current over 2 C.
    """

    time_s: float
    ln_r: Vector
    own_sd: Vector
    common_sd: float
    warm: float
    off: bool
    load: float = 0.0


def pulse_of(
    step: Step, kind: CellType, *, capacity_ah: float, soc: float, celsius_sd: float
) -> Pulse | Useless:
    """Normalise ``step``, taken at charge ``soc``, or say why it tells too little.

    ``capacity_ah`` is the capacity in use; ``celsius_sd`` the temperature sensor's own
    uncertainty.
    """
    before_c = abs(step.before_a) / capacity_ah
    off = before_c > abs(step.after_a) / capacity_ah
    if soc < _EMPTIEST:
        return Useless.EMPTY
    # From one load to another the polarisation of the first has not died out.
    polarised = min(before_c, abs(step.after_a) / capacity_ah) > _REST_C
    if polarised or (step.held_s < HOLD_S if off else _echo(step) > _LOUDEST):
        return Useless.UNRESTED
    change_a = abs(step.after_a - step.before_a)
    lowest_v = kind.cutoff_v + _LOWEST * (kind.float_v - kind.cutoff_v)
    if off and np.any(step.before_v < lowest_v):
        return Useless.EMPTY
    if off:
        going_on = kind.relaxation * math.log1p(10.0 / step.held_s)
        resistance = step.resistance_ohm / (1.0 - going_on)
        slope_ohm = steepest_ohm = 0.0
    else:
        drawn = change_a * 10.0 / 3600.0 / capacity_ah
        falls = step.after_a * step.sign < 0.0
        slope_ohm, steepest_ohm = _charge_share(kind, soc, -drawn if falls else drawn, change_a)
        resistance = step.resistance_ohm - slope_ohm
    typical = float(np.nanmedian(resistance)) if np.any(np.isfinite(resistance)) else 0.0
    # On the steep end of a curve (LFP from full) the step is mostly charge, not resistance.
    if typical <= 0.0 or steepest_ohm > _STEEP * typical:
        return Useless.STEEP
    usable = np.where(resistance > 0.1 * typical, resistance, np.nan)
    by_charge = interpolate(kind.resistance_by_soc, soc)
    factor = thermal_factor(step.celsius) * by_charge
    warm = (step.celsius - 25.0) / 10.0
    common_sd = math.hypot(
        _COMMON_SD,
        _SLOPE_SD * slope_ohm / typical,
        _STEEP_SD * (steepest_ohm - slope_ohm) / typical,
        _CHARGE_SD * math.log(by_charge),
        kind.relaxation * step.start_sd_s / 10.0,
        0.017 * math.hypot(celsius_sd, _SENSOR_SD_C),
        _HEATING_SD * max(step.celsius - 40.0, 0.0),
    )
    if common_sd > _USELESS_SD:
        return Useless.VAGUE
    own_sd = np.hypot(_OWN_SD, step.sd_ohm / np.where(np.isfinite(usable), usable, typical))
    load = math.log(change_a / capacity_ah / _LOAD_C)
    return Pulse(step.time_s, np.log(usable / factor), own_sd, common_sd, warm, off, load)


def _echo(step: Step) -> float:
    """Give the share of an on step that may be the relaxation of the load before its rest."""
    share = abs(step.earlier_a - step.before_a) / abs(step.after_a - step.before_a)
    return _ECHO * share * math.sqrt(_ECHO_S / max(step.held_s, 1.0))


def _charge_share(kind: CellType, soc: float, moved: float, change_a: float) -> tuple[float, float]:
    """Give the ohms that the open-circuit curve adds when charge moves from ``soc`` by ``moved``.

    The second number is the most it may be, as ``soc`` is only known within about 1.5 %.
    """
    shares = []
    for shift in (0.0, -_SOC_SD, _SOC_SD):
        start = min(max(soc + shift, 0.0), 1.0)
        end = min(max(start + moved, 0.0), 1.0)
        shares.append(abs(interpolate(kind.ocv, start) - interpolate(kind.ocv, end)) / change_a)
    return shares[0], max(shares)
