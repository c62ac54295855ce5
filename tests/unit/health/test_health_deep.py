"""Deep discharges measure capacity; nothing else does."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.health.chemistry import NCA_POWER
from agent.health.engine import HealthEngine, Observation
from agent.health.ride import AgedCurve
from agent.model import Basis, Battery, Health, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]
RATED_AH, OHM = 15.0, 0.0024
CURVE = AgedCurve(NCA_POWER)


def discharge(
    capacities: tuple[float, ...], *, depth: float, current_a: float = 7.5, sign: float = 1.0
) -> Iterator[Observation]:
    """Rest near full, discharge to ``depth`` of the rated capacity, rest again."""

    def volts(drawn: float, load_a: float) -> tuple[float, ...]:
        left = 1.0 - drawn / np.array(capacities)
        return tuple((CURVE(left, np.full(len(left), drawn)) - load_a * OHM).tolist())

    for minute in range(30):
        yield Observation(START_S + minute * 60.0, 0.0, volts(0.0, 0.0), (25.0,))
    begin_s = START_S + 1800.0
    seconds = depth * RATED_AH / current_a * 3600.0
    for tick in range(int(seconds / 20.0) + 1):
        drawn = current_a * tick * 20.0 / 3600.0 / RATED_AH
        yield Observation(
            begin_s + tick * 20.0, -current_a * sign, volts(drawn, current_a), (25.0,)
        )
    for minute in range(1, 30):
        yield Observation(begin_s + seconds + minute * 60.0, 0.0, volts(depth, 0.0), (25.0,))


def after(battery: Battery, observations: Iterator[Observation]) -> Health:
    engine = HealthEngine(replace(battery, ocv=None, commissioned_s=None), cells=CELLS)
    for observation in observations:
        engine.observe(observation)
    return engine.health(engine.now_s)


SPREAD = (0.78, 0.80, 0.82, 0.83, 0.84, 0.85)


def test_a_discharge_to_the_knee_measures_the_weakest_cell(battery: Battery) -> None:
    health = after(battery, discharge(SPREAD, depth=0.765))
    weakest = health.cells[0]
    assert weakest.basis is Basis.FULL_TEST
    assert weakest.state_of_health.estimate == pytest.approx(0.78, abs=0.02)
    assert weakest.state_of_health.upper - weakest.state_of_health.lower < 0.08


def test_every_interval_holds_the_true_capacity(battery: Battery) -> None:
    health = after(battery, discharge(SPREAD, depth=0.765))
    for cell, true in zip(health.cells, SPREAD, strict=True):
        assert cell.state_of_health.lower <= true <= cell.state_of_health.upper


def test_cells_of_more_than_105_percent_are_believed(battery: Battery) -> None:
    health = after(battery, discharge((1.08, 1.1, 1.1, 1.09, 1.1, 1.1), depth=1.06))
    assert health.cells[0].state_of_health.estimate > 1.03
    assert all(cell.state_of_health.upper > 1.05 for cell in health.cells)
    assert {cell.verdict for cell in health.cells} == {Verdict.OK}


def test_one_small_cell_says_nothing_of_its_neighbours(battery: Battery) -> None:
    health = after(battery, discharge((0.7, 1.0, 1.0, 1.0, 1.0, 1.0), depth=0.69))
    assert health.cells[0].state_of_health.upper < 0.8
    for cell in health.cells[1:]:
        assert cell.state_of_health.lower > 0.72
        assert cell.state_of_health.upper > 0.97


def test_a_discharge_from_far_below_full_by_a_guessed_curve_measures_nothing(
    battery: Battery,
) -> None:
    lower = (
        replace(o, cells_v=tuple((v or 0.0) - 0.2 for v in o.cells_v))
        for o in discharge(SPREAD, depth=0.765)
    )
    assert Basis.FULL_TEST not in {cell.basis for cell in after(battery, lower).cells}


def test_a_third_of_the_charge_measures_nothing(battery: Battery) -> None:
    health = after(battery, discharge(SPREAD, depth=0.33))
    assert {cell.basis for cell in health.cells} <= {Basis.RESISTANCE, Basis.PRIOR}


@pytest.mark.parametrize(("current_a", "basis"), [(7.5, Basis.FULL_TEST), (60.0, Basis.PRIOR)])
def test_a_worn_cell_is_measured_at_its_cut_off_under_a_gentle_load(
    battery: Battery, current_a: float, basis: Basis
) -> None:
    """It gives less than half of its rating; at 4 C diffusion might end it as early."""
    worn = (0.45, 0.46, 0.46, 0.47, 0.47, 0.48)
    full = list(discharge(worn, depth=0.45, current_a=current_a))
    loaded = [o for o in full if o.current_a]
    empty = [replace(o, cells_v=(2.68, *o.cells_v[1:])) for o in loaded[-3:]]
    health = after(battery, iter([*full[:30], *loaded[:-3], *empty, *full[30 + len(loaded) :]]))
    assert health.cells[0].basis is basis
    hidden = [one for one in health.rejected if one.what == "discharge near empty"]
    assert len(hidden) == (current_a > 15.0)
    if basis is Basis.FULL_TEST:
        assert health.cells[0].state_of_health.estimate == pytest.approx(0.45, abs=0.03)


def test_a_cell_that_changed_is_measured_like_the_others(battery: Battery, life: Life) -> None:
    """A jump that may be an open cell or a contact: what it holds is then measured."""

    def growth(day: float, cell: int) -> float:
        return 0.004 * math.sqrt(day) + (0.18 if cell == 2 and day > 200.0 else 0.0)

    engine = HealthEngine(battery, cells=CELLS)
    for observation in life(days=400.0, growth=growth, tests_every=30.0, hours=24.0):
        engine.observe(observation)
    before = engine.health(engine.now_s).cells[2].state_of_health
    later_s = engine.now_s + 3600.0 - START_S
    for observation in discharge((0.97, 0.97, 0.81, 0.97, 0.97, 0.97), depth=0.80):
        engine.observe(replace(observation, time_s=observation.time_s + later_s))
    measured = engine.health(engine.now_s).cells[2]
    assert measured.basis is Basis.FULL_TEST
    now = measured.state_of_health
    assert now.lower <= 0.81 <= now.upper
    assert now.upper - now.lower < 0.6 * (before.upper - before.lower)


def test_a_current_of_flipped_sign_measures_nothing(battery: Battery) -> None:
    health = after(battery, discharge(SPREAD, depth=0.765, sign=-1.0))
    assert {cell.basis for cell in health.cells} <= {Basis.RESISTANCE, Basis.PRIOR}


def test_the_evidence_names_the_day_and_the_cells(battery: Battery) -> None:
    health = after(battery, discharge(SPREAD, depth=0.765))
    text = " ".join(health.evidence)
    assert "the discharge of 77 % of rated capacity on 2023-11-15" in text
    assert "measured the capacity of cells 1" in text
    assert health.verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize("absent", [None, math.nan])
def test_an_absent_cell_does_not_hinder_the_others(battery: Battery, absent: float | None) -> None:
    holes = (replace(o, cells_v=(absent, *o.cells_v[1:])) for o in discharge(SPREAD, depth=0.765))
    health = after(battery, holes)
    assert health.cells[0].basis is Basis.PRIOR or health.cells[0].basis is Basis.RESISTANCE
    assert all(math.isfinite(n) for cell in health.cells for n in cell.state_of_health)


def test_a_restart_in_the_middle_of_the_discharge_changes_nothing(battery: Battery) -> None:
    observations = list(discharge(SPREAD, depth=0.765))
    straight = HealthEngine(battery, cells=CELLS)
    engine = HealthEngine(battery, cells=CELLS)
    for index, observation in enumerate(observations):
        straight.observe(observation)
        if index == len(observations) // 2:
            saved = json.loads(json.dumps(engine.state(), allow_nan=False))
            engine = HealthEngine.restore(battery, cells=CELLS, state=saved)
        engine.observe(observation)
    assert engine.state() == straight.state()


@pytest.mark.parametrize(("capacity", "depth"), [(0.72, 0.7), (0.95, 0.93)])
def test_of_a_cell_that_changed_it_tells_whether_capacity_went_too(
    battery: Battery, capacity: float, depth: float
) -> None:
    engine = HealthEngine(replace(battery, ocv=None), cells=CELLS)
    jumps = engine._watches.jumps
    jumps.level[0], jumps.since_s[0] = -20.0, START_S - 1e7
    for observation in discharge((capacity, *(0.95,) * 5), depth=depth):
        engine.observe(observation)
    assert jumps.shown[0] == pytest.approx(math.log(capacity), abs=0.06)
    assert np.isnan(jumps.shown[1:]).all()


@pytest.mark.parametrize("tested", [True, False])
def test_a_corrected_rating_changes_no_measured_ampere_hours(
    battery: Battery, *, tested: bool
) -> None:
    battery = replace(battery, ocv=None)
    engine = HealthEngine(battery, cells=CELLS)
    for observation in discharge(SPREAD, depth=0.765 if tested else 0.2):
        engine.observe(observation)
    better = replace(battery, rated_capacity_ah=1.25 * RATED_AH)
    again = HealthEngine.restore(better, cells=CELLS, state=engine.state())
    before, after = (one.estimate(one.now_s).holds() for one in (engine, again))
    # Without a test a cell is believed to hold what is rated, whatever that is.
    assert after * (1.25 if tested else 1.0) == pytest.approx(before, rel=1e-6)
    assert (
        again.state()["filter"]
        == HealthEngine.restore(better, cells=CELLS, state=again.state()).state()["filter"]
    )


def test_advice_knows_of_a_discharge_that_has_just_told(battery: Battery) -> None:
    engine = HealthEngine(replace(battery, ocv=None), cells=CELLS)
    shown = list(discharge(SPREAD, depth=0.765))
    ended = next(n for n, one in enumerate(shown) if n > 30 and one.current_a == 0.0)
    for observation in shown[:ended]:
        engine.observe(observation)
    before = engine.health(engine.now_s).advice
    engine.observe(shown[ended])
    after = engine.health(engine.now_s).advice
    assert before is not None
    assert after is not None
    assert after.soh_sd != before.soh_sd
    assert after.options != before.options
