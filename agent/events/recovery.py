"""After a discharge: does the charger start, and how long until all is as before? Pure."""

from dataclasses import dataclass, replace
from typing import Self

from agent.events.look import Look
from agent.events.tally import number
from agent.model import Event, Value

CHARGE_A = 0.3
_FULL = 0.98
LATEST_START_S = 1800.0
"""Charging starts within this time after a discharge: Open Rack modules wait a minute, after
a self-test ten, and longer only while cells cool."""
_WATCHED_S = 24 * 3600.0


@dataclass(slots=True)
class Recovery:
    """Follows one unit from the end of ``event``, which lies at the monotonic ``end_s``.

    ``late``: the charger should have started and did not.
    """

    event: Event
    end_s: float
    before_charge: float | None = None
    started_s: float | None = None
    late: bool = False

    @classmethod
    def resumed(cls, event: Event, now: Look) -> Self:
        """Go on with what an earlier run has seen end, by the wall clock it was written in."""
        since_s = now.wall_s - (now.wall_s if event.end_s is None else event.end_s)
        detail = event.detail
        return cls(
            event,
            now.mono_s - max(0.0, since_s),
            number(detail, "charge_before"),
            number(detail, "recharge_delay_s"),
        )

    def observe(self, look: Look) -> Event | None:
        """Take a sample; give the event with what is new in its record."""
        after_s = look.mono_s - self.end_s
        charging = _charging(look)
        if charging is None or after_s < 0:
            return None
        if self.started_s is None:
            if charging:
                self.started_s, self.late = after_s, False
                return self._with(recharge_delay_s=round(after_s, 1))
            self.late = after_s > LATEST_START_S and not self._full(look)
            return None
        if charging:
            return None
        return self._with(recharge_s=round(after_s, 1)) if self._full(look) else None

    def over(self, look: Look) -> bool:
        """Say whether there is nothing more to see."""
        after_s = look.mono_s - self.end_s
        full = self._full(look) and not _charging(look)
        began = self.started_s is not None or after_s > LATEST_START_S
        return (full and began) or after_s > _WATCHED_S

    def _full(self, look: Look) -> bool:
        if look.charge is None:
            # Nobody tells; a charger that came and went has done its work.
            return self.started_s is not None
        wanted = _FULL if self.before_charge is None else min(_FULL, self.before_charge)
        return look.charge >= wanted

    def _with(self, **facts: Value) -> Event:
        self.event = replace(self.event, detail={**self.event.detail, **facts})
        return self.event


def _charging(look: Look) -> bool | None:
    if look.on_battery is None and look.current_a is not None:
        return look.current_a >= CHARGE_A
    return look.charging
