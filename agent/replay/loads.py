"""Finds the discharges and self-tests of a recorded unit, for its list of events."""

from dataclasses import dataclass, field
from math import isnan
from statistics import fmean

from agent.health.engine import Observation

JSON = object

_FROM_C = 0.1
_UNTIL_C = 0.02
_LONGEST_GAP_S = 120.0


@dataclass(slots=True)
class LoadLog:
    """Watches observations; ``events`` holds what is over, as JSON objects of events.

    A cell without a reading is taken to have the mean voltage of the others; where no cell has
    one, the energy is absent.
    """

    capacity_ah: float
    events: list[dict[str, JSON]] = field(default_factory=list)
    last: Observation | None = None
    start_s: float | None = None
    kind: str = "discharge"
    charge_ah: float = 0.0
    energy_wh: float | None = 0.0

    def watch(self, observation: Observation) -> None:
        """Take the next observation in time order."""
        last, self.last = self.last, observation
        current_a = observation.current_a
        if current_a is None:
            return
        gap_s = 0.0 if last is None else observation.time_s - last.time_s
        if self.start_s is not None and last is not None:
            if not 0.0 <= gap_s <= _LONGEST_GAP_S or current_a > -_UNTIL_C * self.capacity_ah:
                self._end(last.time_s)
            else:
                self._count(last, current_a, gap_s)
        elif current_a < -_FROM_C * self.capacity_ah:
            self.start_s, self.charge_ah, self.energy_wh = observation.time_s, 0.0, 0.0
            self.kind = "self_test" if observation.phase == "selftest" else "discharge"

    def _count(self, last: Observation, current_a: float, gap_s: float) -> None:
        mean_a = -0.5 * (current_a + (current_a if last.current_a is None else last.current_a))
        self.charge_ah += mean_a * gap_s / 3600.0
        seen = [v for v in last.cells_v if v is not None and not isnan(v)]
        if not seen:
            self.energy_wh = None
        if self.energy_wh is not None:
            volts = fmean(seen) * len(last.cells_v)
            self.energy_wh += mean_a * volts * gap_s / 3600.0

    def _end(self, end_s: float) -> None:
        detail = {"charge_ah": round(self.charge_ah, 4)}
        if self.energy_wh is not None:
            detail["energy_wh"] = round(self.energy_wh, 2)
        event: dict[str, JSON] = {"kind": self.kind, "start_s": self.start_s, "end_s": end_s}
        self.events.append(event | {"detail": detail})
        self.start_s = None
