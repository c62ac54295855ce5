"""A row of cells that exchange heat with their neighbours and with the air."""

from functools import lru_cache

import numpy as np

from simulators.chemistry import Array

_STILL_SHARE = 0.4


class HeatNetwork:
    """Cells side by side: capacity ``capacity_j_k`` each, conductances in W/K.

    The air around the cells may differ from cell to cell. The end cells also touch the
    case, so that the middle of a pack is warmer than its edges. Without ``fan`` only
    still air cools, at 0.4 of the conductance.
    """

    def __init__(
        self, cells: int, *, capacity_j_k: float, to_air_w_k: float, to_neighbour_w_k: float
    ) -> None:
        row = _row(cells, to_neighbour_w_k)
        to_air = np.full(cells, to_air_w_k)
        to_air[[0, -1]] *= 1.4
        self.capacity_j_k = capacity_j_k
        self.fan = True
        self._blown = _Modes(row, to_air, capacity_j_k)
        self._still = _Modes(row, to_air * _STILL_SHARE, capacity_j_k)

    def steady(self, heat_w: Array, air_c: Array | float) -> Array:
        """Give the temperatures in degC that constant heat and air lead to."""
        return (self._blown if self.fan else self._still).steady(heat_w, air_c)

    def step(self, celsius: Array, heat_w: Array, air_c: Array | float, dt_s: float) -> Array:
        """Give the temperatures after ``dt_s`` of constant heat and air. Exact."""
        modes = self._blown if self.fan else self._still
        steady = modes.steady(heat_w, air_c)
        result: Array = steady + modes.decay(round(dt_s, 6)) @ (celsius - steady)
        return result


def _row(cells: int, to_neighbour_w_k: float) -> Array:
    """Give the conductances between neighbours as a matrix."""
    matrix = np.zeros((cells, cells))
    for n in range(cells - 1):
        matrix[n, n] += to_neighbour_w_k
        matrix[n + 1, n + 1] += to_neighbour_w_k
        matrix[n, n + 1] -= to_neighbour_w_k
        matrix[n + 1, n] -= to_neighbour_w_k
    return matrix


class _Modes:
    """The row with one cooling, in its modes; they decay each with a time of its own."""

    def __init__(self, row: Array, to_air_w_k: Array, capacity_j_k: float) -> None:
        matrix = row + np.diag(to_air_w_k)
        self._to_air_w_k = to_air_w_k
        self._inverse = np.linalg.inv(matrix)
        self._rates, self._vectors = np.linalg.eigh(matrix / capacity_j_k)
        self.decay = lru_cache(maxsize=64)(self._decay_of)

    def steady(self, heat_w: Array, air_c: Array | float) -> Array:
        result: Array = self._inverse @ (heat_w + self._to_air_w_k * air_c)
        return result

    def _decay_of(self, dt_s: float) -> Array:
        result: Array = (self._vectors * np.exp(-self._rates * dt_s)) @ self._vectors.T
        return result
