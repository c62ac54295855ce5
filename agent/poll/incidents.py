"""Discharges and self-tests as they happen: from samples to events. Pure.

Who says whether the load is on battery (a UPS) is believed, because the sign of such a
device's current is its own. Elsewhere the current decides, and a flag of the device only
where it gives no current. A discharge during a self-test is the test's, not an outage.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.model import Event, Sample, Value

MIN_DISCHARGE_A = 1.0
"""Smallest discharge current that counts, in amperes: above offsets of 10 mA sensors and
the module's own consumption, below any load that a rack draws from it."""
LONGEST_STEP_S = 30.0
"""Longest time between two samples over which energy is integrated, in seconds."""
LATE_FLAG_S = 2.0
"""How much later than the current the flag of a self-test may come up, in seconds. Until
then nobody is told of an outage: what was told once cannot be taken back."""


@dataclass(slots=True)
class Incidents:
    """Follows one unit. ``open`` is the event under way, or None.

    Charge, energy and peak power are counted positive and stay None while the device gives
    no current. They leave out what happened between samples that lie too far apart.
    """

    unit: str
    open: Event | None = None
    told: bool = False
    charge_ah: float | None = None
    energy_wh: float | None = None
    peak_w: float | None = None
    lowest_v: float = math.inf
    lowest_cell: str | None = None
    start_mono_s: float = 0.0
    last: Sample | None = None
    last_current_a: float | None = None
    last_power_w: float | None = None

    def observe(self, sample: Sample) -> Event | None:
        """Take the next sample; give the event that it starts, continues or ends, if any."""
        facts = _facts(sample)
        discharging, current_a = _discharging(facts)
        if discharging is None:
            return None
        volts = _volts(facts, sample)
        power_w = None if current_a is None or volts is None else current_a * volts
        event = None
        if discharging:
            event = self._run(sample, current_a, power_w, testing=_testing(facts))
        elif self.open is not None:
            event = self._end(self.open, sample, testing=_testing(facts))
        self.last, self.last_current_a, self.last_power_w = sample, current_a, power_w
        return event

    def resume(self, event: Event) -> None:
        """Go on with ``event``, which an earlier run has seen begin and not end."""
        self.open, self.told = event, True
        self.charge_ah = _detail(event, "charge_ah")
        self.energy_wh = _detail(event, "energy_wh")
        self.peak_w = _detail(event, "peak_power_w")
        lowest_v = _detail(event, "lowest_cell_v")
        self.lowest_v = math.inf if lowest_v is None else lowest_v
        cell = event.detail.get("lowest_cell")
        self.lowest_cell = None if cell is None else str(cell)
        self.last = None

    def _run(
        self, sample: Sample, current_a: float | None, power_w: float | None, *, testing: bool
    ) -> Event | None:
        if self.open is None:
            self._start(sample)
        self._integrate(sample, current_a, power_w)
        if power_w is not None:
            self.peak_w = max(self.peak_w or 0.0, -power_w)
        for reading in sample.readings:
            if reading.quantity == "cell_voltage" and float(reading.value) < self.lowest_v:
                self.lowest_v, self.lowest_cell = float(reading.value), reading.index
        self.open = self._event(self.open, sample.wall_s, testing=testing)
        late = sample.mono_s - self.start_mono_s >= LATE_FLAG_S
        self.told = self.told or late or self.open.kind == "self_test"
        return self.open if self.told else None

    def _start(self, sample: Sample) -> None:
        self.open = Event(self.unit, "discharge", sample.wall_s, None)
        self.told = False
        self.start_mono_s = sample.mono_s
        self.charge_ah = self.energy_wh = self.peak_w = None
        self.lowest_v, self.lowest_cell = math.inf, None
        self.last = None

    def _integrate(self, sample: Sample, current_a: float | None, power_w: float | None) -> None:
        step_s = 0.0 if self.last is None else sample.mono_s - self.last.mono_s
        if not 0 < step_s <= LONGEST_STEP_S:
            step_s = 0.0
        self.charge_ah = _drawn(self.charge_ah, self.last_current_a, current_a, step_s)
        self.energy_wh = _drawn(self.energy_wh, self.last_power_w, power_w, step_s)

    def _end(self, under_way: Event, sample: Sample, *, testing: bool) -> Event:
        self.open = None
        if self.last is None or sample.mono_s - self.last.mono_s > LONGEST_STEP_S:
            # It ended while no one was looking; its last sight is all that we know.
            return replace(under_way, end_s=last_seen_s(under_way))
        nothing = 0.0
        self._integrate(
            sample,
            None if self.charge_ah is None else nothing,
            None if self.energy_wh is None else nothing,
        )
        ended = self._event(under_way, sample.wall_s, testing=testing)
        return replace(ended, end_s=sample.wall_s)

    def _event(self, under_way: Event | None, now_s: float, *, testing: bool) -> Event:
        event = under_way or Event(self.unit, "discharge", now_s, None)
        detail: dict[str, Value] = {"duration_s": round(now_s - event.start_s, 3)}
        for key, value, digits in (
            ("charge_ah", self.charge_ah, 4),
            ("energy_wh", self.energy_wh, 3),
            ("peak_power_w", self.peak_w, 1),
        ):
            if value is not None:
                detail[key] = round(value, digits)
        if self.lowest_cell is not None:
            detail["lowest_cell"] = self.lowest_cell
            detail["lowest_cell_v"] = self.lowest_v
        kind = "self_test" if testing and not self.told else event.kind
        return replace(event, kind=kind, detail=detail)


def _drawn(
    total: float | None, before: float | None, now: float | None, step_s: float
) -> float | None:
    """Add ``step_s`` seconds of a rate that is negative when discharging, by the trapezium."""
    if now is None:
        return total
    start = 0.0 if total is None else total
    return start if before is None else start - (before + now) / 2 * step_s / 3600


def last_seen_s(event: Event) -> float:
    """Give the unix time at which ``event``, which has no end, was last under way."""
    return event.start_s + (_detail(event, "duration_s") or 0.0)


def _detail(event: Event, key: str) -> float | None:
    value = event.detail.get(key)
    return None if value is None or isinstance(value, str) else float(value)


def _facts(sample: Sample) -> dict[str, Value]:
    return {row.quantity: row.value for row in sample.readings if row.index is None}


def _discharging(facts: Mapping[str, Value]) -> tuple[bool | None, float | None]:
    """Say whether the battery discharges, and its current as far as that is known."""
    current_a = _number(facts, "battery_current")
    on_battery = facts.get("on_battery")
    if isinstance(on_battery, bool):
        if on_battery and current_a is not None:
            # Many cards give the magnitude, or 0 where they do not measure.
            current_a = None if abs(current_a) < MIN_DISCHARGE_A else -abs(current_a)
        return on_battery, current_a
    if current_a is not None:
        return current_a <= -MIN_DISCHARGE_A, current_a
    flag = facts.get("discharging")
    return (flag if isinstance(flag, bool) else None), None


def _testing(facts: Mapping[str, Value]) -> bool:
    return facts.get("self_test_running") is True


def _volts(facts: Mapping[str, Value], sample: Sample) -> float | None:
    """Give the pack's voltage: its own, or the sum of its cells where all of them have one."""
    own = _number(facts, "battery_voltage")
    if own is not None:
        return own
    cells = [float(row.value) for row in sample.readings if row.quantity == "cell_voltage"]
    lost = any(fault.quantity == "cell_voltage" for fault in sample.faults)
    return None if lost or not cells else sum(cells)


def _number(facts: Mapping[str, Value], key: str) -> float | None:
    value = facts.get(key)
    return value if isinstance(value, float) else None
