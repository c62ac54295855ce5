"""Notices telemetry that repeats itself as a whole while time goes on.

A hung converter or a gateway that serves its cache answers every question, for ever with the
same numbers. Where nearly every sample used to differ from the one before, a day without any
difference is no rest but a standstill.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.health.record import AMOUNT, fill, numbers

_LIVELY = 0.9
_MEMORY = 200.0
_FEWEST = 24.0
_STILL_S = 86400.0
_LONGEST_GAP_S = 3 * 3600.0
_MOVES = 3.0


@dataclass(slots=True)
class HaltWatch:
    """``lively`` is the share of samples that differed from the one before, over ``seen``.

    ``same`` samples in ``still_s`` seconds were alike bit for bit; ``since_s`` is the unix
    time from which they were, once that is believed (NaN: it is not); ``moves`` since then.
    """

    lively: float = 0.0
    seen: float = field(default=0.0, metadata=AMOUNT)
    same: float = field(default=0.0, metadata=AMOUNT)
    still_s: float = field(default=0.0, metadata=AMOUNT)
    since_s: float = math.nan
    moves: float = 0.0
    last: list[float] = field(default_factory=list)

    def watch(self, time_s: float, passed_s: float, values: Sequence[float]) -> None:
        """Take the next sample: everything measured, NaN where absent."""
        here = [v for v in values if not math.isnan(v)]
        if not here:
            return
        if here == self.last:
            self.same += 1.0
            self.still_s += min(passed_s, _LONGEST_GAP_S)
            if self.same >= _FEWEST and self.still_s >= _STILL_S and self._used_to_move():
                self.moves = 0.0
                if math.isnan(self.since_s):
                    self.since_s = time_s - self.still_s
        else:
            self.last = here
            self._count(moved=True)
            self._count(moved=False, times=self.same)
            self.same = self.still_s = 0.0
            self.moves += 1.0
            if self.moves >= _MOVES:
                self.since_s = math.nan

    def _used_to_move(self) -> bool:
        return self.seen >= _MEMORY and self.lively >= _LIVELY

    def _count(self, *, moved: bool, times: float = 1.0) -> None:
        # A standstill that was believed says nothing of how the readings are when they live.
        if times <= 0.0 or not math.isnan(self.since_s):
            return
        self.seen = min(self.seen + times, _MEMORY)
        share = min(times / self.seen, 1.0)
        self.lively += share * (float(moved) - self.lively)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        self.last = numbers(saved.get("last")) if isinstance(saved, dict) else []
