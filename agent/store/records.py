"""What the history keeps: learnt states, events, readings, estimates, and what engines saw.

All times are unix seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.model import Event, Value
from agent.store.course import Course
from agent.store.journal import Seen

State = Mapping[str, Any]
"""An estimator's state: whatever JSON can carry."""

PARKED = "serial:"
"""How the state of a module is named that sits in no slot that we know, with its serial number."""
MOST_PARKED = 256
"""States of such modules that are kept: a device that invents serial numbers fills no disk."""


class SavedState(NamedTuple):
    """An estimator's state as it was at ``saved_s`` (unix seconds), for a serial number."""

    serial: str | None
    saved_s: float
    body: State


class Point(NamedTuple):
    """A value to keep; ``part`` is the reading's index or an empty text."""

    unit: str
    quantity: str
    part: str
    time_s: float
    value: Value


class HistoryPoint(NamedTuple):
    """A value of the past; for an hour its mean, with the lowest and the highest."""

    time_s: float
    value: Value
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one commit."""

    states: Mapping[str, SavedState] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    points: tuple[Point, ...] = ()
    course: tuple[Course, ...] = ()
    seen: tuple[Seen, ...] = ()

    def __add__(self, later: "Batch") -> "Batch":
        """Give both; of what both have the later form."""
        events = {(e.unit, e.kind, e.start_s): e for e in (*self.events, *later.events)}
        return Batch(
            {**self.states, **later.states},
            tuple(events.values()),
            (*self.points, *later.points),
            (*self.course, *later.course),
            (*self.seen, *later.seen),
        )

    def __str__(self) -> str:
        """Say how much it is."""
        counts = {
            "learnt states": len(self.states),
            "events": len(self.events),
            "readings": len(self.points),
            "estimates": len(self.course),
            "observations": len(self.seen),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"

    def pieces(self) -> list["Batch"]:
        """Give smaller batches that together are this one; none of a single record."""
        kinds = [
            Batch(states=self.states),
            Batch(events=self.events),
            Batch(points=self.points),
            Batch(course=self.course),
            Batch(seen=self.seen),
        ]
        filled = [kind for kind in kinds if kind != Batch()]
        if len(filled) > 1:
            return filled
        states = tuple(self.states.items())
        records = (states, self.events, self.points, self.course, self.seen)
        count = sum(map(len, records))
        halves = (slice(0, count // 2), slice(count // 2, count))
        if count <= 1:
            return []
        return [
            Batch(dict(states[h]), self.events[h], self.points[h], self.course[h], self.seen[h])
            for h in halves
        ]
