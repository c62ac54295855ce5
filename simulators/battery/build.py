"""Make packs: from the data sheet of a module to cells that differ as real ones do."""

from dataclasses import dataclass

import numpy as np

from simulators.battery.cells import Cells
from simulators.battery.chemistry import CHEMISTRIES, Array, Chemistry
from simulators.battery.curve import Curves
from simulators.battery.pack import Pack
from simulators.battery.polarisation import STATES
from simulators.battery.thermal import HeatNetwork


@dataclass(frozen=True, slots=True)
class PackDesign:
    """The battery of a hardware model. ``capacity_ah`` is rated, per series element."""

    chemistry: str
    series: int
    parallel: int
    capacity_ah: float
    element_j_k: float = 250.0
    to_air_w_k: float = 0.11
    to_neighbour_w_k: float = 0.35


@dataclass(frozen=True, slots=True)
class Spread:
    """How cells and units differ: standard deviations, the last ones of the logarithm."""

    capacity: float = 0.008
    resistance: float = 0.04
    leak: float = 0.25
    cell_ageing: float = 0.08
    unit_ageing: float = 0.18


def make_pack(
    design: PackDesign,
    spread: Spread,
    random: np.random.Generator,
    *,
    rest_v: float,
    celsius: float = 25.0,
) -> Pack:
    """Make a new pack whose elements rest at ``rest_v`` each. The same seed, the same pack."""
    chemistry = CHEMISTRIES[design.chemistry]
    cells = _new_cells(design, spread, chemistry, random, celsius)
    curves = Curves(chemistry, cells.positive_ah, cells.negative_ah, cells.lithium_ah)
    cells.held_ah = curves.held_at(rest_v) * (1 + _drawn(random, design.series, 0.001))
    network = HeatNetwork(
        design.series,
        capacity_j_k=design.element_j_k,
        to_air_w_k=design.to_air_w_k,
        to_neighbour_w_k=design.to_neighbour_w_k,
    )
    return Pack(chemistry=chemistry, cells=cells, network=network)


def _new_cells(
    design: PackDesign,
    spread: Spread,
    chemistry: Chemistry,
    random: np.random.Generator,
    celsius: float,
) -> Cells:
    """Draw elements that hold nothing yet and have nothing wrong with them."""
    n = design.series
    # Makers ship a little above the rating.
    share = 1.01 + _drawn(random, n, spread.capacity)
    size = design.capacity_ah * share / _unit_capacity_ah(chemistry)
    unit_ageing = random.standard_normal() * spread.unit_ageing
    # The order of what is drawn is part of what a seed means.
    return Cells(
        ageing_share=np.exp(unit_ageing + _drawn(random, n, spread.cell_ageing)),
        positive_ah=chemistry.positive_capacity * size,
        negative_ah=chemistry.negative_capacity * size * (1 + _drawn(random, n, 0.003)),
        lithium_ah=chemistry.lithium * size,
        held_ah=np.zeros(n),
        uneven=np.zeros((STATES, n)),
        celsius=np.full(n, celsius),
        resistance_share=np.exp(_drawn(random, n, spread.resistance)) / share,
        leak_a=0.00018 * design.parallel / 6 * np.exp(_drawn(random, n, spread.leak)),
        short_siemens=np.zeros(n),
        contact_ohm=np.zeros(n),
        alive=np.ones(n),
        swing=np.ones(n),
        calendar_loss=np.zeros(n),
        cycle_loss=np.zeros(n),
        new_ah=design.capacity_ah,
    )


def _unit_capacity_ah(chemistry: Chemistry) -> float:
    """Give the capacity of an element of one Ah in the table's electrodes; not quite one."""
    one = np.ones(1)
    curves = Curves(
        chemistry,
        one * chemistry.positive_capacity,
        one * chemistry.negative_capacity,
        one * chemistry.lithium,
    )
    return float(curves.capacity_ah[0])


def _drawn(random: np.random.Generator, n: int, sigma: float) -> Array:
    return np.asarray(random.standard_normal(n) * sigma)
