"""Callbacks at exact times: asyncio's own timers come up to a millisecond late.

A millisecond is a tenth of a whole exchange on a line at 115200 baud, so Linux's timer
file descriptors are used where there are any, and asyncio's timers elsewhere.
"""

import asyncio
import ctypes
import heapq
import itertools
import os
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = 1
_NANOSECONDS = 1_000_000_000
_TIMER_OCTETS = 8


class _Spec(ctypes.Structure):
    """The C structure itimerspec: interval and value, seconds and nanoseconds each."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns"))


class Alarm:
    """Calls back at times of the running loop's clock, in order, within about 0.1 ms."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = -1
        if hasattr(self._libc, "timerfd_create"):
            self._timer = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
            if self._timer < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create")
            self._loop.add_reader(self._timer, self._ring)

    def at(self, when_s: float, callback: Callable[[], None]) -> None:
        """Call ``callback`` at ``when_s`` of the loop's clock, or at once if that is past."""
        if self._timer < 0:
            self._loop.call_at(when_s, callback)
            return
        heapq.heappush(self._waiting, (when_s, next(self._count), callback))
        if self._waiting[0][2] is callback:
            self._set()

    def close(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        if self._timer >= 0:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = -1

    def _set(self) -> None:
        # Zero would disarm the timer, so a time that is past is one nanosecond.
        nanoseconds = max(1, int(self._waiting[0][0] * _NANOSECONDS))
        spec = _Spec(0, 0, *divmod(nanoseconds, _NANOSECONDS))
        if self._libc.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _ring(self) -> None:
        try:
            os.read(self._timer, _TIMER_OCTETS)
        except BlockingIOError:
            return
        while self._waiting and self._waiting[0][0] <= self._loop.time():
            heapq.heappop(self._waiting)[2]()
        if self._waiting:
            self._set()
