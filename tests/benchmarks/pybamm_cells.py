"""The simulator's circuit against PyBaMM's Doyle-Fuller-Newman cells: what the structure costs.

Usage: ``python -m tests.benchmarks.pybamm_cells [OUT [SET ...]]``, after ``pip install
.[benchmark]``. ``OUT`` takes a CSV of voltages for each cell, for ``tests/benchmarks/plots.py``.

Each PyBaMM parameter set gives our cell its half-cell potentials and electrode balance as they
are. Resistances and time constants are identified on pulses of 1C and 4C at two states of
charge and on four minutes of 2C; what is reported are pulses of 0.5C to 5C at four other states
of charge, and 240 s at full power, none of them seen by the fit. Both cells stay at 25 degC. So
the comparison validates the structure of our model, not the constants of our own chemistries.
"""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pybamm
from scipy.optimize import least_squares

from simulators.battery import Pack
from simulators.build import PackDesign, Spread, make_pack
from simulators.chemistry import CHEMISTRIES, LFP, NCA, NMC, Array, Chemistry

ROOM_C = 25.0
SETS = (
    ("NCA_Kim2011", NCA),
    ("Chen2020", NMC),
    ("Mohtat2020", NMC),
    ("Prada2013", LFP),
)
FIT_RATES, FIT_SOCS = (1.0, 4.0), (0.8, 0.4)
LONG_RATE, LONG_SOC, LONG_S = 2.0, 0.85, 240
RATES, SOCS = (0.5, 1.0, 2.0, 3.0, 5.0), (0.9, 0.7, 0.5, 0.3)
PULSE_S, REST_S, POWER_S = 30, 60, 240
FULL_C = 3.5
"""Full power in C: 3 kW of 66 cells of 2.5 Ah are 12.7 W per Ah, about 3.5C."""
EXACT = Spread(capacity=0, resistance=0, leak=0, cell_ageing=0, unit_ageing=0)


@dataclass(frozen=True)
class Reference:
    """A PyBaMM cell: its parameters, capacity in Ah and electrode balance."""

    name: str
    values: pybamm.ParameterValues
    capacity_ah: float
    balance: dict[str, float]

    def run(self, soc: float, steps: Sequence[object]) -> tuple[Array, Array]:
        """Give times and voltages of an experiment that starts at rest at ``soc``."""
        model = pybamm.lithium_ion.DFN({"thermal": "isothermal"})
        simulation = pybamm.Simulation(
            model, parameter_values=self.values, experiment=pybamm.Experiment([tuple(steps)])
        )
        solution = simulation.solve(initial_soc=soc)
        times, volts = solution["Time [s]"].entries, solution["Voltage [V]"].entries
        seconds = np.arange(1.0, times[-1] + 0.5)
        return seconds, np.interp(seconds, times, volts)

    def pulse(self, soc: float, rate: float, seconds: int = PULSE_S) -> Array:
        """Give the voltages of a pulse and the rest after it, each second."""
        amperes = rate * self.capacity_ah
        steps = (
            pybamm.step.current(amperes, duration=seconds, period=1),
            pybamm.step.current(0, duration=REST_S, period=1),
        )
        return self.run(soc, steps)[1]

    def power(self, watts: float) -> Array:
        """Give the voltages at constant power from full, each second, to the cut-off at most."""
        step = pybamm.step.power(
            watts, duration=POWER_S, period=1, termination=f"{self.lowest_v:g}V"
        )
        return self.run(0.95, [step])[1]

    @property
    def lowest_v(self) -> float:
        """The cut-off voltage."""
        return float(self.values["Lower voltage cut-off [V]"])


def reference(name: str) -> Reference:
    """Load a parameter set, balanced between its own voltage limits."""
    values = pybamm.ParameterValues(name)
    solver = pybamm.lithium_ion.ElectrodeSOHSolver(values)
    parameters = pybamm.LithiumIonParameters()
    given = {
        "Q_n": values.evaluate(parameters.n.Q_init),
        "Q_p": values.evaluate(parameters.p.Q_init),
        "Q_Li": values.evaluate(parameters.Q_Li_particles_init),
    }
    found = solver.solve(given)
    balance = {key: float(np.squeeze(value)) for key, value in {**found, **given}.items()}
    return Reference(name, values, balance["Q"], balance)


