"""A row of cells that exchange heat with their neighbours and with the air."""

from functools import lru_cache

import numpy as np

from simulators.battery.chemistry import Array

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
        self.capacity_j_k = capacity_j_k
        self.fan = True
        self._blown = _modes(cells, capacity_j_k, to_air_w_k, to_neighbour_w_k)
        still_w_k = to_air_w_k * _STILL_SHARE
        self._still = _modes(cells, capacity_j_k, still_w_k, to_neighbour_w_k)

    def steady(self, heat_w: Array, air_c: Array | float) -> Array:
        """Give the temperatures in degC that constant heat and air lead to."""
        return (self._blown if self.fan else self._still).steady(heat_w, air_c)

    def step(self, celsius: Array, heat_w: Array, air_c: Array | float, dt_s: float) -> Array:
        """Give the temperatures after ``dt_s`` of constant heat and air. Exact."""
        modes = self._blown if self.fan else self._still
        steady = modes.steady(heat_w, air_c)
        result: Array = steady + modes.decayed(celsius - steady, dt_s)
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

    def steady(self, heat_w: Array, air_c: Array | float) -> Array:
        result: Array = self._inverse @ (heat_w + self._to_air_w_k * air_c)
        return result

    def decayed(self, apart_k: Array, dt_s: float) -> Array:
        """Give what is left of a distance from the steady temperatures after ``dt_s``."""
        modes = self._vectors
        result: Array = modes @ (np.exp(-self._rates * dt_s) * (apart_k @ modes))
        return result


@lru_cache(maxsize=64)
def _modes(cells: int, capacity_j_k: float, to_air_w_k: float, to_neighbour_w_k: float) -> _Modes:
    """Give the modes of a row; packs of one design share them."""
    to_air = np.full(cells, to_air_w_k)
    to_air[[0, -1]] *= 1.4
    return _Modes(_row(cells, to_neighbour_w_k), to_air, capacity_j_k)
