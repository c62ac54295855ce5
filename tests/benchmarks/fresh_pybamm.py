"""Five-year lives of modules whose cells are PyBaMM's: physics of another kind than bbu-sim's.

Usage: ``python -m tests.benchmarks.fresh_pybamm OUT [COUNT [SEED]]``, then ``python -m
tests.benchmarks.fresh score OUT``; another SEED gives modules that no one has looked at. Needs
PyBaMM, pandas and pyarrow (``pip install .[benchmark,parquet,test]``).

Every voltage under load, and the resistance that is the truth, comes from PyBaMM's single
particle model with electrolyte (SPMe) at the season's temperature. A cell ages in two ways:
it loses lithium, until it holds what the drawn law leaves it between its voltage limits, and
its contacts grow with the logarithm of what is left. Nothing here is taken from our simulator.
Of each module, chance decides:

- the gain from lost capacity to resistance (1.4 to 2.8, LFP 0.9 to 2.2);
- the loss of capacity at the end (8 to 25 %), the exponent of its law of time (0.5 to 0.9), a
  knee after three of the five years that makes the loss up to three times as large (two of five
  modules; a cell loses 42 % at most), and how far the cells differ;
- the climate (19 to 34 degC, seasons of 1 to 5 K) and the steps of the sensors;
- the schedule, rate and length of self-tests, and the outages, five on average;
- a fault in three of four: a fast-ageing cell, a lost strand, a failing weld.

The parameter set follows from the number (Chen2020, NCA_Kim2011, Prada2013 and Mohtat2020 in
turn), as does what META tells: every second one has the curve of a new cell, every third hides
the resistance. In standby nothing flows or leaks, and cells rest a little under float. There is
no truth of ride-through. No figure of the estimator is fitted to these modules.
"""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pybamm

from tests.benchmarks.spme_cells import SETS, Answer, Array, Cell, State, Step, Window

FIRST_SEED = 900
COUNT = 10
DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
END_S = 5 * YEAR_S
BEGIN_S = 1.7e9
PARALLEL = 6
MOST_LOSS = 0.42
"""Of the capacity of any cell."""
FAULTS = (None, "weak_age", "weak_open", "weld")
LEAD_S, SETTLE_S = 100.0, 60.0
"""Rest that is recorded before a load, and between it and the charge."""
NOISE_A, NOISE_V, NOISE_C = 0.004, 0.0006, 0.1
"""Standard deviations of the sensors' noise, before their steps."""


class Load(NamedTuple):
    """A self-test or an outage, and the word of the telemetry for it."""

    at_s: float
    state: str
    rate_c: float
    seconds: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """What chance has decided of one module.

    Arrays have a figure for each cell: factors on the pace of its ageing, its gain and its new
    resistance, and the share by which it is larger than the nominal one.
    """

    series: int
    gain: float
    end_loss: float
    exponent: float
    knee: bool
    pace: Array
    size_off: Array
    gain_off: Array
    ohm_off: Array
    mean_c: float
    season_c: float
    step_v: float
    step_a: float
    step_c: float
    fault: str | None
    fault_cell: int
    fault_s: float
    loads: list[Load]


def draw(window: Window, random: np.random.Generator) -> Drawn:
    """Draw a module; noise takes what follows of the same generator."""
    series = int(random.integers(6, 10))
    return Drawn(
        series=series,
        gain=float(random.uniform(*window.gains)),
        end_loss=float(random.uniform(0.08, 0.25)),
        exponent=float(random.uniform(0.5, 0.9)),
        knee=bool(random.random() < 0.4),
        pace=np.exp(random.normal(0, 0.08, series)),
        size_off=random.normal(0, 0.006, series),
        gain_off=np.exp(random.normal(0, 0.08, series)),
        ohm_off=np.exp(random.normal(0, 0.04, series)),
        mean_c=float(random.uniform(19, 34)),
        season_c=float(random.uniform(1, 5)),
        step_v=float(random.choice([0.001, 0.002, 0.005])),
        step_a=float(random.choice([0.01, 0.05])),
        step_c=float(random.choice([0.1, 0.5])),
        fault=FAULTS[int(random.integers(len(FAULTS)))],
        fault_cell=int(random.integers(series)),
        fault_s=float(random.uniform(1.5, 3.5)) * YEAR_S,
        loads=_loads(random),
    )


