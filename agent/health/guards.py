"""Vets what comes in before anything is learnt from it: sensors that stand still or lie."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from agent.health import balance, intake, record
from agent.health.balance import OffsetWatch, SignWatch
from agent.health.chemistry import Curve
from agent.health.halt import HaltWatch
from agent.health.order import OrderWatch
from agent.health.stuck import STEPS, StuckWatch
from agent.health.unread import CODE as UNREAD
from agent.health.unread import UnreadWatch
from agent.health.verdict import Finding, date
from agent.model import Verdict

JSON = object

_CODES = {
    "cell_stuck",
    "temperature_sensor",
    "telemetry_frozen",
    "current_sign",
    "current_offset",
    "cell_swapped",
    "module_replaced",
    UNREAD,
}
_CELL_SPAN_V, _CELL_LASTING_S = 0.008, 20.0
_HEAT_SPAN_C, _HEAT_LASTING_S = 4.0, 3 * 3600.0
_MOST_SENSORS = 16
_DAY_S = 86400.0
_TOLD_S = 90 * _DAY_S
"""How long cells that changed places, or another module, stay a reason."""


class Vetted(NamedTuple):
    """What may be believed: amperes, volts per cell (NaN: not), mean degrees Celsius."""

    current_a: float | None
    cells_v: list[float]
    celsius: float | None


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one module. ``heat`` watches the pack's temperature sensors."""

    stuck: StuckWatch
    heat: StuckWatch
    halt: HaltWatch
    sign: SignWatch
    offset: OffsetWatch
    order: OrderWatch
    unread: UnreadWatch

    @classmethod
    def start(cls, cells: int, *, voltage_step_v: float, celsius_step_c: float) -> Self:
        """Begin with nothing seen of ``cells`` cells; the steps are the sensors' resolutions."""
        return cls(
            StuckWatch(max(_CELL_SPAN_V, STEPS * voltage_step_v), _CELL_LASTING_S),
            StuckWatch(max(_HEAT_SPAN_C, STEPS * celsius_step_c), _HEAT_LASTING_S),
            HaltWatch(),
            SignWatch(),
            OffsetWatch(voltage_step_v),
            OrderWatch(cells),
            UnreadWatch(cells),
        )

    def vet(
        self,
        time_s: float,
        passed_s: float,
        capacity_ah: float,
        read: Vetted,
        sensors_c: Sequence[float],
        ambient_c: float | None,
        ocv: Curve,
    ) -> Vetted:
        """Take one instant; give what may be believed of it."""
        current_a, cells_v, _ = read
        self.unread.watch(time_s, passed_s, cells_v)
        read_a = math.nan if current_a is None else current_a
        self.stuck.watch(time_s, passed_s, cells_v, rate_c=read_a / capacity_ah, ocv=ocv)
        pack_c = [intake.celsius(value) for value in sensors_c[:_MOST_SENSORS]]
        air_c = intake.celsius(ambient_c)
        self.heat.watch(time_s, passed_s, pack_c, air_c)
        believed_c = [value for value in self.heat.trusted(pack_c) if not math.isnan(value)]
        self.halt.watch(time_s, passed_s, [*cells_v, read_a, *pack_c])
        cells_v = self.stuck.trusted(cells_v)
        celsius = intake.temperature(believed_c, ambient_c)
        if not math.isnan(self.halt.since_s):
            # A charge that is repeated for days would be counted, and be an offset.
            self.offset.interrupt()
            current_a = None
        if current_a is None:
            return Vetted(None, cells_v, celsius)
        current_a *= self.sign.applied
        seen = sorted(v for v in cells_v if not math.isnan(v))
        volts = seen[len(seen) // 2] if seen else math.nan
        self.offset.watch(time_s, passed_s, current_a / capacity_ah, volts, ocv)
        return Vetted(current_a - self.offset.offset_c * capacity_ah, cells_v, celsius)

    def findings(
        self, cells: tuple[str, ...], capacity_ah: float, now_s: float
    ) -> Iterator[Finding]:
        """Say what is wrong with the sensors and their wiring."""
        yield from self.unread.findings(cells)
        yield from self._standing_still(cells, now_s)
        yield from self._current(capacity_ah)
        yield from self._places(cells, now_s)

    def turned(
        self, standing: Iterable[str], cells: tuple[str, ...], capacity_ah: float, now_s: float
    ) -> bool:
        """Whether they find other things than stand: the keys of every rule's findings."""
        found = {finding.key for finding in self.findings(cells, capacity_ah, now_s)}
        return found != {key for key in standing if key.partition(":")[0] in _CODES}

    def _standing_still(self, cells: tuple[str, ...], now_s: float) -> Iterator[Finding]:
        for cell, since_s, value in zip(cells, self.stuck.since_s, self.stuck.value, strict=False):
            if math.isnan(since_s):
                continue
            text = (
                f"cell {cell}: its voltage has stood at {value:.3f} V bit for bit while the other "
                f"cells moved, found on {date(since_s)}; it is not believed"
            )
            yield _finding("cell_stuck", cell, text)
        for place, since_s in enumerate(self.heat.since_s):
            if math.isnan(since_s):
                continue
            text = (
                f"temperature sensor {place + 1} of {len(self.heat.since_s)}: it has stood at "
                f"{self.heat.value[place]:.1f} degC bit for bit while the others moved, found on "
                f"{date(since_s)}; it is left out"
            )
            yield _finding("temperature_sensor", None, text, part=str(place + 1))
        since_s = self.halt.since_s
        if not math.isnan(since_s):
            days = max(now_s - since_s, 0.0) / _DAY_S
            text = (
                f"nothing that the unit reads has changed by a bit since {date(since_s)} "
                f"({days:.1f} days): it repeats itself, and its state of now is not known"
            )
            yield _finding("telemetry_frozen", None, text)

    def _current(self, capacity_ah: float) -> Iterator[Finding]:
        sign, offset = self.sign, self.offset
        if not math.isnan(sign.since_s):
            text = (
                "current sensor: its sign is the wrong way round: the voltage falls under what "
                f"reads as charging, found on {date(sign.since_s)}, last seen on "
                f"{date(sign.last_s)}; the current is taken the other way round"
            )
            yield _finding("current_sign", None, text)
        if not math.isnan(offset.since_s):
            text = (
                f"current sensor: it reads {offset.offset_c * capacity_ah:+.2f} A that the voltage "
                f"does not know of, since {date(offset.since_s)}; currents are corrected for it"
            )
            yield _finding("current_offset", None, text)

    def _places(self, cells: tuple[str, ...], now_s: float) -> Iterator[Finding]:
        order = self.order
        if now_s - order.moved_s < _TOLD_S:
            for place in np.flatnonzero(np.isfinite(order.came_from)).tolist():
                text = (
                    f"cell {cells[place]}: since {date(order.moved_s)} it reads what cell "
                    f"{cells[int(order.came_from[place])]} read before: the cells are wired or "
                    "numbered in another order; what was learnt went with them"
                )
                yield _finding("cell_swapped", cells[place], text)
        if now_s - order.renewed_s < _TOLD_S:
            text = (
                f"another module sits in the slot since {date(order.renewed_s)}: the resistances "
                "of its cells have nothing of what was learnt; everything was begun anew"
            )
            yield _finding("module_replaced", None, text)

    def pack(self) -> dict[str, JSON]:
        """What they hold, as JSON values."""
        return {name: record.dump(getattr(self, name)) for name in self.__slots__}

    def unpack(self, saved: Mapping[str, JSON]) -> None:
        """Restore from ``pack``; a state of before there were guards has none of theirs.

        Raises StoreError when it does not fit.
        """
        for name in ("stuck", "heat", "halt", "order", "unread"):
            if name in saved:
                getattr(self, name).unpack(saved[name])
        for watch, name in ((self.sign, "sign"), (self.offset, "offset")):
            if name in saved:
                balance.unpack(watch, saved[name])


def _finding(code: str, cell: str | None, text: str, *, part: str | None = None) -> Finding:
    """A guard has its own patience and hysteresis: what it holds against a sensor is so."""
    return Finding(code, cell, 1.0, Verdict.WATCH, text, part)
