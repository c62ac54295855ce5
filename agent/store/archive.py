"""Between polling, which must not wait, and the history, which writes to a disk."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TypeVar

from agent.model import Event, Health, Sample
from agent.store.course import Course, CourseKeeper
from agent.store.history import HistoryStore
from agent.store.records import State
from agent.tasks import begin

log = logging.getLogger(__name__)

_K = TypeVar("_K")
_V = TypeVar("_V")

_WRITE_EVERY_S = 1.0
"""How much a power loss may cost of events, and of what is seen in a discharge or a test."""
_REST_EVERY_S = 60.0
"""The same of a battery at rest: a commit each second would wear out flash memory."""
_FLUSH_EVERY_S = 300.0
"""Readings are committed in batches this far apart, to spare flash memory."""
_TIDY_EVERY_S = 3600.0


@dataclass(slots=True)
class Archive:
    """Collects what must survive and lets ``run`` commit it. Its calls never block.

    ``units`` are the names of all units and racks, once they are known.
    """

    history: HistoryStore
    states: dict[str, tuple[str | None, State]] = field(default_factory=dict)
    happened: dict[tuple[str, str, float], Event] = field(default_factory=dict)
    believed: dict[tuple[str, float], Course] = field(default_factory=dict)
    keeper: CourseKeeper = field(default_factory=CourseKeeper)
    units: frozenset[str] | None = None
    pressing: bool = False
    written_s: float = float("-inf")

    def keep_state(self, unit: str, serial: str | None, state: State) -> None:
        """Record what the engine of ``unit`` has learnt; the newest waits for ``run``."""
        self.states[unit] = (serial, state)

    def keep_event(self, event: Event) -> None:
        """Record an event, or its newer form."""
        self.happened[event.unit, event.kind, event.start_s] = event

    def keep_health(self, unit: str, health: Health) -> None:
        """Record what is believed of the cells of ``unit``, if that is news."""
        course = self.keeper.take(unit, health)
        if course is not None:
            self.believed[course.unit, course.time_s] = course

    def keep_seen(self, unit: str, time_s: float, body: State) -> int:
        """Record what an engine is shown; the number tells how far a state has come."""
        return self.history.put_seen(unit, time_s, body)

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        """Record readings; ``closely`` keeps every one, for discharges and tests."""
        self.pressing = self.pressing or closely
        self.history.put_sample(sample, closely=closely)

    def due(self, now_s: float) -> bool:
        """Say whether to commit at the monotonic ``now_s``: at rest once a minute will do."""
        return bool(self.pressing or self.happened or now_s - self.written_s >= _REST_EVERY_S)

    async def write(self, now_s: float) -> None:
        """Commit the states, the events and what engines saw, all at once.

        They wait on until that is done, so that nothing is lost to whoever cancels this.
        """
        states, happened, believed = dict(self.states), dict(self.happened), dict(self.believed)
        if not (states or happened or believed or self.history.has_seen):
            return
        course = tuple(believed.values())
        await self.history.save(states, tuple(happened.values()), saved_s=now_s, course=course)
        _forget(self.states, states)
        _forget(self.happened, happened)
        _forget(self.believed, believed)

    def start(self) -> asyncio.Task[None]:
        """Begin to ``run``; should that ever end of itself, log and history say so."""
        return begin(self.run(), "archive", self._broken)

    def _broken(self, _name: str, error: BaseException) -> None:
        self.history.broken = "the agent has stopped keeping records: restart it"
        log.critical("%s", self.history.broken, exc_info=error)

    async def run(self) -> None:
        """Commit what waits, for ever."""
        flushed_s = tidied_s = time.monotonic()
        while True:
            await asyncio.sleep(_WRITE_EVERY_S)
            now_s = time.monotonic()
            if self.due(now_s):
                self.pressing, self.written_s = False, now_s
                await self.write(time.time())
            if now_s - flushed_s >= _FLUSH_EVERY_S:
                flushed_s = now_s
                await self.history.flush()
            if now_s - tidied_s >= _TIDY_EVERY_S:
                tidied_s = now_s
                await self.history.tidy(now_s=time.time(), units=self.units)


def _forget(waiting: dict[_K, _V], written: dict[_K, _V]) -> None:
    """Take out of ``waiting`` what is ``written`` and has no newer form."""
    for key, value in written.items():
        if waiting.get(key) is value:
            del waiting[key]
