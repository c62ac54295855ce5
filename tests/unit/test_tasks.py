"""Tasks that nobody waits for."""

import asyncio

from agent.tasks import begin


async def test_only_a_task_that_an_error_ends_is_told_of() -> None:
    told: list[tuple[str, str]] = []

    async def fail() -> None:
        raise ValueError("why")

    async def end() -> None:
        return

    async def stay() -> None:
        await asyncio.Event().wait()

    tasks = [
        begin(work(), work.__name__, lambda name, error: told.append((name, str(error))))
        for work in (fail, end, stay)
    ]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert told == [("fail", "why")]
