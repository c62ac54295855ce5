"""Which readings are worth a place in the history."""

from agent.model import Sample, Value
from agent.quantities import QUANTITIES, Kind
from agent.store.records import Point

MOST_SERIES = 4096
"""Series remembered of one unit: a device that renumbers its rows for ever costs no more."""
_GONE_S = 4 * 3600.0
"""A unit that has brought nothing for so long, or for some gaps, is forgotten: it was renamed,
taken out or is silent, and makes no points that others would have to leave room for."""
_GAPS = 3
_TEXTS = frozenset(key for key, quantity in QUANTITIES.items() if quantity.kind is Kind.TEXT)
_Last = dict[tuple[str, str], tuple[float, Value]]
"""By series when it was kept, and with which value."""


class Thinner:
    """Turns samples into points, few in standby and all in events. Pure.

    ``gap_s`` is the least time between two samples of a unit outside events; with more
    units than ``points_per_s`` allows at that pace, it grows. A value that stays the same
    is repeated after ``repeat_s``, so that a gap in the record means a gap in the readings.
    """

    def __init__(self, gap_s: float, repeat_s: float, points_per_s: float) -> None:
        """Start with nothing seen."""
        self._gap_s = gap_s
        self._repeat_s = repeat_s
        self._points_per_s = points_per_s
        self._round: dict[str, int] = {}
        self._round_points = 0
        self._taken_s: dict[str, float] = {}
        self._last: dict[str, _Last] = {}
        self._looked_s = 0.0

    def points(self, sample: Sample, *, closely: bool) -> list[Point]:
        """Give what to keep of ``sample``; ``closely`` means a discharge or a test."""
        if not (closely or self._is_due(sample)):
            return []
        if not 0 <= sample.wall_s - self._looked_s < _GONE_S:
            self._forget_gone(sample.wall_s)
        self._taken_s[sample.unit] = sample.wall_s
        told = [row for row in sample.readings if row.quantity not in _TEXTS]
        self._round_points += len(told) - self._round.get(sample.unit, 0)
        self._round[sample.unit] = len(told)
        last = self._last.setdefault(sample.unit, {})
        return [
            Point(sample.unit, row.quantity, row.index or "", sample.wall_s, row.value)
            for row in told
            if self._is_news(last, (row.quantity, row.index or ""), sample.wall_s, row.value)
        ]

    def _is_due(self, sample: Sample) -> bool:
        taken_s = self._taken_s.get(sample.unit)
        # A clock set back must not stop the record until it has caught up.
        return taken_s is None or not 0 <= sample.wall_s - taken_s < self._present_gap_s()

    def _present_gap_s(self) -> float:
        return max(self._gap_s, self._round_points / self._points_per_s)

    def _forget_gone(self, now_s: float) -> None:
        self._looked_s = now_s
        longest_s = max(_GONE_S, _GAPS * self._present_gap_s())
        for unit, at_s in list(self._taken_s.items()):
            if not 0 <= now_s - at_s < longest_s:
                del self._taken_s[unit]
                self._last.pop(unit, None)
                self._round_points -= self._round.pop(unit, 0)

    def _is_news(self, last: _Last, series: tuple[str, str], time_s: float, value: Value) -> bool:
        held = last.get(series)
        if held is not None and held[1] == value and 0 <= time_s - held[0] < self._repeat_s:
            return False
        # Put last, so that the first is the oldest.
        last.pop(series, None)
        last[series] = (time_s, value)
        if len(last) > MOST_SERIES:
            del last[next(iter(last))]
        return True
