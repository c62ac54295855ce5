"""Readings of a long time in steps, for a chart: no more rows than it can show.

A statement on the tables of ``agent.store.database``.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Row = tuple[str, str, float, float | int | str]
"""Quantity, part, unix seconds, value."""


class Steps(NamedTuple):
    """A time (unix seconds) in steps of ``step_s``, one of which ends at ``at_s``."""

    since_s: float
    until_s: float
    at_s: float
    step_s: float


def last_of_each(
    connection: sqlite3.Connection, unit: str, quantities: Sequence[str], steps: Steps
) -> Iterator[Row]:
    """Give the last point of each series in each step, oldest first.

    A value that stays the same is recorded once: what holds at the end of a step is the last
    that came until then.
    """
    step_ms = max(1, round(steps.step_s * 1000))
    since_ms, until_ms, at_ms = (round(s * 1000) for s in steps[:3])
    # The first step ends at or before the first point, so that no number is negative.
    first_ms = at_ms - ((at_ms - since_ms) // step_ms + 1) * step_ms
    marks = ", ".join("?" * len(quantities))
    # Of a group with max() SQLite gives the other columns from the row that has it
    # (sqlite.org/lang_select.html, "Bare columns in an aggregate query").
    return connection.execute(
        "SELECT quantity, part, max(time_ms) / 1000.0 AS time_s, value"  # noqa: S608 - marks only
        " FROM series JOIN point ON point.series = series.id"
        f" WHERE unit = ? AND quantity IN ({marks}) AND time_ms BETWEEN ? AND ?"
        " GROUP BY series.id, (time_ms - ? + ? - 1) / ? ORDER BY time_s",
        (unit, *quantities, since_ms, until_ms, first_ms, step_ms, step_ms),
    )
