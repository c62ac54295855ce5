"""One unit's ride-through live: before, during and, with hindsight, after an outage. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.events.look import Look
from agent.events.projection import LONGEST_S, Present, Projected, Standing, project
from agent.model import Interval, Outlook, Value

REDO_S = 4.0
"""A projection is worked out again after this time; in between it runs down with the energy."""
SCORED_FROM_S = 10.0
"""Shorter discharges say too little of what the unit could have carried."""
_EMPTY_V = 0.03
_SMOOTH_S = 5.0
_SAME_LOAD = 0.05
_EARLY_S, _SAME_POWER = 3.0, 0.03


@dataclass(slots=True)
class Foresight:
    """Follows one discharge of one unit from what was believed before it.

    ``required_s`` is how long the unit has to carry its load from the start.
    """

    standing: Standing
    required_s: float
    rest_v: Mapping[str, float]
    power_w: float | None = None
    held: Projected | None = None
    held_s: float = 0.0
    held_w: float = 0.0
    run_down_s: float = 0.0
    last_mono_s: float | None = None
    early: tuple[float, Mapping[str, float]] | None = None

    def watch(
        self, look: Look, *, power_w: float, charge_ah: float, elapsed_s: float
    ) -> Outlook | None:
        """Take a sample under load; give how long the unit goes on at its present power."""
        step_s = 0.0 if self.last_mono_s is None else look.mono_s - self.last_mono_s
        self.last_mono_s = look.mono_s
        self.power_w = _smoothed(self.power_w, power_w, step_s)
        self._remember_early(look, power_w, elapsed_s)
        self.run_down_s += max(0.0, step_s) * power_w / max(self.held_w, 1.0)
        changed = abs(self.power_w - self.held_w) > _SAME_LOAD * max(self.held_w, 1.0)
        stale = look.mono_s - self.held_s >= REDO_S
        # Cells between two scans cannot be measured: what is held runs down meanwhile.
        if self.held is None or (changed or stale):
            self._redo(look, charge_ah, elapsed_s)
        if self.held is None:
            return None
        left = Interval(*(max(0.0, end - self.run_down_s) for end in self.held.seconds))
        return Outlook(look.wall_s, self.power_w, left, self.required_s, elapsed_s, self.held.cell)

    def _remember_early(self, look: Look, power_w: float, elapsed_s: float) -> None:
        """Keep the first look at all cells after the load has come, for as long as it stays."""
        if self.early is not None and abs(power_w - self.early[0]) > _SAME_POWER * self.early[0]:
            self.early = None
        if self.early is None and elapsed_s >= _EARLY_S and look.cells_v:
            self.early = power_w, look.cells_v

    def _redo(self, look: Look, charge_ah: float, elapsed_s: float) -> None:
        power_w = self.power_w or 0.0
        early_v = None if self.early is None else self.early[1]
        present = Present(
            power_w, charge_ah, elapsed_s, look.cells_v, self.rest_v, look.celsius, early_v
        )
        self.held = project(self.standing, present)
        self.held_s, self.held_w, self.run_down_s = look.mono_s, power_w, 0.0

    def verdict(
        self, *, duration_s: float, energy_wh: float, lowest_v: float | None
    ) -> dict[str, Value]:
        """Hold what was believed before against what the discharge has shown.

        Both are the whole time to cut-off at the mean power of the discharge: the prediction
        from the state at rest, the outcome from the end of the discharge, or measured where
        the unit did come to its cut-off.
        """
        if duration_s < SCORED_FROM_S or self.held is None or self.power_w is None:
            return {}
        mean_w = energy_wh * 3600.0 / duration_s
        before = project(self.standing, Present(mean_w, rest_v=self.rest_v))
        if before is None or before.seconds.estimate >= LONGEST_S:
            return {}
        empty = lowest_v is not None and lowest_v <= self.standing.kind.cutoff_v + _EMPTY_V
        shown_s = duration_s
        if not empty:
            share = self.held_w / max(mean_w, 1.0)
            shown_s += max(0.0, self.held.seconds.estimate - self.run_down_s) * share
        return {
            "predicted_s": round(before.seconds.estimate, 1),
            "predicted_lower_s": round(before.seconds.lower, 1),
            "predicted_upper_s": round(before.seconds.upper, 1),
            "shown_s": round(shown_s, 1),
            "shown_by": "cut-off" if empty else "projection at the end",
            "prediction_ratio": round(before.seconds.estimate / max(shown_s, 1.0), 4),
            "prediction_covered": before.seconds.lower <= shown_s <= before.seconds.upper,
        }


def standby(
    standing: Standing, *, power_w: float, required_s: float, at_s: float
) -> Outlook | None:
    """Say how long a unit at rest would carry ``power_w``."""
    found = project(standing, Present(power_w))
    if found is None:
        return None
    return Outlook(at_s, power_w, found.seconds, required_s, None, found.cell)


def _smoothed(before: float | None, now: float, step_s: float) -> float:
    if before is None or abs(now - before) > 2 * _SAME_LOAD * before:
        return now
    weight = min(1.0, max(0.0, step_s) / _SMOOTH_S)
    return before + weight * (now - before)


def shelf_left(
    parts: list[tuple[float, float]], *, rated_w: float | None, load_w: float | None = None
) -> float:
    """Give the seconds until a shelf can carry its load no more.

    ``parts`` are power (watts) and time left at that power (seconds) of each module that
    carries load. The first to be empty leaves its share to the others, which then last the
    shorter, until none is left or the share of one exceeds ``rated_w``.
    """
    energies = [power_w * left_s for power_w, left_s in parts if power_w > 0]
    total_w = load_w or sum(power_w for power_w, _ in parts)
    shares = [power_w for power_w, _ in parts if power_w > 0]
    passed_s = 0.0
    while energies and total_w > 0:
        whole_w = sum(shares)
        shares = [share * total_w / whole_w for share in shares]
        if rated_w is not None and max(shares) > rated_w * (1 + _SAME_LOAD):
            break
        lasting = [energy / share for energy, share in zip(energies, shares, strict=True)]
        first = min(range(len(lasting)), key=lasting.__getitem__)
        step_s = lasting[first]
        passed_s += step_s
        energies = [e - share * step_s for e, share in zip(energies, shares, strict=True)]
        del energies[first], shares[first]
    return passed_s


def shelf_interval(
    outlooks: list[Outlook], *, rated_w: float | None, load_w: float | None = None
) -> Interval:
    """Give the same with its interval, as if all modules were off the same way."""
    ends = [
        shelf_left(
            [(one.power_w, end(one.seconds)) for one in outlooks], rated_w=rated_w, load_w=load_w
        )
        for end in (_estimate, _lower, _upper)
    ]
    return Interval(*ends)


def _estimate(interval: Interval) -> float:
    return interval.estimate


def _lower(interval: Interval) -> float:
    return interval.lower


def _upper(interval: Interval) -> float:
    return interval.upper


def aged(outlook: Outlook, now_s: float) -> Outlook:
    """Give ``outlook`` as it stands at ``now_s``: what has passed since is gone."""
    passed_s = max(0.0, now_s - outlook.at_s)
    if outlook.elapsed_s is None or passed_s <= 0:
        return outlook
    left = Interval(*(max(0.0, end - passed_s) for end in outlook.seconds))
    return replace(outlook, seconds=left, at_s=now_s, elapsed_s=outlook.elapsed_s + passed_s)
