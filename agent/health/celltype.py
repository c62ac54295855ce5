"""What the estimator is told of a type of cell."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.health.ageing import AgeingLaw
from agent.model import Chemistry

Vector = npt.NDArray[np.float64]
Curve = tuple[tuple[float, float], ...]
"""Points (x, y) with rising x; straight lines between them."""


@dataclass(frozen=True, slots=True)
class CellType:
    """Priors of one cell type.

    ``specific_resistance_ohm_ah`` is the 10 s resistance at 25 degC times the capacity;
    ``resistance_sd`` the spread of its logarithm. ``ln_rate`` and ``ln_rate_sd`` are the
    logarithm of the fade rate over the law's own rate, and what is not known of it.
    ``gain`` is ln(R/R0) over -ln(Q/Q0), ``gain_sd`` what is not known of ln gain for a
    module, ``cell_gain_sd`` and ``cell_rate_sd`` the spread of a module's cells in ln gain
    and ln fade rate. ``gain_curve`` bends the gain: (u, rho over gain) with u = -ln(Q/Q0);
    straight if None. ``gain_curves`` are such curves by the state of charge of the pulses,
    of which ``gain_curve`` is made once that is known.
    ``level_walk`` is how far ln R of all cells wanders in the root of a year without loss.
    ``rate_walk`` is the same for the ln of the fade rate, so that knees can be followed.
    ``hidden_walk`` is how far capacity may go in the root of a year unseen by resistance.
    ``interval_share`` is what the interval of capacity is multiplied by, so that nine of ten
    hold the truth: a calibration, below 1 where the priors are wider than cells differ.
    ``growth_share`` is what the growth of ln R is doubted by (sd over itself) beyond its noise.
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
    interval_share: float = 1.0
    growth_share: float = 0.2
    gain_curves: tuple[tuple[float, Curve], ...] = ()
    gain_curve: Curve | None = None

    def resistance_at(self, left: Vector) -> Vector:
        """Resistance over that at full charge, at the share of charge ``left``."""
        at, factor = zip(*self.resistance_by_soc, strict=True)
        return np.asarray(np.interp(left, at, factor))
