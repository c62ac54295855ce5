"""Everything that is followed of one unit's discharges and tests, in one place. Pure."""

from dataclasses import dataclass, field, replace

from agent.events.flickers import Flickers
from agent.events.incidents import Incidents
from agent.events.look import Look
from agent.events.recovery import Recovery
from agent.events.selftests import SelfTests, ShelfTests
from agent.events.shelf import ShelfClock
from agent.model import Event, Value

DISCHARGE, SELF_TEST, FLICKER = "discharge", "self_test", "flicker"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sample brought.

    ``events`` are new forms of events. ``urgent``: the unit's shelf deserves all attention;
    ``why`` names the trigger. ``began`` and ``ended`` mark the turns of a discharge.
    """

    look: Look
    events: tuple[Event, ...] = ()
    urgent: bool = False
    why: str = ""
    began: bool = False
    ended: Event | None = None
    power_w: float | None = None


@dataclass(slots=True)
class UnitWatch:
    """Follows one unit; ``shelf`` is the clock that it shares with its neighbours."""

    unit: str
    shelf: ShelfClock = field(default_factory=ShelfClock)
    neighbours: ShelfTests = field(default_factory=ShelfTests)
    tests: SelfTests = field(default_factory=SelfTests)
    incidents: Incidents = field(init=False)
    flickers: Flickers = field(default_factory=Flickers)
    recovery: Recovery | None = None
    last: Look | None = None

    def __post_init__(self) -> None:
        """Start with nothing seen."""
        self.incidents = Incidents(self.unit, self.shelf)

    @property
    def running(self) -> Event | None:
        """The event under way, told or not."""
        return self.incidents.open

    @property
    def findings(self) -> frozenset[str]:
        """What is wrong just now, in codes."""
        found = set(self.incidents.decider.findings)
        if self.recovery is not None and self.recovery.late:
            found.add("not_recharging")
        if self.incidents.lost_s is not None:
            found.add("lost_while_discharging")
        if self.tests.failed:
            found.add("self_test_failed")
        if self.last is not None:
            if self.tests.overdue(self.last.wall_s):
                found.add("self_test_overdue")
            if self.neighbours.overlaps(self.unit, self.last.mono_s):
                found.add("self_test_overlap")
        return frozenset(found)

    def observe(self, look: Look) -> Seen:
        """Take the next sample."""
        self.last = look
        before = self.incidents.open
        rested = self.incidents.quiet
        event = self.incidents.observe(look)
        now = self.incidents.open
        events = [] if event is None else [event]
        began = before is None and now is not None
        if began:
            self.flickers.began()
            self.recovery = None
        ended = event if event is not None and event.end_s is not None else None
        if ended is not None:
            self.recovery = self._recovery(ended, look, rested)
        elif self.recovery is not None:
            news = self.recovery.observe(look)
            events += [] if news is None else [news]
            if self.recovery.over(look):
                self.recovery = None
        tested = (now or ended or Event("", "", 0, None)).kind == SELF_TEST
        self.tests.observe(look, tested=tested)
        self.neighbours.note(self.unit, look.mono_s, testing=look.testing)
        flicker = self.flickers.observe(look, running=now is not None)
        events += [] if flicker is None else [flicker]
        decision = self.incidents.decision
        why = decision.trigger if now is not None else ""
        if not why and look.input_lost:
            why = "input_loss"
        if not why and decision.drop:
            why = "voltage_drop"
        power_w = None
        if now is not None and decision.current_a is not None and look.volts is not None:
            power_w = max(0.0, -decision.current_a * look.volts)
        urgent = bool(why) or (ended is not None and ended.kind == DISCHARGE)
        return Seen(look, tuple(events), urgent, why, began, ended, power_w)

    def amend(self, event: Event, **facts: Value) -> Event:
        """Add ``facts`` to the record of an event that is over; give its new form."""
        made = replace(event, detail={**event.detail, **facts})
        if self.recovery is not None and self.recovery.event == event:
            self.recovery.event = made
        return made

    def _recovery(self, ended: Event, look: Look, rested: Look | None) -> Recovery:
        back_s = 0.0 if ended.end_s is None else max(0.0, look.wall_s - ended.end_s)
        charge = None if rested is None else rested.charge
        return Recovery(ended, look.mono_s - min(back_s, 60.0), charge)

    def join(self, other: "UnitWatch") -> None:
        """Share from now on what ``other`` shares: the unit has another place."""
        self.shelf, self.neighbours = other.shelf, other.neighbours
        self.incidents.shelf = other.shelf

    def vanish(self, mono_s: float) -> Event | None:
        """Note that the unit no longer answers."""
        return self.incidents.vanish(mono_s)
