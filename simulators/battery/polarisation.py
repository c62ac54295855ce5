"""What a current costs a cell: a single-particle model with electrolyte, in a few states.

Each electrode is one sphere of active material. Its surface runs ahead of its mean filling,
and the potential follows the surface: where the open-circuit curve is steep, diffusion costs
more voltage, and none at all where it is flat. Charge transfer follows Butler and Volmer, and
the electrolyte depletes at one electrode and gathers at the other.

The states are concentrations and linear, so a step at constant current is exact for them
whatever its length; only the voltage that they make is not linear. After Santhanagopalan et
al. 2006 (J. Power Sources 156, 620) and Marquis et al. 2019 (J. Electrochem. Soc. 166 A3693).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulators.battery.ageing import KELVIN
from simulators.battery.cells import Cells
from simulators.battery.chemistry import Array, Chemistry, Transport
from simulators.battery.electrodes import electrodes

# The surface of a sphere after a step of flux, over its final lead: the exact series,
# 1 - 10 * sum(exp(-z**2 * t) / z**2) over the roots of tan z = z with t in units of R**2 / D,
# as four exponentials fitted between 3e-5 and 2 (within 2.5 %).
_SPHERE_RATES = np.array([25.54, 284.3, 4166.0, 84830.0])
_SPHERE_SHARES = np.array([0.6656, 0.2440, 0.0682, 0.0222])
_SPHERE_LEAD = 1 / 15  # of a sphere at constant flux, times R**2 / D and the rate of filling
# A slab of electrolyte has odd modes only; the second is nine times as fast.
_SLAB_RATES = np.array([1.0, 9.0])
_SLAB_SHARES = np.array([0.9, 0.1])
_SPHERE, _SLAB = len(_SPHERE_RATES), len(_SLAB_RATES)
STATES = 2 * _SPHERE + _SLAB
"""Number of states: four for each electrode, two for the electrolyte."""
# Adds the states up: lead of the positive surface, of the negative one, electrolyte.
_ADD_UP = np.repeat(np.eye(3), [_SPHERE, _SPHERE, _SLAB], axis=1)

_GAS = 8.314
_FARADAY = 96485.0
_REFERENCE_K = 298.15
# Share of an electrolyte's concentration difference that counts: 1 less the cation's
# transference number (0.4 for carbonates with LiPF6), at a thermodynamic factor of 1.
_ANIONS = 0.6
_DRIEST = 0.97
_LEAST_ROOM = 1e-4


@dataclass(frozen=True, slots=True)
class _Constants:
    """A chemistry's constants in the shape of the states, at 25 degC and for 1 Ah.

    ``gains`` is where each state ends after a long 1 A; ``thermal`` which of the three
    activation energies it follows.
    """

    rates: Array
    gains: Array
    thermal: Array
    energies_k: Array
    exchange: Array


@lru_cache(maxsize=64)
def _constants(transport: Transport, positive: float, negative: float) -> _Constants:
    slow_s = np.array([transport.positive_diffusion_s, transport.negative_diffusion_s])
    leads = np.array([-1.0, 1.0]) * _SPHERE_LEAD * slow_s / 3600 / np.array([positive, negative])
    rates = [*(_SPHERE_RATES / slow for slow in slow_s), _SLAB_RATES / transport.electrolyte_s]
    gains = [*(_SPHERE_SHARES * lead for lead in leads), _SLAB_SHARES * transport.electrolyte]
    energies = (transport.ohmic_j_mol, transport.kinetic_j_mol, transport.diffusion_j_mol)
    return _Constants(
        rates=np.concatenate(rates)[:, None],
        gains=np.concatenate(gains)[:, None],
        thermal=np.repeat([2, 2, 0], [_SPHERE, _SPHERE, _SLAB]),
        energies_k=np.array(energies) / _GAS,
        exchange=np.array([transport.positive_exchange, transport.negative_exchange])[:, None],
    )


class Circuit:
    """What cells do with a current while their temperature and age stay as they are."""

    def __init__(self, chemistry: Chemistry, cells: Cells, celsius: Array) -> None:
        transport = chemistry.transport
        known = _constants(transport, chemistry.positive_capacity, chemistry.negative_capacity)
        kelvin = celsius + KELVIN
        cold = np.exp(np.multiply.outer(known.energies_k, 1 / kelvin - 1 / _REFERENCE_K))
        grown = cells.resistance_share * (1 + chemistry.resistance_per_loss * cells.lost)
        scale = grown / cells.size_ah
        slower = cold[known.thermal]
        self._rates = known.rates / slower
        self._gains = known.gains * slower * scale
        self._ohm = transport.ohmic * cold[0] * scale + cells.contact_ohm
        self._twice_exchange_a = 2 * known.exchange / (cold[1] * scale)
        self._twice_thermal_v = 2 * _GAS / _FARADAY * kelvin
        self._positive, self._negative = electrodes(chemistry)
        self._cells = cells

    def after(self, uneven: Array, current_a: Array | float, dt_s: float) -> Array:
        """Give the states after ``dt_s`` of a constant current. Exact."""
        final = self._gains * _by_state(current_a)
        result: Array = final + (uneven - final) * np.exp(-self._rates * dt_s)
        return result

    def mean(self, uneven: Array, end: Array, current_a: float, dt_s: float) -> Array:
        """Give the mean of the states over a step that ends at ``end``. Exact."""
        result: Array = self._gains * current_a + (uneven - end) / (self._rates * dt_s)
        return result

    def volts(self, uneven: Array, held_ah: Array, current_a: Array | float) -> Array:
        """Give how far the voltage lies above rest, negative in discharge.

        The last axis is the cells' throughout; there may be axes of moments before it.
        """
        cells = self._cells
        leads = _ADD_UP @ uneven
        full = (cells.lithium_ah - held_ah) / cells.positive_ah
        held = held_ah / cells.negative_ah
        surface = np.stack([full, held], axis=-2) + leads[..., :2, :]
        result = self._positive.volts(surface[..., 0, :]) - self._positive.volts(full)
        result -= self._negative.volts(surface[..., 1, :]) - self._negative.volts(held)
        room = np.sqrt(np.maximum(surface * (1 - surface), _LEAST_ROOM))
        driven = _by_state(current_a) / (2 * self._twice_exchange_a * room)
        transfer = np.arcsinh(driven).sum(axis=-2)
        salt = np.arctanh(np.clip(leads[..., 2, :], -_DRIEST, _DRIEST))
        result += self._twice_thermal_v * (transfer + 2 * _ANIONS * salt)
        result += self._ohm * current_a
        return np.asarray(result)


def _by_state(current_a: Array | float) -> Array | float:
    """Make room for the axis of the states in a current that differs between cells or moments."""
    return np.expand_dims(current_a, -2) if isinstance(current_a, np.ndarray) else current_a