def _loads(random: np.random.Generator) -> list[Load]:
    loads: list[Load] = []
    at_s = float(random.uniform(5, 60)) * DAY_S
    every_s = float(random.uniform(60, 110)) * DAY_S
    while at_s < END_S - 2 * DAY_S:
        rate_c, seconds = float(random.choice([0.5, 1.0, 1.5])), int(random.choice([30, 46, 60]))
        loads.append(Load(at_s, "selftest", rate_c, seconds))
        at_s += every_s * float(random.uniform(0.95, 1.05))
    for _ in range(int(random.poisson(5))):
        at_s = float(random.uniform(0.05, 4.95)) * YEAR_S
        if all(abs(at_s - load.at_s) > 2 * DAY_S for load in loads):
            rate_c, seconds = float(random.uniform(1, 3)), int(random.choice([20, 60, 120, 240]))
            loads.append(Load(at_s, "discharge", rate_c, seconds))
    return sorted(loads)


@dataclass(frozen=True, slots=True)
class Module:
    """A drawn module of one kind of cell; a cell is named by its index, time begins at 0."""

    cell: Cell
    drawn: Drawn
    random: np.random.Generator

    def has(self, fault: str, index: int, at_s: float = END_S) -> bool:
        """Tell whether a cell has a fault by then."""
        drawn = self.drawn
        return drawn.fault == fault and index == drawn.fault_cell and at_s >= drawn.fault_s

    def loss(self, index: int, at_s: float) -> float:
        """Give the share of its capacity that a cell has lost; a fast-ageing one has no knee."""
        drawn, share = self.drawn, at_s / END_S
        usual = float(drawn.end_loss * drawn.pace[index])
        if self.has("weak_age", index):
            return float(min(usual * (1.9 * share**drawn.exponent), MOST_LOSS))
        bend = 1 + 12 * (share - 0.6) ** 2 if drawn.knee and share > 0.6 else 1.0
        return float(min(usual * share**drawn.exponent * bend, MOST_LOSS))

    def lithium_ah(self, index: int, at_s: float) -> float:
        """Give the lithium left in a strand of a cell."""
        return self.cell.lithium_ah(self.cell.new_ah * (1 - self.loss(index, at_s)))

    def contact_ohm(self, index: int, at_s: float) -> float:
        """Give the contacts of a strand; a failing weld adds half a new strand in 0.4 years."""
        drawn, cell = self.drawn, self.cell
        growth = drawn.gain * drawn.gain_off[index] * -np.log(1 - self.loss(index, at_s))
        grown_ohm = cell.new_ohm * drawn.ohm_off[index] * np.exp(growth)
        contact_ohm = float(cell.new_contact_ohm + (grown_ohm - cell.new_ohm))
        if self.has("weld", index, at_s):
            failed = min((at_s - drawn.fault_s) / (0.4 * YEAR_S), 1.0)
            contact_ohm += failed * 0.5 * cell.new_ohm
        return contact_ohm

    def size(self, index: int, at_s: float) -> float:
        """Give the size of a cell, as a share of the nominal one's strands."""
        strands = PARALLEL - 1 if self.has("weak_open", index, at_s) else PARALLEL
        return float((1 + self.drawn.size_off[index]) * (strands / PARALLEL))

    def celsius(self, at_s: Array | float) -> Array:
        """Give the temperature of the cells: the season's."""
        swing = np.sin(2 * np.pi * np.asarray(at_s) / YEAR_S)
        return np.asarray(self.drawn.mean_c + self.drawn.season_c * swing)

    @property
    def rated_ah(self) -> float:
        """What the maker promises: half a percent less than it is."""
        return self.cell.new_ah * PARALLEL / 1.005

    def truth(self) -> pd.DataFrame:
        """Measure every cell each second month."""
        cell, off = self.cell, self.drawn.size_off
        new_ohm = [
            cell.resistance_ohm(cell.new_lithium_ah, self.contact_ohm(i, 0.0)) / (1 + off[i])
            for i in range(self.drawn.series)
        ]
        rows = []
        for at_s in np.arange(0.0, END_S, YEAR_S / 6).tolist():
            for i, was_ohm in enumerate(new_ohm):
                lithium_ah, size = self.lithium_ah(i, at_s), self.size(i, at_s)
                held_ah = cell.capacity_ah(lithium_ah) * PARALLEL * size
                new_ah = cell.new_ah * PARALLEL * (1 + off[i])
                now_ohm = cell.resistance_ohm(lithium_ah, self.contact_ohm(i, at_s)) / size
                health = (held_ah, held_ah / self.rated_ah, held_ah / new_ah)
                row = (*health, now_ohm / PARALLEL * 1e3, now_ohm / was_ohm)
                rows.append((BEGIN_S + at_s, i + 1, *row))
        names = ("time_s", "cell", "q_ah", "soh_q", "soh_q_rel", "r10s_25c_mohm", "soh_r")
        return pd.DataFrame(rows, columns=list(names))

    def telemetry(self) -> pd.DataFrame:
        """Live the five years: hours of standby, and each load with the charge after it."""
        now_s, tables, states = 0.0, [], list[str]()
        for load in self.drawn.loads:
            for table, words in (self._standby(now_s, load.at_s - 120.0), self._load(load)):
                tables.append(table)
                states += words
            now_s = float(tables[-1][-1, 0]) + 3600.0
        table, words = self._standby(now_s, END_S - 120.0)
        volts = (f"v{i + 1:02d}" for i in range(self.drawn.series))
        names = ["time_s", "current_a", *volts, "t1_c", "t2_c", "tamb_c"]
        lived = pd.DataFrame(np.vstack([*tables, table]), columns=names)
        return lived.assign(time_s=BEGIN_S + lived.time_s, state=[*states, *words])

    def _standby(self, from_s: float, to_s: float) -> tuple[Array, list[str]]:
        """Give the rows of hours in standby; a cell holds what it held at their begin."""
        times_s = np.arange(from_s, to_s, 3600.0)
        held = [self.lithium_ah(i, from_s) for i in range(self.drawn.series)]
        rest_v = np.array([float(self.cell.volts(self.cell.rest(ah), ah)) for ah in held])
        noise_v = self.random.normal(0, NOISE_V, (len(times_s), len(held)))
        noise = self.random.normal(0, (NOISE_A, NOISE_C, NOISE_C), (len(times_s), 3))
        current_a, celsius = np.zeros(len(times_s)), self.celsius(times_s)
        rows = self._read(times_s, current_a, rest_v + noise_v, celsius, noise)
        return rows, ["standby"] * len(times_s)

    def _load(self, load: Load) -> tuple[Array, list[str]]:
        """Give the rows of a load, of the charge that makes up for it, and of the rest after."""
        steps = self._steps(load)
        answers = [self._answer(i, load.at_s, steps) for i in range(self.drawn.series)]
        first = min(answers, key=lambda answer: len(answer.times_s))
        grid_s = _grid(load.seconds, float(first.times_s[-1]))
        at_s = grid_s + 0.3
        current_a = np.interp(at_s, first.times_s, first.amperes) * PARALLEL
        exact_v = np.transpose([np.interp(at_s, one.times_s, one.volts) for one in answers])
        spread = (NOISE_A, *[NOISE_V] * len(answers), NOISE_C, NOISE_C)
        noise = self.random.normal(0, spread, (len(grid_s), len(spread)))
        celsius = np.full(len(grid_s), self.celsius(load.at_s))
        volts, others = exact_v + noise[:, 1:-2], noise[:, [0, -2, -1]]
        rows = self._read(load.at_s - LEAD_S + grid_s, current_a, volts, celsius, others)
        cases = [current_a > 0.5, current_a < -0.05]
        return rows, np.select(cases, [load.state, "charge"], "rest").tolist()

    def _steps(self, load: Load) -> tuple[Step, ...]:
        """Give the currents of a strand: the load, and the charge at C/12 for two hours at most."""
        charge_s = min(load.seconds * load.rate_c * 12, 7200.0)
        return (
            Step(0.0, LEAD_S, 20.0),
            Step(round(load.rate_c * self.cell.new_ah, 4), float(load.seconds), 2.0),
            Step(0.0, SETTLE_S, 5.0),
            Step(-round(self.cell.new_ah / 12, 4), float(max(60, round(charge_s / 60) * 60)), 60.0),
            Step(0.0, 3600.0, 120.0),
        )

    def _answer(self, index: int, at_s: float, steps: tuple[Step, ...]) -> Answer:
        """Let a cell answer from standby; a larger one drops less in proportion."""
        lithium_ah = self.lithium_ah(index, at_s)
        rest = self.cell.rest(lithium_ah)
        state = State(rest, lithium_ah, self.contact_ohm(index, at_s))
        answer = self.cell.answer(steps, state, float(self.celsius(at_s)))
        open_v = self.cell.volts(rest, lithium_ah)
        return answer._replace(volts=open_v + (answer.volts - open_v) / self.size(index, at_s))

    def _read(
        self, times_s: Array, current_a: Array, volts: Array, celsius: Array, noise: Array
    ) -> Array:
        """Give what sensors tell; ``noise`` is of the current and of two temperatures."""
        drawn = self.drawn
        warm = [celsius + noise[:, 1], celsius + noise[:, 2], celsius - 2]
        return np.column_stack(
            [
                times_s,
                _rounded(current_a + noise[:, 0], drawn.step_a),
                _rounded(volts, drawn.step_v),
                *(_rounded(one, drawn.step_c) for one in warm),
            ]
        )

    def faults(self) -> list[dict[str, object]]:
        """Give the truth of the fault, if there is one; an ageing cell is fast from the start."""
        drawn = self.drawn
        if drawn.fault is None:
            return []
        onset_s = BEGIN_S + (0.0 if drawn.fault == "weak_age" else drawn.fault_s)
        return [{"cell": drawn.fault_cell + 1, "kind": drawn.fault, "onset_time_s": onset_s}]

    def meta(self, *, curve: bool, resistance: bool) -> dict[str, object]:
        """Give META, with what is known of a new cell if asked for."""
        drawn, window = self.drawn, self.cell.window
        socs, volts = self.cell.new_curve() if curve else (None, None)
        return {
            "chemistry": window.chemistry,
            "n_series": drawn.series,
            "n_parallel": PARALLEL,
            "rated_capacity_ah": round(self.rated_ah, 2),
            "rated_power_w": round(drawn.series * self.rated_ah * 16),
            "v_min_cell": window.cutoff_v,
            "v_float_cell": window.float_v,
            "v_max_cell": window.full_v,
            "r10s_25c_nominal_mohm": round(self.cell.new_ohm / PARALLEL * 1e3, 3)
            if resistance
            else None,
            "sensor": {"v_q": drawn.step_v, "i_q": drawn.step_a, "t_q": drawn.step_c},
            "current_sign": "discharge positive",
            "ocv_soc": socs,
            "ocv_v": volts,
        }


