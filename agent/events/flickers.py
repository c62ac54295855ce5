"""Discharges too short for our eyes, told by the device's own counters. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from agent.events.look import Look
from agent.model import Event, Value


@dataclass(slots=True)
class Flickers:
    """Compares one unit's count of discharges with ours.

    ``seen`` are the discharges and tests that we saw begin since the counter was last read;
    a device that counts tests as well must not make flickers of them.
    """

    seen: int = 0
    count: float | None = None
    read_s: float = 0.0
    throughput_ah: float | None = None

    def began(self) -> None:
        """Note that a discharge or a test began before our eyes."""
        self.seen += 1

    def observe(self, look: Look, *, running: bool) -> Event | None:
        """Take a sample; give an event where the device counted more than we saw."""
        count = look.counters.get("discharge_events")
        if count is None or running:
            # During a discharge the device may count it now or at its end.
            return None
        since_s, self.read_s = self.read_s, look.wall_s
        before, self.count = self.count, count
        drawn = self._drawn(look)
        seen, self.seen = self.seen, 0
        if before is None or count < before:
            return None
        missed = count - before - seen
        if missed <= 0:
            return None
        detail: dict[str, Value] = {"count": missed, "trigger": "device_counter"}
        if drawn is not None and seen == 0:
            detail["charge_ah"] = round(drawn, 3)
        return Event(look.unit, "flicker", since_s, look.wall_s, detail)

    def memory(self, *, untold: bool) -> dict[str, Value]:
        """Give what a later run needs to go on; what is ``untold`` is left for the counter."""
        if self.count is None:
            return {}
        found: dict[str, Value] = {
            "count": self.count,
            "seen": float(max(0, self.seen - untold)),
            "read_s": self.read_s,
        }
        if self.throughput_ah is not None:
            found["throughput_ah"] = self.throughput_ah
        return found

    @classmethod
    def recalled(cls, memory: Mapping[str, object]) -> Self:
        """Go on from the ``memory`` of an earlier run; what is no number is not known."""
        told = {
            key: float(value)
            for key, value in memory.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        count = told.get("count")
        if count is None:
            return cls()
        seen, read_s = int(told.get("seen", 0.0)), told.get("read_s", 0.0)
        return cls(seen, count, read_s, told.get("throughput_ah"))

    def _drawn(self, look: Look) -> float | None:
        now = look.counters.get("discharge_throughput")
        before, self.throughput_ah = self.throughput_ah, now
        if now is None or before is None or now <= before:
            return None
        return now - before
