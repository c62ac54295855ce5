"""Notices a reading that stands still bit for bit while its neighbours move away.

A quiet reading is no fault: a coarse sensor may rest for weeks. What counts is that the
others have left, by more than they differ, for many samples, and this one has not moved by a
single step. It is trusted again once it moves some steps, or as far as the others had.

Cells in series share one current. Where they part without it, by balancing or on the flat part
of a curve, no sensor is at fault: a cell has to be moved by a load, or by charge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.health.chemistry import Curve, interpolate, inverse
from agent.health.record import AMOUNT, fill_what_is_there, numbers

# The drop of a load step shows in every cell, whatever its curve.
_LOAD_C = 0.4
_REST_C = 0.02
_ENOUGH = 6
_MOVES = 3
_PEERS = 2
STEPS = 4.0
"""Within so many of its own steps a coarse reading may well stand still."""


@dataclass(slots=True)
class StuckWatch:
    """Readings side by side, NaN where absent; they count by their place.

    ``span`` is how far the median of the others has to leave, in their unit, and
    ``lasting_s`` for how many seconds; ``finest`` is the least by which any of them ever moved,
    NaN before one has: their step, whatever was told of it. Per reading:
    ``value`` at which it stands, ``level`` of the others when it came there, at the current
    ``load`` over capacity (1/h), ``passed`` the charge over capacity since; ``away`` samples
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
    load: list[float] = field(default_factory=list)
    passed: list[float] = field(default_factory=list)
    finest: float = field(default=math.nan, metadata=AMOUNT)

    def watch(
        self,
        time_s: float,
        passed_s: float,
        values: Sequence[float],
        other: float = math.nan,
        *,
        rate_c: float = 0.0,
        ocv: Curve = (),
    ) -> None:
        """Take the next readings; ``other`` is one more neighbour that is not judged itself.

        ``rate_c`` is the current over capacity (1/h), positive when charging; ``ocv`` the curve
        of cells, empty for readings that no current moves.
        """
        if not values:
            return
        if len(values) != len(self.value):
            self._start(values)
        seen = sorted(v for v in (*values, other) if not math.isnan(v))
        if len(seen) < _PEERS:
            return
        # With one neighbour only the middle lies between: the neighbour itself then counts.
        middle, pair = seen[len(seen) // 2], len(seen) == _PEERS
        moved = rate_c * passed_s / 3600.0 if abs(rate_c) > _REST_C else 0.0
        finest = math.inf if math.isnan(self.finest) else self.finest
        # The others have to leave by the coarser of the steps told and seen.
        reach = self.span if finest == math.inf else max(self.span, STEPS * finest)
        # Most readings move, with every sample of every unit: what they need is done in place.
        stand, levels, passed, isnan = self.value, self.level, self.passed, math.isnan
        for place, value in enumerate(values):
            if isnan(value):
                continue
            level = seen[value != seen[1]] if pair else middle
            if value != stand[place]:
                # Nothing is less than the first one's distance from nowhere, which is NaN.
                by = abs(value - stand[place])
                if by < finest:
                    finest = self.finest = by
                home = abs(value - stand[place] - (level - levels[place])) < reach <= by
                stand[place], levels[place] = value, level
                self.load[place], passed[place] = rate_c, 0.0
                self.away[place] = self.away_s[place] = 0.0
                # What comes back all the way need not move again, at rest for days, to be believed.
                self.moves[place] += _MOVES if home else 1.0
                if self.moves[place] >= _MOVES:
                    self.since_s[place] = math.nan
                continue
            passed[place] += moved
            if abs(level - levels[place]) >= reach and self._driven(place, rate_c, ocv, reach):
                self._count(time_s, passed_s, place)

    def _count(self, time_s: float, passed_s: float, place: int) -> None:
        self.away[place] += 1.0
        self.away_s[place] += passed_s
        found = self.away[place] >= _ENOUGH and self.away_s[place] >= self.lasting_s
        if found and math.isnan(self.since_s[place]):
            self.since_s[place], self.moves[place] = time_s, 0.0

    def _driven(self, place: int, rate_c: float, ocv: Curve, reach: float) -> bool:
        """Whether the current itself should have moved the reading as far as counts."""
        if not ocv or abs(rate_c - self.load[place]) >= _LOAD_C:
            return True
        soc = inverse(ocv, self.value[place]) + self.passed[place]
        return abs(interpolate(ocv, min(max(soc, 0.0), 1.0)) - self.value[place]) >= reach

    def trusted(self, values: Sequence[float]) -> list[float]:
        """Give ``values`` without those that are stuck (NaN)."""
        if not values or all(map(math.isnan, self.since_s)):
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
        self.load, self.passed = [0.0] * count, [0.0] * count

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        lists = saved if isinstance(saved, dict) else {}
        fill_what_is_there(self, saved)
        self.value = numbers(lists.get("value"))
        count = len(self.value)
        for name in ("level", "away", "away_s", "since_s", "moves"):
            setattr(self, name, numbers(lists.get(name), count))
        for name in ("load", "passed"):
            setattr(self, name, numbers(lists.get(name, [0.0] * count), count))
