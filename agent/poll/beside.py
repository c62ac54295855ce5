"""What a large unit makes for work is done beside the event loop, one such unit at a time.

Placing the 4,096 fields that a SunSpec device may list takes 90 ms, planning its requests 45, and
decoding a card's tables of thousands of rows 10 µs for each: a fleet of them would hold up
everything else at every start, or at every turn. The small ones stay where they are, for the way
to a thread and back costs more than they do.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

LARGE = 512
"""Fields, words or rows of a table: some milliseconds."""
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="large units")

T = TypeVar("T")


async def beside(work: Callable[[], T], size: int) -> T:
    """Do ``work`` on something of ``size``, beside the event loop if that is large."""
    if size <= LARGE:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
