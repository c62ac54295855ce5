"""Half-cell potentials as tables, so that a step looks them up instead of working them out."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from simulators.battery.chemistry import Array, Chemistry

_POINTS = 4001
_EMPTIEST = 0.001
_FULLEST = 0.9995
# Beyond the ends of its table a potential falls steeply, as it does when the surface of a
# particle is full or empty: no current can then be had at a useful voltage.
_CLIFF_V = -20.0
_BEYOND = 1.0


class HalfCell:
    """The potential of one electrode over its filling."""

    def __init__(self, potential: Callable[[Array], Array], fullest: float) -> None:
        inside = np.linspace(_EMPTIEST, fullest, _POINTS)
        volts = potential(inside)
        self._filling = np.concatenate([[inside[0] - _BEYOND], inside, [inside[-1] + _BEYOND]])
        self._volts = np.concatenate(
            [[volts[0] - _CLIFF_V * _BEYOND], volts, [volts[-1] + _CLIFF_V * _BEYOND]]
        )

    def volts(self, filling: Array) -> Array:
        """Give the potential in V against lithium at fillings of any shape."""
        return np.asarray(np.interp(filling, self._filling, self._volts))


def electrodes(chemistry: Chemistry) -> tuple[HalfCell, HalfCell]:
    """Give the positive and the negative electrode of a chemistry."""
    return (
        _half_cell(chemistry.positive, chemistry.positive_fullest),
        _half_cell(chemistry.negative, _FULLEST),
    )


@lru_cache(maxsize=32)
def _half_cell(potential: Callable[[Array], Array], fullest: float) -> HalfCell:
    return HalfCell(potential, fullest)
