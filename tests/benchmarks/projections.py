"""Outages of modules of all kinds: is the time left 30 s into each right, and its interval honest?

Usage: ``python -m tests.benchmarks.projections [OUTAGES]`` (48; a second of processor time each).
Chemistry, capacity, age, air, load, charge at the start, what the engine has seen before and
whether it knows the age are drawn anew for each; only modules that the outage leaves with 80 s
to 900 s more are judged. ``known``: what the projection makes of it when capacity and charge at
the start are the true ones, so that only its own model is off.
"""

import math
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from agent.events.projection import Present, Projected, Standing, project
from agent.health.engine import HealthEngine, Observation
from agent.model import Battery, Chemistry
from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.device.hardware import CLASSIC, HPR, ModuleDesign
from simulators.device.module import Measured, Module, State
from simulators.device.sensors import make_sensors
from simulators.telemetry import nominal_ohm

START_S, YEAR_S, DAY_S = 1.76e9, 365.25 * 86400.0, 86400.0
AT_S, LONGEST_S = 30.0, 1500.0
LEFT_S = (80.0, 900.0)
TEST_DAYS = 45
SEED, PROCESSES = 5, 2


class Volts(NamedTuple):
    """Of one cell, and how many are in series."""

    rated: float
    most: float
    least: float
    series: int


