"""What must survive a restart: estimator states, events, and a bounded past of readings.

One thread owns the database, so the event loop never waits for a disk. A disk that is
full, read-only or broken never stops monitoring: records then live in memory, go to disk
as soon as it takes them again, and ``problem`` says in one sentence what is wrong.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.errors import StoreError
from agent.model import Event, Sample
from agent.store.course import Course
from agent.store.database import PARKED, Batch, Database, HistoryPoint, Point, SavedState, State
from agent.store.imports import read_import
from agent.store.journal import Seen
from agent.store.thinner import Thinner

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

_DAY_S = 86400.0
_MEBIBYTE = 1024 * 1024
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BAD_RECORD = (
    ArithmeticError,
    RecursionError,
    TypeError,
    ValueError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""What a record that no database can take ends in; no fault of the disk."""


class Bounds(NamedTuple):
    """How much is kept, in seconds, bytes and points.

    ``gap_s`` is the least time between two samples of a unit outside events; it grows with
    the fleet so that all units together make at most ``points_per_s``. A value that stays
    the same is repeated after ``repeat_s``.
    """

    raw_s: float = 7 * _DAY_S
    hours_s: float = 400 * _DAY_S
    gap_s: float = 60.0
    repeat_s: float = 900.0
    points_per_s: float = 100.0
    file_bytes: int = 512 * _MEBIBYTE
    memory_bytes: int = 32 * _MEBIBYTE
    waiting_points: int = 100_000


