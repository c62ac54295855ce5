"""Is the battery carrying the load? Current, flags and voltage are heard, in that order. Pure.

Who says whether the load is on battery (a UPS) is believed, because the sign of such a
device's current is its own. Elsewhere the current decides, a flag only where there is no
current, and the voltage where there is neither, or where it contradicts the current.
"""

from dataclasses import dataclass, field, replace

from agent.events.look import MIN_DISCHARGE_A, Look

NEAR_S = 30.0
"""Two samples further apart say nothing of each other."""
FAST_DROP = 0.008
"""Share of the pack's voltage whose loss between two samples deserves a closer look. In
standby it stays within sensor noise; half the rated load takes 2 % and more."""
_LOAD_DROP = 0.012
"""Share of the voltage that only a load takes at once."""
_STEP_A = 10.0
"""A change of current that must show in the voltage, in amperes."""
_STEP_SHARE = 0.005
_VOTES = 2
_STUCK_S = 600.0
"""A flag that says for so long what neither voltage nor charge shows is stuck."""
_DECLINE = 0.002


@dataclass(frozen=True, slots=True)
class Decision:
    """What is held for true. ``discharging`` is None where nothing tells.

    ``current_a`` is the current with its sign mended, None where it is no measurement.
    ``drop``: the voltage fell fast since the sample before.
    """

    discharging: bool | None
    current_a: float | None = None
    trigger: str = ""
    drop: bool = False


@dataclass(slots=True)
class Decider:
    """Judges the samples of one unit in their order.

    ``findings`` name what is wrong with the unit's own word, in codes.
    """

    findings: set[str] = field(default_factory=set)
    doubts: set[str] = field(default_factory=set)
    before: Look | None = None
    by_voltage: bool = False
    votes: int = 0
    flagged: Look | None = None

    def judge(self, look: Look) -> Decision:
        """Take the next sample."""
        before, self.before = self.before, look
        change = _change(before, look)
        self._weigh_sign(before, look, change)
        decision = self._decide(look, change)
        return replace(decision, drop=change is not None and change <= -FAST_DROP)

    def _decide(self, look: Look, change: float | None) -> Decision:
        current_a = look.current_a
        if look.on_battery is not None:
            return self._by_flag(look, said=look.on_battery, trigger="input_loss")
        if current_a is not None:
            return self._by_current(look, current_a, change)
        if look.discharging is True:
            return self._by_flag(look, said=True, trigger="discharge_flag")
        self.flagged = None
        self.findings.discard("flag_stuck")
        before, now = self.by_voltage, self._by_voltage(change)
        if now:
            return Decision(discharging=True, trigger="voltage_drop")
        return Decision(False if before else look.discharging)

    def _by_current(self, look: Look, current_a: float, change: float | None) -> Decision:
        if "current_sign" in self.findings:
            current_a = -current_a
        running = current_a <= -MIN_DISCHARGE_A
        # A pack cannot lose a hundredth of its voltage to a charging current.
        wrong = current_a >= _STEP_A and (self.by_voltage or (change or 0.0) <= -_LOAD_DROP)
        self.by_voltage = wrong and (change or 0.0) < _LOAD_DROP
        if self.by_voltage:
            return Decision(discharging=True, current_a=-current_a, trigger="voltage_drop")
        self._compare_flag(look, running=running)
        return Decision(running, current_a, "discharge_current" if running else "")

    def _compare_flag(self, look: Look, *, running: bool) -> None:
        for code, wrong in (
            ("flag_stuck", look.discharging is True and not running),
            ("flag_missing", look.discharging is False and running and not look.testing),
        ):
            # Flag and current are words of their own, read a moment apart: twice is no chance.
            if wrong and code in self.doubts:
                self.findings.add(code)
            if wrong:
                self.doubts.add(code)
            elif look.discharging is not None:
                self.doubts.discard(code)
                # Only a discharge can clear the suspicion that its flag never comes.
                if code == "flag_stuck" or running:
                    self.findings.discard(code)

    def _by_flag(self, look: Look, *, said: bool, trigger: str) -> Decision:
        if not said:
            self.flagged = None
            self.findings.discard("flag_stuck")
            return Decision(discharging=False, current_a=look.current_a)
        if self.flagged is None:
            self.flagged = look
        elif look.mono_s - self.flagged.mono_s >= _STUCK_S:
            if _declined(self.flagged, look) is False:
                self.findings.add("flag_stuck")
            else:
                self.findings.discard("flag_stuck")
                self.flagged = look
        if "flag_stuck" in self.findings:
            return Decision(discharging=False, current_a=look.current_a)
        current_a = look.current_a
        if current_a is not None:
            # Many cards give the magnitude, or 0 where they do not measure.
            current_a = None if abs(current_a) < MIN_DISCHARGE_A else -abs(current_a)
        return Decision(discharging=True, current_a=current_a, trigger=trigger)

    def _by_voltage(self, change: float | None) -> bool:
        if change is not None and change <= -_LOAD_DROP:
            self.by_voltage = True
        elif change is not None and change >= _LOAD_DROP:
            self.by_voltage = False
        return self.by_voltage

    def _weigh_sign(self, before: Look | None, look: Look, change: float | None) -> None:
        """Hold each step of the current against the voltage's: a resistance is positive."""
        if before is None or change is None or look.on_battery is not None:
            return
        if before.current_a is None or look.current_a is None:
            return
        step_a = look.current_a - before.current_a
        if abs(step_a) < _STEP_A or abs(change) < _STEP_SHARE:
            return
        self.votes += 1 if step_a * change < 0 else -1
        self.votes = max(-_VOTES, min(_VOTES, self.votes))
        if self.votes >= _VOTES:
            self.findings.add("current_sign")
        elif self.votes < 0:
            self.findings.discard("current_sign")


def _change(before: Look | None, look: Look) -> float | None:
    """Give the change of the pack's voltage since the sample before, as a share of it."""
    if before is None or before.volts is None or look.volts is None or before.volts <= 0:
        return None
    if not 0 < look.mono_s - before.mono_s <= NEAR_S:
        return None
    return (look.volts - before.volts) / before.volts


def _declined(start: Look, now: Look) -> bool | None:
    """Say whether charge or voltage went down since ``start``; None where neither is known."""
    pairs = ((start.charge, now.charge), (start.volts, now.volts))
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not known:
        return None
    return any(b < a * (1 - _DECLINE) for a, b in known)
