"""What one unit has been through since the start: counts and sums that only grow, last events."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.events.tally import number
from agent.model import Event, Outlook, Value

_WH_J = 3600.0
COUNTED = ("discharge", "self_test", "flicker", "outage")
"""Kinds of events that are counted."""


@dataclass(slots=True)
class Totals:
    """Sums over the events of one kind. Joules and seconds under load."""

    count: int = 0
    energy_j: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Score:
    """How our predictions of ride-through did, outage by outage.

    ``last_ratio`` is the predicted time over what the outage has shown.
    """

    count: int = 0
    covered: int = 0
    last_ratio: float | None = None


@dataclass(slots=True)
class Ledger:
    """Kept of one unit, for one event loop. ``last`` is the newest event by kind."""

    totals: dict[str, Totals] = field(default_factory=dict)
    last: dict[str, Event] = field(default_factory=dict)
    findings: frozenset[str] = frozenset()
    outlook: Outlook | None = None
    score: Score = field(default_factory=Score)

    def put(self, event: Event) -> None:
        """Take a new form of an event; what it has more than its last form is added."""
        before = self.last.get(event.kind)
        same = before is not None and before.start_s == event.start_s
        old: Mapping[str, Value] = before.detail if same and before is not None else {}
        if event.kind in COUNTED:
            totals = self.totals.setdefault(event.kind, Totals())
            grown = 1.0 if event.kind != "flicker" else _sum(event.detail, "count")
            totals.count += 0 if same else int(grown)
            for key in ("energy_wh", "duration_s"):
                more = max(0.0, _sum(event.detail, key) - _sum(old, key))
                if key == "energy_wh":
                    totals.energy_j += more * _WH_J
                elif event.kind != "flicker":
                    totals.seconds += more
        self._score(event, old)
        # What is under way is the last, though the clock was set back since the one before.
        if before is None or event.end_s is None or event.start_s >= before.start_s:
            self.last[event.kind] = event

    def remember(self, event: Event) -> None:
        """Take note of an event of an earlier run; it is not counted again."""
        before = self.last.get(event.kind)
        if before is None or event.start_s >= before.start_s:
            self.last[event.kind] = event

    def _score(self, event: Event, old: Mapping[str, Value]) -> None:
        ratio = event.detail.get("prediction_ratio")
        if isinstance(ratio, float) and "prediction_ratio" not in old:
            self.score.count += 1
            self.score.covered += event.detail.get("prediction_covered") is True
            self.score.last_ratio = ratio


def _sum(detail: Mapping[str, Value], key: str) -> float:
    """Give a number of an event's record, or 0 to add where it has none."""
    found = number(detail, key)
    return 0.0 if found is None else found
