"""The running sums of one discharge, and how they become a record. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.events.look import Look
from agent.model import Event, Value

LONGEST_STEP_S = 30.0
"""Longest time between two samples over which energy is integrated, in seconds."""
_SAG_AT_S = (1.0, 10.0)
_SAG_NEAR_S = 2.5
_REST_OLD_S = 120.0


@dataclass(slots=True)
class Tally:
    """Sums of one event. Charge, energy and peak are positive; None while nothing gives them.

    ``onset_s`` is the monotonic time at which the load is held to have come, and
    ``onset_half_s`` how far off that may be.
    """

    onset_s: float
    onset_half_s: float = 0.0
    trigger: str = ""
    rest: Look | None = None
    charge_ah: float | None = None
    energy_wh: float | None = None
    peak_w: float | None = None
    lowest_v: float = math.inf
    lowest_cell: str | None = None
    samples: int = 0
    longest_gap_s: float = 0.0
    unseen_s: float = 0.0
    hottest_c: float | None = None
    first_c: float | None = None
    first_charge: float | None = None
    last_charge: float | None = None
    last: Look | None = None
    last_a: float | None = None
    sags_v: dict[str, float] = field(default_factory=dict)
    extra: dict[str, Value] = field(default_factory=dict)
    summed_to_s: float = -math.inf

    def add(self, look: Look, current_a: float | None) -> None:
        """Take a sample under load."""
        power_w = None if current_a is None or look.volts is None else current_a * look.volts
        if self.last is None:
            self._first(look, current_a, power_w)
        else:
            self._step(look, current_a, power_w)
        if power_w is not None:
            self.peak_w = max(self.peak_w or 0.0, -power_w)
        for cell, volts in look.cells_v.items():
            if volts < self.lowest_v:
                self.lowest_v, self.lowest_cell = volts, cell
        self._sag(look)
        self._warm(look)
        self.samples += 1
        self.last, self.last_a = look, current_a

    def finish(self, end_s: float) -> None:
        """Carry the load of the last sample on to the monotonic time ``end_s``."""
        if self.last is None:
            return
        step_s = max(0.0, end_s - self.last.mono_s)
        power_w = self._power(self.last, self.last_a)
        self.charge_ah = _drawn(self.charge_ah, self.last_a, self.last_a, step_s)
        self.energy_wh = _drawn(self.energy_wh, power_w, power_w, step_s)

    def cool(self, look: Look) -> None:
        """Take a sample after the load: the cells go on warming the sensors for a while."""
        self._warm(look)

    def _first(self, look: Look, current_a: float | None, power_w: float | None) -> None:
        """Count what the load drew before anybody looked: it comes as a step, not a ramp."""
        step_s = max(0.0, look.mono_s - max(self.onset_s, self.summed_to_s))
        if step_s > LONGEST_STEP_S:
            self.unseen_s += step_s
            step_s = 0.0
        self.charge_ah = _drawn(self.charge_ah, current_a, current_a, step_s)
        self.energy_wh = _drawn(self.energy_wh, power_w, power_w, step_s)
        self.first_c = look.celsius
        self.first_charge = look.charge
        if self.rest is not None and look.mono_s - self.rest.mono_s <= _REST_OLD_S:
            self.first_c = self.rest.celsius
            self.first_charge = self.rest.charge

    def _step(self, look: Look, current_a: float | None, power_w: float | None) -> None:
        last = self.last
        step_s = 0.0 if last is None else look.mono_s - last.mono_s
        self.longest_gap_s = max(self.longest_gap_s, step_s)
        if not 0 < step_s <= LONGEST_STEP_S:
            self.unseen_s += max(0.0, step_s)
            step_s = 0.0
        before_w = None if last is None else self._power(last, self.last_a)
        self.charge_ah = _drawn(self.charge_ah, self.last_a, current_a, step_s)
        self.energy_wh = _drawn(self.energy_wh, before_w, power_w, step_s)

    def _power(self, look: Look, current_a: float | None) -> float | None:
        return None if current_a is None or look.volts is None else current_a * look.volts

    def _warm(self, look: Look) -> None:
        if look.celsius is not None:
            hottest = self.hottest_c
            self.hottest_c = look.celsius if hottest is None else max(hottest, look.celsius)
        if look.charge is not None:
            self.last_charge = look.charge

    def _sag(self, look: Look) -> None:
        """Note the loss of voltage at fixed times, where samples lie close on both sides."""
        rest, last = self.rest, self.last
        if rest is None or rest.volts is None or look.volts is None:
            return
        for at_s in _SAG_AT_S:
            key, wanted = f"sag_{at_s:g}s_v", self.onset_s + at_s
            if key in self.sags_v:
                continue
            if last is not None and last.volts is not None and last.mono_s <= wanted:
                span = look.mono_s - last.mono_s
                if wanted <= look.mono_s and 0 < span <= 2 * _SAG_NEAR_S:
                    part = (wanted - last.mono_s) / span
                    volts = last.volts + part * (look.volts - last.volts)
                    self.sags_v[key] = rest.volts - volts
            elif last is None and abs(look.mono_s - wanted) < at_s / 2:
                self.sags_v[key] = rest.volts - look.volts

    def detail(self, duration_s: float) -> dict[str, Value]:
        """Give the record. What is not known is not in it."""
        rise_c = None
        if self.hottest_c is not None and self.first_c is not None:
            rise_c = max(0.0, self.hottest_c - self.first_c)
        depth = None
        if self.first_charge is not None and self.last_charge is not None:
            depth = max(0.0, self.first_charge - self.last_charge)
        found: dict[str, Value] = {"duration_s": round(duration_s, 3)}
        if self.trigger:
            found["trigger"] = self.trigger
        for key, value, digits in (
            ("charge_ah", self.charge_ah, 4),
            ("energy_wh", self.energy_wh, 3),
            ("peak_power_w", self.peak_w, 1),
            ("temperature_rise_c", rise_c, 2),
            ("depth_reported", depth, 4),
            ("charge_before", self.first_charge, 4),
            *((key, volts, 4) for key, volts in self.sags_v.items()),
        ):
            if value is not None:
                found[key] = round(value, digits)
        if self.lowest_cell is not None:
            found["lowest_cell"] = self.lowest_cell
            found["lowest_cell_v"] = self.lowest_v
        found["samples"] = float(self.samples)
        for key, seconds in (
            ("start_uncertainty_s", self.onset_half_s),
            ("longest_gap_s", self.longest_gap_s),
            ("unseen_s", self.unseen_s),
        ):
            if seconds > 0:
                found[key] = round(seconds, 3)
        return found | self.extra

    @classmethod
    def resumed(cls, event: Event, now: Look) -> "Tally":
        """Go on from the record of an earlier run, by the wall clock that it was written in."""
        detail = event.detail
        # The monotonic clock may be another since; a wall clock set back must not undo time.
        passed_s = max(now.wall_s - event.start_s, number(detail, "duration_s") or 0.0)
        lowest_v, cell = number(detail, "lowest_cell_v"), detail.get("lowest_cell")
        made = cls(
            now.mono_s - passed_s,
            number(detail, "start_uncertainty_s") or 0.0,
            str(detail.get("trigger", "")),
            charge_ah=number(detail, "charge_ah"),
            energy_wh=number(detail, "energy_wh"),
            peak_w=number(detail, "peak_power_w"),
            lowest_v=math.inf if lowest_v is None else lowest_v,
            lowest_cell=None if cell is None else str(cell),
            samples=int(number(detail, "samples") or 0),
            longest_gap_s=number(detail, "longest_gap_s") or 0.0,
            unseen_s=number(detail, "unseen_s") or 0.0,
            first_charge=number(detail, "charge_before"),
        )
        made.sags_v = {
            key: volts
            for key in detail
            if key.startswith("sag_") and (volts := number(detail, key)) is not None
        }
        # What the load drew while no agent looked is filled in by the first sample.
        made.summed_to_s = now.mono_s - max(0.0, now.wall_s - last_seen_s(event))
        known = set(made.detail(0.0))
        made.extra = {k: v for k, v in detail.items() if k not in known | _COUNTED}
        return made


_COUNTED = frozenset({"samples", "depth_reported", "temperature_rise_c"})


def last_seen_s(event: Event) -> float:
    """Give the unix time at which ``event``, which has no end, was last under way."""
    return event.start_s + (number(event.detail, "duration_s") or 0.0)


def number(detail: Mapping[str, Value], key: str) -> float | None:
    """Give a number of an event's detail, or None."""
    value = detail.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _drawn(
    total: float | None, before: float | None, now: float | None, step_s: float
) -> float | None:
    """Add ``step_s`` seconds of a rate that is negative when discharging, by the trapezium."""
    if now is None:
        return total
    start = 0.0 if total is None else total
    return start if before is None else start - (before + now) / 2 * step_s / 3600
