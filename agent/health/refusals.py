"""Counts the evidence that was not used, and why: what is left out must be told."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import StoreError
from agent.health import intake
from agent.health.evidence import Useless
from agent.health.observation import Observation
from agent.health.record import number
from agent.model import Rejected

JSON = object

_STEP = "load step"
DOUBTED, SHALLOW, HIDDEN = "step_doubted", "window_flat", "deep_hidden"
CLOCK_BACK, CLOCK_AHEAD = "clock_back", "clock_ahead"
_VOLTAGE, _CURRENT, _TEMPERATURE = "bad_voltage", "bad_current", "bad_temperature"
_TEXTS: Mapping[str, tuple[str, str]] = {
    Useless.EMPTY: (_STEP, "near empty the resistance is all diffusion"),
    Useless.UNRESTED: (_STEP, "it led from one load to another and began or ended at no rest"),
    Useless.STEEP: (_STEP, "the curve is so steep there that the step is mostly charge"),
    Useless.VAGUE: (_STEP, "the start of the load or the voltages were read too coarsely"),
    DOUBTED: (_STEP, "some or all cells departed so far that it has to be seen twice"),
    SHALLOW: ("discharge between two rests", "too few cells fell far enough by their curve"),
    HIDDEN: (
        "discharge near empty",
        "the drop under load, or a charge not known at its start, hid more than is known already",
    ),
    CLOCK_BACK: ("sample", "its clock stood behind that of an earlier one"),
    CLOCK_AHEAD: ("sample", "its clock was days ahead of the last one, and waited for another"),
    _VOLTAGE: ("cell voltage", "no cell can have it"),
    _CURRENT: ("current", "no battery of this size can carry it"),
    _TEMPERATURE: ("temperature", "no battery can be there"),
}


@dataclass(slots=True)
class Refusals:
    """For each kind how often, and when last (unix seconds)."""

    counts: dict[str, list[float]] = field(default_factory=dict)

    def note(self, kind: str, time_s: float) -> None:
        """Count one more that was not used."""
        count, _ = self.counts.get(kind, (0.0, 0.0))
        self.counts[kind] = [count + 1.0, time_s]

    def look(
        self,
        observation: Observation,
        clock_s: tuple[float, float],
        current_a: float | None,
        cells_v: Sequence[float],
    ) -> None:
        """Count what of ``observation`` was left out; the rest of it is what was let in.

        ``clock_s`` is what the clock stood at before it and after.
        """
        time_s = observation.time_s
        if time_s < clock_s[0]:
            self.note(CLOCK_BACK, time_s)
        if time_s > clock_s[1]:
            self.note(CLOCK_AHEAD, time_s)
        if current_a is None and _is_number(observation.current_a):
            self.note(_CURRENT, time_s)
        for celsius in observation.temperatures_c:
            if _is_number(celsius) and math.isnan(intake.celsius(celsius)):
                self.note(_TEMPERATURE, time_s)
        for read, taken in zip(observation.cells_v, cells_v, strict=False):
            if math.isnan(taken) and _is_number(read):
                self.note(_VOLTAGE, time_s)

    def told(self) -> tuple[Rejected, ...]:
        """Give everything that was not used, the most frequent first."""
        found = [
            Rejected(*_TEXTS[kind], int(count), last_s)
            for kind, (count, last_s) in self.counts.items()
            if kind in _TEXTS
        ]
        return tuple(sorted(found, key=lambda one: -one.times))

    def pack(self) -> dict[str, JSON]:
        """What was counted so far, as JSON values of its own: it may be written later."""
        return {"counts": {kind: list(row) for kind, row in self.counts.items()}}

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        try:
            rows = dict(saved)["counts"]  # type: ignore[call-overload]
            self.counts = {str(k): [number(n), number(at)] for k, (n, at) in rows.items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"the saved refusals cannot be read: {error}") from error


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
