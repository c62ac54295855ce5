"""Discharges and self-tests as they happen: from samples to events. Pure.

Current and voltage decide; a device's own discharging flag decides only where it gives no
current. A discharge during a self-test is the test's, not an outage.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.model import Event, Reading, Sample, Value

MIN_DISCHARGE_A = 1.0
"""Smallest discharge current that counts, in amperes: above offsets of 10 mA sensors and
the module's own consumption, below any load that a rack draws from it."""
LONGEST_STEP_S = 30.0
"""Longest time between two samples over which energy is integrated."""


@dataclass(slots=True)
class Incidents:
    """Follows one unit. ``open`` is the event under way, or None."""

    unit: str
    open: Event | None = None
    charge_ah: float = 0.0
    energy_wh: float = 0.0
    peak_w: float = 0.0
    lowest_v: float = math.inf
    lowest_cell: str | None = None
    last: Sample | None = None
    last_current_a: float = 0.0
    last_power_w: float = 0.0
    _known: dict[str, Value] = field(default_factory=dict)

    def observe(self, sample: Sample) -> Event | None:
        """Take the next sample; give the event that it starts, continues or ends, if any."""
        facts = _facts(sample)
        discharging, current_a = _discharging(facts)
        if discharging is None:
            return None
        power_w = current_a * _number(facts, "battery_voltage", _sum_of_cells(sample))
        event = None
        if discharging:
            event = self._run(sample, facts, current_a, power_w)
        elif self.open is not None:
            event = self._end(sample)
        self.last, self.last_current_a, self.last_power_w = sample, current_a, power_w
        return event

    def resume(self, event: Event) -> None:
        """Go on with ``event``, which an earlier run has seen begin and not end."""
        self.open = event
        self.charge_ah = _detail(event, "charge_ah", 0.0)
        self.energy_wh = _detail(event, "energy_wh", 0.0)
        self.peak_w = _detail(event, "peak_power_w", 0.0)
        self.lowest_v = _detail(event, "lowest_cell_v", math.inf)
        cell = event.detail.get("lowest_cell")
        self.lowest_cell = None if cell is None else str(cell)
        self.last = None

    def _run(
        self, sample: Sample, facts: Mapping[str, Value], current_a: float, power_w: float
    ) -> Event:
        testing = facts.get("self_test_running") is True
        kind = "self_test" if testing else "discharge"
        if self.open is None:
            self._start(sample, kind)
        elif kind == "self_test" and self.open.kind == "discharge":
            # The flag may come up a poll later than the current.
            self.open = Event(self.unit, kind, self.open.start_s, None)
        self._integrate(sample, current_a, power_w)
        self.peak_w = max(self.peak_w, -power_w)
        for reading in sample.readings:
            if reading.quantity == "cell_voltage" and float(reading.value) < self.lowest_v:
                self.lowest_v, self.lowest_cell = float(reading.value), reading.index
        return self._event(None, sample)

    def _start(self, sample: Sample, kind: str) -> None:
        self.open = Event(self.unit, kind, sample.wall_s, None)
        self.charge_ah = self.energy_wh = self.peak_w = 0.0
        self.lowest_v, self.lowest_cell = math.inf, None
        self.last = None

    def _integrate(self, sample: Sample, current_a: float, power_w: float) -> None:
        if self.last is None:
            return
        step_s = sample.mono_s - self.last.mono_s
        if 0 < step_s <= LONGEST_STEP_S:
            self.charge_ah -= (current_a + self.last_current_a) / 2 * step_s / 3600
            self.energy_wh -= (power_w + self.last_power_w) / 2 * step_s / 3600

    def _end(self, sample: Sample) -> Event:
        if self.last is None and self.open is not None:
            # It ended while no agent was looking; its last sight is all that we know.
            event = replace(self.open, end_s=last_seen_s(self.open))
            self.open = None
            return event
        self._integrate(sample, 0.0, 0.0)
        event = self._event(sample.wall_s, sample)
        self.open = None
        return event

    def _event(self, end_s: float | None, sample: Sample) -> Event:
        start_s = sample.wall_s if self.open is None else self.open.start_s
        kind = "discharge" if self.open is None else self.open.kind
        detail: dict[str, Value] = {
            "duration_s": round(sample.wall_s - start_s, 3),
            "charge_ah": round(self.charge_ah, 4),
            "energy_wh": round(self.energy_wh, 3),
            "peak_power_w": round(self.peak_w, 1),
        }
        if self.lowest_cell is not None:
            detail["lowest_cell"] = self.lowest_cell
            detail["lowest_cell_v"] = self.lowest_v
        return Event(self.unit, kind, start_s, end_s, detail)


def last_seen_s(event: Event) -> float:
    """Give the unix time at which ``event``, which has no end, was last under way."""
    return event.start_s + _detail(event, "duration_s", 0.0)


def _detail(event: Event, key: str, otherwise: float) -> float:
    value = event.detail.get(key)
    return otherwise if value is None or isinstance(value, str) else float(value)


def _facts(sample: Sample) -> dict[str, Value]:
    return {row.quantity: row.value for row in sample.readings if row.index is None}


def _discharging(facts: Mapping[str, Value]) -> tuple[bool | None, float]:
    current_a = facts.get("battery_current")
    if isinstance(current_a, float | int) and not isinstance(current_a, bool):
        return current_a <= -MIN_DISCHARGE_A, float(current_a)
    for flag in ("discharging", "on_battery"):
        value = facts.get(flag)
        if isinstance(value, bool):
            return value, 0.0
    return None, 0.0


def _sum_of_cells(sample: Sample) -> float:
    return sum(float(row.value) for row in sample.readings if _is_cell(row))


def _is_cell(reading: Reading) -> bool:
    return reading.quantity == "cell_voltage"


def _number(facts: Mapping[str, Value], key: str, otherwise: float) -> float:
    value = facts.get(key)
    return float(value) if isinstance(value, float | int) else otherwise
