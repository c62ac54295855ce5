"""Where records are kept: on a disk, or in memory while it does not take them.

A disk that is full, read-only or broken costs no record that memory can hold, and gets them as
soon as it works again.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.errors import StoreError
from agent.store.database import Database
from agent.store.imports import read_import
from agent.store.records import Batch

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


class Keeper:
    """The records in the file at ``path``, or only in memory without one. For one thread.

    ``trouble`` says in one sentence what is wrong with the file. ``commits``, ``failures`` and
    ``dropped`` (records that could not be kept at all) count since the start.
    """

    def __init__(self, path: Path | None, bounds: Bounds) -> None:
        """Touch nothing yet; the file is opened by the first work."""
        self.trouble: str | None = None
        self.commits = 0
        self.failures = 0
        self.dropped = 0
        self._path = path
        self._bounds = bounds
        self._disk: Database | None = None
        self._memory: Database | None = None

    def write(self, batch: Batch) -> None:
        """Keep ``batch``; a record that cannot be kept costs itself and no other."""
        try:
            self._put(batch)
        except (sqlite3.Error, *_BAD_RECORD) as error:
            pieces = batch.pieces()
            for piece in pieces:
                self.write(piece)
            if not pieces:
                self.dropped += 1
                _LOG.error("a record cannot be kept and is dropped: %s", error)

    def _put(self, batch: Batch) -> None:
        def commit(disk: Database) -> None:
            disk.commit(batch, self._memory)

        if self._path is not None and self._try(commit):
            self.commits += 1
            self.trouble = None
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
        if problem != self.trouble:
            _LOG.error("%s", problem)
        self.trouble = problem
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

    def ask(self, query: Callable[[Database], _T]) -> list[_T]:
        """Give what disk and memory answer; nothing of a disk that cannot be read."""
        found: list[_T] = []
        if self._path is not None:
            self._try(lambda disk: found.append(query(disk)))
        if self._memory is not None:
            found.append(query(self._memory))
        return found

    def tidy(self, now_s: float, units: Collection[str] | None) -> None:
        """Sum up and drop what is too old or too much, and who is none of ``units`` for long."""
        bounds = self._bounds

        def tidy(disk: Database) -> None:
            gone = disk.tidy(now_s, units, raw_s=bounds.raw_s, hours_s=bounds.hours_s)
            for name in gone:
                days = bounds.hours_s / _DAY_S
                _LOG.info("%s left the configuration %.0f days ago: its past goes", name, days)
            disk.trim(bounds.file_bytes)

        if self._path is not None:
            self._try(tidy)

    def import_folder(self, folder: Path) -> Imported:
        """Take in the ``*.json`` files in ``folder``, as ``HistoryStore`` says."""
        units: list[str] = []
        problems: list[str] = []
        known = {
            unit: state for states in self.ask(Database.states) for unit, state in states.items()
        }
        for path in sorted(folder.glob("*.json")):
            try:
                batch = read_import(path)
                (unit, state), *_ = batch.states.items()
                if unit in known and known[unit].saved_s >= state.saved_s:
                    problems.append(
                        f"{path}: older than the state of {unit} that is in use, which stays"
                    )
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

    def close(self) -> Batch:
        """Let go of the file; give what only memory held, though there is a file."""
        self._close_disk()
        lost = Batch()
        if self._memory is not None:
            lost = lost if self._path is None else self._memory.everything()
            self._memory.close()
            self._memory = None
        return lost


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
    return f"{error}: look at the disk, or give another state_dir"


def _rename_quietly(path: Path) -> None:
    try:
        path.rename(path.with_suffix(".json.bad"))
    except OSError:
        _LOG.warning("%s: cannot be renamed; it will be tried again", path)
