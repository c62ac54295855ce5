"""What the engine takes: one instant of one unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """One instant of one unit; everything but the time may be missing.

    ``time_s`` is unix time; ``current_a`` is positive when charging; ``cells_v`` are in the
    device's own order, None where absent this time; ``balancing`` is a bit mask, bit 0 =
    cell 1, None where the device does not tell which cells; ``bleeding`` says that it balances
    some; ``phase`` is standby, charge, discharge, selftest or rest.
    """

    time_s: float
    current_a: float | None
    cells_v: tuple[float | None, ...]
    temperatures_c: tuple[float, ...] = ()
    ambient_c: float | None = None
    phase: str | None = None
    balancing: int | None = None
    bleeding: bool = False
    reported_soc: float | None = None
    reported_soh: float | None = None
