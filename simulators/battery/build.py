"""Make packs: from the data sheet of a module to cells that differ as real ones do."""

from dataclasses import dataclass

import numpy as np

from simulators.battery.cells import Cells
from simulators.battery.chemistry import CHEMISTRIES, Array
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
    n = design.series

    def drawn(sigma: float) -> Array:
        return np.asarray(random.standard_normal(n) * sigma)

    # Makers ship a little above the rating.
    share = 1.01 + drawn(spread.capacity)
    one = np.ones(1)
    unit_curve = Curves(
        chemistry,
        one * chemistry.positive_capacity,
        one * chemistry.negative_capacity,
        one * chemistry.lithium,
    )
    size = design.capacity_ah * share / unit_curve.capacity_ah[0]
    ageing = np.exp(random.standard_normal() * spread.unit_ageing + drawn(spread.cell_ageing))
    cells = Cells(
        positive_ah=chemistry.positive_capacity * size,
        negative_ah=chemistry.negative_capacity * size * (1 + drawn(0.003)),
        lithium_ah=chemistry.lithium * size,
        held_ah=np.zeros(n),
        uneven=np.zeros((STATES, n)),
        celsius=np.full(n, celsius),
        resistance_share=np.exp(drawn(spread.resistance)) / share,
        ageing_share=ageing,
        leak_a=0.00018 * design.parallel / 6 * np.exp(drawn(spread.leak)),
        short_siemens=np.zeros(n),
        contact_ohm=np.zeros(n),
        alive=np.ones(n),
        swing=np.ones(n),
        calendar_loss=np.zeros(n),
        cycle_loss=np.zeros(n),
        new_ah=design.capacity_ah,
    )
    curves = Curves(chemistry, cells.positive_ah, cells.negative_ah, cells.lithium_ah)
    cells.held_ah = curves.held_at(rest_v) * (1 + drawn(0.001))
    network = HeatNetwork(
        n,
        capacity_j_k=design.element_j_k,
        to_air_w_k=design.to_air_w_k,
        to_neighbour_w_k=design.to_neighbour_w_k,
    )
    return Pack(chemistry=chemistry, cells=cells, network=network)
