"""One owner for each line: its units take turns, and no other code speaks on it.

On a line there is one turn at a time. A gateway that takes several requests at once has as many
places, and then so many units have their turn together; none has two.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agent.poll.schedule import DOWN_AFTER
from agent.poll.unit import PolledUnit

_Work = Callable[[PolledUnit], Awaitable[None]]
_RECENT_S = 60.0
GLANCE_S = 0.03
"""Between two glances on one line, in seconds: the edges of a discharge of 2 s are then known
well enough for its energy, and four fifths of a line of 115200 baud stay free."""
GLANCES_PER_S = 100.0
"""Of all lines together: a fleet on battery has better use for the processor."""


@dataclass(slots=True)
class Glances:
    """Shares the glances of a fleet among its lines. Times are monotonic seconds."""

    next_s: float = 0.0

    def take(self, now_s: float) -> bool:
        """Say whether a glance may be made at ``now_s``."""
        if now_s < self.next_s:
            return False
        self.next_s = max(self.next_s, now_s - GLANCE_S) + 1.0 / GLANCES_PER_S
        return True


@dataclass(slots=True)
class Bus:
    """A serial line, a gateway connection, or the path to one network unit.

    ``busy_s`` is the time in turns for each of the ``places``: a second a second is all of it.
    ``under_way`` holds the ``id`` of each unit that has its turn.
    """

    name: str
    units: Sequence[PolledUnit]
    close: Callable[[], Awaitable[None]]
    places: int = 1
    polls: int = 0
    busy_s: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    recent: deque[tuple[float, float]] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ending: bool = False
    glances: Glances | None = None
    turn_of: int = 0
    under_way: set[int] = field(default_factory=set)

    async def run(self) -> None:
        """Poll the units until the end is near, the one that is due the longest first."""
        try:
            async with asyncio.TaskGroup() as turns:
                while not self.ending:
                    found = await self._next()
                    if found is not None:
                        unit, work = found
                        self.under_way.add(id(unit))
                        turns.create_task(self._held(unit, work))
        finally:
            await self.close()

    def end(self, task: asyncio.Task[None]) -> None:
        """End ``task``, which runs this bus, as soon as it can.

        To cancel it is not enough: what waits for an answer by ``asyncio.wait_for`` may lose
        the cancellation when the answer comes in the same turn of the loop (Python 3.11).
        """
        self.ending = True
        task.cancel()

    async def _next(self) -> tuple[PolledUnit, _Work] | None:
        """Wait until something is due and a place is free; give who has a turn or a glance now."""
        self.wake.clear()
        free = self._free()
        if not free:
            await self.wake.wait()
            return None
        unit = min(free, key=lambda candidate: candidate.turn.due_s)
        wait_s = unit.turn.due_s - time.monotonic()
        if wait_s <= 0:
            # Even a bus that is always late lets the others run.
            await asyncio.sleep(0)
            return unit, self._turn
        watched = self._watched(free, time.monotonic())
        short_s = GLANCE_S if watched and wait_s > GLANCE_S else wait_s
        try:
            async with asyncio.timeout(short_s):
                await self.wake.wait()
        except TimeoutError:
            if short_s < wait_s:
                # Each in its turn: they carry the load together.
                self.turn_of += 1
                return watched[self.turn_of % len(watched)], self._glance
        return None

    def _free(self) -> Sequence[PolledUnit]:
        """Give the units that may have a turn now."""
        if len(self.under_way) >= self.places:
            return ()
        return [unit for unit in self.units if id(unit) not in self.under_way]

    async def _held(self, unit: PolledUnit, work: _Work) -> None:
        """Do ``work`` on ``unit`` and give its place to the next."""
        start_s = time.monotonic()
        try:
            await work(unit)
        finally:
            self.busy_s += (time.monotonic() - start_s) / self.places
            self.under_way.discard(id(unit))
            self.wake.set()

    def _watched(self, free: Sequence[PolledUnit], now_s: float) -> Sequence[PolledUnit]:
        """Give the units of which a glance is worth its wire time: those of a shelf under load."""
        watched = [unit for unit in free if unit.turn.hurried(now_s) and unit.glancing]
        if not watched or self.glances is None or not self.glances.take(now_s):
            return ()
        return watched

    async def _glance(self, unit: PolledUnit) -> None:
        await unit.glance()

    async def _turn(self, unit: PolledUnit) -> None:
        start_s = time.monotonic()
        down = unit.turn.failures >= DOWN_AFTER
        cause = await unit.poll(spare=not self._late(start_s))
        end_s = time.monotonic()
        self.polls += 1
        self.recent.append((start_s, end_s))
        while self.recent and self.recent[0][1] < end_s - _RECENT_S:
            self.recent.popleft()
        if cause is not None:
            self.errors[cause] += 1
        others = [other for other in self.units if other is not unit]
        silent = down and all(other.turn.failures >= DOWN_AFTER for other in others)
        if silent and unit.turn.failures == 0:
            # The line itself was cut and works again: nobody waits for his next probe.
            for other in others:
                other.turn.hope(end_s)

    def _late(self, now_s: float) -> bool:
        """Say whether more units wait in the middle of a discharge than have a place."""
        waiting = (unit for unit in self.units if id(unit) not in self.under_way)
        late = sum(unit.turn.late(now_s) for unit in waiting)
        return late > self.places - len(self.under_way)

    def utilisation(self, now_s: float) -> float | None:
        """Share of the last minute spent in passes, 0 to 1, of all places; None before a pass."""
        if not self.recent:
            return None
        start_s = now_s - _RECENT_S
        busy_s = sum(max(0.0, end - max(begin, start_s)) for begin, end in self.recent)
        span_s = min(_RECENT_S, max(now_s - self.recent[0][0], 1e-9))
        return min(1.0, busy_s / span_s / self.places)
