"""What is on record of units and racks that the configuration no longer has.

They may come back: after a repair, from the spare parts, or because a line of the file was left out
by mistake. So what was learnt of them, and their events, stay for as long as means of hours do.
Statements on the tables of ``agent.store.database``, whose caller holds the transaction.
"""

import sqlite3
from collections.abc import Collection

from agent.store.records import PARKED

_TABLES = ("state", "event", "course")
"""Readings and what engines saw go by their own age, whoever they are of."""
_LONGEST_STEP_S = 2 * 3600.0
"""Of a longer time between two looks only this much counts as gone by: nobody was there, or the
clock was set."""
_MARK = "left:"
"""Before the unit's name in ``mark``, with the seconds of being at work since it left."""


def drop(
    connection: sqlite3.Connection, units: Collection[str], now_s: float, kept_s: float
) -> list[str]:
    """Drop who is none of ``units`` since ``kept_s`` seconds of being at work; give their names.

    ``now_s`` is unix time. However the clock is set, nobody leaves the sooner by it.
    """
    before_s = connection.execute("SELECT value FROM mark WHERE name = 'left'").fetchone()
    step_s = 0.0 if before_s is None else min(max(now_s - before_s[0], 0.0), _LONGEST_STEP_S)
    connection.execute("INSERT OR REPLACE INTO mark VALUES ('left', ?)", (now_s,))
    marks = dict(
        connection.execute(
            "SELECT substr(name, ?), value FROM mark WHERE name GLOB ?",
            (len(_MARK) + 1, f"{_MARK}*"),
        ).fetchall()
    )
    known = {name for table in _TABLES for name in _names(connection, table)}
    left = {name for name in known - {*units} if not name.startswith(PARKED)}
    ages_s = {name: marks[name] + step_s if name in marks else 0.0 for name in left}
    gone = sorted(name for name, age_s in ages_s.items() if age_s > kept_s)
    for name in gone:
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table} WHERE unit = ?", (name,))  # noqa: S608 - a name of ours
    _mark(connection, {name: age_s for name, age_s in ages_s.items() if age_s <= kept_s})
    return gone


def _mark(connection: sqlite3.Connection, ages_s: dict[str, float]) -> None:
    connection.execute("DELETE FROM mark WHERE name GLOB ?", (f"{_MARK}*",))
    rows = ((_MARK + name, age_s) for name, age_s in ages_s.items())
    connection.executemany("INSERT INTO mark VALUES (?, ?)", rows)


def _names(connection: sqlite3.Connection, table: str) -> list[str]:
    """Give the units of ``table``, each found by a seek: it may hold years of each."""
    found = connection.execute(
        f"WITH RECURSIVE named (unit) AS (SELECT min(unit) FROM {table} UNION ALL"  # noqa: S608 - a name of ours
        f" SELECT (SELECT min(unit) FROM {table} WHERE unit > named.unit) FROM named"
        " WHERE named.unit IS NOT NULL) SELECT unit FROM named WHERE unit IS NOT NULL"
    )
    return [name for (name,) in found]