def potential(values: pybamm.ParameterValues, electrode: str) -> tuple[Array, Array]:
    """Tabulate a half-cell potential over the filling of the electrode."""
    filling = np.linspace(0.001, 0.9995, 4000)
    symbol = values[f"{electrode} electrode OCP [V]"](pybamm.Vector(filling))
    return filling, np.asarray(values.process_symbol(symbol).evaluate()).ravel()


def chemistry_of(cell: Reference, like: Chemistry) -> Chemistry:
    """Make our chemistry with the cell's potentials and balance; resistances are ``like``'s."""
    p_at, p_v = potential(cell.values, "Positive")
    n_at, n_v = potential(cell.values, "Negative")
    size = cell.balance["Q"]
    return replace(
        like,
        name=cell.name,
        positive=lambda filling: np.interp(filling, p_at, p_v),
        negative=lambda filling: np.interp(filling, n_at, n_v),
        positive_capacity=cell.balance["Q_p"] / size,
        negative_capacity=cell.balance["Q_n"] / size,
        lithium=cell.balance["Q_Li"] / size,
        cell_cutoff_v=cell.lowest_v,
        cell_full_v=float(cell.values["Upper voltage cut-off [V]"]),
        entropy_mv_k=(0.0, 0.0),
        hysteresis_v=0.0,  # PyBaMM's open-circuit curve has one branch
    )


def pack_of(chemistry: Chemistry, capacity_ah: float, socs: Sequence[float]) -> Pack:
    """Make a pack with one element for each state of charge, all alike otherwise."""
    CHEMISTRIES[chemistry.name] = chemistry
    design = PackDesign(chemistry.name, series=len(socs), parallel=1, capacity_ah=capacity_ah)
    pack = make_pack(design, EXACT, np.random.default_rng(1), rest_v=chemistry.cell_full_v)
    cells = pack.cells
    cells.positive_ah[:] = chemistry.positive_capacity * capacity_ah
    cells.negative_ah[:] = chemistry.negative_capacity * capacity_ah
    cells.lithium_ah[:] = chemistry.lithium * capacity_ah
    cells.resistance_share[:] = 1
    cells.leak_a[:] = 0
    pack.refresh()
    span = pack.curves.full_ah - pack.curves.empty_ah
    cells.held_ah = pack.curves.empty_ah + np.array(socs) * span
    return pack


def step(pack: Pack, current_a: float) -> Array:
    """Let a second pass at room temperature; give the voltages."""
    pack.cells.celsius[:] = ROOM_C
    pack.step(1.0, current_a, ROOM_C)
    return pack.volts.copy()


def our_pulse(
    chemistry: Chemistry,
    capacity_ah: float,
    socs: Sequence[float],
    rate: float,
    seconds: int = PULSE_S,
) -> Array:
    """Give our voltages of a pulse and its rest: a row for each state of charge."""
    pack = pack_of(chemistry, capacity_ah, socs)
    currents = [-rate * capacity_ah] * seconds + [0.0] * REST_S
    return np.array([step(pack, current) for current in currents]).T


def our_power(chemistry: Chemistry, capacity_ah: float, watts: float, seconds: int) -> Array:
    """Give our voltages at constant power."""
    pack = pack_of(chemistry, capacity_ah, [0.95])
    volts = []
    for _ in range(seconds):
        current = pack.current_for_power_a(watts, 1.0)
        if current is None:
            break
        volts.append(step(pack, current)[0])
    return np.array(volts)


def with_circuit(chemistry: Chemistry, log_values: Array) -> Chemistry:
    """Give the chemistry with other resistances (ohm Ah) and time constants (s)."""
    values = np.exp(log_values)
    return replace(
        chemistry,
        ohmic=float(values[0]) / 2,
        kinetic=float(values[0]) / 2,
        relaxing=tuple(values[1:4]),
        time_constants_s=tuple(values[4:7]),
    )


