"""The simulator's cell against PyBaMM's Doyle-Fuller-Newman cells.

Usage: ``python -m tests.benchmarks.pybamm_cells [OUT [SET ...]]``, after ``pip install
.[benchmark]``. Prints a table in Markdown; ``OUT`` takes a picture for each set.

Each PyBaMM parameter set is characterised as a cell in a laboratory would be. Its half-cell
potentials, their entropy and the balance of its electrodes are taken as they are. The ten
numbers of ``Transport`` are identified on the eleven pulses of ``IDENTIFY``. What is reported
are other pulses, at other currents or states of charge, and four minutes at full power:
the fit has seen none of them. So the structure of the model is what is compared, not the
constants of our own chemistries. Both cells keep their temperature.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pybamm
from scipy.optimize import least_squares

from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.battery.chemistry import CHEMISTRIES, LFP, NCA, NMC, Array, Chemistry, Transport
from simulators.battery.pack import Pack
from tests.benchmarks.plots import Curve, picture

SETS = (("NCA_Kim2011", NCA), ("Mohtat2020", NMC), ("Chen2020", NMC), ("Prada2013", LFP))
FULL_C, FULL_SOC, FULL_S = 3.5, 0.95, 240
"""Full power in C: 3 kW of 66 cells of 2.5 Ah are 12.7 W per Ah, about 3.5C."""
REST_S = 60
ALIKE = Spread(capacity=0, resistance=0, leak=0, cell_ageing=0, unit_ageing=0)


@dataclass(frozen=True)
class Pulse:
    """A discharge at ``rate`` C for ``seconds`` from rest at ``soc``, and a minute of rest."""

    soc: float
    rate: float
    seconds: int = 30
    celsius: float = 25.0


IDENTIFY = (
    *(Pulse(soc, rate) for rate in (1.0, 4.0) for soc in (0.8, 0.4)),
    *(Pulse(0.85, 2.0, 240), Pulse(0.6, 1.0, 240), Pulse(0.5, 4.0, 120), Pulse(0.2, 2.0)),
    *(Pulse(0.6, 2.0, celsius=10), Pulse(0.8, 4.0, 60, 10), Pulse(0.5, 2.0, celsius=40)),
)
OF_A_HALF_CELL = ("electrode OCP [V]", "electrode OCP entropic change [V.K-1]")
RATES = {25.0: (0.5, 1.0, 2.0, 3.0, 5.0), 10.0: (1.0, 3.0), 40.0: (1.0, 3.0)}
SOCS = (0.9, 0.7, 0.5, 0.3)


@dataclass(frozen=True)
class Reference:
    """A PyBaMM cell: its parameters, capacity in Ah and electrode balance."""

    name: str
    values: pybamm.ParameterValues
    balance: dict[str, float]

    @property
    def capacity_ah(self) -> float:
        """Capacity between its own voltage limits."""
        return self.balance["Q"]

    @property
    def lowest_v(self) -> float:
        """The cut-off voltage."""
        return float(self.values["Lower voltage cut-off [V]"])

    def run(self, soc: float, celsius: float, *steps: object) -> Array:
        """Give the voltages, each second, of an experiment that starts at rest at ``soc``."""
        values = self.values.copy()
        for name in ("Ambient temperature [K]", "Initial temperature [K]"):
            values[name] = 273.15 + celsius
        simulation = pybamm.Simulation(
            pybamm.lithium_ion.DFN({"thermal": "isothermal"}),
            parameter_values=values,
            experiment=pybamm.Experiment([steps]),
        )
        solution = simulation.solve(initial_soc=soc)
        times, volts = solution["Time [s]"].entries, solution["Voltage [V]"].entries
        return np.asarray(np.interp(np.arange(1.0, times[-1] + 0.5), times, volts))

    def pulse(self, pulse: Pulse) -> Array:
        """Give the voltages of a pulse and the rest after it."""
        amperes = pulse.rate * self.capacity_ah
        load = pybamm.step.current(amperes, duration=pulse.seconds, period=1)
        rest = pybamm.step.current(0, duration=REST_S, period=1)
        return self.run(pulse.soc, pulse.celsius, load, rest)

    def power(self, watts: float, celsius: float) -> Array:
        """Give the voltages at constant power, to the cut-off at most."""
        end = f"{self.lowest_v:g}V"
        step = pybamm.step.power(watts, duration=FULL_S, period=1, termination=end)
        return self.run(FULL_SOC, celsius, step)

    def slow_s(self, electrode: str) -> float:
        """Give the time of diffusion in its particles, a guess where it is not constant."""
        diffusivity = self.values[f"{electrode} particle diffusivity [m2.s-1]"]
        radius = self.values[f"{electrode} particle radius [m]"]
        return float(1000.0 if callable(diffusivity) else radius**2 / diffusivity)


def reference(name: str) -> Reference:
    """Load a parameter set, balanced between its own voltage limits."""
    values = pybamm.ParameterValues(name)
    parameters = pybamm.LithiumIonParameters()
    given = {
        "Q_n": values.evaluate(parameters.n.Q_init),
        "Q_p": values.evaluate(parameters.p.Q_init),
        "Q_Li": values.evaluate(parameters.Q_Li_particles_init),
    }
    found = pybamm.lithium_ion.ElectrodeSOHSolver(values).solve(given)
    balance = {key: float(np.squeeze(value)) for key, value in {**found, **given}.items()}
    return Reference(name, values, balance)


def table(values: pybamm.ParameterValues, name: str) -> tuple[Array, Array]:
    """Tabulate a function of an electrode's filling."""
    filling = np.linspace(0.001, 0.9995, 4000)
    what = values[name]
    if not callable(what):
        return filling, np.full_like(filling, float(what))
    volts = values.process_symbol(what(pybamm.Vector(filling))).evaluate()
    return filling, np.broadcast_to(np.ravel(volts), filling.shape)


