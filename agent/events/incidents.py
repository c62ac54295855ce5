"""Discharges and self-tests of one unit as they happen: from samples to events. Pure.

A discharge during a self-test is the test's, not an outage. Durations come from the
monotonic clock, so that a wall clock that is set in the middle changes nothing.
"""

from dataclasses import dataclass, field, replace

from agent.events.decide import Decider, Decision
from agent.events.look import MIN_DISCHARGE_A, Look
from agent.events.shelf import Between, ShelfClock
from agent.events.tally import LONGEST_STEP_S, Tally, last_seen_s, number
from agent.model import Event, Value

LATE_FLAG_S = 2.0
"""How much later than the current the flag of a self-test may come up, in seconds. Until
then nobody is told of an outage: what was told once cannot be taken back."""
_GIVEN_UP_S = 1800.0
"""A unit that vanished under load and stays away for so long has ended its discharge."""
_FAR_S = 60.0


@dataclass(slots=True)
class Incidents:
    """Follows one unit. ``open`` is the event under way, or None.

    ``shelf`` is the clock that it shares with its neighbours; ``rated_ah`` makes a depth of a
    charge. Sums leave out what happened
    between samples that lie too far apart.
    """

    unit: str
    shelf: ShelfClock = field(default_factory=ShelfClock)
    rated_ah: float | None = None
    decider: Decider = field(default_factory=Decider)
    open: Event | None = None
    told: bool = False
    tally: Tally | None = None
    quiet: Look | None = None
    held: Event | None = None
    lost_s: float | None = None
    decision: Decision = field(default_factory=lambda: Decision(None))

    def observe(self, look: Look) -> Event | None:
        """Take the next sample; give the event that it starts, continues or ends, if any."""
        decision = self.decision = self.decider.judge(look)
        if decision.discharging is None:
            return None
        self._tell_neighbours(look, loaded=decision.discharging)
        if decision.discharging:
            return self._run(look, decision)
        event = self._end(look) if self.open is not None else None
        self.quiet, self.lost_s = look, None
        return event

    def glance(self, look: Look) -> None:
        """Take current and voltage alone, read between two samples.

        Under load it sharpens the sums; that load came or went it tells to the whole shelf.
        What begins and ends is left to samples, which know flags and cells.
        """
        current_a, before = look.current_a, self.decider.before
        if current_a is None or look.volts is None or before is None:
            return
        if before.on_battery is not None or self.decider.by_voltage:
            # The current is not what decides here.
            return
        if "current_sign" in self.decider.findings:
            current_a = -current_a
        loaded = current_a <= -MIN_DISCHARGE_A
        self._tell_neighbours(look, loaded=loaded)
        if loaded and self.tally is not None and self.tally.last is not None:
            self.tally.add(look, current_a)

    def resume(self, event: Event) -> None:
        """Go on with ``event``, which an earlier run has seen begin and not end."""
        self.open, self.told, self.held, self.tally = event, True, event, None

    def vanish(self, mono_s: float) -> Event | None:
        """Note that the unit no longer answers; give the event that this marks or ends."""
        if self.open is None or not self.told:
            return None
        if self.lost_s is None:
            self.lost_s = mono_s
            self.open = replace(self.open, detail={**self.open.detail, "lost": True})
            if self.tally is not None:
                self.tally.extra["lost"] = True
            return self.open
        if mono_s - self.lost_s >= _GIVEN_UP_S:
            return self._close(replace(self.open, end_s=last_seen_s(self.open)))
        return None

    def abandon(self) -> Event | None:
        """End the event where it was last seen: the unit is no longer the same."""
        if self.open is None:
            return None
        return self._close(replace(self.open, end_s=last_seen_s(self.open)))

    def note(self, **facts: Value) -> None:
        """Put ``facts`` into the record of the event under way."""
        if self.tally is not None:
            self.tally.extra.update(facts)

    def _tell_neighbours(self, look: Look, *, loaded: bool) -> None:
        # A test is one module's own, and a module that takes no share tells of no end.
        alone = _testing(look) or (self.open is not None and self.open.kind == "self_test")
        if not alone and (loaded or self.open is not None or not self.shelf.under_load):
            self.shelf.note(look.mono_s, loaded=loaded)

    def _run(self, look: Look, decision: Decision) -> Event | None:
        if self.tally is None:
            self.tally = self._tally(look, decision)
        if self.open is None:
            self.told = False
            start_s = look.wall_s - (look.mono_s - self.tally.onset_s)
            self.open = Event(self.unit, "discharge", start_s, None)
        self.lost_s = None
        self.tally.extra.pop("lost", None)
        if look.calibrating:
            self.tally.extra["calibration"] = True
        self.tally.add(look, decision.current_a)
        elapsed_s = look.mono_s - self.tally.onset_s
        self.open = self._told(self.open, elapsed_s, testing=_testing(look))
        late = elapsed_s >= LATE_FLAG_S and self.tally.samples > 1
        self.told = self.told or late or self.open.kind == "self_test"
        return self.open if self.told else None

    def _tally(self, look: Look, decision: Decision) -> Tally:
        if self.held is not None:
            return Tally.resumed(self.held, look)
        own = Between(look.mono_s, look.mono_s)
        if self.quiet is not None and look.mono_s - self.quiet.mono_s <= _FAR_S:
            own = Between(self.quiet.mono_s, look.mono_s)
            if not _testing(look):
                own = own.narrowed(self.shelf.came)
        return Tally(own.middle_s, own.half_s, decision.trigger, rest=self.quiet)

    def _end(self, look: Look) -> Event:
        under_way = self.open
        tally = self.tally
        if under_way is None or tally is None or tally.last is None:
            # It ended while no one was looking; its last sight is all that we know.
            ended = under_way or Event(self.unit, "discharge", look.wall_s, None)
            return self._close(replace(ended, end_s=last_seen_s(ended)))
        if look.mono_s - tally.last.mono_s > LONGEST_STEP_S:
            return self._close(replace(under_way, end_s=last_seen_s(under_way)))
        own = Between(tally.last.mono_s, look.mono_s)
        if under_way.kind != "self_test" and not _testing(look):
            own = own.narrowed(self.shelf.went)
        tally.finish(own.middle_s)
        tally.cool(look)
        tally.extra["end_uncertainty_s"] = round(own.half_s, 3)
        duration_s = own.middle_s - tally.onset_s
        ended = self._told(under_way, duration_s, testing=_testing(look))
        return self._close(replace(ended, end_s=ended.start_s + duration_s))

    def _close(self, event: Event) -> Event:
        self.open = self.tally = self.held = None
        self.lost_s = None
        return event

    def _told(self, event: Event, elapsed_s: float, *, testing: bool) -> Event:
        kind = "self_test" if testing and not self.told else event.kind
        detail = {} if self.tally is None else self.tally.detail(elapsed_s)
        charge_ah = number(detail, "charge_ah")
        if charge_ah is not None and self.rated_ah:
            detail["depth"] = round(charge_ah / self.rated_ah, 4)
        return replace(event, kind=kind, detail=detail)


def _testing(look: Look) -> bool:
    return look.testing or look.calibrating
