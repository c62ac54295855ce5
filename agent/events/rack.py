"""The outage of a rack: the discharges of its units as one event. Pure."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from agent.events.kinds import OF_RACK
from agent.events.tally import last_seen_s, number
from agent.model import Event, Value


@dataclass(slots=True)
class RackWatch:
    """Follows one rack. ``parts`` are the newest events of its units in this outage.

    ``starts_s`` says when the newest event of each unit began, of this outage or an earlier.
    """

    rack: str
    open: Event | None = None
    parts: dict[str, Event] = field(default_factory=dict)
    powers_w: dict[str, float] = field(default_factory=dict)
    peak_w: float | None = None
    starts_s: dict[str, float] = field(default_factory=dict)

    def observe(self, event: Event, power_w: float | None) -> Event | None:
        """Take a unit's event; ``power_w`` is what it delivers now, positive.

        Self-tests are none of the rack's business.
        """
        if event.kind != "discharge":
            return None
        if self._is_old_news(event):
            return None
        self.starts_s[event.unit] = event.start_s
        if self.open is None:
            self.parts, self.powers_w, self.peak_w = {}, {}, None
            self.open = Event(OF_RACK + self.rack, "outage", event.start_s, None)
        self.parts[event.unit] = event
        self.powers_w.pop(event.unit, None)
        if power_w is not None and event.end_s is None:
            self.powers_w[event.unit] = power_w
        return self._told()

    def _is_old_news(self, event: Event) -> bool:
        """Say whether ``event`` was over before: how a unit recharges is no outage of the rack."""
        if event.end_s is None:
            return False
        known_s = self.starts_s.get(event.unit)
        if self.open is None:
            return known_s == event.start_s
        part = self.parts.get(event.unit)
        if part is not None and part.start_s == event.start_s:
            return False
        return known_s == event.start_s or event.end_s < self.open.start_s

    def _told(self) -> Event | None:
        """Give the new form of the outage; it ends with the last of its parts."""
        if self.open is None:
            return None
        if self.powers_w:
            self.peak_w = max(self.peak_w or 0.0, sum(self.powers_w.values()))
        ended = all(part.end_s is not None for part in self.parts.values())
        made = replace(self.open, detail=self._detail())
        if ended:
            made = replace(made, end_s=max(part.end_s or 0.0 for part in self.parts.values()))
            self.open = None
        else:
            self.open = made
        return made

    def settle(self, ended: Event) -> Event | None:
        """End the part that began as ``ended`` did; nothing where there is none."""
        part = self.parts.get(ended.unit)
        if self.open is None or part is None or part.start_s != ended.start_s:
            return None
        return self.observe(ended, None)

    def stay(self, units: AbstractSet[str]) -> Event | None:
        """Know that only ``units`` are in the rack; what others had open is over.

        Gives the new form of the outage, where this changes it.
        """
        self.starts_s = {unit: at_s for unit, at_s in self.starts_s.items() if unit in units}
        if self.open is None:
            return None
        if not self.parts:
            # Of an earlier run, and no unit has told of it yet.
            if units:
                return None
            made, self.open = replace(self.open, end_s=last_seen_s(self.open)), None
            return made
        gone = [p for p in self.parts.values() if p.end_s is None and p.unit not in units]
        for part in gone:
            self.parts[part.unit] = replace(part, end_s=last_seen_s(part))
            self.powers_w.pop(part.unit, None)
        return self._told() if gone else None

    def know(self, events: Iterable[Event]) -> None:
        """Take note of discharges of an earlier run: news of them is no outage of today."""
        for event in events:
            if event.kind == "discharge":
                newest_s = max(event.start_s, self.starts_s.get(event.unit, event.start_s))
                self.starts_s[event.unit] = newest_s

    def resume(self, event: Event, parts: Iterable[Event]) -> None:
        """Go on with an outage that an earlier run has seen begin.

        ``parts`` are its units' discharges on record: those that are over count on, and it
        lasts until the last of the others ends.
        """
        self.open = event
        self.parts = {part.unit: part for part in parts if self._belongs(part, event)}
        self.peak_w = number(event.detail, "peak_power_w")

    @staticmethod
    def _belongs(part: Event, outage: Event) -> bool:
        """Say whether ``part`` is of ``outage``, which began with the first of its parts."""
        return part.kind == "discharge" and (
            part.start_s >= outage.start_s or part.end_s is None or part.end_s > outage.start_s
        )

    def _detail(self) -> dict[str, Value]:
        parts = self.parts.values()
        end_s = max(part.start_s + (number(part.detail, "duration_s") or 0.0) for part in parts)
        start_s = self.open.start_s if self.open is not None else end_s
        found: dict[str, Value] = {
            "duration_s": round(max(0.0, end_s - start_s), 3),
            "units": float(len(self.parts)),
            "on_battery": float(sum(part.end_s is None for part in parts)),
        }
        for key in ("energy_wh", "charge_ah"):
            known = [v for part in parts if (v := number(part.detail, key)) is not None]
            if known:
                found[key] = round(sum(known), 3)
        if self.peak_w is not None:
            found["peak_power_w"] = round(self.peak_w, 1)
        cells = [
            (v, part) for part in parts if (v := number(part.detail, "lowest_cell_v")) is not None
        ]
        if cells:
            volts, part = min(cells, key=lambda pair: pair[0])
            found["lowest_cell"] = f"{part.unit}/{part.detail.get('lowest_cell')}"
            found["lowest_cell_v"] = volts
        lost = sorted(part.unit for part in parts if part.detail.get("lost") is True)
        if lost:
            found["lost"] = ", ".join(lost)
        return found