def identify(cell: Reference, chemistry: Chemistry) -> Chemistry:
    """Fit the circuit to the pulses for fitting."""
    wanted = [np.array([cell.pulse(soc, rate) for soc in FIT_SOCS]) for rate in FIT_RATES]
    wanted.append(cell.pulse(LONG_SOC, LONG_RATE, LONG_S)[None, :])

    def off(log_values: Array) -> Array:
        candidate = with_circuit(chemistry, log_values)
        ours = [our_pulse(candidate, cell.capacity_ah, FIT_SOCS, rate) for rate in FIT_RATES]
        ours.append(our_pulse(candidate, cell.capacity_ah, [LONG_SOC], LONG_RATE, LONG_S))
        return np.concatenate([(a - b).ravel() for a, b in zip(ours, wanted, strict=True)])

    start = [0.03, 0.01, 0.01, 0.02, 2.0, 15.0, 150.0]
    bounds = (np.log([1e-4] * 4 + [0.3, 4, 40]), np.log([0.3] * 4 + [4, 40, 1500]))
    fit = least_squares(off, np.log(start), bounds=bounds, max_nfev=60)
    return with_circuit(chemistry, fit.x)


def compare(name: str, like: Chemistry, out: Path | None) -> list[str]:
    """Compare one cell; give the lines of the report."""
    cell = reference(name)
    chemistry = identify(cell, chemistry_of(cell, like))
    lines = [f"{name} ({like.name}), {cell.capacity_ah:.2f} Ah: " + _circuit(chemistry)]
    rows: list[tuple[str, int, float, float]] = []
    means = []
    for rate in RATES:
        ours = our_pulse(chemistry, cell.capacity_ah, SOCS, rate)
        theirs = np.array([cell.pulse(soc, rate)[: PULSE_S + REST_S] for soc in SOCS])
        error = np.abs(ours - theirs)
        means.append(error.mean())
        lines.append(
            f"  pulse {rate:g}C: mean {1e3 * error.mean():.1f} mV, "
            f"largest {1e3 * error.max():.1f} mV"
        )
        rows += _rows(f"{rate:g}C at 0.5", theirs[2], ours[2])
    watts = FULL_C * cell.capacity_ah * float(cell.run(0.95, [_rest()])[1][0])
    theirs = cell.power(watts)
    ours = our_power(chemistry, cell.capacity_ah, watts, len(theirs))
    theirs = theirs[: len(ours)]
    error = np.abs(ours - theirs)
    rows += _rows("full power", theirs, ours)
    lines.append(f"  all pulses: mean {1e3 * np.mean(means):.1f} mV")
    lines.append(
        f"  {FULL_C:g}C power for {len(ours)} s: mean {1e3 * error.mean():.1f} mV, "
        f"largest {1e3 * error.max():.1f} mV"
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        with (out / f"pybamm-{name}.csv").open("w", encoding="ascii", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("curve", "time_s", "reference_v", "ours_v"))
            writer.writerows(rows)
    return lines


def _rest() -> object:
    return pybamm.step.current(0, duration=5, period=1)


def _rows(curve: str, theirs: Array, ours: Array) -> list[tuple[str, int, float, float]]:
    pairs = zip(theirs, ours, strict=True)
    return [(curve, n + 1, round(a, 4), round(b, 4)) for n, (a, b) in enumerate(pairs)]


def _circuit(chemistry: Chemistry) -> str:
    parts = zip(chemistry.relaxing, chemistry.time_constants_s, strict=True)
    slow = ", ".join(f"{1e3 * ohm:.1f} at {tau:.1f} s" for ohm, tau in parts)
    return f"{1e3 * (chemistry.ohmic + chemistry.kinetic):.1f} mohm Ah at once, {slow}"


def main(arguments: Sequence[str]) -> None:
    """Compare every parameter set."""
    out = Path(arguments[0]) if arguments else None
    for name, like in SETS:
        if arguments[1:] and name not in arguments[1:]:
            continue
        sys.stdout.write("\n".join(compare(name, like, out)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
