"""Everything that is followed of one unit's discharges and tests, in one place. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.events.decide import Decision
from agent.events.flickers import Flickers
from agent.events.incidents import Incidents
from agent.events.kinds import DISCHARGE, SELF_TEST
from agent.events.look import Look
from agent.events.recovery import Recovery
from agent.events.selftests import SelfTests, ShelfTests
from agent.events.shelf import ShelfClock
from agent.model import Event, Value


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sample brought.

    ``events`` are new forms of events. ``urgent``: the unit's shelf deserves all attention;
    ``why`` names the trigger. ``began`` and ``ended`` mark the turns of a discharge.
    ``lasting``: what a later run has to know is another than before.
    """

    look: Look
    events: tuple[Event, ...] = ()
    urgent: bool = False
    why: str = ""
    began: bool = False
    ended: Event | None = None
    power_w: float | None = None
    lasting: bool = False


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
    unfinished: Event | None = None
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
        if self.unfinished is not None:
            self._resume(self.unfinished, look)
        before, told, rested = self.incidents.open, self._told, self.incidents.quiet
        event = self.incidents.observe(look)
        now = self.incidents.open
        began = before is None and now is not None
        if began:
            self.flickers.began()
            self.recovery = None
        ended = event if event is not None and event.end_s is not None else None
        recharged = None
        if ended is not None:
            self.recovery = self._recovery(ended, look, rested)
        elif self.recovery is not None:
            recharged = self._recharge(self.recovery, look)
        under_test = now or ended
        self.tests.observe(look, tested=under_test is not None and under_test.kind == SELF_TEST)
        self.neighbours.note(self.unit, look.mono_s, testing=look.testing)
        flicker = self.flickers.observe(look, running=now is not None)
        decision = self.incidents.decision
        why = _why(decision, look, running=now is not None)
        return Seen(
            look,
            tuple(one for one in (event, recharged, flicker) if one is not None),
            urgent=bool(why) or (ended is not None and ended.kind == DISCHARGE),
            why=why,
            began=began,
            ended=ended,
            power_w=None if now is None else _drawn_w(decision, look),
            lasting=self._told != told or ended is not None or flicker is not None,
        )

    def _resume(self, unfinished: Event, look: Look) -> None:
        """Watch a charger on that an earlier run has not seen come to its end."""
        self.unfinished = None
        resumed = Recovery.resumed(unfinished, look)
        # What came to its end while nobody looked has no known time.
        self.recovery = None if resumed.over(look) else resumed

    def _recharge(self, recovery: Recovery, look: Look) -> Event | None:
        news = recovery.observe(look)
        if recovery.over(look):
            self.recovery = None
        return news

    @property
    def _told(self) -> bool:
        """Whether an event is under way of which others know."""
        return self.incidents.open is not None and self.incidents.told

    def memory(self) -> dict[str, object]:
        """Give what a later run needs and no event tells, as JSON values."""
        untold = self.incidents.open is not None and not self.incidents.told
        found: dict[str, object] = {}
        counted = self.flickers.memory(untold=untold)
        if counted:
            found["flickers"] = counted
        if self.tests.last_s is not None:
            found["tested_s"] = self.tests.last_s
        return found

    def recall(self, memory: Mapping[str, object], last: Event | None) -> None:
        """Go on from the ``memory`` of an earlier run, and from the ``last`` event that it ended.

        A charger that it has not seen come to its end is watched on.
        """
        counted, tested_s = memory.get("flickers"), memory.get("tested_s")
        if isinstance(counted, Mapping):
            self.flickers = Flickers.recalled(counted)
        if isinstance(tested_s, float):
            self.tests.last_s = tested_s
        if last is not None and last.end_s is not None and "recharge_s" not in last.detail:
            self.unfinished = last

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


def _why(decision: Decision, look: Look, *, running: bool) -> str:
    """Name what makes the shelf urgent, if anything does."""
    if running and decision.trigger:
        return decision.trigger
    if look.input_lost:
        return "input_loss"
    return "voltage_drop" if decision.drop else ""


def _drawn_w(decision: Decision, look: Look) -> float | None:
    """Give what is drawn from the battery, in watts, 0 where it charges."""
    if decision.current_a is None or look.volts is None:
        return None
    return max(0.0, -decision.current_a * look.volts)
