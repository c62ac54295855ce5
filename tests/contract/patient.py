"""A clock for tests whose device and client share one event loop: it stands while both are held up.

A machine that is busy elsewhere then delays the answer and the time-out alike, and which of them
comes first is what the test has written down.
"""

import asyncio
import math
import selectors
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from simulators.wire import alarm

TURN_S = 0.001
"""At most so much passes in one turn of the loop, beside the time that it sleeps for a timer."""


Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def loops(item: pytest.Item, patient: tuple[str, ...]) -> Loops:
    """Give the loop of a test, a patient one in the files that are named so."""
    if item.path.stem in patient:
        return {"patient": PatientLoop}
    return {"usual": asyncio.new_event_loop}


def use_own_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let simulated lines go by the loop's timers: the system's know nothing of its clock."""
    monkeypatch.setattr(alarm, "ctypes", SimpleNamespace(CDLL=lambda *_, **__: None))


class _Sleep(selectors.DefaultSelector):
    """Waits as any selector does, and says for how long nobody had anything to do."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See ``BaseSelector.select``. What ends by an event was no wait for a timer."""
        found = super().select(timeout)
        if not found:
            self.slept_s += math.inf if timeout is None else max(0.0, timeout)
        return found


class PatientLoop(asyncio.SelectorEventLoop):
    """Counts the seconds that it sleeps for a timer, and of all others ``TURN_S`` a turn."""

    def __init__(self) -> None:
        self._sleep = _Sleep()
        self._clock_s = self._seen_s = time.monotonic()
        super().__init__(self._sleep)

    def time(self) -> float:
        """Give the seconds of this loop's own clock."""
        now_s = time.monotonic()
        self._clock_s += min(now_s - self._seen_s, self._sleep.slept_s + TURN_S)
        self._seen_s, self._sleep.slept_s = now_s, 0.0
        return self._clock_s
