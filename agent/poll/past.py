"""What earlier runs have recorded of the units, and how the next run goes on from it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.events.kinds import OF_RACK
from agent.events.tally import last_seen_s
from agent.model import Event, UnitInfo
from agent.poll.assess import State

RESUME_WITHIN_S = 600.0
"""How long after an agent's last look at an event the next agent still goes on with it: a rack
node starts again within minutes, and mains that came back for less are one outage to the cells."""
_UNDER_LOAD = ("discharge", "self_test")
WATCH = "watch"
"""The key of what is known of a unit's events, in its saved state."""


@dataclass(slots=True)
class Past:
    """``learnt`` are saved states by unit with serial numbers, ``happened`` the events on record.

    ``now_s`` is the unix time at which the new run begins.
    """

    learnt: Mapping[str, tuple[str | None, State]] = field(default_factory=dict)
    happened: Sequence[Event] = ()
    now_s: float = 0.0
    by_unit: dict[str, list[Event]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the events by unit, the oldest first."""
        for event in sorted(self.happened, key=lambda one: one.start_s):
            self.by_unit.setdefault(event.unit, []).append(event)

    def engine(self, unit: str) -> tuple[str | None, State] | None:
        """Give what the health engine of ``unit`` had learnt, with the serial number."""
        found = self.learnt.get(unit)
        if found is None:
            return None
        serial, state = found
        return serial, {key: value for key, value in state.items() if key != WATCH}

    def memory(self, unit: str) -> Mapping[str, object]:
        """Give what was known of the unit's events beside their records."""
        found = self.learnt.get(unit, (None, {}))[1].get(WATCH)
        return found if isinstance(found, Mapping) else {}

    def last(self, unit: str) -> Event | None:
        """Give the newest discharge or test of ``unit`` that is over."""
        over = [e for e in self.by_unit.get(unit, ()) if e.kind in _UNDER_LOAD]
        return over[-1] if over and over[-1].end_s is not None else None

    def interrupted(self, unit: str) -> tuple[list[Event], list[Event]]:
        """Give the events of ``unit`` that were under way: those to go on with, those to end.

        Where too long has passed nobody knows when it ended; that it was still under way when
        last seen is all that is known.
        """
        going_on: list[Event] = []
        ended: list[Event] = []
        for event in self.by_unit.get(unit, ()):
            if event.end_s is not None:
                continue
            seen_s = last_seen_s(event)
            if abs(self.now_s - seen_s) <= RESUME_WITHIN_S and event.kind != "flicker":
                going_on.append(event)
            else:
                ended.append(replace(event, end_s=seen_s))
        return going_on, ended

    def discharges(self, info: UnitInfo, rack: str) -> list[Event]:
        """Give the discharges of a unit, if it sits in ``rack``, as they stand now."""
        if info.location.rack is None or OF_RACK + info.location.rack != rack:
            return []
        _, ended = self.interrupted(info.name)
        settled = {(event.kind, event.start_s): event for event in ended}
        return [settled.get((e.kind, e.start_s), e) for e in self.by_unit.get(info.name, ())]

    def outages(self) -> Iterable[str]:
        """Give the racks, by the name of their events, that have any on record."""
        return [unit for unit in self.by_unit if unit.startswith(OF_RACK)]
