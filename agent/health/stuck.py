"""Notices a reading that stands still bit for bit while its neighbours move away.

A quiet reading is no fault: a coarse sensor may rest for weeks. What counts is that the
others have left, by more than they differ, for many samples, and this one has not moved by a
single step. It is trusted again once it moves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.health.record import fill, numbers

_ENOUGH = 6
_MOVES = 3
_PEERS = 2


@dataclass(slots=True)
class StuckWatch:
    """Readings side by side, NaN where absent; they count by their place.

    ``span`` is how far the median of the others has to leave, in their unit, and
    ``lasting_s`` for how many seconds. Per reading:
    ``value`` at which it stands, ``level`` of the others when it came there, ``away`` samples
    in which they were elsewhere, for ``away_s`` seconds; ``since_s`` when it was found stuck
    (unix, NaN: it is not), ``moves`` since then.
    """

    span: float
    lasting_s: float
    value: list[float] = field(default_factory=list)
    level: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    away_s: list[float] = field(default_factory=list)
    since_s: list[float] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)

    def watch(
        self, time_s: float, passed_s: float, values: Sequence[float], other: float = math.nan
    ) -> None:
        """Take the next readings; ``other`` is one more neighbour that is not judged itself."""
        if not values:
            return
        if len(values) != len(self.value):
            self._start(values)
        seen = sorted(v for v in (*values, other) if not math.isnan(v))
        if len(seen) < _PEERS:
            return
        # With one neighbour only the middle lies between: the neighbour itself then counts.
        middle = seen[len(seen) // 2]
        for place, value in enumerate(values):
            if math.isnan(value):
                continue
            level = middle
            if len(seen) == _PEERS:
                level = seen[0] if value == seen[1] else seen[1]
            if value != self.value[place]:
                self._move(place, value, level)
            elif abs(level - self.level[place]) >= self.span:
                self.away[place] += 1.0
                self.away_s[place] += passed_s
                found = self.away[place] >= _ENOUGH and self.away_s[place] >= self.lasting_s
                if found and math.isnan(self.since_s[place]):
                    self.since_s[place], self.moves[place] = time_s, 0.0

    def _move(self, place: int, value: float, level: float) -> None:
        self.value[place], self.level[place] = value, level
        self.away[place] = self.away_s[place] = 0.0
        self.moves[place] += 1.0
        if self.moves[place] >= _MOVES:
            self.since_s[place] = math.nan

    def trusted(self, values: Sequence[float]) -> list[float]:
        """Give ``values`` without those that are stuck (NaN)."""
        if all(map(math.isnan, self.since_s)):
            return list(values)
        return [
            value if math.isnan(since_s) else math.nan
            for value, since_s in zip(values, self.since_s, strict=True)
        ]

    def _start(self, values: Sequence[float]) -> None:
        count = len(values)
        self.value = [math.nan] * count
        self.level, self.since_s = [math.nan] * count, [math.nan] * count
        self.away, self.away_s, self.moves = ([0.0] * count for _ in range(3))

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        lists = saved if isinstance(saved, dict) else {}
        for name in ("value", "level", "away", "away_s", "since_s", "moves"):
            setattr(self, name, numbers(lists.get(name)))
