"""Lithium cell chemistries: half-cell potentials and the constants of one new cell.

The open-circuit voltage is the difference of two half-cell potentials, so that ageing
(lost lithium, lost electrode material) shifts the curve as it does in a real cell instead
of stretching it. Every function takes and gives numpy arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""An array of floats; the last axis counts series cells unless said otherwise."""


def graphite_sio(lithium: Array) -> Array:
    """Potential in V of a graphite electrode with some silicon at a filling of 0 to 1.

    Chen et al. 2020, J. Electrochem. Soc. 167 080534.
    """
    return (
        1.9793 * np.exp(-39.3631 * lithium)
        + 0.2482
        - 0.0909 * np.tanh(29.8538 * (lithium - 0.1234))
        - 0.04478 * np.tanh(14.9159 * (lithium - 0.2769))
        - 0.0205 * np.tanh(30.4444 * (lithium - 0.6103))
    )


def nca(lithium: Array) -> Array:
    """Potential in V of a nickel-cobalt-aluminium oxide electrode, filling 0.25 to 0.97.

    Kim et al. 2011, J. Electrochem. Soc. 158 A955. The fit falls off a cliff near 1.
    """
    polynomial = np.polyval(
        (1.638, -2.222, 15.056, -23.488, 81.246, -344.566, 621.3475, -554.774, 264.427, -66.3691),
        lithium,
    )
    return polynomial * lithium + 11.8058 - 0.61386 * np.exp(5.8201 * lithium**136.4)


