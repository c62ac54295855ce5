"""Work on the event loop: in turns with all else, and told of where an error of ours ends it."""

import asyncio
import time
from collections.abc import Callable, Coroutine

_TURN_S = 0.001
"""The event loop gets its turn between two pieces of work once this much time has gone by."""

Broken = Callable[[str, BaseException], None]
"""Takes the name of a task and the error that has ended it."""


def begin(work: Coroutine[None, None, None], name: str, broken: Broken) -> asyncio.Task[None]:
    """Begin ``work``; should an error end it, ``broken`` is told."""

    def look(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            broken(name, error)

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(look)
    return task


class Turn:
    """Lets the event loop run once we have had it for long enough."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + _TURN_S

    async def pause(self) -> None:
        """Give way, if it is time."""
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + _TURN_S
