"""Finds the discharges and self-tests of a recorded unit, for its list of events."""

from dataclasses import dataclass, field
from math import inf, isnan
from statistics import fmean

from agent.health import intake
from agent.health.engine import Observation

JSON = object

_FROM_C = 0.1
_UNTIL_C = 0.02
_LONGEST_GAP_S = 120.0


@dataclass(slots=True)
class LoadLog:
    """Watches observations; ``events`` holds what is over, as JSON objects of events.

    An event begins and ends in the middle between the last sample on one side and the first on
    the other, so its length and sums are off by half that span at each end at most; where that
    span is longer than two minutes, at the sample under load. A cell without a reading is taken
    to have the mean voltage of the others; where no cell has one, the energy is absent.
    """

    capacity_ah: float
    events: list[dict[str, JSON]] = field(default_factory=list)
    last: Observation | None = None
    start_s: float | None = None
    kind: str = "discharge"
    charge_ah: float = 0.0
    energy_wh: float | None = 0.0

    def watch(self, observation: Observation) -> None:
        """Take the next observation in time order; one without a current says nothing here."""
        current_a = intake.current(observation.current_a, self.capacity_ah)
        if current_a is None:
            return
        last, self.last = self.last, observation
        gap_s = inf if last is None else observation.time_s - last.time_s
        seen = 0.0 <= gap_s <= _LONGEST_GAP_S
        if self.start_s is not None and last is not None:
            if not seen or current_a > -_UNTIL_C * self.capacity_ah:
                self._end(last, 0.5 * gap_s if seen else 0.0)
            else:
                self._count(last, 0.5 * (current_a + (last.current_a or 0.0)), gap_s)
        elif current_a < -_FROM_C * self.capacity_ah:
            before_s = 0.5 * gap_s if seen else 0.0
            self.start_s = observation.time_s - before_s
            self.charge_ah, self.energy_wh = 0.0, 0.0
            self.kind = "self_test" if observation.phase == "selftest" else "discharge"
            self._count(observation, current_a, before_s)

    def _count(self, seen: Observation, mean_a: float, length_s: float) -> None:
        """Sum up ``length_s`` at ``mean_a`` (negative) and the voltages of ``seen``."""
        self.charge_ah -= mean_a * length_s / 3600.0
        told = intake.cell_voltages(seen.cells_v, len(seen.cells_v))
        known = [volts for volts in told if not isnan(volts)]
        if not known:
            self.energy_wh = None
        if self.energy_wh is not None:
            self.energy_wh -= mean_a * fmean(known) * len(seen.cells_v) * length_s / 3600.0

    def _end(self, last: Observation, after_s: float) -> None:
        """Close the event ``after_s`` behind its last sample under load."""
        self._count(last, last.current_a or 0.0, after_s)
        end_s = last.time_s + after_s
        duration_s = end_s - (end_s if self.start_s is None else self.start_s)
        detail = {"duration_s": round(duration_s, 3), "charge_ah": round(self.charge_ah, 4)}
        if self.energy_wh is not None:
            detail["energy_wh"] = round(self.energy_wh, 2)
        event: dict[str, JSON] = {"kind": self.kind, "start_s": self.start_s, "end_s": end_s}
        self.events.append(event | {"detail": detail})
        self.start_s = None