def chemistry_of(cell: Reference, like: Chemistry) -> Chemistry:
    """Make our chemistry with the cell's potentials, entropy and balance."""
    balance, soc = cell.balance, np.linspace(0, 1, 101)
    positive, positive_k = (table(cell.values, f"Positive {name}") for name in OF_A_HALF_CELL)
    negative, negative_k = (table(cell.values, f"Negative {name}") for name in OF_A_HALF_CELL)
    full = balance["y_0"] + soc * (balance["y_100"] - balance["y_0"])
    held = balance["x_0"] + soc * (balance["x_100"] - balance["x_0"])
    entropy_v_k = np.interp(full, *positive_k) - np.interp(held, *negative_k)
    size = cell.capacity_ah
    return replace(
        like,
        name=cell.name,
        positive=lambda filling: np.interp(filling, *positive),
        negative=lambda filling: np.interp(filling, *negative),
        positive_fullest=0.9995,
        positive_capacity=cell.balance["Q_p"] / size,
        negative_capacity=cell.balance["Q_n"] / size,
        lithium=cell.balance["Q_Li"] / size,
        cell_cutoff_v=cell.lowest_v,
        cell_full_v=float(cell.values["Upper voltage cut-off [V]"]),
        entropy_mv_k=tuple(1e3 * entropy_v_k),
        hysteresis_v=0.0,  # PyBaMM's open-circuit curve has one branch
    )


def pack_of(chemistry: Chemistry, capacity_ah: float, socs: Sequence[float]) -> Pack:
    """Make a pack with one element for each state of charge, all alike otherwise."""
    CHEMISTRIES[chemistry.name] = chemistry
    design = PackDesign(chemistry.name, series=len(socs), parallel=1, capacity_ah=capacity_ah)
    pack = make_pack(design, ALIKE, np.random.default_rng(1), rest_v=chemistry.cell_full_v)
    cells = pack.cells
    cells.positive_ah[:] = chemistry.positive_capacity * capacity_ah
    cells.negative_ah[:] = chemistry.negative_capacity * capacity_ah
    cells.lithium_ah[:] = chemistry.lithium * capacity_ah
    cells.resistance_share[:] = 1
    cells.leak_a[:] = 0
    pack.refresh()
    cells.held_ah = pack.curves.empty_ah + np.array(socs) * pack.curves.capacity_ah
    return pack


def step(pack: Pack, current_a: float, celsius: float) -> Array:
    """Let a second pass at one temperature; give the voltages."""
    pack.cells.celsius[:] = celsius
    pack.step(1.0, current_a, celsius)
    return pack.volts.copy()


def our_pulses(
    chemistry: Chemistry, capacity_ah: float, pulses: Sequence[Pulse]
) -> Iterator[tuple[Pulse, Array]]:
    """Give our voltages of pulses; those that differ by their charge run as one pack."""
    for like in dict.fromkeys(replace(pulse, soc=0.0) for pulse in pulses):
        same = [pulse for pulse in pulses if replace(pulse, soc=0.0) == like]
        pack = pack_of(chemistry, capacity_ah, [pulse.soc for pulse in same])
        currents = [-like.rate * capacity_ah] * like.seconds + [0.0] * REST_S
        volts = np.array([step(pack, current, like.celsius) for current in currents])
        yield from zip(same, volts.T, strict=True)


def our_power(
    chemistry: Chemistry, capacity_ah: float, watts: float, celsius: float, seconds: int
) -> Array:
    """Give our voltages at constant power, as far as it can be had."""
    pack = pack_of(chemistry, capacity_ah, [FULL_SOC])
    volts: list[float] = []
    for _ in range(seconds):
        pack.cells.celsius[:] = celsius
        current = pack.current_for_power_a(watts, 1.0)
        if current is None:
            break
        volts.append(float(step(pack, current, celsius)[0]))
    return np.array(volts)


