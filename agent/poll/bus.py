"""One owner for each line: its units take turns, and no other code speaks on it."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agent.poll.schedule import DOWN_AFTER
from agent.poll.unit import PolledUnit

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
    """A serial line, a gateway connection, or the path to one network unit."""

    name: str
    units: Sequence[PolledUnit]
    close: Callable[[], Awaitable[None]]
    polls: int = 0
    busy_s: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    recent: deque[tuple[float, float]] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ending: bool = False
    glances: Glances | None = None
    turn_of: int = 0

    async def run(self) -> None:
        """Poll the units until the end is near, the one that is due the longest first."""
        try:
            while not self.ending:
                await self._wait_until_due()
                unit = min(self.units, key=lambda candidate: candidate.turn.due_s)
                if unit.turn.due_s <= time.monotonic():
                    await self._turn(unit)
        finally:
            await self.close()

    def end(self, task: asyncio.Task[None]) -> None:
        """End ``task``, which runs this bus, as soon as it can.

        To cancel it is not enough: what waits for an answer by ``asyncio.wait_for`` may lose
        the cancellation when the answer comes in the same turn of the loop (Python 3.11).
        """
        self.ending = True
        task.cancel()

    async def _wait_until_due(self) -> None:
        self.wake.clear()
        wait_s = min(unit.turn.due_s for unit in self.units) - time.monotonic()
        if wait_s <= 0:
            # Even a bus that is always late lets the others run.
            await asyncio.sleep(0)
            return
        watched = self._watched(time.monotonic())
        short_s = GLANCE_S if watched and wait_s > GLANCE_S else wait_s
        try:
            async with asyncio.timeout(short_s):
                await self.wake.wait()
        except TimeoutError:
            if short_s < wait_s:
                await self._glance(watched)

    def _watched(self, now_s: float) -> Sequence[PolledUnit]:
        """Give the units of which a glance is worth its wire time: those of a shelf under load."""
        watched = [unit for unit in self.units if unit.turn.hurried(now_s) and unit.glancing]
        if not watched or self.glances is None or not self.glances.take(now_s):
            return ()
        return watched

    async def _glance(self, watched: Sequence[PolledUnit]) -> None:
        """Look at one of the units, each in its turn: they carry the load together."""
        start_s = time.monotonic()
        self.turn_of += 1
        await watched[self.turn_of % len(watched)].glance()
        self.busy_s += time.monotonic() - start_s

    async def _turn(self, unit: PolledUnit) -> None:
        start_s = time.monotonic()
        silent = all(one.turn.failures >= DOWN_AFTER for one in self.units)
        cause = await unit.poll(spare=not self._late(unit, start_s))
        end_s = time.monotonic()
        self.polls += 1
        self.busy_s += end_s - start_s
        self.recent.append((start_s, end_s))
        while self.recent and self.recent[0][1] < end_s - _RECENT_S:
            self.recent.popleft()
        if cause is not None:
            self.errors[cause] += 1
        if silent and unit.turn.failures == 0:
            # The line itself was cut and works again: nobody waits for his next probe.
            for other in self.units:
                if other.turn.failures > 0:
                    other.turn.hope(end_s)

    def _late(self, unit: PolledUnit, now_s: float) -> bool:
        """Say whether another unit waits for the line in the middle of a discharge."""
        return any(other is not unit and other.turn.late(now_s) for other in self.units)

    def utilisation(self, now_s: float) -> float | None:
        """Share of the last minute spent in passes, 0 to 1; None before the first pass."""
        if not self.recent:
            return None
        start_s = now_s - _RECENT_S
        busy_s = sum(max(0.0, end - max(begin, start_s)) for begin, end in self.recent)
        span_s = min(_RECENT_S, max(now_s - self.recent[0][0], 1e-9))
        return min(1.0, busy_s / span_s)