def _rounded(exact: Array, step: float) -> Array:
    return np.round(exact / step) * step


def _grid(seconds: int, end_s: float) -> Array:
    """Give when a load of so many seconds is recorded: each 2 s while the current changes."""
    after_s = LEAD_S + seconds
    calm, lead = np.arange(0, LEAD_S - 20, 20.0), np.arange(LEAD_S - 20, LEAD_S, 2.0)
    load = np.arange(LEAD_S, after_s + 14, 2.0)
    settle = np.arange(after_s + 14, after_s + SETTLE_S, 5.0)
    charge = np.arange(after_s + SETTLE_S, end_s, 60.0)
    return np.unique(np.concatenate([calm, lead, load, settle, charge]))


def make(number: int, out: Path, seed: int = FIRST_SEED) -> str:
    """Draw a module, live its life and write it; give its name."""
    pybamm.set_logging_level("ERROR")
    parameter_set, window = SETS[number % len(SETS)]
    random = np.random.default_rng(seed + number)
    module = Module(Cell(parameter_set, window), draw(window, random), random)
    name = f"pb{number:02d}-{window.chemistry.lower()}"
    meta = module.meta(curve=number % 2 == 0, resistance=number % 3 != 0)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    module.telemetry().to_parquet(folder / "telemetry.parquet")
    module.truth().to_parquet(folder / "truth_cells.parquet")
    for path, content in (("meta", {"name": name, **meta}), ("truth_faults", module.faults())):
        text = json.dumps(content, indent=1) + "\n"
        (folder / f"{path}.json").write_text(text, encoding="ascii")
    return name


def main(arguments: Sequence[str]) -> None:
    """Make modules."""
    out = Path(arguments[0])
    count = int(arguments[1]) if len(arguments) > 1 else COUNT
    seed = int(arguments[2]) if len(arguments) > 2 else FIRST_SEED
    with ProcessPoolExecutor(2) as pool:
        for name in pool.map(partial(make, out=out, seed=seed), range(count)):
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
