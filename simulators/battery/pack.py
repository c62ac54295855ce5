"""The physics of a pack: series elements of parallel cells.

Pure: no clock, no randomness after construction. Current is positive when charging.
A step at constant current is exact for the concentrations and for the heat flow, whatever
its length, so that the same code serves a second of an outage and an hour of standby.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from simulators.battery.ageing import calendar_loss, cycle_loss
from simulators.battery.cells import Cells
from simulators.battery.chemistry import KNEE_WIDTH, Array, Chemistry
from simulators.battery.curve import Curves
from simulators.battery.polarisation import Circuit
from simulators.battery.thermal import HeatNetwork

_DAY_S = 86400.0
_AGE_EVERY_S = 6 * 3600.0
_MEASURED_AT_C = 2.0
_TANGENT = 0.001
_CLOSE = 1e-4
_MOST_TANGENTS = 12
_LEAST_TURN = 1e-12
_PLATING_BELOW_C = 10.0
_PLATED_SHARE = 0.02


@dataclass(slots=True)
class _Since:
    """What happened since ageing was last worked out."""

    seconds: float = 0.0
    celsius_s: Array | float = 0.0
    soc_s: Array | float = 0.0
    throughput_ah: float = 0.0
    plated_ah: Array | float = 0.0
    lowest: float = 2.0
    highest: float = -1.0


@dataclass(slots=True)
class Flow:
    """Where the energy of a step went, in joules over all elements."""

    electric_j: float = 0.0
    heat_j: float = 0.0
    stored_j: float = 0.0


@dataclass(slots=True)
class Pack:
    """A pack of series elements with its heat network.

    ``current_a`` and ``volts`` are those at the end of the last step.
    """

    chemistry: Chemistry
    cells: Cells
    network: HeatNetwork
    current_a: float = 0.0
    bleed_a: Array = field(default_factory=lambda: np.zeros(0))
    flow: Flow = field(default_factory=Flow)
    curves: Curves = field(init=False)
    volts: Array = field(init=False)
    _since: _Since = field(default_factory=_Since)

    def __post_init__(self) -> None:
        """Work out the curves and the voltages of the given state."""
        if len(self.bleed_a) == 0:
            self.bleed_a = np.zeros_like(self.cells.held_ah)
        self.refresh()
        self.settle()

    def refresh(self) -> None:
        """Work out the open-circuit curves again after the cells have changed."""
        cells = self.cells
        self.curves = Curves(self.chemistry, cells.positive_ah, cells.negative_ah, cells.lithium_ah)

    def settle(self) -> None:
        """Work out the voltages of the given state, with no current."""
        over = self._circuit().volts(self.cells.uneven, self.cells.held_ah, 0.0)
        self.volts = self.open_circuit_v() + over

    def open_circuit_v(self) -> Array:
        """Give the voltage of each element at its present charge, fully relaxed."""
        return self.curves.volts_at(self.cells.held_ah, self.cells.celsius) + self._hysteresis_v()

    def _hysteresis_v(self) -> Array:
        return self.chemistry.hysteresis_v * self.cells.swing

    def soc(self) -> Array:
        """Give the true state of charge of each element."""
        return self.curves.soc(self.cells.held_ah)

    def capacity_ah(self) -> Array:
        """Give the true capacity of each element between full and cut-off."""
        return self.curves.capacity_ah

    def resistance_ohm(
        self, after_s: float, celsius: float = 25.0, soc: Array | float = 0.8
    ) -> Array:
        """Give each element's resistance ``after_s`` seconds into a discharge at 2C.

        From rest at ``soc``; what the open-circuit voltage falls meanwhile is not counted.
        Resistance goes with current and charge; 2C is about what self-tests draw.
        """
        cells = self.cells
        circuit = Circuit(self.chemistry, cells, np.full_like(cells.celsius, celsius))
        amperes = -_MEASURED_AT_C * cells.size_ah
        uneven = circuit.after(np.zeros_like(cells.uneven), amperes, after_s)
        held_ah = self.curves.empty_ah + soc * self.curves.capacity_ah + amperes * after_s / 3600
        result: Array = circuit.volts(uneven, held_ah, amperes) / amperes
        return result

    def _circuit(self) -> Circuit:
        return Circuit(self.chemistry, self.cells, self.cells.celsius)

    def respond(self, dt_s: float, near_a: float) -> tuple[Array, Array]:
        """Give ``a`` and ``b`` of the elements' voltages ``a + b * current_a`` in ``dt_s``.

        They are not straight lines: these touch them at ``near_a``.
        """
        return self._tangent(self._circuit(), dt_s, near_a)

    def _tangent(self, circuit: Circuit, dt_s: float, near_a: float) -> tuple[Array, Array]:
        cells = self.cells
        apart_a = max(_TANGENT * abs(near_a), _TANGENT * cells.new_ah)
        amperes = np.array([[near_a], [near_a + apart_a]])
        held_ah = cells.held_ah + amperes * dt_s / 3600
        uneven = circuit.after(cells.uneven, amperes, dt_s)
        over = circuit.volts(uneven, held_ah, amperes)
        volts = self.curves.volts_at(held_ah, cells.celsius) + self._hysteresis_v() + over
        rise = (volts[1] - volts[0]) / apart_a
        return volts[0] - rise * near_a, rise

    def current_for_power_a(self, power_w: float, dt_s: float) -> float | None:
        """Give the current (negative) that delivers ``power_w`` over the next ``dt_s``.

        None when the pack cannot deliver it at any current.
        """
        circuit = self._circuit()
        near_a = min(self.current_a, -power_w / float(self.volts.sum()))
        for _ in range(_MOST_TANGENTS):
            level, rise = self._tangent(circuit, dt_s / 2, near_a)
            volts, ohms = float(level.sum()), float(rise.sum())
            square = volts * volts - 4 * ohms * power_w
            # Where the tangent cannot deliver, go on from where it delivers most.
            current_a = (math.sqrt(max(square, 0.0)) - volts) / (2 * ohms)
            if square >= 0 and abs(current_a - near_a) <= _CLOSE * abs(current_a):
                return current_a
            near_a = current_a
        return None

    def step(self, dt_s: float, current_a: float, air_c: float, warm_w: float = 0.0) -> None:
        """Let ``dt_s`` pass at a constant pack current.

        ``air_c`` is the air between the cells; ``warm_w`` heat that electronics shed into
        each element.
        """
        cells, curves = self.cells, self.curves
        soc = self.soc()
        circuit = self._circuit()
        moved_ah = (current_a - self._lost_a(dt_s) - self.bleed_a) * dt_s / 3600
        held_ah = cells.held_ah + moved_ah
        end = circuit.after(cells.uneven, current_a, dt_s)
        mean = circuit.mean(cells.uneven, end, current_a, dt_s)
        # One row for the middle of the step, which the energy goes by, and one for its end.
        moments_ah = np.stack([held_ah - moved_ah / 2, held_ah])
        volts = circuit.volts(np.stack([mean, end]), moments_ah, current_a)
        volts += curves.volts_at(moments_ah, cells.celsius)
        electric_j = (volts[0] + self._swing(dt_s, current_a)) * current_a * dt_s
        stored_j = (curves.energy_wh(held_ah) - curves.energy_wh(cells.held_ah)) * 3600
        heat_j = electric_j - stored_j
        self.flow.electric_j += float(electric_j.sum())
        self.flow.heat_j += float(heat_j.sum())
        self.flow.stored_j += float(stored_j.sum())
        cells.held_ah, cells.uneven, self.current_a = held_ah, end, current_a
        self.volts = volts[1] + self._hysteresis_v()
        self._remember(dt_s, soc, current_a)
        cells.celsius = self.network.step(cells.celsius, heat_j / dt_s + warm_w, air_c, dt_s)

    def idle(self, dt_s: float, air_c: Array, warm_w: float, drain_a: float) -> tuple[Array, Array]:
        """Let as many steps of ``dt_s`` pass as ``air_c`` has values, with only a drain.

        Gives voltages and temperatures at the end of each step (rows). The concentrations
        must have evened out; what is left of their differences is dropped.
        """
        cells = self.cells
        count = len(air_c)
        leak_a = self._lost_a(dt_s * count)
        rates_a = leak_a + drain_a
        hours = np.arange(1, count + 1)[:, None] * (dt_s / 3600)
        held_ah = cells.held_ah - rates_a * hours
        heat_w = leak_a * self.volts + warm_w
        celsius = np.empty_like(held_ah)
        now = cells.celsius
        for n in range(count):
            now = celsius[n] = self.network.step(now, heat_w, float(air_c[n]), dt_s)
        volts = self.curves.volts_at(held_ah, celsius) + self._hysteresis_v()
        cells.held_ah, cells.celsius, self.volts = held_ah[-1], celsius[-1], volts[-1]
        cells.uneven, self.current_a = np.zeros_like(cells.uneven), -drain_a
        since, soc = self._since, self.curves.soc(held_ah)
        since.seconds += dt_s * count
        since.celsius_s = since.celsius_s + celsius.sum(axis=0) * dt_s
        since.soc_s = since.soc_s + soc.sum(axis=0) * dt_s
        if since.seconds >= _AGE_EVERY_S:
            self.age()
        return volts, celsius

    def _swing(self, dt_s: float, current_a: float) -> Array:
        """Move the hysteresis on by a step; give its mean voltage."""
        cells, chemistry = self.cells, self.chemistry
        if chemistry.hysteresis_v <= 0 or current_a == 0:
            return self._hysteresis_v()
        towards = math.copysign(1.0, current_a)
        turns = chemistry.hysteresis_rate * abs(current_a) * dt_s / 3600
        passed = turns / cells.size_ah
        away = cells.swing - towards
        cells.swing = towards + away * np.exp(-passed)
        # The mean of exp over the step; a current too small to turn anything leaves 1.
        mean = -np.expm1(-passed) / np.where(passed > 0, passed, 1.0)
        mean = np.where(passed > _LEAST_TURN, mean, 1.0)
        result: Array = chemistry.hysteresis_v * (towards + away * mean)
        return result

    def _lost_a(self, dt_s: float) -> Array:
        """Give the current that each element loses inside itself over the next ``dt_s``."""
        cells = self.cells
        if not cells.short_siemens.any() and (cells.held_ah > self.curves.empty_ah).all():
            return cells.leak_a
        volts = np.maximum(self.open_circuit_v(), 0.0)
        # What an element loses inside itself cannot take it below zero, however long the step.
        most_a = np.maximum(cells.held_ah - self.curves.flat_ah, 0.0) * 3600 / dt_s
        return np.minimum(cells.leak_a + cells.short_siemens * volts, most_a)

    def _remember(self, dt_s: float, soc: Array, current_a: float) -> None:
        since = self._since
        since.seconds += dt_s
        since.celsius_s = since.celsius_s + self.cells.celsius * dt_s
        since.soc_s = since.soc_s + soc * dt_s
        since.throughput_ah += abs(current_a) * dt_s / 3600
        if current_a > 0:
            since.plated_ah = since.plated_ah + self._plated_ah(dt_s, current_a)
        since.lowest = min(since.lowest, float(soc.min()))
        since.highest = max(since.highest, float(soc.max()))
        if since.seconds >= _AGE_EVERY_S:
            self.age()

    def _plated_ah(self, dt_s: float, current_a: float) -> Array | float:
        """Give the lithium that charging in the cold plates and loses.

        None above 10 degC; below, a share that grows with cold and with the charging rate:
        2 % of the charge at 0 degC and 1C, of the order of published cold cycling.
        """
        cold = np.maximum(_PLATING_BELOW_C - self.cells.celsius, 0.0) / _PLATING_BELOW_C
        if not cold.any():
            return 0.0
        rate = current_a / self.cells.size_ah
        result: Array = _PLATED_SHARE * cold * rate * current_a * dt_s / 3600
        return result

    def age(self) -> None:
        """Let the cells age by what happened since the last call."""
        since, cells = self._since, self.cells
        if since.seconds <= 0:
            return
        self.age_by(
            days=since.seconds / _DAY_S,
            celsius=np.asarray(since.celsius_s / since.seconds),
            soc=np.asarray(since.soc_s / since.seconds),
            cycles=since.throughput_ah / 2 / cells.new_ah,
            depth=max(since.highest - since.lowest, 0.0),
            plated_ah=since.plated_ah,
        )
        self._since = _Since()

    def age_by(
        self,
        *,
        days: float,
        celsius: Array,
        soc: Array,
        cycles: float = 0.0,
        depth: float = 0.0,
        plated_ah: Array | float = 0.0,
    ) -> None:
        """Age by ``days`` at mean temperature and charge, and by equivalent full cycles."""
        cells, chemistry = self.cells, self.chemistry
        before = cells.lost
        calendar_before = cells.calendar_loss
        cells.calendar_loss = calendar_loss(
            cells.calendar_loss,
            chemistry.calendar,
            days=days,
            celsius=celsius,
            soc=soc,
            factor=cells.ageing_share,
        )
        if cycles > 0:
            cells.cycle_loss = cycle_loss(
                cells.cycle_loss,
                chemistry.cycle,
                cycles=np.asarray(cycles),
                depth=np.asarray(depth),
            )
        beyond = np.maximum(before - chemistry.knee_loss, 0.0) / KNEE_WIDTH
        cells.calendar_loss = cells.calendar_loss + beyond * (cells.calendar_loss - calendar_before)
        cells.cycle_loss = cells.cycle_loss + plated_ah / cells.size_ah
        # The film on the negative electrode takes its lithium from there.
        lost_ah = (cells.lost - before) * cells.size_ah
        cells.lithium_ah = cells.lithium_ah - lost_ah
        cells.held_ah = cells.held_ah - lost_ah
        self.refresh()

    def disconnect(self, element: int, share: float) -> None:
        """Open ``share`` of the parallel cells of one element; their charge is gone too."""
        cells = self.cells
        left = 1 - share
        for values in (cells.positive_ah, cells.negative_ah, cells.lithium_ah, cells.held_ah):
            values[element] *= left
        cells.alive[element] *= left
        self.refresh()
