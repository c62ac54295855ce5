"""The state of the cells of a pack: everything that time changes about them."""

from dataclasses import dataclass

from simulators.battery.chemistry import Array


@dataclass(slots=True)
class Cells:
    """The state of the series elements of one pack; every array has one value per element.

    Hidden truth: nothing here is visible from outside except through sensors.
    ``held_ah`` is the lithium in the negative electrode, ``uneven`` how far concentrations
    have drifted apart (a row for each state of ``simulators.battery.polarisation``), ``alive`` the
    share of the parallel cells that are connected, ``contact_ohm`` welds and bus bars beyond
    new, ``short_siemens`` the conductance of an internal short, ``swing`` where in its
    hysteresis the element is: 1 after charge, -1 after discharge.
    """

    positive_ah: Array
    negative_ah: Array
    lithium_ah: Array
    held_ah: Array
    uneven: Array
    celsius: Array
    resistance_share: Array
    ageing_share: Array
    leak_a: Array
    short_siemens: Array
    contact_ohm: Array
    alive: Array
    swing: Array
    calendar_loss: Array
    cycle_loss: Array
    new_ah: float

    @property
    def size_ah(self) -> Array:
        """Rated capacity of the parallel cells that are still connected."""
        return self.new_ah * self.alive

    @property
    def lost(self) -> Array:
        """Lithium lost so far, as a share of the new capacity."""
        return self.calendar_loss + self.cycle_loss
