"""Tasks that nobody waits for: one that an error of ours has ended is told of, not lost."""

import asyncio
from collections.abc import Callable, Coroutine

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
