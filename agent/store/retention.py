"""What of the past stays: hours out of raw points, weeks out of estimates, the newest of all.

Statements on the tables of ``agent.store.database``, whose caller holds the transaction.
"""

import sqlite3

HOUR_MS = 3_600_000
_WEEK_MS = 168 * HOUR_MS
_COURSE_WHOLE_MS = 60 * 24 * HOUR_MS
"""How long every estimate that was kept stays; of older ones one a week."""
MOST_EVENTS = 10_000
"""Events kept of a unit or rack, the newest: decades of outages and tests, and no more than some
hours of a current sensor that wavers around the limit and makes one at every other sample."""
_LEAP_MS, _STEADY_MS = 48 * HOUR_MS, 6 * HOUR_MS
"""A clock that is so far ahead of the last time has to stay there so long to be believed."""
_SMALLEST_TRIM = 64
"""A file too large is trimmed by at least this fraction of its rows at a time."""


def age(connection: sqlite3.Connection, now_s: float, *, raw_s: float, hours_s: float) -> None:
    """Sum up the hours that are over, then drop raw points, hours and estimates that are too old.

    ``now_s`` is unix time; raw points stay for ``raw_s`` seconds, hours for ``hours_s``. After a
    leap of the clock nothing is dropped for some hours: one that is set right again by then must
    not have cost the past.
    """
    over_ms = int(now_s * 1000) // HOUR_MS * HOUR_MS
    since_ms, whole_ms = _mark(connection, "hours"), _mark(connection, "whole")
    leapt = _leapt(connection, since_ms, over_ms)
    # Of an hour whose points are partly dropped the first sum is the better one.
    _sum_up(connection, "IGNORE", since_ms, min(whole_ms, over_ms))
    _sum_up(connection, "REPLACE", max(since_ms, whole_ms), over_ms)
    connection.execute("INSERT OR REPLACE INTO mark VALUES ('hours', ?)", (over_ms,))
    bound_events(connection, MOST_EVENTS)
    if leapt:
        return
    _drop_before(connection, "hour", now_s - hours_s)
    _drop_before(connection, "point", now_s - raw_s)
    connection.execute(
        "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM point WHERE series = id)"
        " AND NOT EXISTS (SELECT 1 FROM hour WHERE series = id)"
    )
    _thin_course(connection, int(now_s * 1000) - _COURSE_WHOLE_MS)


def bound_events(connection: sqlite3.Connection, most: int) -> None:
    """Keep the newest ``most`` events of each unit."""
    many = connection.execute(
        "SELECT unit FROM event GROUP BY unit HAVING count(*) > ?", (most,)
    ).fetchall()
    for (unit,) in many:
        connection.execute(
            "DELETE FROM event WHERE unit = ?1 AND start_s <= (SELECT start_s FROM event"
            " WHERE unit = ?1 ORDER BY start_s DESC LIMIT 1 OFFSET ?2)",
            (unit, most),
        )


def _leapt(connection: sqlite3.Connection, since_ms: int, over_ms: int) -> bool:
    """Say whether the clock has leapt ahead lately; at ``since_ms`` it stood the last time."""
    if since_ms and over_ms - since_ms > _LEAP_MS:
        connection.execute("INSERT OR REPLACE INTO mark VALUES ('leap', ?)", (over_ms,))
    leap_ms = _mark(connection, "leap")
    return 0 < leap_ms <= over_ms < leap_ms + _STEADY_MS


def drop_older_half(connection: sqlite3.Connection) -> int:
    """Drop the older half of the time that raw points cover; give how many went."""
    low, high = connection.execute("SELECT min(time_ms), max(time_ms) FROM point").fetchone()
    return 0 if low is None else _drop_before(connection, "point", (low + high) / 2000)


def drop_some(connection: sqlite3.Connection, excess_bytes: int, used_bytes: int) -> int:
    """Drop the oldest points or hours, about as many as are too much; give how many went.

    They share the room: what there is more of goes first.
    """
    counts = {table: _count(connection, table) for table in ("point", "hour")}
    table = max(counts, key=lambda name: counts[name])
    excess = sum(counts.values()) * excess_bytes // used_bytes
    # A page is free only when its last row is: tiny steps would free none.
    rows = max(1, excess, counts[table] // _SMALLEST_TRIM)
    limit = connection.execute(
        f"SELECT time_ms FROM {table} ORDER BY time_ms LIMIT 1 OFFSET ?",  # noqa: S608 - a name of ours
        (max(0, min(rows, counts[table]) - 1),),
    ).fetchone()
    return 0 if limit is None else _drop_before(connection, table, limit[0] / 1000)


def _thin_course(connection: sqlite3.Connection, limit_ms: int) -> None:
    """Leave one estimate a week of what is older than ``limit_ms``."""
    since_ms, until_ms = _mark(connection, "course"), limit_ms // _WEEK_MS * _WEEK_MS
    if until_ms <= since_ms:
        return
    connection.execute(
        "DELETE FROM course WHERE time_ms >= ?1 AND time_ms < ?2 AND (unit, time_ms) NOT IN"
        " (SELECT unit, min(time_ms) FROM course WHERE time_ms >= ?1 AND time_ms < ?2"
        " GROUP BY unit, time_ms / ?3)",
        (since_ms, until_ms, _WEEK_MS),
    )
    connection.execute("INSERT OR REPLACE INTO mark VALUES ('course', ?)", (until_ms,))


def _mark(connection: sqlite3.Connection, name: str) -> int:
    found = connection.execute("SELECT value FROM mark WHERE name = ?", (name,))
    return next((int(value) for (value,) in found), 0)


def _sum_up(connection: sqlite3.Connection, otherwise: str, since_ms: int, until_ms: int) -> None:
    connection.execute(
        f"INSERT OR {otherwise} INTO hour"  # noqa: S608 - a word of ours
        " SELECT series, time_ms / ?1 * ?1 AS start, avg(value), min(value), max(value)"
        " FROM point WHERE series IN (SELECT id FROM series)"
        " AND time_ms >= ?2 AND time_ms < ?3 AND typeof(value) <> 'text'"
        " GROUP BY series, start",
        (HOUR_MS, since_ms, until_ms),
    )


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a name of ours


def _drop_before(connection: sqlite3.Connection, table: str, limit_s: float) -> int:
    # The sub-select lets SQLite seek by the primary key, series by series.
    statement = f"DELETE FROM {table} WHERE series IN (SELECT id FROM series) AND time_ms <= ?"  # noqa: S608 - a name of ours
    limit_ms = round(limit_s * 1000)
    dropped = connection.execute(statement, (limit_ms,)).rowcount
    if table == "point" and dropped:
        connection.execute(
            "INSERT INTO mark VALUES ('whole', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
            ((limit_ms // HOUR_MS + 1) * HOUR_MS,),
        )
    return dropped
