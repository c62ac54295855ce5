"""Published ageing laws, integrated step by step on measured temperature and charge.

The loss is u = -ln(capacity over initial capacity). A calendar law u = k(T, s) t^z is
carried on as du = z k^(1/z) u^(1-1/z) dt, so that a change of temperature keeps what has
been lost (equivalent time). Sources, T in kelvin, t in days, s = state of charge:

- NCA: BLAST-Lite 1.1.1 ``nca_gr_Panasonic3Ah_2018`` (data Keil, Preger)
- NMC: BLAST-Lite 1.1.1 ``nmc811_grSi_LGMJ1_4Ah_2020``
- LFP: Naumann et al. 2018, J. Energy Storage 17, 153-169 (Sony US26650FTC1)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

GAS_J_MOL_K = 8.3144
ZERO_C_K = 273.15
DAY_S = 86400.0

# Outside what the laws were fitted on they are held at the nearest fitted temperature plus
# a margin: a wild sensor must not age a cell by years in an hour.
_COLDEST_C, _HOTTEST_C = -10.0, 65.0

# Where the calibrations end, and where nothing of them is left.
_TRUSTED_C, _DOUBTED_C = 40.0, 50.0
# Chosen: the laws above have 9, 17 and 25 kJ/mol, and another cell is another one yet.
_ACTIVATION_SD_J_MOL = 15000.0


@dataclass(frozen=True, slots=True)
class AgeingLaw:
    """Calendar fade ``rate(kelvin, soc) * days ** exponent`` and fade per equivalent cycle.

    ``cycle_loss`` is the loss of the first full cycle, and taken for that of each: published
    powers of the number of cycles are from 0.5 to 0.9, but standby cells see few.
    """

    name: str
    rate: Callable[[float, float], float]
    exponent: float
    cycle_loss: float


def _nca(kelvin: float, soc: float) -> float:
    return 75.4 * math.exp(-3340.0 / kelvin) * math.exp(353.0 * soc / kelvin)


def _nmc(kelvin: float, soc: float) -> float:
    return 0.0353 * math.exp(-1030.0 / kelvin) * math.exp(57.7 * soc / kelvin)


def _lfp(kelvin: float, soc: float) -> float:
    arrhenius = math.exp(-17126.0 / GAS_J_MOL_K * (1.0 / kelvin - 1.0 / 298.15))
    per_root_second = 1.2571e-5 * arrhenius * (2.8575 * (soc - 0.5) ** 3 + 0.60225)
    return per_root_second * math.sqrt(DAY_S)


NCA_PANASONIC = AgeingLaw("NCA Panasonic NCR18650B", _nca, 0.512, 3.6e-4)
NMC_MJ1 = AgeingLaw("NMC811 LG MJ1", _nmc, 0.743, 1.0e-4)
LFP_SONY = AgeingLaw("LFP Sony US26650FTC1", _lfp, 0.5, 1.5e-4)


def fade_step(
    law: AgeingLaw, loss: float, *, days: float, celsius: float, soc: float, cycles: float = 0.0
) -> float:
    """Give the loss that ``days`` at ``celsius`` and ``soc`` add to ``loss``.

    ``loss`` and the answer are -ln of capacity over initial capacity by the law alone;
    ``cycles`` are the equivalent full cycles of the step.
    """
    if days <= 0.0 and cycles <= 0.0:
        return 0.0
    kelvin = min(max(celsius, _COLDEST_C), _HOTTEST_C) + ZERO_C_K
    rate = law.rate(kelvin, min(max(soc, 0.0), 1.0))
    equivalent_days = math.pow(max(loss, 0.0) / rate, 1.0 / law.exponent)
    calendar = rate * math.pow(equivalent_days + max(days, 0.0), law.exponent) - max(loss, 0.0)
    return calendar + law.cycle_loss * max(cycles, 0.0)


def rate_doubt(celsius: float) -> float:
    """Give the sd of ln of the fade rate that a law is doubted by at ``celsius``.

    Beyond 40 degC another cell's activation energy takes its rate away from the law's; up to
    there that is part of what is not known of a type's rate anyway.
    """
    kelvin = min(celsius, _HOTTEST_C) + ZERO_C_K
    beyond = min(max((celsius - _TRUSTED_C) / (_DOUBTED_C - _TRUSTED_C), 0.0), 1.0)
    return beyond * _ACTIVATION_SD_J_MOL / GAS_J_MOL_K * (1.0 / 298.15 - 1.0 / kelvin)
