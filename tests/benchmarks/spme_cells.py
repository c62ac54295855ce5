"""Cells of PyBaMM's parameter sets that can be aged: lithium and contacts are set from outside.

A cell is PyBaMM's single particle model with electrolyte (SPMe) at one temperature; currents are
positive in discharge, as PyBaMM has them. Needs PyBaMM (``pip install .[benchmark]``).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pybamm
from numpy.typing import NDArray

Array = NDArray[np.float64]

PULSE_C, PULSE_S, PULSE_AFTER_S = 1.5, 10.0, 6.0
"""The pulse that resistance is defined by: 10 s at 1.5C, from float, at 25 degC."""
RAMP_S = 0.05
"""How long a current takes to change; the solver needs it finite."""
CONTACT_SHARE = 0.3
"""Contacts of a new cell, over the resistance of the cell without any. Chosen, not measured."""
TEMPERATURES = ("Ambient temperature [K]", "Initial temperature [K]")


class Window(NamedTuple):
    """How cells of a chemistry are used; standby is ``below_float_v`` under float.

    The gain is the growth of the logarithm of resistance over that of what capacity is left.
    """

    chemistry: str
    cutoff_v: float
    float_v: float
    full_v: float
    below_float_v: float
    gains: tuple[float, float]


NMC = Window("NMC", 2.7, 4.05, 4.2, 0.006, (1.4, 2.8))
NCA = Window("NCA", 2.7, 4.07, 4.2, 0.006, (1.4, 2.8))
LFP = Window("LFP", 2.4, 3.4, 3.6, 0.05, (0.9, 2.2))
SETS = (("Chen2020", NMC), ("NCA_Kim2011", NCA), ("Prada2013", LFP), ("Mohtat2020", NMC))


class Step(NamedTuple):
    """A constant current of one cell, and how often it is sampled after the first half minute."""

    current_a: float
    seconds: float
    period_s: float


class State(NamedTuple):
    """A cell at rest: lithium in its negative electrode (0..1) and in all, and its contacts."""

    filling: float
    lithium_ah: float
    contact_ohm: float


class Answer(NamedTuple):
    """What a cell does in a series of steps."""

    times_s: Array
    volts: Array
    amperes: Array


class Cell:
    """A cell of the PyBaMM parameter set ``name``, used within ``window``."""

    def __init__(self, name: str, window: Window) -> None:
        values = pybamm.ParameterValues(name)
        parameters = pybamm.LithiumIonParameters()
        self.window = window
        self.negative_ah = _number(values, parameters.n.Q_init)
        self.positive_ah = _number(values, parameters.p.Q_init)
        self.new_lithium_ah = _number(values, parameters.Q_Li_particles_init)
        self._most_mol_m3 = {
            electrode: float(values[f"Maximum concentration in {electrode} electrode [mol.m-3]"])
            for electrode in ("negative", "positive")
        }
        self._negative = _potential(values, "Negative")
        self._positive = _potential(values, "Positive")
        for electrode in self._most_mol_m3:
            values[f"Initial concentration in {electrode} electrode [mol.m-3]"] = "[input]"
        for what in ("Contact resistance [Ohm]", *TEMPERATURES):
            values[what] = "[input]"
        # Wide, so that neither a contact's drop nor a charge ends a solution early.
        values["Upper voltage cut-off [V]"] = window.full_v + 0.3
        values["Lower voltage cut-off [V]"] = 1.0
        self._values = values
        self._model = pybamm.lithium_ion.SPMe(
            {"thermal": "isothermal", "contact resistance": "true"}
        )
        self._simulations: dict[tuple[Step, ...], pybamm.Simulation] = {}
        self.new_ah = self.capacity_ah(self.new_lithium_ah)
        bare_ohm = self.resistance_ohm(self.new_lithium_ah, 0.0)
        self.new_contact_ohm = CONTACT_SHARE * bare_ohm
        self.new_ohm = self.resistance_ohm(self.new_lithium_ah, self.new_contact_ohm)

    def volts(self, filling: Array | float, lithium_ah: float) -> Array:
        """Give the open-circuit voltages at fillings of the negative electrode."""
        left = (lithium_ah - filling * self.negative_ah) / self.positive_ah
        return np.asarray(np.interp(left, *self._positive) - np.interp(filling, *self._negative))

    def filling(self, volts: float, lithium_ah: float) -> float:
        """Give the filling of the negative electrode at an open-circuit voltage."""
        least = (lithium_ah - 0.998 * self.positive_ah) / self.negative_ah
        most = (lithium_ah - 0.003 * self.positive_ah) / self.negative_ah
        fillings = np.linspace(max(0.003, least), min(0.997, most), 4000)
        rising = np.maximum.accumulate(self.volts(fillings, lithium_ah))
        return float(np.interp(volts, rising, fillings))

    def capacity_ah(self, lithium_ah: float) -> float:
        """Give what a cell holds between its voltage limits."""
        full = self.filling(self.window.full_v, lithium_ah)
        return (full - self.filling(self.window.cutoff_v, lithium_ah)) * self.negative_ah

    def lithium_ah(self, capacity_ah: float) -> float:
        """Give the lithium that leaves a cell this capacity."""
        low, high = self.new_lithium_ah * 0.5, self.new_lithium_ah
        for _ in range(30):
            middle = 0.5 * (low + high)
            enough = self.capacity_ah(middle) >= capacity_ah
            low, high = (low, middle) if enough else (middle, high)
        return 0.5 * (low + high)

    def rest(self, lithium_ah: float) -> float:
        """Give the filling of the negative electrode in standby."""
        return self.filling(self.window.float_v - self.window.below_float_v, lithium_ah)

    def resistance_ohm(self, lithium_ah: float, contact_ohm: float) -> float:
        """Measure a cell with the pulse that defines resistance."""
        current_a = PULSE_C * self.new_ah
        steps = (Step(0.0, PULSE_AFTER_S, 2.0), Step(current_a, PULSE_S + 2.0, 2.0))
        held = self.filling(self.window.float_v, lithium_ah)
        answer = self.answer(steps, State(held, lithium_ah, contact_ohm), 25.0)
        instants = (PULSE_AFTER_S - 0.1, PULSE_AFTER_S + PULSE_S)
        before_v, after_v = np.interp(instants, answer.times_s, answer.volts)
        return float(before_v - after_v) / current_a

    def new_curve(self) -> tuple[list[float], list[float]]:
        """Give the open-circuit curve of a new cell, a few millivolts off as measured ones are."""
        share = np.linspace(0, 1, 101)
        limits_v = (self.window.cutoff_v, self.window.full_v)
        empty, full = (self.filling(volts, self.new_lithium_ah) for volts in limits_v)
        volts = self.volts(empty + share * (full - empty), self.new_lithium_ah)
        measured = np.maximum.accumulate(volts + 0.003 * np.sin(6 * share))
        return share.round(3).tolist(), measured.round(4).tolist()

    def answer(self, steps: tuple[Step, ...], state: State, celsius: float) -> Answer:
        """Solve the model over steps, from rest.

        IDAKLU chooses its own time steps and halts only at ``t_eval``, so the breakpoints of the
        current go there and the samples to ``t_interp``. Otherwise it steps over a short pulse:
        what drops at once is there, but nothing has flowed. After an hour of rest, 30 s at 1C
        would drop NCA_Kim2011 by 18 mV instead of 43.
        """
        breaks_s, amperes = _profile(steps)
        if steps not in self._simulations:
            values = self._values.copy()
            values["Current function [A]"] = pybamm.Interpolant(breaks_s, amperes, pybamm.t)
            self._simulations[steps] = pybamm.Simulation(
                self._model, parameter_values=values, solver=pybamm.IDAKLUSolver()
            )
        left = (state.lithium_ah - state.filling * self.negative_ah) / self.positive_ah
        inputs = {"Contact resistance [Ohm]": state.contact_ohm}
        inputs |= dict.fromkeys(TEMPERATURES, celsius + 273.15)
        for electrode, filling in (("negative", state.filling), ("positive", left)):
            name = f"Initial concentration in {electrode} electrode [mol.m-3]"
            inputs[name] = filling * self._most_mol_m3[electrode]
        solution = self._simulations[steps].solve(
            breaks_s, t_interp=_samples(steps), inputs=inputs, calc_esoh=False
        )
        names = ("Time [s]", "Voltage [V]", "Current [A]")
        return Answer(*(np.asarray(solution[name].entries) for name in names))


def _number(values: pybamm.ParameterValues, symbol: object) -> float:
    return float(np.squeeze(values.evaluate(symbol)))


def _potential(values: pybamm.ParameterValues, electrode: str) -> tuple[Array, Array]:
    filling = np.linspace(0.002, 0.998, 3000)
    symbol = values[f"{electrode} electrode OCP [V]"](pybamm.Vector(filling))
    return filling, np.ravel(values.process_symbol(symbol).evaluate())


def _profile(steps: Sequence[Step]) -> tuple[Array, Array]:
    """Give the breakpoints of the current and the current there."""
    ends = np.cumsum([0.0, *(step.seconds for step in steps)])
    breaks = [(start + RAMP_S, end) for start, end in pairwise(ends)]
    currents = [(step.current_a, step.current_a) for step in steps]
    return np.append(0.0, np.ravel(breaks)), np.append(steps[0].current_a, np.ravel(currents))


def _samples(steps: Sequence[Step]) -> Array:
    """Give instants to answer at: dense after each change of the current."""
    start_s, samples = 0.0, [np.zeros(1)]
    for step in steps:
        end_s = start_s + step.seconds
        samples += [
            np.array([start_s + RAMP_S + 0.01, end_s - 0.01]),
            np.arange(start_s + 0.5, min(end_s, start_s + 30), 0.5),
            np.arange(start_s + 1, end_s, step.period_s),
        ]
        start_s = end_s
    return np.unique(np.concatenate(samples))
