"""How a cell's resistance follows its temperature. Pure.

About 24 kJ/mol on 60 % of the resistance: charge transfer and electrolyte follow Arrhenius,
contacts and foils hardly. What a module shows beyond that is learnt from its seasons.
"""

import math

import numpy as np
import numpy.typing as npt

from agent.health.ageing import GAS_J_MOL_K, ZERO_C_K

Vector = npt.NDArray[np.float64]

HOTTEST_K = 400.0
"""Scenarios that run on beyond all measure are held here: they must stay finite."""
_ACTIVATION_K = 24000.0 / GAS_J_MOL_K
_SHARE = 0.6
_REFERENCE_K = 298.15
_COLDEST_C = -30.0


def thermal_factor(celsius: float) -> float:
    """Resistance at ``celsius`` over that at 25 degC."""
    kelvin = max(celsius, _COLDEST_C) + ZERO_C_K
    return 1.0 - _SHARE + _SHARE * math.exp(_ACTIVATION_K * (1.0 / kelvin - 1.0 / _REFERENCE_K))


def thermal_factors(kelvin: Vector, warm_slope: float) -> Vector:
    """Give the same for temperatures in kelvin, with what was learnt: d ln R per 10 K."""
    law = 1.0 - _SHARE + _SHARE * np.exp(_ACTIVATION_K * (1.0 / kelvin - 1.0 / _REFERENCE_K))
    return np.asarray(law * np.exp(warm_slope * (kelvin - _REFERENCE_K) / 10.0))
