"""What the engines have seen lately: the samples since their states were recorded, and more.

A state is recorded every ten minutes; what a killed agent saw after that is in here, so that
the next one ends up where it would have been. Rows are kept for an hour or two beyond that:
the last hours of every unit as its engine saw them, for ``bbu-agent telemetry``.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

KEPT_S = 2 * 3600.0
"""How long rows are kept; far more than the time between two records of a state."""
_LONGEST_GAP_S = 900.0
"""Of a longer time between two commits only this much counts as gone by: nobody was there, or the
clock was set."""
_MOST_COMMITS = 8000
"""More than ``KEPT_S`` has at one a second: a clock that stands still fills no disk."""

SCHEMA = """
    CREATE TABLE seen (number INTEGER PRIMARY KEY, time_s REAL NOT NULL, body BLOB NOT NULL)
"""
_FASTEST = 1
_FEW = 16
"""Of so many units rows are looked for one by one; of more a whole commit is decoded sooner."""


class Seen(NamedTuple):
    """One observation of ``unit``; numbers rise over all units and runs of the agent."""

    unit: str
    number: int
    time_s: float
    body: Mapping[str, Any]


def put(connection: sqlite3.Connection, rows: tuple[Seen, ...]) -> None:
    """Write ``rows`` as one: those of a second compress well together."""
    if rows:
        text = json.dumps([list(row) for row in rows], separators=(",", ":"))
        packed = zlib.compress(text.encode(), _FASTEST)
        key = (rows[0].number, rows[-1].time_s, packed)
        connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", key)


def everything(connection: sqlite3.Connection, unit: str | None = None) -> list[Seen]:
    """Give all rows, or those of ``unit``, by rising number; what cannot be read is passed over."""
    found = connection.execute("SELECT body FROM seen ORDER BY number")
    units = None if unit is None else [unit]
    return [row for (body,) in found for row in _rows(body, units)]


def after(connection: sqlite3.Connection, marks: Mapping[str, int]) -> Iterator[Seen]:
    """Give by rising number what each unit of ``marks`` saw after its number.

    One commit at a time: two hours of a large fleet would fill the memory. A unit that has been
    silent for long has an old number, for whose sake nothing of the others is decoded.
    """
    if not marks:
        return
    found = connection.execute(
        "SELECT body, lead(number) OVER (ORDER BY number) FROM seen WHERE number >="
        " (SELECT coalesce(max(number), 0) FROM seen WHERE number <= ?) ORDER BY number",
        (min(marks.values()),),
    )
    for body, following in found:
        units = [unit for unit, mark in marks.items() if following is None or mark < following - 1]
        for row in _rows(body, units if len(units) <= _FEW else None):
            if row.number > marks.get(row.unit, row.number):
                yield row


def last(connection: sqlite3.Connection) -> int:
    """Give the highest number, 0 where there is none."""
    found = connection.execute("SELECT number, body FROM seen ORDER BY number DESC LIMIT 1")
    numbers = (max([first, *(row.number for row in _rows(body))]) for first, body in found)
    return int(next(numbers, 0))


def drop(connection: sqlite3.Connection) -> None:
    """Drop what is older than ``KEPT_S``, by the time between the commits since.

    Whichever way the clock is set, and by how much, makes nothing older: what no state holds yet
    must be there at the next start.
    """
    found = connection.execute(
        "SELECT number FROM (SELECT number, row_number() OVER newest AS place,"
        " sum(gap_s) OVER newest AS age_s FROM (SELECT number,"
        " min(max(lead(time_s, 1, time_s) OVER (ORDER BY number) - time_s, 0), ?) AS gap_s"
        " FROM seen) WINDOW newest AS (ORDER BY number DESC))"
        " WHERE age_s > ? OR place > ? ORDER BY number DESC LIMIT 1",
        (_LONGEST_GAP_S, KEPT_S, _MOST_COMMITS),
    ).fetchone()
    if found is not None:
        connection.execute("DELETE FROM seen WHERE number <= ?", found)


def shrink(connection: sqlite3.Connection, most_bytes: int) -> None:
    """Drop the oldest rows until the others take no more than ``most_bytes``.

    Events of a whole fleet at one sample a second must not crowd out what is kept for ever.
    """
    found = connection.execute(
        "SELECT number FROM (SELECT number, sum(length(body)) OVER (ORDER BY number DESC) AS size"
        " FROM seen) WHERE size > ? ORDER BY number DESC LIMIT 1",
        (most_bytes,),
    ).fetchone()
    if found is not None:
        connection.execute("DELETE FROM seen WHERE number <= ?", found)


def _rows(body: object, units: Sequence[str] | None = None) -> Iterator[Seen]:
    """Give the rows of a commit, or of some units only, of which alone anything is decoded."""
    try:
        text = zlib.decompress(body).decode() if isinstance(body, bytes) else "[]"
        content = json.loads(text) if units is None else _of(text, units)
        rows = [Seen(str(unit), int(n), float(at), held) for unit, n, at, held in content]
    except (zlib.error, ValueError, TypeError):
        return
    yield from (row for row in rows if isinstance(row.body, dict))


def _of(text: str, units: Sequence[str]) -> list[list[Any]]:
    """Give the rows of ``units`` in the JSON ``text`` of a commit, by rising number."""
    found = []
    decode = json.JSONDecoder().raw_decode
    for unit in units:
        # Inside a body a list that begins with the same text is none of four parts.
        start = f"[{json.dumps(unit)},"
        at = text.find(start)
        while at >= 0:
            row, end = decode(text, at)
            if len(row) == len(Seen._fields) and isinstance(row[-1], dict):
                found.append(row)
            at = text.find(start, end)
    return sorted(found, key=lambda row: row[1])
