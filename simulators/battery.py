"""The physics of a pack: series elements of parallel cells, as equivalent circuits.

Pure: no clock, no randomness after construction. Current is positive when charging.
A step at constant current is exact for the relaxation and for the heat flow, whatever
its length, so that the same code serves a second of an outage and an hour of standby.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from simulators.ageing import KELVIN, calendar_loss, cycle_loss
from simulators.chemistry import KNEE_WIDTH, Array, Chemistry
from simulators.curve import Curves
from simulators.thermal import HeatNetwork

_DAY_S = 86400.0
_AGE_EVERY_S = 6 * 3600.0
_GAS = 8.314
# Activation energies in J/mol: electrolyte conductivity, and charge transfer with diffusion.
_OHMIC_J_MOL = 8_000.0
_KINETIC_J_MOL = 30_000.0
_REFERENCE_K = 298.15
_NOTHING_AH = 1e-9
_LEAST_TURN = 1e-12
_PLATING_BELOW_C = 10.0
_PLATED_SHARE = 0.02


@dataclass(slots=True)
class Cells:
    """The state of the series elements of one pack; every array has one value per element.

    Hidden truth: nothing here is visible from outside except through sensors.
    ``held_ah`` is the lithium in the negative electrode, ``relaxing_v`` the voltages of
    the slow parts of the circuit (one row per time constant), ``alive`` the share of the
    parallel cells that are connected, ``contact_ohm`` welds and bus bars beyond new,
    ``short_siemens`` the conductance of an internal short, ``swing`` where in its hysteresis
    the element is: 1 after charge, -1 after discharge.
    """

    positive_ah: Array
    negative_ah: Array
    lithium_ah: Array
    held_ah: Array
    relaxing_v: Array
    celsius: Array
    resistance_share: Array
    ageing_share: Array
    leak_a: Array
    short_siemens: Array
    contact_ohm: Array
    alive: Array
    swing: Array
    calendar_loss: Array
    cycle_loss: Array
    new_ah: float


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
    _taus: Array = field(init=False)
    _since: _Since = field(default_factory=_Since)

    def __post_init__(self) -> None:
        """Work out the curves and the voltages of the given state."""
        self._taus = np.array(self.chemistry.time_constants_s)[:, None]
        if len(self.bleed_a) == 0:
            self.bleed_a = np.zeros_like(self.cells.held_ah)
        self.refresh()
        self.volts = self.open_circuit_v() + self.cells.relaxing_v.sum(axis=0)

    def refresh(self) -> None:
        """Work out the open-circuit curves again after the cells have changed."""
        cells = self.cells
        self.curves = Curves(self.chemistry, cells.positive_ah, cells.negative_ah, cells.lithium_ah)

    # --- what can be asked ---------------------------------------------------------------

    def open_circuit_v(self) -> Array:
        """Give the voltage of each element at its present charge, fully relaxed."""
        return self.curves.volts(self.cells.held_ah)[0] + self._hysteresis_v()

    def _hysteresis_v(self) -> Array:
        return self.chemistry.hysteresis_v * self.cells.swing

    def soc(self) -> Array:
        """Give the true state of charge of each element."""
        return self.curves.soc(self.cells.held_ah)

    def capacity_ah(self) -> Array:
        """Give the true capacity of each element between full and cut-off."""
        return self.curves.capacity_ah

    def resistance_ohm(self, after_s: float, celsius: float = 25.0, soc: float = 0.8) -> Array:
        """Give each element's resistance ``after_s`` seconds into a step of current."""
        at_once, slow = self._resistances(
            np.full_like(self.cells.celsius, celsius), np.full_like(self.cells.celsius, soc)
        )
        result: Array = at_once + (slow * (1 - np.exp(-after_s / self._taus))).sum(axis=0)
        return result

    def _resistances(self, celsius: Array, soc: Array) -> tuple[Array, Array]:
        """Give the instant resistance and the slow ones (one row each), in ohms."""
        cells, chemistry = self.cells, self.chemistry
        inverse = 1 / (celsius + KELVIN) - 1 / _REFERENCE_K
        ohmic = chemistry.ohmic * np.exp(_OHMIC_J_MOL / _GAS * inverse)
        cold = np.exp(_KINETIC_J_MOL / _GAS * inverse)
        empty = 1 + 0.9 * np.exp(-np.maximum(soc, 0.0) / 0.1) + 0.08 * (1 - soc)
        loss = cells.calendar_loss + cells.cycle_loss
        grown = cells.resistance_share * (1 + chemistry.resistance_per_loss * loss)
        scale = grown / (cells.new_ah * cells.alive)
        kinetic = cold * empty * scale
        at_once = ohmic * scale + chemistry.kinetic * kinetic + cells.contact_ohm
        return at_once, np.array(chemistry.relaxing)[:, None] * kinetic

    def respond(self, dt_s: float) -> tuple[Array, Array]:
        """Give ``a`` and ``b`` of the elements' voltages ``a + b * current_a`` in ``dt_s``."""
        ocv, slope = self.curves.volts(self.cells.held_ah)
        at_once, slow = self._resistances(self.cells.celsius, self.soc())
        decay = np.exp(-dt_s / self._taus)
        rise = at_once + (slow * (1 - decay)).sum(axis=0) + slope * dt_s / 3600
        level = ocv + (self.cells.relaxing_v * decay).sum(axis=0)
        return level + self._hysteresis_v(), rise

    def current_for_power_a(self, power_w: float, dt_s: float) -> float | None:
        """Give the current (negative) that delivers ``power_w`` over the next ``dt_s``.

        None when the pack cannot deliver it at any current.
        """
        level, rise = self.respond(dt_s / 2)
        volts, ohms = float(level.sum()), float(rise.sum())
        square = volts * volts - 4 * ohms * power_w
        if square < 0:
            return None
        return (math.sqrt(square) - volts) / (2 * ohms)

    # --- what can be done ----------------------------------------------------------------

    def step(self, dt_s: float, current_a: float, air_c: float, warm_w: float = 0.0) -> None:
        """Let ``dt_s`` pass at a constant pack current.

        ``air_c`` is the air between the cells; ``warm_w`` heat that electronics shed into
        each element.
        """
        cells = self.cells
        soc = self.soc()
        at_once, slow = self._resistances(cells.celsius, soc)
        decay = np.exp(-dt_s / self._taus)
        final = current_a * slow
        swing = cells.relaxing_v - final
        mean = final + swing * (self._taus / dt_s) * (1 - decay)
        # Integral of v*v/r over the step, for the heat of the slow parts.
        square = final**2 * dt_s + 2 * final * swing * self._taus * (1 - decay)
        square += swing**2 * (self._taus / 2) * (1 - decay**2)
        drawn_a = self._lost_a(dt_s) + self.bleed_a
        moved_ah = (current_a - drawn_a) * dt_s / 3600
        before = self.curves.energy_wh(cells.held_ah)
        held_ah = cells.held_ah + moved_ah
        stored_j = (self.curves.energy_wh(held_ah) - before) * 3600
        ocv, _ = self.curves.volts(held_ah)
        moved_j_v = np.where(np.abs(moved_ah) > _NOTHING_AH, moved_ah * 3600, np.inf)
        mean_ocv = np.where(np.isfinite(moved_j_v), stored_j / moved_j_v, ocv)
        heat_j = at_once * current_a**2 * dt_s + (square / slow).sum(axis=0)
        heat_j += mean_ocv * drawn_a * dt_s
        swing_v = self._swing(dt_s, current_a)
        heat_j += swing_v * current_a * dt_s
        mean_v = mean_ocv + swing_v + mean.sum(axis=0)
        electric_j = (mean_v + at_once * current_a) * current_a * dt_s
        # Charging releases what the entropy falls by; the cell holds so much less.
        turned_j = self._entropy_v_k(soc) * (cells.celsius + KELVIN) * moved_ah * 3600
        heat_j += turned_j
        stored_j -= turned_j
        relaxed = final + swing * decay
        capacitance = self._taus / slow
        stored_j += (capacitance / 2 * (relaxed**2 - cells.relaxing_v**2)).sum(axis=0)
        self.flow.electric_j += float(electric_j.sum())
        self.flow.heat_j += float(heat_j.sum())
        self.flow.stored_j += float(stored_j.sum())
        cells.held_ah, cells.relaxing_v, self.current_a = held_ah, relaxed, current_a
        self.volts = ocv + self._hysteresis_v() + at_once * current_a + relaxed.sum(axis=0)
        self._remember(dt_s, soc, current_a)
        cells.celsius = self.network.step(cells.celsius, heat_j / dt_s + warm_w, air_c, dt_s)

    def idle(self, dt_s: float, air_c: Array, warm_w: float, drain_a: float) -> tuple[Array, Array]:
        """Let as many steps of ``dt_s`` pass as ``air_c`` has values, with only a drain.

        Gives voltages and temperatures at the end of each step (rows). The slow parts of
        the circuit must have relaxed; what is left of them is dropped.
        """
        cells = self.cells
        count = len(air_c)
        leak_a = self._lost_a(dt_s * count)
        rates_a = leak_a + drain_a
        hours = np.arange(1, count + 1)[:, None] * (dt_s / 3600)
        held_ah = cells.held_ah - rates_a * hours
        volts = self.curves.volts(held_ah)[0] + self._hysteresis_v()
        heat_w = leak_a * volts[0] + warm_w
        celsius = np.empty_like(held_ah)
        now = cells.celsius
        for n in range(count):
            now = celsius[n] = self.network.step(now, heat_w, float(air_c[n]), dt_s)
        cells.held_ah, cells.celsius, self.volts = held_ah[-1], celsius[-1], volts[-1]
        cells.relaxing_v, self.current_a = np.zeros_like(cells.relaxing_v), -drain_a
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
        passed = turns / (cells.new_ah * cells.alive)
        away = cells.swing - towards
        cells.swing = towards + away * np.exp(-passed)
        # The mean of exp over the step; a current too small to turn anything leaves 1.
        mean = -np.expm1(-passed) / np.where(passed > 0, passed, 1.0)
        mean = np.where(passed > _LEAST_TURN, mean, 1.0)
        result: Array = chemistry.hysteresis_v * (towards + away * mean)
        return result

    def _entropy_v_k(self, soc: Array) -> Array:
        values = self.chemistry.entropy_mv_k
        return np.interp(soc, np.linspace(0, 1, len(values)), values) / 1000

    def _lost_a(self, dt_s: float) -> Array:
        """Give the current that each element loses inside itself over the next ``dt_s``."""
        cells = self.cells
        if not cells.short_siemens.any():
            return cells.leak_a
        volts = np.maximum(self.open_circuit_v(), 0.0)
        # A short cannot take an element below zero volts, however long the step.
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
        rate = current_a / (self.cells.new_ah * self.cells.alive)
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
        before = cells.calendar_loss + cells.cycle_loss
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
        cells.cycle_loss = cells.cycle_loss + plated_ah / (cells.new_ah * cells.alive)
        # The film on the negative electrode takes its lithium from there.
        lost_ah = (cells.calendar_loss + cells.cycle_loss - before) * cells.new_ah * cells.alive
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
