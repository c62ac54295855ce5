"""Open-circuit curves of the cells of a pack, from the balance of their electrodes."""

import numpy as np
from numpy.typing import NDArray

from simulators.battery.ageing import KELVIN
from simulators.battery.chemistry import Array, Chemistry
from simulators.battery.electrodes import electrodes

_POINTS = 257
_MARGIN = 0.04
_REFERENCE_K = 298.15


class Curves:
    """One open-circuit curve per cell over the lithium in its negative electrode.

    ``positive_ah`` and ``negative_ah`` are electrode capacities, ``lithium_ah`` the
    cyclable lithium, one value per cell. Curve and entropy are piecewise linear, and the
    energy is the exact integral of both, so that charge and energy agree to rounding.
    """

    def __init__(
        self, chemistry: Chemistry, positive_ah: Array, negative_ah: Array, lithium_ah: Array
    ) -> None:
        low = np.maximum(lithium_ah - chemistry.positive_fullest * positive_ah, 0.002 * negative_ah)
        high = np.minimum(lithium_ah - 0.002 * positive_ah, 0.998 * negative_ah)
        positive, negative = electrodes(chemistry)
        share = np.linspace(0.0, 1.0, _POINTS)
        held = low[:, None] + (high - low)[:, None] * share
        volts = positive.volts((lithium_ah[:, None] - held) / positive_ah[:, None])
        volts = volts - negative.volts(held / negative_ah[:, None])
        self.empty_ah = _crossing(held, volts, chemistry.cell_cutoff_v)
        self.full_ah = _crossing(held, volts, chemistry.cell_full_v)
        # Tabulate again over what the cell can see, for resolution.
        span = self.full_ah - self.empty_ah
        self._low = np.maximum(self.empty_ah - _MARGIN * span, low)
        high = np.minimum(self.full_ah + _MARGIN * span, high)
        self._width = (high - self._low) / (_POINTS - 1)
        held = self._low[:, None] + self._width[:, None] * np.arange(_POINTS)
        volts = positive.volts((lithium_ah[:, None] - held) / positive_ah[:, None])
        self._volts = volts - negative.volts(held / negative_ah[:, None])
        entropy = chemistry.entropy_mv_k
        soc = (held - self.empty_ah[:, None]) / span[:, None]
        self._entropy = np.interp(soc, np.linspace(0, 1, len(entropy)), entropy) / 1000
        # What a cell holds does not depend on its temperature: of a higher voltage the rest
        # is heat that it takes from around it.
        whole = self._volts - _REFERENCE_K * self._entropy
        steps = (whole[:, 1:] + whole[:, :-1]) / 2 * self._width[:, None]
        self._energy_wh = np.concatenate(
            [np.zeros((len(low), 1)), np.cumsum(steps, axis=1)], axis=1
        )
        self._cells = np.arange(len(low))

    @property
    def flat_ah(self) -> Array:
        """Charge at which the curve, drawn on below cut-off, would reach 0 V."""
        first, second = self._volts[:, 0], self._volts[:, 1]
        result: Array = self._low - first * self._width / (second - first)
        return result

    @property
    def capacity_ah(self) -> Array:
        """Charge between full and cut-off at rest."""
        return self.full_ah - self.empty_ah

    def _locate(self, held_ah: Array) -> tuple[NDArray[np.intp], Array]:
        index = np.clip((held_ah - self._low) / self._width, 0, _POINTS - 2).astype(np.intp)
        return index, held_ah - self._low - index * self._width

    def volts(self, held_ah: Array) -> tuple[Array, Array]:
        """Give voltage in V and slope in V/Ah. Cells are the last axis of ``held_ah``."""
        index, rest = self._locate(held_ah)
        begin = self._volts[self._cells, index]
        slope = (self._volts[self._cells, index + 1] - begin) / self._width
        return begin + slope * rest, slope

    def volts_at(self, held_ah: Array, celsius: Array) -> Array:
        """Give the voltage in V at a temperature; that of ``volts`` holds at 25 degC."""
        index, rest = self._locate(held_ah)
        at = self._cells, index
        begin, warmer_k = self._volts[at], celsius + KELVIN - _REFERENCE_K
        slope = (self._volts[self._cells, index + 1] - begin) / self._width
        result: Array = begin + slope * rest + self._entropy[at] * warmer_k
        return result

    def energy_wh(self, held_ah: Array) -> Array:
        """Give the enthalpy in Wh below ``held_ah``, from an arbitrary zero of the cell."""
        index, rest = self._locate(held_ah)
        begin, end = self._whole(index), self._whole(index + 1)
        linear = begin + (end - begin) / self._width * rest / 2
        result: Array = self._energy_wh[self._cells, index] + linear * rest
        return result

    def _whole(self, index: NDArray[np.intp]) -> Array:
        """Give what an Ah holds in Wh, whatever the temperature, at points of the table."""
        at = self._cells, index
        result: Array = self._volts[at] - _REFERENCE_K * self._entropy[at]
        return result

    def soc(self, held_ah: Array) -> Array:
        """Give the state of charge of each cell: 0 at cut-off, 1 when full, at rest."""
        return (held_ah - self.empty_ah) / self.capacity_ah

    def held_at(self, volts: float) -> Array:
        """Give the charge in Ah at which each cell rests at ``volts``."""
        held = self._low[:, None] + self._width[:, None] * np.arange(_POINTS)
        return _crossing(held, self._volts, volts)


def _crossing(held_ah: Array, volts: Array, level_v: float) -> Array:
    """Give where each row of ``volts`` first reaches ``level_v``, between its points."""
    above = np.argmax(volts >= level_v, axis=1)
    above = np.where(volts[:, -1] < level_v, volts.shape[1] - 1, np.maximum(above, 1))
    rows = np.arange(len(volts))
    low, high = volts[rows, above - 1], volts[rows, above]
    share = np.clip((level_v - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
    result: Array = held_ah[rows, above - 1] + share * (
        held_ah[rows, above] - held_ah[rows, above - 1]
    )
    return result