VOLTS = {
    "NCA": Volts(4.07, 4.2, 2.7, 12),
    "NMC": Volts(4.05, 4.2, 2.7, 12),
    "LFP": Volts(3.5, 3.6, 2.4, 14),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One outage. Years and degrees Celsius; ``load`` is of the rated power."""

    seed: int
    chemistry: str
    age: float
    learnt: bool
    air_c: float
    load: float
    charge: float
    dated: bool


class Found(NamedTuple):
    """What came of one case: guess, guess with the true state, seconds truly left."""

    case: Case
    guess: Projected
    known: Projected
    left_s: float


def cases(count: int) -> list[Case]:
    """Draw the cases; the same number gives the same ones."""
    random = np.random.default_rng(SEED)

    def one_of(*values: float) -> float:
        return float(random.choice(values))

    return [
        Case(
            seed,
            ("NCA", "NCA", "NMC", "LFP")[seed % 4],
            one_of(0.1, 1, 2, 3, 4, 6),
            learnt=one_of(0, 0, 0, 1, 1) > 0,
            air_c=one_of(15, 22, 28, 35),
            load=one_of(0.4, 0.6, 0.83, 1.0),
            charge=one_of(1, 1, 0.85, 0.7),
            dated=one_of(0, 0, 1, 1, 1) > 0,
        )
        for seed in range(count)
    ]


class Life:
    """One module with an engine beside it."""

    def __init__(self, case: Case) -> None:
        random = np.random.default_rng([case.seed, 77])
        self.design = design_of(case, random)
        volts, born_s = VOLTS[case.chemistry], START_S - case.age * YEAR_S
        self.pack = make_pack(
            self.design.pack, Spread(), random, rest_v=volts.rated, celsius=case.air_c + 3
        )
        sensors = make_sensors(volts.series, np.random.default_rng([case.seed, 99]))
        self.module = Module("m", "s", self.design, self.pack, sensors, born_s, air_c=case.air_c)
        self.module.counters.installed_s = born_s
        names = tuple(str(n + 1) for n in range(volts.series))
        self.engine = HealthEngine(battery_of(case, self.design, born_s), cells=names)

    def age(self, days: float) -> None:
        """Let the cells stand at float."""
        parts = max(1, math.ceil(days / 60))
        for _ in range(parts if days > 0 else 0):
            warm = np.full(self.design.pack.series, self.module.air_c + 3.0)
            self.pack.age_by(days=days / parts, celsius=warm, soc=self.pack.soc())
        self.pack.refresh()
        self.pack.cells.held_ah = self.pack.curves.held_at(self.design.float_v - 0.003)
        self.pack.settle()
        self.module.now_s += days * DAY_S
        self.module.relaxed_s, self.module.state = 1e6, State.STANDBY

    def look(self) -> Measured:
        """Read the sensors and show them to the engine."""
        seen = self.module.measure()
        self.engine.observe(
            Observation(
                time_s=self.module.now_s,
                current_a=seen.current_a,
                cells_v=tuple(seen.volts.tolist()),
                temperatures_c=tuple(seen.celsius.tolist()),
                ambient_c=seen.air_c,
                phase=None,
                balancing=None,
                bleeding=False,
                reported_soc=self.module.counters.charge_left,
                reported_soh=None,
            )
        )
        return seen

    def watch(self, count: int, step_s: float) -> None:
        """Let time pass in steps with a look after each."""
        for _ in range(count):
            self.module.step(step_s)
            self.look()

    def learn(self, years: float) -> None:
        """Pass ``years`` with a self-test every 45 days."""
        for _ in range(int(years * 365.25 / TEST_DAYS)):
            for _ in range(TEST_DAYS):
                self.age(1.0)
                self.look()
            self.watch(4, 600.0)
            self.module.start_test(0.5 * self.design.rated_power_w, 30.0)
            self.watch(75, 2.0)
            self.watch(30, 60.0)
            self.module.test = None

    def rest(self, charge: float) -> Measured:
        """Rest at ``charge`` for an hour before the outage, and take the last look."""
        curves, cells = self.pack.curves, self.pack.cells
        if charge < 1.0:
            full_ah = curves.held_at(self.design.float_v)
            cells.held_ah = curves.empty_ah + charge * (full_ah - curves.empty_ah)
            self.module.counters.charge_left = charge
        self.pack.settle()
        self.module.test, self.module.cut_off, self.module.state = None, False, State.STANDBY
        for _ in range(6):
            self.module.step(720.0)
            if charge < 1.0:
                self.module.state, self.module.relaxed_s = State.REST, 0.0
            self.look()
        self.module.relaxed_s = 1e6
        self.watch(4, 2.0)
        self.module.step(2.0)
        return self.look()


def design_of(case: Case, random: np.random.Generator) -> ModuleDesign:
    """Make a module of the case's chemistry, with the power that its capacity can give."""
    volts, base = VOLTS[case.chemistry], HPR if random.random() < 0.5 else CLASSIC
    capacity_ah = float(random.choice([10.0, 15.3, 24.0]))
    bigger = capacity_ah * volts.series * volts.rated
    bigger /= base.pack.capacity_ah * base.pack.series * base.float_v
    made = PackDesign(
        case.chemistry, volts.series, 6, capacity_ah, element_j_k=250 * capacity_ah / 15.3
    )
    return replace(
        base,
        pack=made,
        rated_power_w=base.rated_power_w * bigger,
        float_v=volts.rated,
        recharge_below_v=volts.rated - 0.05,
        cutoff_v=volts.least,
        max_v=volts.most,
    )


def battery_of(case: Case, design: ModuleDesign, born_s: float) -> Battery:
    """Give what a data sheet says, and the date only where the case knows it."""
    return Battery(
        chemistry=Chemistry(case.chemistry),
        resistance_ohm=nominal_ohm(case.chemistry, design.pack.capacity_ah),
        series=design.pack.series,
        parallel=6,
        rated_capacity_ah=design.pack.capacity_ah,
        rated_power_w=design.rated_power_w,
        required_seconds=design.required_s,
        cell_cutoff_v=design.cutoff_v,
        cell_float_v=design.float_v,
        cell_max_v=design.max_v,
        commissioned_s=born_s if case.dated else None,
    )


def play(case: Case) -> Found | None:
    """Live through one case; None where the outage is too short or too long to tell."""
    life = Life(case)
    learnt = min(case.age, 2.0) if case.learnt else 0.0
    life.age((case.age - learnt) * 365.25)
    life.learn(learnt)
    rest = life.rest(case.charge)
    module, engine = life.module, life.engine
    estimate, drawn, celsius = engine.standing(module.now_s)
    standing = Standing(engine.kind, engine.capacity_ah, engine.cells, estimate, drawn, celsius)
    true = life.pack.capacity_ah() / life.design.pack.capacity_ah
    known = replace(
        standing,
        estimate=replace(estimate, ln_capacity=np.log(true)),
        drawn=(1.0 - life.pack.soc()) * true,
    )
    standing = standing.witnessed(module.counters.charge_left)
    module.load_w = case.load * life.design.rated_power_w
    began_s, charge_ah, seen = module.now_s, 0.0, rest
    while module.able and module.now_s - began_s < AT_S:
        module.step(1.0)
        seen = module.measure()
        charge_ah -= seen.current_a / 3600.0
    elapsed_s = module.now_s - began_s
    while module.able and module.now_s - began_s < LONGEST_S:
        module.step(0.25)
    left_s = module.now_s - began_s - elapsed_s
    present = Present(
        -seen.current_a * float(seen.volts.sum()),
        charge_ah,
        elapsed_s,
        dict(zip(engine.cells, seen.volts.tolist(), strict=True)),
        dict(zip(engine.cells, rest.volts.tolist(), strict=True)),
        float(seen.celsius.max()),
    )
    guess, best = project(standing, present), project(known, present)
    if guess is None or best is None or not LEFT_S[0] < left_s < LEFT_S[1]:
        return None
    return Found(case, guess, best, left_s)


def tell(name: str, found: list[Found]) -> str:
    """Give the figures of some cases in one line."""
    off = np.array([one.guess.seconds.estimate / one.left_s - 1 for one in found])
    known = np.array([one.known.seconds.estimate / one.left_s - 1 for one in found])
    held = sum(f.guess.seconds.lower <= f.left_s <= f.guess.seconds.upper for f in found)
    return (
        f"{name:22s} {len(found):4d}: mean {off.mean():+6.1%}, median off by "
        f"{np.median(abs(off)):.1%}, within 10 %: {np.mean(abs(off) <= 0.1):.0%}, 90 % interval "
        f"covers {held / len(found):.0%}; known: mean {known.mean():+.1%}, at most "
        f"{abs(known).max():.1%}"
    )


def main() -> None:
    """Play as many cases as the command line says."""
    todo = cases(int(sys.argv[1]) if len(sys.argv) > 1 else 48)
    with ProcessPoolExecutor(PROCESSES) as pool:
        found = [one for one in pool.map(play, todo) if one is not None]
    rows = {
        **{kind: [f for f in found if f.case.chemistry == kind] for kind in VOLTS},
        "full at the start": [f for f in found if f.case.charge == 1.0],
        "less than full": [f for f in found if f.case.charge < 1.0],
        "age known": [f for f in found if f.case.dated],
        "age not known": [f for f in found if not f.case.dated],
    }
    for name, some in rows.items():
        if some:
            sys.stdout.write(tell(name, some) + "\n")


if __name__ == "__main__":
    main()
