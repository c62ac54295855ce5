"""A row of cells that exchange heat with their neighbours and with the air."""

from functools import lru_cache

import numpy as np

from simulators.chemistry import Array


class HeatNetwork:
    """Cells side by side: capacity ``capacity_j_k`` each, conductances in W/K.

    The air around the cells may differ from cell to cell. The end cells also touch the
    case, so that the middle of a pack is warmer than its edges.
    """

    def __init__(
        self, cells: int, *, capacity_j_k: float, to_air_w_k: float, to_neighbour_w_k: float
    ) -> None:
        matrix = np.zeros((cells, cells))
        for n in range(cells - 1):
            matrix[n, n] += to_neighbour_w_k
            matrix[n + 1, n + 1] += to_neighbour_w_k
            matrix[n, n + 1] -= to_neighbour_w_k
            matrix[n + 1, n] -= to_neighbour_w_k
        self.to_air_w_k = np.full(cells, to_air_w_k)
        self.to_air_w_k[[0, -1]] *= 1.4
        matrix += np.diag(self.to_air_w_k)
        self.capacity_j_k = capacity_j_k
        self._inverse = np.linalg.inv(matrix)
        # The matrix is symmetric, so its modes decay each with a time constant of its own.
        rates, self._modes = np.linalg.eigh(matrix / capacity_j_k)
        self._rates = rates
        self._decay = lru_cache(maxsize=64)(self._decay_of)

    def steady(self, heat_w: Array, air_c: Array | float) -> Array:
        """Give the temperatures in degC that constant heat and air lead to."""
        result: Array = self._inverse @ (heat_w + self.to_air_w_k * air_c)
        return result

    def step(self, celsius: Array, heat_w: Array, air_c: Array | float, dt_s: float) -> Array:
        """Give the temperatures after ``dt_s`` of constant heat and air. Exact."""
        steady = self.steady(heat_w, air_c)
        result: Array = steady + self._decay(round(dt_s, 6)) @ (celsius - steady)
        return result

    def _decay_of(self, dt_s: float) -> Array:
        result: Array = (self._modes * np.exp(-self._rates * dt_s)) @ self._modes.T
        return result