class Imported(NamedTuple):
    """What came of a folder of import files: units taken in, and what was wrong."""

    units: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class HistoryStore:
    """The history in the file at ``path``, or only in memory without one.

    Coroutines never raise for a disk's sake. ``commits``, ``failures`` and ``dropped``
    (records lost because memory for them ran out, or no database can hold them) count since
    the start. ``broken`` is for whoever feeds the store, to say that nothing more will come.
    """

    def __init__(self, path: Path | None, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        """Touch nothing yet; the file is opened by the first coroutine."""
        self.broken: str | None = None
        self._trouble: str | None = None
        self.commits = 0
        self.failures = 0
        self.dropped = 0
        self._path = path
        self._bounds = bounds
        self._disk: Database | None = None
        self._memory: Database | None = None
        self._waiting: list[Point] = []
        self._seen: list[Seen] = []
        self._last_seen = 0
        self._thinner = Thinner(bounds.gap_s, bounds.repeat_s, bounds.points_per_s)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")

    @property
    def problem(self) -> str | None:
        """What is wrong with the keeping of records, in one sentence."""
        return self.broken or self._trouble

    async def close(self) -> None:
        """Write what waits and let go of the file. Nothing may be called afterwards."""
        await self.flush()
        await self._run(self._close)
        self._thread.shutdown()

    def put_sample(self, sample: Sample, *, closely: bool = False) -> None:
        """Keep the readings of ``sample`` for the next ``flush``.

        Outside events a unit's samples are thinned out; ``closely`` keeps every one, for
        discharges and tests.
        """
        points = self._thinner.points(sample, closely=closely)
        room = self._bounds.waiting_points - len(self._waiting)
        self.dropped += max(0, len(points) - room)
        self._waiting += points[: max(0, room)]

    def put_seen(self, unit: str, time_s: float, body: Mapping[str, object]) -> int:
        """Keep what an engine is shown for the next ``save``; its number says how far it came."""
        self._last_seen += 1
        if len(self._seen) < self._bounds.waiting_points:
            self._seen.append(Seen(unit, self._last_seen, time_s, body))
        else:
            self.dropped += 1
        return self._last_seen

    @property
    def has_seen(self) -> bool:
        """Whether anything waits that engines were shown."""
        return bool(self._seen)

    async def seen(self, unit: str | None = None) -> list[Seen]:
        """Give what the engines, or that of ``unit``, saw lately, oldest first."""
        found = await self._read(lambda database: database.seen(unit))
        return sorted((row for rows in found for row in rows), key=lambda row: row.number)

    async def flush(self) -> None:
        """Commit what waits."""
        await self._commit()

    async def save(
        self,
        states: Mapping[str, tuple[str | None, State]],
        events: tuple[Event, ...],
        *,
        saved_s: float,
        course: tuple[Course, ...] = (),
    ) -> None:
        """Commit estimator states by unit, each with its serial number, events and estimates."""
        saved = {unit: SavedState(serial, saved_s, s) for unit, (serial, s) in states.items()}
        news = bool(saved or events or course)
        await self._commit(states=saved, events=events, course=course, points=news)

    async def save_states(
        self, states: Mapping[str, tuple[str | None, State]], *, saved_s: float
    ) -> None:
        """Commit the estimator states by unit, each with its unit's serial number."""
        await self.save(states, (), saved_s=saved_s)

    async def load_states(self) -> dict[str, SavedState]:
        """Give the last saved estimator states by unit.

        A state that says how far it came, under ``seen``, has under ``since`` what its engine
        was shown afterwards.
        """
        found = await self._read(Database.states)
        states = {unit: state for states in found for unit, state in states.items()}
        marks = {unit: n for unit, state in states.items() if (n := _mark(state)) is not None}
        seated = {unit: mark for unit, mark in marks.items() if not unit.startswith(PARKED)}
        journals = await self._read(lambda database: database.seen_after(seated))
        self._last_seen = max([self._last_seen, *marks.values(), *(last for last, _ in journals)])
        bodies: dict[str, list[Mapping[str, object]]] = {unit: [] for unit in marks}
        rows = (row for _, seen in journals for row in seen)
        for row in sorted(rows, key=lambda row: row.number):
            bodies[row.unit].append(row.body)
        for unit, since in bodies.items():
            states[unit] = states[unit]._replace(body={**states[unit].body, "since": since})
        return states

    async def state(self, unit: str) -> SavedState | None:
        """Give the last saved estimator state of ``unit``."""
        found = await self._read(lambda database: database.states(unit))
        return next((states[unit] for states in reversed(found) if unit in states), None)

    async def put_event(self, event: Event) -> None:
        """Commit an event, or its newer form: unit, kind and start say which it is."""
        await self._commit(events=(event,))

    async def events(
        self,
        *,
        unit: str | None = None,
        since_s: float | None = None,
        until_s: float | None = None,
        kind: str | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """Give the newest events that begin in a time, newest first."""
        found = await self._read(
            lambda database: database.events(unit, since_s, limit, until_s=until_s, kind=kind)
        )
        newest = {(e.unit, e.kind, e.start_s): e for events in found for e in events}
        return sorted(newest.values(), key=lambda event: -event.start_s)[:limit]

    async def history(
        self, unit: str, quantity: str, index: str | None, *, since_s: float, until_s: float
    ) -> list[HistoryPoint]:
        """Give what is committed of one reading, oldest first; older parts as hourly means."""
        name = (unit, quantity, index or "")
        found = await self._read(lambda database: database.history(name, since_s, until_s))
        return sorted((p for points in found for p in points), key=lambda point: point.time_s)

    async def parts(self, unit: str, quantity: str) -> list[str | None]:
        """Give the indices of which anything of ``quantity`` is recorded, in no order.

        What waits is committed first, so that a question for now is answered up to now.
        """
        await self.flush()
        found = await self._read(lambda database: database.parts(unit, quantity))
        return [part or None for part in dict.fromkeys(p for parts in found for p in parts)]

    async def course(self, unit: str) -> list[Course]:
        """Give what was believed of the cells of ``unit`` over time, oldest first."""
        found = await self._read(lambda database: database.course(unit))
        return sorted((c for courses in found for c in courses), key=lambda course: course.time_s)

    async def readings(self, unit: str, *, since_s: float, until_s: float) -> list[Point]:
        """Give every raw point of ``unit`` in a time, those that wait included, oldest first."""
        await self.flush()
        found = await self._read(lambda database: database.readings(unit, since_s, until_s))
        return sorted((p for points in found for p in points), key=lambda point: point.time_s)

    async def tidy(self, *, now_s: float) -> None:
        """Sum up and drop what is too old or too much; for every hour or so."""
        await self.flush()  # what waits belongs to the hours that are over
        await self._run(lambda: self._tidy(now_s))

    async def import_folder(self, folder: Path) -> Imported:
        """Take in the ``*.json`` files in ``folder``; each is renamed ``.done`` or ``.bad``.

        A state older than the one we have is left aside; its events are still taken.
        """
        return await self._run(lambda: self._import(folder))

    async def _run(self, work: Callable[[], _T]) -> _T:
        # Work once begun is done, whoever stops waiting for it: records are in its hands.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    async def _commit(
        self,
        *,
        states: Mapping[str, SavedState] | None = None,
        events: tuple[Event, ...] = (),
        course: tuple[Course, ...] = (),
        points: bool = True,
    ) -> None:
        waiting = tuple(self._waiting) if points else ()
        batch = Batch(states or {}, events, waiting, course, tuple(self._seen))
        self._seen.clear()
        if points:
            self._waiting.clear()
        if batch != Batch():
            await self._run(lambda: self._write(batch))

    async def _read(self, query: Callable[[Database], _T]) -> list[_T]:
        return await self._run(lambda: self._ask(query))

    # From here on everything runs in the thread.

    def _write(self, batch: Batch) -> None:
        """Keep ``batch``; a record that cannot be kept costs itself and no other."""
        try:
            self._put(batch)
        except (sqlite3.Error, *_BAD_RECORD) as error:
            pieces = batch.pieces()
            for piece in pieces:
                self._write(piece)
            if not pieces:
                self.dropped += 1
                _LOG.error("a record cannot be kept and is dropped: %s", error)

    def _put(self, batch: Batch) -> None:
        def commit(disk: Database) -> None:
            disk.commit(batch, self._memory)

        if self._path is not None and self._try(commit):
            self.commits += 1
            self._trouble = None
            if self._memory is not None:
                self._memory.close()
                self._memory = None
        else:
            self._spill(batch)

    def _spill(self, batch: Batch) -> None:
        if self._memory is None:
            self._memory = Database(None)
        self._memory.commit(batch)
        if self._memory.size_bytes() > self._bounds.memory_bytes:
            self._memory.shrink_seen(self._bounds.memory_bytes // 4)
        if self._memory.size_bytes() > self._bounds.memory_bytes:
            self.dropped += self._memory.drop_oldest_points()

    def _try(self, work: Callable[[Database], object]) -> bool:
        """Do ``work`` on the disk's database; a broken file is moved aside, once."""
        for _ in range(2):
            try:
                work(self._open())
            except _BAD_RECORD:
                raise
            except sqlite3.Error as error:
                if not self._move_aside(error):
                    self._fail(error)
                    return False
            except (OSError, StoreError) as error:
                self._fail(error)
                return False
            else:
                return True
        return False

    def _open(self) -> Database:
        if self._path is None:
            raise StoreError("there is no file")
        if self._disk is not None and not self._path.exists():
            self._close_disk()  # someone removed it; writing on would be lost at the next start
        if self._disk is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._disk = Database(self._path)
        return self._disk

    def _fail(self, error: Exception) -> None:
        problem = f"{self._path}: {_advice(error)}; records are kept in memory until then"
        if problem != self._trouble:
            _LOG.error("%s", problem)
        self._trouble = problem
        self.failures += 1
        self._close_disk()  # the next attempt starts afresh, so that a remount is seen

    def _move_aside(self, error: sqlite3.Error) -> bool:
        # Extended codes carry the primary one in the low byte.
        if self._path is None or getattr(error, "sqlite_errorcode", 0) & 0xFF not in _BROKEN:
            return False
        self._close_disk()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        aside = self._path.with_name(f"{self._path.name}.corrupt-{stamp}")
        before = self._path.parent.glob(f"{self._path.name}.corrupt-*")
        try:
            for old in before:
                old.unlink()  # one is enough to look at; a dying disk would make many
            self._path.replace(aside)
            for end in ("-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        except OSError:
            return False
        _LOG.error("%s: %s; moved to %s, starting a new file", self._path, error, aside)
        return True

    def _ask(self, query: Callable[[Database], _T]) -> list[_T]:
        found: list[_T] = []
        if self._path is not None:
            self._try(lambda disk: found.append(query(disk)))
        if self._memory is not None:
            found.append(query(self._memory))
        return found

    def _tidy(self, now_s: float) -> None:
        bounds = self._bounds

        def tidy(disk: Database) -> None:
            disk.tidy(now_s, raw_s=bounds.raw_s, hours_s=bounds.hours_s)
            disk.trim(bounds.file_bytes)

        if self._path is not None:
            self._try(tidy)

    def _import(self, folder: Path) -> Imported:
        units: list[str] = []
        problems: list[str] = []
        known = {
            unit: state for states in self._ask(Database.states) for unit, state in states.items()
        }
        for path in sorted(folder.glob("*.json")):
            try:
                batch = read_import(path)
                (unit, state), *_ = batch.states.items()
                if unit in known and known[unit].saved_s >= state.saved_s:
                    problems.append(f"{path}: older than the state of {unit} that is in use")
                    batch = Batch(events=batch.events, course=batch.course)
                self._put(batch)
                path.rename(path.with_suffix(".json.done"))
                units += batch.states
            except (StoreError, OSError) as error:
                problems.append(str(error))
                _rename_quietly(path)
            except (sqlite3.Error, *_BAD_RECORD) as error:
                problems.append(f"{path}: {error}")
                _rename_quietly(path)
        return Imported(tuple(units), tuple(problems))

    def _close_disk(self) -> None:
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _close(self) -> None:
        self._close_disk()
        if self._memory is not None:
            self._memory.close()
            self._memory = None


def _mark(state: SavedState) -> int | None:
    """Give the number of the last observation that a state has taken in."""
    mark = state.body.get("seen")
    return mark if isinstance(mark, int) and not isinstance(mark, bool) else None


def _advice(error: Exception) -> str:
    """Say what is wrong with the file and what to do, for the end of which there is hope."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: give a state_dir that the agent's user can write"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "locked by another program, perhaps another bbu-agent: give each its own state_dir"
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return f"{error}: make state_dir writable for the agent's user"
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full: make room"
    return str(error)


def _rename_quietly(path: Path) -> None:
    try:
        path.rename(path.with_suffix(".json.bad"))
    except OSError:
        _LOG.warning("%s: cannot be renamed; it will be tried again", path)
