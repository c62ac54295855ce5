"""What must survive a restart: estimator states, events, and a bounded past of readings.

One thread owns the database, so the event loop never waits for a disk. A disk that is
full, read-only or broken never stops monitoring: records then live in memory (``keeper``), and
``problem`` says in one sentence what is wrong.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agent.errors import StoreError
from agent.model import Event, Sample
from agent.store.course import Course
from agent.store.database import Database
from agent.store.journal import Seen
from agent.store.keeper import Bounds, Imported, Keeper
from agent.store.records import PARKED, Batch, HistoryPoint, Point, SavedState, State
from agent.store.steps import Steps
from agent.store.thinner import Thinner

_T = TypeVar("_T")

STALLED_S = 300.0
"""Longer than a large file takes to be tidied on a slow card."""


class HistoryStore:
    """The history in the file at ``path``, or only in memory without one.

    Coroutines never raise for a disk's sake, except that nothing is asked of one that has not
    answered for minutes. ``broken`` is for whoever feeds the store, to say that nothing more will
    come.
    """

    def __init__(self, path: Path | None, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        """Touch nothing yet; the file is opened by the first coroutine."""
        self.broken: str | None = None
        self._bounds = bounds
        self._keeper = Keeper(path, bounds)
        self._lost = 0
        self._waiting: list[Point] = []
        self._seen: list[Seen] = []
        self._last_seen = 0
        self._thinner = Thinner(bounds.gap_s, bounds.repeat_s, bounds.points_per_s)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._begun_s: float | None = None
        self._in_hand: dict[int, Batch] = {}

    @property
    def problem(self) -> str | None:
        """What is wrong with the keeping of records, in one sentence."""
        return self.broken or self._stalled or self._keeper.trouble

    @property
    def _stalled(self) -> str | None:
        begun_s = self._begun_s
        if begun_s is None or time.monotonic() - begun_s < STALLED_S:
            return None
        return f"the disk has not answered for {STALLED_S / 60:.0f} min: look at it, then restart"

    @property
    def hangs(self) -> bool:
        """Whether the disk has been asked for something and has not answered yet."""
        return self._begun_s is not None

    @property
    def commits(self) -> int:
        """Commits to the file."""
        return self._keeper.commits

    @property
    def failures(self) -> int:
        """Commits to the file, and reads, that failed."""
        return self._keeper.failures

    @property
    def dropped(self) -> int:
        """Records lost because memory for them ran out, or no database can hold them."""
        return self._lost + self._keeper.dropped

    async def close(self, until_s: float | None = None) -> Batch:
        """Write what waits and let go of the file; give what could not be written.

        A disk that does not answer until ``until_s``, a time of the event loop, is left to
        itself, with a thread that keeps a process from ending. Nothing may be called afterwards.
        """
        try:
            async with asyncio.timeout_at(until_s):
                await self._commit()
                lost = await self._run(self._keeper.close)
        except TimeoutError:
            self._thread.shutdown(wait=False, cancel_futures=True)
            left = Batch(points=tuple(self._waiting), seen=tuple(self._seen))
            return sum([*self._in_hand.values(), left], Batch())
        self._thread.shutdown()
        return lost

    def put_sample(self, sample: Sample, *, closely: bool = False) -> None:
        """Keep the readings of ``sample`` for the next ``flush``.

        Outside events a unit's samples are thinned out; ``closely`` keeps every one, for
        discharges and tests.
        """
        points = self._thinner.points(sample, closely=closely)
        room = self._bounds.waiting_points - len(self._waiting)
        self._lost += max(0, len(points) - room)
        self._waiting += points[: max(0, room)]

    def put_seen(self, unit: str, time_s: float, body: Mapping[str, object]) -> int:
        """Keep what an engine is shown for the next ``save``; its number says how far it came."""
        self._last_seen += 1
        if len(self._seen) < self._bounds.waiting_points:
            self._seen.append(Seen(unit, self._last_seen, time_s, body))
        else:
            self._lost += 1
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
        """Commit what waits; while the disk does not answer it waits on, if there is room."""
        if self._stalled is None:
            await self._commit()

    async def save(
        self,
        states: Mapping[str, tuple[str | None, State]],
        events: tuple[Event, ...] = (),
        *,
        saved_s: float,
        course: tuple[Course, ...] = (),
    ) -> None:
        """Commit estimator states by unit, each with its serial number, events and estimates."""
        saved = {unit: SavedState(serial, saved_s, s) for unit, (serial, s) in states.items()}
        news = bool(saved or events or course)
        await self._commit(states=saved, events=events, course=course, points=news)

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

    async def readings(
        self, unit: str, *, since_s: float, until_s: float, limit: int
    ) -> list[Point]:
        """Give the first ``limit`` raw points of ``unit`` in a time, oldest first.

        Those that wait are among them.
        """
        await self.flush()
        found = await self._read(lambda database: database.readings(unit, since_s, until_s, limit))
        return _merged(found)[:limit]

    async def stepped(self, unit: str, quantities: Sequence[str], steps: Steps) -> list[Point]:
        """Give the last raw point of each series of ``quantities`` in each step, oldest first."""
        await self.flush()
        found = await self._read(lambda database: database.stepped(unit, quantities, steps))
        return _merged(found)

    async def tidy(self, *, now_s: float, units: Collection[str] | None = None) -> None:
        """Sum up and drop what is too old or too much; for every hour or so.

        ``units`` are the names that anything may come of; of others all goes in the end.
        """
        await self.flush()  # what waits belongs to the hours that are over
        await self._run(lambda: self._keeper.tidy(now_s, units))

    async def import_folder(self, folder: Path) -> Imported:
        """Take in the ``*.json`` files in ``folder``; each is renamed ``.done`` or ``.bad``.

        A state older than the one we have is left aside; its events are still taken.
        """
        return await self._run(lambda: self._keeper.import_folder(folder))

    async def _run(self, work: Callable[[], _T]) -> _T:
        def timed() -> _T:
            self._begun_s = time.monotonic()
            try:
                return work()
            finally:
                self._begun_s = None

        # Work once begun is done, whoever stops waiting for it: records are in its hands.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, timed))

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
        if batch == Batch():
            return
        self._in_hand[id(batch)] = batch

        def write() -> None:
            self._keeper.write(batch)
            del self._in_hand[id(batch)]

        await self._run(write)

    async def _read(self, query: Callable[[Database], _T]) -> list[_T]:
        stalled = self._stalled
        if stalled is not None:
            raise StoreError(stalled)
        return await self._run(lambda: self._keeper.ask(query))


def _merged(found: Sequence[list[Point]]) -> list[Point]:
    """Put together what disk and memory hold, in the order of time."""
    if len(found) == 1:
        return found[0]
    return sorted((p for points in found for p in points), key=lambda point: point.time_s)


def _mark(state: SavedState) -> int | None:
    """Give the number of the last observation that a state has taken in."""
    mark = state.body.get("seen")
    return mark if isinstance(mark, int) and not isinstance(mark, bool) else None