def identify(cell: Reference, chemistry: Chemistry) -> Chemistry:
    """Fit the ten numbers of ``Transport``, held loosely near a usual cell's."""
    wanted = {pulse: cell.pulse(pulse) for pulse in IDENTIFY}
    slow = [cell.slow_s("Positive"), cell.slow_s("Negative")]
    start = np.log([0.01, 3.0, 3.0, *slow, 0.02, 30.0, 8e3, 30e3, 30e3])
    loose = np.array([*[0.3] * 7, *[0.3] * 3])

    def off(log_values: Array) -> Array:
        candidate = replace(chemistry, transport=Transport(*map(float, np.exp(log_values))))
        ours = our_pulses(candidate, cell.capacity_ah, IDENTIFY)
        errors = [_apart(volts, wanted[pulse]) / 0.005 for pulse, volts in ours]
        return np.concatenate([*errors, loose * (log_values - start)])

    bounds = (start - np.log(300.0), start + np.log(300.0))
    fit = least_squares(off, start, bounds=bounds, loss="soft_l1", max_nfev=60)
    return replace(chemistry, transport=Transport(*map(float, np.exp(fit.x))))


def compare(name: str, like: Chemistry, out: Path | None) -> list[str]:
    """Compare one cell; give the lines of the report, first the rows of the table."""
    cell = reference(name)
    chemistry = identify(cell, chemistry_of(cell, like))
    drawn: dict[str, Curve] = {}
    lines = []
    watts = FULL_C * cell.capacity_ah * float(cell.run(FULL_SOC, 25.0, _rest())[0])
    for celsius, rates in RATES.items():
        found = []
        for rate in rates:
            pulses = [Pulse(soc, rate, celsius=celsius) for soc in SOCS]
            ours = dict(our_pulses(chemistry, cell.capacity_ah, pulses))
            theirs = {pulse: cell.pulse(pulse) for pulse in pulses}
            apart = [np.abs(_apart(ours[pulse], theirs[pulse])) for pulse in pulses]
            found.append(np.concatenate(apart))
            if celsius == 25.0:
                drawn[f"{rate:g}C at 50 %"] = _curve(theirs[pulses[2]], ours[pulses[2]])
        theirs_v = cell.power(watts, celsius)
        ours_v = our_power(chemistry, cell.capacity_ah, watts, celsius, len(theirs_v))
        at_power = np.abs(_apart(ours_v, theirs_v))
        drawn[f"power {celsius:g} degC"] = _curve(theirs_v, ours_v)
        by_rate = {rate: _told(errors) for rate, errors in zip(rates, found, strict=True)}
        cells = [by_rate.get(rate, "") for rate in RATES[25.0]]
        mean = 1e3 * float(np.mean([errors.mean() for errors in found]))
        short = "" if len(at_power) == FULL_S else f", {len(at_power)} of {len(theirs_v)} s"
        power = f"**{_told(at_power)}**{short}"
        lines.append(_row(name, f"{celsius:g}", *cells, f"**{mean:.1f}**", power))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        title = f"{name}: PyBaMM and ours"
        (out / f"pybamm-{name}.svg").write_text(picture(title, drawn), encoding="ascii")
    return [*lines, f"<!-- {name}: {_constants(chemistry.transport)} -->"]


def _rest() -> object:
    return pybamm.step.current(0, duration=5, period=1)


def _apart(ours: Array, theirs: Array) -> Array:
    """Give the error as far as both go: PyBaMM ends a pulse at the cut-off voltage."""
    both = min(len(ours), len(theirs))
    return ours[:both] - theirs[:both]


def _curve(theirs: Array, ours: Array) -> Curve:
    seconds = [float(n + 1) for n in range(min(len(ours), len(theirs)))]
    return seconds, theirs[: len(seconds)].tolist(), ours[: len(seconds)].tolist()


def _told(errors: Array) -> str:
    return f"{1e3 * errors.mean():.1f} ({1e3 * errors.max():.0f})"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _constants(transport: Transport) -> str:
    names = Transport.__dataclass_fields__
    return ", ".join(f"{name} {getattr(transport, name):.3g}" for name in names)


def main(arguments: Sequence[str]) -> None:
    """Compare every parameter set."""
    out = Path(arguments[0]) if arguments else None
    rates = [f"{rate:g}C" for rate in RATES[25.0]]
    sys.stdout.write(_row("parameter set", "degC", *rates, "all pulses", "full power") + "\n")
    sys.stdout.write("|---" * 9 + "|\n")
    for name, like in SETS:
        if arguments[1:] and name not in arguments[1:]:
            continue
        sys.stdout.write("\n".join(compare(name, like, out)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
