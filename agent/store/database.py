"""The SQLite file: its schema, what goes in and comes out. Blocking; owned by one thread.

WAL with ``synchronous=NORMAL``: a commit survives the death of the process, and the death
of the machine costs at most the last commits, never the file. The lock is exclusive, so
that a second agent on the same directory is told instead of mixing its records in.
Times are integers in milliseconds in the file and seconds outside.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from agent.errors import StoreError
from agent.model import Event
from agent.store import departed, journal, retention
from agent.store.course import Course
from agent.store.journal import Seen
from agent.store.records import MOST_PARKED, PARKED, Batch, HistoryPoint, Point, SavedState
from agent.store.retention import HOUR_MS
from agent.store.steps import Steps, last_of_each

_BUSY_S = 1.0
_JOURNAL_SHARE = 4
"""A file too large keeps this fraction of its bound for what the engines saw."""
_LARGEST_JOURNAL_BYTES = 16 * 1024 * 1024

# One script for each step from one schema version to the next; never edit, only append.
_MIGRATIONS = (
    """
    CREATE TABLE state (
        unit TEXT PRIMARY KEY, serial TEXT, saved_s REAL NOT NULL, body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE event (
        unit TEXT, kind TEXT, start_s REAL, end_s REAL, detail TEXT NOT NULL,
        PRIMARY KEY (unit, kind, start_s)
    ) WITHOUT ROWID;
    CREATE INDEX event_by_start ON event (start_s);
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, unit TEXT, quantity TEXT, part TEXT,
        UNIQUE (unit, quantity, part)
    );
    CREATE TABLE point (
        series INTEGER, time_ms INTEGER, value, PRIMARY KEY (series, time_ms)
    ) WITHOUT ROWID;
    CREATE TABLE hour (
        series INTEGER, time_ms INTEGER, mean REAL, low REAL, high REAL,
        PRIMARY KEY (series, time_ms)
    ) WITHOUT ROWID;
    CREATE TABLE mark (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    """,
    """
    CREATE TABLE course (
        unit TEXT, time_ms INTEGER, cells TEXT NOT NULL, PRIMARY KEY (unit, time_ms)
    ) WITHOUT ROWID;
    """,
    journal.SCHEMA,
)


class Database:
    """One open database, in a file or, without a path, in memory."""

    def __init__(self, path: Path | None) -> None:
        """Open the file and bring its schema up to date."""
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        with ExitStack() as unless_ready:
            unless_ready.callback(self._connection.close)
            self._prepare()
            unless_ready.pop_all()

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA journal_size_limit = {_LARGEST_JOURNAL_BYTES}")
        version = run("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            raise StoreError(
                f"schema {version} is of a newer bbu-agent than this one (schema "
                f"{len(_MIGRATIONS)}): upgrade, or give another state_dir"
            )
        with self._transaction():
            for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
                for statement in script.split(";"):
                    run(statement)
                run(f"PRAGMA user_version = {number}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def commit(self, batch: Batch, spilt: "Database | None" = None) -> None:
        """Write ``batch``, after all that ``spilt`` holds, in one transaction."""
        with self._transaction():
            if spilt is not None:
                self._put(spilt.everything())
            self._put(batch)

    def _put(self, batch: Batch) -> None:
        many = self._connection.executemany
        many(
            "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)",
            (
                (unit, s.serial and _storable(s.serial), s.saved_s, json.dumps(s.body))
                for unit, s in batch.states.items()
            ),
        )
        many(
            "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?)",
            (
                (e.unit, e.kind, e.start_s, e.end_s, json.dumps(dict(e.detail)))
                for e in batch.events
            ),
        )
        many(
            "INSERT OR REPLACE INTO course VALUES (?, ?, ?)",
            ((c.unit, round(c.time_s * 1000), json.dumps(dict(c.cells))) for c in batch.course),
        )
        journal.put(self._connection, batch.seen)
        names = {point[:3] for point in batch.points}
        many(
            "INSERT OR IGNORE INTO series (unit, quantity, part) VALUES (?, ?, ?)",
            (tuple(map(_storable, name)) for name in names),
        )
        ids = {name: self._series(*name) for name in names}
        many(
            "INSERT OR REPLACE INTO point VALUES (?, ?, ?)",
            (
                (
                    ids[p[:3]],
                    round(p.time_s * 1000),
                    _storable(p.value) if isinstance(p.value, str) else p.value,
                )
                for p in batch.points
            ),
        )
        if batch.points:
            # Points that come late, from memory or by a clock set back, are summed up too.
            oldest_ms = round(min(point.time_s for point in batch.points) * 1000)
            self._connection.execute(
                "UPDATE mark SET value = ?1 WHERE name = 'hours' AND value > ?1",
                (oldest_ms // HOUR_MS * HOUR_MS,),
            )

    def _series(self, unit: str, quantity: str, part: str) -> int | None:
        found = self._connection.execute(
            "SELECT id FROM series WHERE unit = ? AND quantity = ? AND part = ?",
            tuple(map(_storable, (unit, quantity, part))),
        ).fetchone()
        return None if found is None else int(found[0])

    def everything(self) -> Batch:
        """Give all that is in here; meant for the little that memory holds."""
        rows = self._connection.execute(
            "SELECT unit, quantity, part, time_ms / 1000.0, value"
            " FROM point JOIN series ON series.id = point.series"
        )
        return Batch(
            self.states(),
            tuple(self.events(None, None, -1)),
            tuple(map(Point._make, rows)),
            tuple(self.course(None)),
            tuple(self.seen()),
        )

    def seen(self, unit: str | None = None) -> list[Seen]:
        """Give what the engines, or that of ``unit``, saw lately, oldest first."""
        return journal.everything(self._connection, unit)

    def seen_after(self, marks: Mapping[str, int]) -> tuple[int, list[Seen]]:
        """Give the last number, and what each unit of ``marks`` saw after its own."""
        return journal.last(self._connection), list(journal.after(self._connection, marks))

    def course(self, unit: str | None) -> list[Course]:
        """Give what was believed of ``unit`` (of all without one) over time, oldest first."""
        rows = self._connection.execute(
            "SELECT unit, time_ms / 1000.0, cells FROM course"
            " WHERE ?1 IS NULL OR unit = ?1 ORDER BY time_ms",
            (None if unit is None else _storable(unit),),
        )
        return [
            Course(name, time_s, {cell: tuple(row) for cell, row in cells.items()})
            for name, time_s, body in rows
            if (cells := _loaded(body)) is not None
        ]

    def states(self, only: str | None = None) -> dict[str, SavedState]:
        """Give every estimator state, or ``only`` that of one unit, by unit."""
        rows = self._connection.execute(
            "SELECT unit, serial, saved_s, body FROM state WHERE ?1 IS NULL OR unit = ?1", (only,)
        )
        return {
            unit: SavedState(serial, saved_s, state)
            for unit, serial, saved_s, body in rows
            if (state := _loaded(body)) is not None
        }

    def events(
        self,
        unit: str | None,
        since_s: float | None,
        limit: int,
        *,
        until_s: float | None = None,
        kind: str | None = None,
    ) -> list[Event]:
        """Give the newest ``limit`` events (all if negative), newest first.

        They begin at ``since_s`` or later and before ``until_s``.
        """
        rows = self._connection.execute(
            "SELECT unit, kind, start_s, end_s, detail FROM event"
            " WHERE (?1 IS NULL OR unit = ?1) AND (?2 IS NULL OR start_s >= ?2)"
            " AND (?4 IS NULL OR start_s < ?4) AND (?5 IS NULL OR kind = ?5)"
            " ORDER BY start_s DESC LIMIT ?3",
            (None if unit is None else _storable(unit), since_s, limit, until_s, kind),
        )
        return [Event(u, kind, at, end, _loaded(body) or {}) for u, kind, at, end, body in rows]

    def history(
        self, name: tuple[str, str, str], since_s: float, until_s: float
    ) -> list[HistoryPoint]:
        """Give the points of a series, oldest first: hours as far as no raw points reach."""
        series = self._series(*name)
        span = (series, round(since_s * 1000), round(until_s * 1000))
        points = self._connection.execute(
            "SELECT time_ms, value FROM point WHERE series = ? AND time_ms BETWEEN ? AND ?"
            " ORDER BY time_ms",
            span,
        ).fetchall()
        first_ms = points[0][0] if points else span[2] + 1
        hours = self._connection.execute(
            "SELECT time_ms / 1000.0, mean, low, high FROM hour"
            " WHERE series = ?1 AND time_ms BETWEEN ?2 AND ?3 AND time_ms + ?5 <= ?4"
            " ORDER BY time_ms",
            (*span, first_ms, HOUR_MS),
        )
        return [HistoryPoint(*row) for row in hours] + [
            HistoryPoint(time_ms / 1000, value) for time_ms, value in points
        ]

    def parts(self, unit: str, quantity: str) -> list[str]:
        """Give the parts ("" for none) of which anything of ``quantity`` is on record."""
        rows = self._connection.execute(
            "SELECT part FROM series WHERE unit = ? AND quantity = ?",
            (_storable(unit), quantity),
        )
        return [part for (part,) in rows]

    def readings(self, unit: str, since_s: float, until_s: float, limit: int) -> list[Point]:
        """Give the first ``limit`` raw points of ``unit`` in a time, oldest first."""
        rows = self._connection.execute(
            "SELECT unit, quantity, part, time_ms / 1000.0, value"
            " FROM series JOIN point ON point.series = series.id"
            " WHERE unit = ? AND time_ms BETWEEN ? AND ? ORDER BY time_ms LIMIT ?",
            (_storable(unit), round(since_s * 1000), round(until_s * 1000), limit),
        )
        return [Point(*row) for row in rows]

    def stepped(self, unit: str, quantities: Sequence[str], steps: Steps) -> list[Point]:
        """Give the last raw point of each series of ``quantities`` in each step, oldest first."""
        rows = last_of_each(self._connection, _storable(unit), quantities, steps)
        return [Point(unit, *row) for row in rows]

    def tidy(
        self, now_s: float, units: Collection[str] | None, *, raw_s: float, hours_s: float
    ) -> list[str]:
        """Sum up the hours that are over, then drop what is too old.

        Gives who was dropped whole, having been none of ``units``, if those are known, for long.
        """
        with self._transaction():
            self._connection.execute(
                "DELETE FROM state WHERE unit LIKE ?1 AND unit NOT IN (SELECT unit FROM state"
                " WHERE unit LIKE ?1 ORDER BY saved_s DESC LIMIT ?2)",
                (PARKED + "%", MOST_PARKED),
            )
            retention.age(self._connection, now_s, raw_s=raw_s, hours_s=hours_s)
            journal.drop(self._connection)
            if units is None:
                return []
            return departed.drop(self._connection, units, now_s, hours_s)

    def drop_oldest_points(self) -> int:
        """Drop the older half of the time that raw points cover; give how many went."""
        with self._transaction():
            return retention.drop_older_half(self._connection)

    def shrink_seen(self, most_bytes: int) -> None:
        """Keep no more than ``most_bytes`` of what the engines saw, the newest."""
        with self._transaction():
            journal.shrink(self._connection, most_bytes)

    def trim(self, bound_bytes: int) -> None:
        """Drop the oldest until no more than ``bound_bytes`` are in use, and little beyond."""
        if self.size_bytes() > bound_bytes:
            self.shrink_seen(bound_bytes // _JOURNAL_SHARE)
        while (used := self.size_bytes()) > bound_bytes:
            with self._transaction():
                if not retention.drop_some(self._connection, used - bound_bytes, used):
                    return

    def size_bytes(self) -> int:
        """Give the space in use, free pages not counted."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def _loaded(body: str) -> dict[str, Any] | None:
    """Decode an object; a record that bit rot has reached is no record."""
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _storable(text: str) -> str:
    """Give ``text`` without half surrogates, which a device may send and SQLite refuses."""
    return text.encode("utf-8", "replace").decode()
