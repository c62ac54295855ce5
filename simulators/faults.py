"""What can go wrong: in the battery (hidden truth) and on the wire (what masters see)."""

from dataclasses import dataclass
from enum import StrEnum

from simulators.battery import Pack
from simulators.chemistry import Array

_YEAR_S = 365.25 * 86400


class BatteryFaultKind(StrEnum):
    """Ways in which a series element goes wrong."""

    OPEN_CELL = "open-cell"
    FAST_AGEING = "fast-ageing"
    WELD = "weld"
    MICRO_SHORT = "micro-short"
    SENSOR_DRIFT = "sensor-drift"


@dataclass(slots=True)
class BatteryFault:
    """One fault of one series element (``cell`` counts from 1) from ``onset_s`` on.

    ``size``: for an open cell the parallel cells lost; for fast ageing the factor on the
    law; for a weld the resistance reached after ``grow_s``, as a share of the element's
    10 s resistance when new; for a micro-short its current in A; for sensor drift V per year.
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

    def apply(self, pack: Pack, drift_v: Array, now_s: float) -> None:
        """Bring ``pack`` and the voltage sensors' ``drift_v`` to what ``now_s`` asks for."""
        if now_s < self.onset_s:
            return
        n, cells = self.cell - 1, pack.cells
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
        else:
            drift_v[n] = self.size * (now_s - self.onset_s) / _YEAR_S
        self.done = True


class WireFaultKind(StrEnum):
    """Ways in which an answer goes wrong on its way."""

    SILENT = "silent"
    DELAY = "delay"
    EXCEPTION = "exception"
    BAD_CRC = "bad-crc"
    WRONG_UNIT = "wrong-unit"
    TRUNCATED = "truncated"
    WRONG_FUNCTION = "wrong-function"
    WRONG_TRANSACTION = "wrong-transaction"


@dataclass(frozen=True, slots=True)
class WireFault:
    """A fault of the wire of one unit between ``start_s`` and ``end_s`` after the start.

    ``value``: seconds of delay, or the code of the exception (default 4, device failure).
    """

    kind: WireFaultKind
    start_s: float = 0.0
    end_s: float | None = None
    value: float = 0.0

    def active(self, since_start_s: float) -> bool:
        """Say whether the fault acts ``since_start_s`` seconds after the start."""
        return self.start_s <= since_start_s and (self.end_s is None or since_start_s < self.end_s)
