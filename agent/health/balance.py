"""Holds the current sensor against the energy balance: its sign, and its zero.

Charge that was counted must show in the voltage. A voltage that falls under what reads as a
charging current has its sign the wrong way round; charge that gathers for days while the
voltage at rest comes back to the same place is an offset.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from agent.errors import StoreError
from agent.health.chemistry import Curve, inverse
from agent.health.pulses import Step
from agent.health.record import GIVEN, fill_what_is_there

_AGREE = 2.0
_LEAST_V = 0.008

_QUIET_V = 0.004
_STEPS = 1.2
_QUIET_S = 2 * 3600.0
_DENSE_S = 120.0
_GAP_S = 3 * 3600.0
_STRETCH_S = 3 * 86400.0
# A cell at rest takes or gives far less than this over its capacity in an hour.
_LEAST_C = 0.004
_SURE = 0.2
# Half of what charging and discharging leave a rested LFP cell apart by.
_ALIKE_V = 0.008
_HEALED = 0.8
_FIT = 0.5


@dataclass(slots=True)
class SignWatch:
    """``applied`` makes the current positive when charging: 1, or -1 where it reads reversed.

    ``votes`` counts load steps in a row that speak against the sign as it reads (positive),
    or for it (negative); ``since_s`` is when a reversed sign was first believed, unix seconds.
    """

    applied: float = 1.0
    votes: float = 0.0
    since_s: float = math.nan
    last_s: float = math.nan

    def hear(self, step: Step) -> None:
        """Take a load step that was measured with the sign as ``applied``."""
        seen = step.resistance_ohm[np.isfinite(step.resistance_ohm)]
        if not len(seen) or abs(step.after_a - step.before_a) * np.median(seen) < _LEAST_V:
            return
        reversed_now = step.sign * self.applied < 0.0
        if reversed_now:
            self.votes = max(self.votes, 0.0) + 1.0
            self.last_s = step.time_s
        else:
            self.votes = min(self.votes, 0.0) - 1.0
        if self.votes >= _AGREE and self.applied > 0.0:
            self.applied, self.since_s = -1.0, step.time_s
        elif self.votes <= -_AGREE and self.applied < 0.0:
            self.applied, self.since_s = 1.0, math.nan


@dataclass(slots=True)
class OffsetWatch:
    """Counts charge between two quiet times. Charge is over capacity, times in unix seconds.

    ``step_v`` is the voltage's resolution, ``level_v`` the voltage that is held against, quiet
    for ``quiet_s`` so far; ``rate_c`` is the last current. ``start_v`` and ``start_s`` are
    the first end of the present stretch (NaN: none), ``counted`` the charge since.
    ``found_c`` is the offset over capacity (1/h) by the last stretch, ``agree`` how many in a
    row said so; ``offset_c`` is what is believed, since ``since_s``.
    """

    step_v: float = field(default=0.001, metadata=GIVEN)
    level_v: float = math.nan
    quiet_s: float = 0.0
    rate_c: float = 0.0
    start_s: float = math.nan
    start_v: float = math.nan
    counted: float = 0.0
    found_c: float = 0.0
    agree: float = 0.0
    offset_c: float = 0.0
    since_s: float = math.nan

    def watch(
        self, time_s: float, passed_s: float, rate_c: float, volts: float, ocv: Curve
    ) -> None:
        """Take the next sample: the current over capacity (1/h) as read, the median voltage."""
        if not 0.0 <= passed_s <= _GAP_S:
            self.interrupt()
            return
        before_c, self.rate_c = self.rate_c, rate_c
        if passed_s > _DENSE_S:
            # What lay between two samples far apart is not known: the least that both say.
            rate_c = min(rate_c, before_c, key=abs) if rate_c * before_c > 0.0 else 0.0
        self.counted += rate_c * passed_s / 3600.0
        if math.isnan(volts):
            return
        if math.isnan(self.level_v) or abs(volts - self.level_v) > max(
            _QUIET_V, _STEPS * self.step_v
        ):
            self.level_v, self.quiet_s = volts, 0.0
            return
        self.quiet_s += passed_s
        if self.quiet_s < _QUIET_S:
            return
        if math.isnan(self.start_s) or time_s < self.start_s:
            self.start_s, self.start_v, self.counted = time_s, volts, 0.0
        elif time_s - self.start_s >= _STRETCH_S:
            self._judge(time_s, volts, ocv)
            self.start_s, self.start_v, self.counted = time_s, volts, 0.0

    def interrupt(self) -> None:
        """Drop the present stretch: what flowed in it is not known."""
        self.start_s = self.level_v = math.nan

    def _judge(self, time_s: float, volts: float, ocv: Curve) -> None:
        """Compare the charge counted over a stretch with the charge that the voltage shows."""
        unseen = self.counted - (inverse(ocv, volts) - inverse(ocv, self.start_v))
        # On a flat curve two ends that read alike may be far apart in charge.
        apart_v = _ALIKE_V + self.step_v
        most = inverse(ocv, volts + apart_v) - inverse(ocv, self.start_v - apart_v)
        least = inverse(ocv, volts - apart_v) - inverse(ocv, self.start_v + apart_v)
        sure = max(self.counted - most, least - self.counted)
        hours = (time_s - self.start_s) / 3600.0
        found_c = unseen / hours
        least_c = _LEAST_C if self.offset_c == 0.0 else _HEALED * _LEAST_C
        if sure < _SURE or abs(found_c) < least_c:
            self.found_c = self.agree = self.offset_c = 0.0
            self.since_s = math.nan
            return
        same = abs(found_c - self.found_c) <= _FIT * max(abs(found_c), abs(self.found_c))
        self.agree = self.agree + 1.0 if same and self.agree > 0.0 else 1.0
        self.found_c = found_c
        if self.agree >= _AGREE:
            self.offset_c = found_c
            if math.isnan(self.since_s):
                self.since_s = time_s


def unpack(watch: SignWatch | OffsetWatch, saved: object) -> None:
    """Restore a watch from a dump. Raises StoreError when it does not fit."""
    fill_what_is_there(watch, saved)
    if isinstance(watch, SignWatch):
        if abs(watch.applied) != 1.0:
            raise StoreError("the saved sign of the current is none")
        if math.isfinite(watch.since_s) and math.isnan(watch.last_s):
            raise StoreError("the saved sign of the current was never seen")
