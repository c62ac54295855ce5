"""Which of our estimates are worth keeping, so that ageing can be drawn over years."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import sub
from typing import NamedTuple

from agent.model import Health

_LEAST_S = 6 * 3600.0
_MOST_S = 30 * 86400.0
_NEWS = 0.002
"""A change of a state of health or of a resistance growth that can be seen on a chart."""
_SUDDEN = 0.02
"""A change that is kept whenever it comes."""
_DIGITS = 5

Row = tuple[float, ...]
"""Estimate, lower and upper of the state of health, then of the resistance growth; 0 to 1
and as a factor."""

ROW_LENGTH = 6


class Course(NamedTuple):
    """What was believed of one unit's cells at ``time_s`` (unix seconds), by cell."""

    unit: str
    time_s: float
    cells: Mapping[str, Row]


@dataclass(slots=True)
class CourseKeeper:
    """Decides what to keep, unit by unit. Pure; gaps are in seconds of unix time."""

    last: dict[str, Course] = field(default_factory=dict)

    def take(self, unit: str, health: Health) -> Course | None:
        """Give what to keep of ``health``, if it has moved or the last one is a month old."""
        cells: dict[str, Row] = {
            cell.cell: (*cell.state_of_health, *cell.resistance_growth) for cell in health.cells
        }
        if not cells:
            return None
        before = self.last.get(unit)
        if before is not None and not _is_news(before, health.updated_at, cells):
            return None
        kept = {cell: tuple(round(value, _DIGITS) for value in row) for cell, row in cells.items()}
        now = self.last[unit] = Course(unit, health.updated_at, kept)
        return now


def _is_news(before: Course, now_s: float, cells: Mapping[str, Row]) -> bool:
    gap_s = now_s - before.time_s
    # A clock set back must not stop the record until it has caught up.
    if not 0 <= gap_s < _MOST_S or before.cells.keys() != cells.keys():
        return True
    moved = max(max(map(abs, map(sub, row, before.cells[cell]))) for cell, row in cells.items())
    return moved >= _SUDDEN or (moved >= _NEWS and gap_s >= _LEAST_S)