def nmc811(lithium: Array) -> Array:
    """Potential in V of a nickel-manganese-cobalt oxide (811) electrode, filling 0.25 to 1.

    Chen et al. 2020, J. Electrochem. Soc. 167 080534.
    """
    return (
        -0.8090 * lithium
        + 4.4875
        - 0.0428 * np.tanh(18.5138 * (lithium - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (lithium - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (lithium - 0.3120))
    )


def iron_phosphate(lithium: Array) -> Array:
    """Potential in V of a lithium iron phosphate electrode at a filling of 0 to 1.

    Afshar et al. 2017, arXiv 1709.03970.
    """
    return (
        3.4077
        - 0.020269 * lithium
        + 0.5 * np.exp(-150 * lithium)
        - 0.9 * np.exp(-30 * (1 - lithium))
    )


@dataclass(frozen=True, slots=True)
class CalendarLaw:
    """Loss of lithium while standing: ``loss = k(T, soc) * days ** power``.

    ``k = scale * exp(-temperature_k / T) * exp(charge_k * soc / T)``, T in kelvin; loss
    as a share of the new capacity.
    """

    scale: float
    temperature_k: float
    charge_k: float
    power: float


@dataclass(frozen=True, slots=True)
class CycleLaw:
    """Loss of lithium by use: ``loss = (base + slope * depth) * cycles ** power``.

    ``cycles`` are equivalent full cycles, ``depth`` the swing of the state of charge.
    """

    base: float
    slope: float
    power: float


@dataclass(frozen=True, slots=True)
class Transport:
    """What keeps current from flowing, per ampere-hour of the cell and at 25 degC.

    ``ohmic`` is a resistance in ohm Ah. ``positive_exchange`` and ``negative_exchange`` are the
    exchange currents of charge transfer in A/Ah at half filling (they go with the square root
    of filled times empty), ``..._diffusion_s`` the squared radius of a particle over its
    diffusivity. ``electrolyte`` is by how much of its mean the concentration lastingly differs
    from it at each electrode per A/Ah, ``electrolyte_s`` how slowly. Resistance and electrolyte
    follow ``ohmic_j_mol``, exchange ``kinetic_j_mol``, particles ``diffusion_j_mol``.
    """

    ohmic: float
    positive_exchange: float
    negative_exchange: float
    positive_diffusion_s: float
    negative_diffusion_s: float
    electrolyte: float
    electrolyte_s: float
    ohmic_j_mol: float = 8_000.0
    kinetic_j_mol: float = 30_000.0
    diffusion_j_mol: float = 30_000.0


@dataclass(frozen=True, slots=True)
class Chemistry:
    """One new cell of a chemistry, per ampere-hour where that makes sense.

    ``positive_capacity`` and ``negative_capacity`` are electrode capacities and
    ``lithium`` the cyclable lithium, all in units of the cell's capacity between
    ``cell_cutoff_v`` and ``cell_full_v``. ``entropy_mv_k`` is the change of the open-circuit
    voltage with temperature in mV/K at even steps of the state of charge from 0 to 1. After
    charge the voltage at rest lies ``hysteresis_v`` above the mean curve, after discharge as
    much below; ``hysteresis_rate`` is how often it decays to 1/e within a full charge. Beyond
    ``knee_loss`` of the capacity ageing goes faster: by once its speed for every
    ``KNEE_WIDTH`` more. ``positive_fullest`` is where the fit of the positive potential ends.
    """

    name: str
    positive: Callable[[Array], Array]
    negative: Callable[[Array], Array]
    positive_capacity: float
    negative_capacity: float
    lithium: float
    cell_cutoff_v: float
    cell_full_v: float
    transport: Transport
    calendar: CalendarLaw
    cycle: CycleLaw
    resistance_per_loss: float
    entropy_mv_k: tuple[float, ...]
    hysteresis_v: float = 0.0
    hysteresis_rate: float = 25.0
    knee_loss: float = 0.22
    positive_fullest: float = 0.975


KNEE_WIDTH = 0.04
"""Loss of capacity beyond the knee that doubles the speed of ageing (see ``Chemistry``)."""
# Calendar and cycle laws: NCA of a Panasonic 18650B (Keil 2016 and Preger 2020 as fitted in
# NREL's BLAST-Lite) and NMC 811 of an LG MJ1 (BLAST-Lite too, times 0.45 for a stabilised cell
# that a standby maker would choose): checked against its source. LFP has the square root of
# time of Naumann et al. 2018, its dependence on charge in the exponential form of the others.
_NCA_CALENDAR = CalendarLaw(scale=75.4, temperature_k=3340.0, charge_k=353.0, power=0.512)
_NMC_CALENDAR = CalendarLaw(scale=0.0159, temperature_k=1030.0, charge_k=57.7, power=0.743)
_LFP_CALENDAR = CalendarLaw(scale=2.6, temperature_k=2060.0, charge_k=85.0, power=0.5)
_CYCLE = CycleLaw(base=3.7e-6, slope=3.5e-4, power=0.699)

# Not checked against the papers they are after, and rounded: entropy (shapes as in Viswanathan
# et al. 2010, J. Power Sources 195, 3720), the depth of knees (Attia et al. 2022, J. Electrochem.
# Soc. 169 060517, describe them without a single figure), and that hysteresis is passed through
# within a tenth of the charge. Its height is: 5 to 25 mV between the two curves at rest are
# usual; 20 mV here.
_LAYERED_ENTROPY = (-0.35, -0.12, 0.0, 0.05, 0.0, -0.03)
_LFP_ENTROPY = (-0.30, -0.10, 0.0, 0.12, 0.06, 0.05)

# Resistances are those of power cells: some 14 mohm at 2.5 Ah after 10 s at 25 degC. Times of
# diffusion are of the order that PyBaMM's sets of Kim 2011, Mohtat 2020 and Prada 2013 come
# out at (tests/benchmarks/pybamm_cells.py); the split between the parts is chosen, not measured.
NCA = Chemistry(
    name="NCA",
    positive=nca,
    negative=graphite_sio,
    positive_capacity=1.63,
    negative_capacity=1.18,
    lithium=1.555,
    cell_cutoff_v=2.7,
    cell_full_v=4.2,
    transport=Transport(
        ohmic=0.016,
        positive_exchange=5.5,
        negative_exchange=5.5,
        positive_diffusion_s=750.0,
        negative_diffusion_s=1000.0,
        electrolyte=0.08,
        electrolyte_s=25.0,
    ),
    calendar=_NCA_CALENDAR,
    cycle=_CYCLE,
    resistance_per_loss=1.9,
    entropy_mv_k=_LAYERED_ENTROPY,
)
NMC = Chemistry(
    name="NMC",
    positive=nmc811,
    negative=graphite_sio,
    positive_capacity=1.55,
    negative_capacity=1.14,
    lithium=1.445,
    cell_cutoff_v=2.7,
    cell_full_v=4.2,
    transport=Transport(
        ohmic=0.018,
        positive_exchange=3.5,
        negative_exchange=3.0,
        positive_diffusion_s=600.0,
        negative_diffusion_s=900.0,
        electrolyte=0.09,
        electrolyte_s=20.0,
    ),
    calendar=_NMC_CALENDAR,
    cycle=_CYCLE,
    resistance_per_loss=1.8,
    entropy_mv_k=_LAYERED_ENTROPY,
)
LFP = Chemistry(
    name="LFP",
    positive=iron_phosphate,
    negative=graphite_sio,
    positive_capacity=1.06,
    negative_capacity=1.20,
    lithium=1.06,
    cell_cutoff_v=2.4,
    cell_full_v=3.6,
    transport=Transport(
        ohmic=0.02,
        positive_exchange=10.0,
        negative_exchange=5.0,
        positive_diffusion_s=1000.0,
        negative_diffusion_s=3000.0,
        electrolyte=0.09,
        electrolyte_s=20.0,
    ),
    calendar=_LFP_CALENDAR,
    cycle=_CYCLE,
    resistance_per_loss=1.3,
    entropy_mv_k=_LFP_ENTROPY,
    hysteresis_v=0.010,
)
CHEMISTRIES = {chemistry.name: chemistry for chemistry in (NCA, NMC, LFP)}
"""Every chemistry by name."""
