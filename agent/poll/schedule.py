"""When each unit is due, what is read then, and how a silent unit is left in peace. Pure.

Every time is monotonic seconds and comes in as a parameter.
"""

import math
import random
from dataclasses import dataclass, field

from agent.model import UnitState
from agent.profiles.schema import Cadence

DOWN_AFTER = 2
"""Failures in a row after which a unit counts as down: one lost answer is a noisy line."""
DORMANT_AFTER = 10
"""Failures in a row after which a unit is only probed (as Meta's rack monitor does)."""
_PATIENCE = 1.5
"""Standby intervals by which the less telling fields wait on a line that is late."""
_LATE = 0.5
"""Share of the discharge interval after which a line counts as late."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The times that shape polling, in seconds.

    ``counters_s`` lies between two looks at a unit's own counts of discharges.
    """

    interval_s: float = 10.0
    discharge_interval_s: float = 1.0
    slow_s: float = 3600.0
    dormant_s: float = 300.0
    counters_s: float = 60.0


@dataclass(slots=True)
class Turn:
    """The schedule of one unit.

    A fresh turn is due at ``due_s``. While ``urgent_until_s`` lies ahead the unit is read
    at the discharge interval: what tells of a discharge every time, the other fast fields
    at the pace of standby, and the slow ones once it is over. ``phase_s`` puts the passes
    after the first one off, so that the units of a line look one after the other.
    """

    pace: Pace
    due_s: float = 0.0
    failures: int = 0
    urgent_until_s: float = 0.0
    slow_due_s: float = 0.0
    rest_due_s: float = 0.0
    counters_due_s: float = 0.0
    phase_s: float = 0.0
    answered_s: float = -math.inf
    jitter: random.Random = field(default_factory=random.Random)

    def cadences(self, now_s: float) -> frozenset[Cadence]:
        """Say which fields are worth reading in a pass that starts now."""
        if now_s < self.slow_due_s:
            return frozenset({Cadence.FAST})
        if now_s < self.urgent_until_s and self.slow_due_s > 0:
            return frozenset({Cadence.FAST})
        return frozenset(Cadence)

    def vital(self, now_s: float, *, spare: bool = True) -> bool:
        """Say whether a pass that starts now is to read only what tells of a discharge.

        ``spare`` says that the line has time for more; without it the rest waits longer,
        but not until it has grown stale.
        """
        if now_s >= self.urgent_until_s or self.slow_due_s <= 0:
            return False
        patience_s = 0.0 if spare else _PATIENCE * self.pace.interval_s
        return now_s < self.rest_due_s + patience_s

    def counting(self, now_s: float) -> bool:
        """Say whether the unit's own counts of discharges are due."""
        return now_s >= self.counters_due_s

    def late(self, now_s: float) -> bool:
        """Say whether the unit waits for the line in the middle of a discharge."""
        return now_s < self.urgent_until_s and (
            now_s > self.due_s + _LATE * self.pace.discharge_interval_s
        )

    def hurried(self, now_s: float) -> bool:
        """Say whether the unit is read at the discharge interval, and answers."""
        return now_s < self.urgent_until_s and self.failures == 0

    def urgent(self, now_s: float, until_s: float) -> None:
        """Read the unit at the discharge interval until ``until_s``, from now on."""
        self.urgent_until_s = max(self.urgent_until_s, until_s)
        if self.slow_due_s > 0:
            self.slow_due_s = min(self.slow_due_s, self.urgent_until_s)
        if self.failures == 0:
            soonest_s = max(now_s, self.answered_s + self.pace.discharge_interval_s)
            self.due_s = min(self.due_s, soonest_s)

    def answered(
        self, now_s: float, read: frozenset[Cadence], *, vital: bool = False, counted: bool = False
    ) -> None:
        """Note a pass that brought values; the next one keeps to the grid of the interval.

        ``vital`` and ``counted`` say what the pass was limited to, and what it had beside.
        """
        self.failures = 0
        self.answered_s = now_s
        if not vital:
            self.rest_due_s = now_s + self.pace.interval_s
        if counted:
            self.counters_due_s = now_s + self.pace.counters_s
        if Cadence.SLOW in read:
            self.slow_due_s = now_s + self.pace.slow_s
        urgent = now_s < self.urgent_until_s
        phase_s = 0.0
        if not urgent:
            phase_s, self.phase_s = self.phase_s, 0.0
            self.due_s += phase_s
        step_s = self.pace.discharge_interval_s if urgent else self.pace.interval_s
        self.due_s = max(self.due_s + step_s, now_s)
        # A pass that was late does not make the following ones bunch up.
        self.due_s = min(self.due_s, now_s + step_s + phase_s)

    def failed(self, now_s: float, *, alive: bool = False) -> None:
        """Note a pass that brought nothing: back off, up to the probing of a dormant unit.

        The identity is read again once the unit returns, because another module may then
        sit in the slot. A unit that is ``alive`` and refused everything costs no time-out,
        so it is asked again at the interval.
        """
        if alive:
            self.failures = min(self.failures + 1, max(self.failures, DORMANT_AFTER - 1))
            self.due_s = now_s + self.pace.interval_s
            return
        self.failures += 1
        if self.failures >= DOWN_AFTER:
            self.slow_due_s = 0.0
        longest_s = max(self.pace.dormant_s, self.pace.interval_s)
        exponent = min(max(self.failures - DOWN_AFTER, 0), 16)
        wait_s = min(self.pace.interval_s * 2**exponent, longest_s)
        if self.failures >= DORMANT_AFTER:
            wait_s = longest_s
        elif self.failures < DOWN_AFTER and now_s < self.urgent_until_s:
            # A discharge lasts a minute or two; one lost answer must not cost ten seconds of it.
            wait_s = self.pace.discharge_interval_s
        self.due_s = now_s + wait_s * self.jitter.uniform(0.9, 1.1)

    def hope(self, now_s: float) -> None:
        """Ask a unit that was silent at once: what kept it silent may be over."""
        self.due_s = min(self.due_s, now_s)

    def state(self, *, sound: bool) -> UnitState:
        """Give the state that the failures so far amount to; ``sound`` of the last answer."""
        if self.failures >= DORMANT_AFTER:
            return UnitState.DORMANT
        if self.failures >= DOWN_AFTER:
            return UnitState.DOWN
        return UnitState.UP if sound else UnitState.DEGRADED
