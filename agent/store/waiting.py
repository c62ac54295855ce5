"""Says what a start waits for, where a disk holds it up without an error."""

import asyncio
import logging
from pathlib import Path

from agent.store.history import HistoryStore

_LOG = logging.getLogger(__name__)

_SILENT_S = 5.0
"""How long a start waits for the disk without a word; then it tells ever more rarely."""


async def tell_waiting(history: HistoryStore, file: Path) -> None:
    """Log, until cancelled, that a start waits for the disk of ``file``, if it does."""
    pause_s = waited_s = _SILENT_S
    while True:
        await asyncio.sleep(pause_s)
        if history.hangs:
            _LOG.warning(
                "the start has waited for %s for %g s: the disk does not answer; look at it, or "
                "give another state_dir",
                file,
                waited_s,
            )
        pause_s, waited_s = waited_s, 2 * waited_s
