"""Series elements and packs: chemistry, charge, heat and ageing. No wire, no clock."""

from simulators.battery.pack import Flow, Pack

__all__ = ["Flow", "Pack"]
