"""What can go wrong in the battery and its module: hidden truth, brought about in time."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from simulators.battery.pack import Pack
from simulators.device.plant import Plant
from simulators.device.sensors import Sensors
from simulators.wire.faults import WireFault, WireFaultKind

_YEAR_S = 365.25 * 86400
_SOFT_A = 0.005
_SHORT_AT_V = 4.0


class BatteryFaultKind(StrEnum):
    """Ways in which a series element, or the module around it, goes wrong."""

    OPEN_CELL = "open-cell"
    FAST_AGEING = "fast-ageing"
    WELD = "weld"
    MICRO_SHORT = "micro-short"
    HARD_SHORT = "hard-short"
    SENSOR_DRIFT = "sensor-drift"
    STUCK_SENSOR = "stuck-sensor"
    STUCK_BALANCING = "stuck-balancing"
    FAILED_CHARGER = "failed-charger"
    STUCK_FAN = "stuck-fan"
    PULLED = "pulled"
    REPLACED = "replaced"


OF_THE_MODULE = frozenset(
    {
        BatteryFaultKind.FAILED_CHARGER,
        BatteryFaultKind.STUCK_FAN,
        BatteryFaultKind.PULLED,
        BatteryFaultKind.REPLACED,
    }
)
"""Faults that have neither a cell nor a size."""
WITHOUT_SIZE = OF_THE_MODULE | {BatteryFaultKind.STUCK_SENSOR, BatteryFaultKind.STUCK_BALANCING}
"""Faults that have no size."""
ENDING = OF_THE_MODULE | {BatteryFaultKind.STUCK_SENSOR, BatteryFaultKind.STUCK_BALANCING}
"""Faults that somebody can repair: they may end."""


class Spare(Protocol):
    """A module's new inside."""

    pack: Pack
    sensors: Sensors
    serial: str


class Body(Protocol):
    """What faults act on: a module."""

    pack: Pack
    sensors: Sensors
    plant: Plant

    def renew(self, spare: Spare) -> None:
        """Become the spare module."""
        ...


@dataclass(slots=True)
class BatteryFault:
    """One fault of one series element (``cell`` counts from 1) from ``onset_s`` to ``end_s``.

    ``size``: for an open cell the parallel cells lost; for fast ageing the factor on the
    law; for a weld the resistance reached after ``grow_s``, as a share of the element's
    10 s resistance when new; for a micro-short its current in A, growing evenly; for a hard
    short the current in A at 4 V that an internal resistance reaches by even multiplication
    from 5 mA; for sensor drift V per year. A replaced module is out from ``onset_s`` to
    ``end_s`` and comes back as ``spare``.
    """

    kind: BatteryFaultKind
    cell: int
    onset_s: float
    size: float
    grow_s: float = 0.0
    parallel: int = 1
    new_resistance_ohm: float = 0.0
    done: bool = False
    base_leak_a: float = 0.0
    end_s: float | None = None
    ended: bool = False
    spare: Spare | None = None

    def apply(self, body: Body, now_s: float) -> None:
        """Bring ``body`` to what ``now_s`` asks for."""
        if now_s < self.onset_s or self.ended:
            return
        if self.end_s is not None and now_s >= self.end_s:
            self._end(body)
            return
        if self.kind in ENDING:
            self._break(body)
        else:
            self._harm(body, now_s)
        self.done = True

    def _harm(self, body: Body, now_s: float) -> None:
        """Do what cannot be undone to the element, as far as it has grown."""
        n, pack = self.cell - 1, body.pack
        cells = pack.cells
        grown = 1.0 if self.grow_s <= 0 else min(1.0, (now_s - self.onset_s) / self.grow_s)
        if self.kind is BatteryFaultKind.OPEN_CELL:
            if not self.done:
                pack.disconnect(n, self.size / self.parallel)
        elif self.kind is BatteryFaultKind.FAST_AGEING:
            if not self.done:
                cells.ageing_share[n] *= self.size
        elif self.kind is BatteryFaultKind.WELD:
            cells.contact_ohm[n] = self.size * self.new_resistance_ohm * grown
        elif self.kind is BatteryFaultKind.MICRO_SHORT:
            if not self.done:
                self.base_leak_a = float(cells.leak_a[n])
            cells.leak_a[n] = self.base_leak_a + self.size * grown
        elif self.kind is BatteryFaultKind.HARD_SHORT:
            amperes = _SOFT_A * (self.size / _SOFT_A) ** grown
            cells.short_siemens[n] = amperes / _SHORT_AT_V
        else:
            body.sensors.drift_v[n] = self.size * (now_s - self.onset_s) / _YEAR_S

    def _break(self, body: Body) -> None:
        plant, n = body.plant, self.cell - 1
        if self.kind is BatteryFaultKind.STUCK_SENSOR:
            if not self.done:
                body.sensors.stick(n, float(body.pack.volts[n]))
        elif self.kind is BatteryFaultKind.STUCK_BALANCING:
            plant.bleeding.add(n)
        elif self.kind is BatteryFaultKind.FAILED_CHARGER:
            plant.charger = False
        elif self.kind is BatteryFaultKind.STUCK_FAN:
            plant.fan = body.pack.network.fan = False
        else:
            plant.present = False

    def _end(self, body: Body) -> None:
        """Repair what was broken, or put the module back."""
        plant, n = body.plant, self.cell - 1
        self.ended = True
        if self.kind is BatteryFaultKind.STUCK_SENSOR:
            body.sensors.loosen(n)
        elif self.kind is BatteryFaultKind.STUCK_BALANCING:
            plant.bleeding.discard(n)
        elif self.kind is BatteryFaultKind.FAILED_CHARGER:
            plant.charger = True
        elif self.kind is BatteryFaultKind.STUCK_FAN:
            plant.fan = body.pack.network.fan = True
        else:
            plant.present = True
            if self.spare is not None:
                body.renew(self.spare)


__all__ = [
    "ENDING",
    "OF_THE_MODULE",
    "WITHOUT_SIZE",
    "BatteryFault",
    "BatteryFaultKind",
    "Body",
    "Spare",
    "WireFault",
    "WireFaultKind",
]
