"""What is told of the cells, or read of them, is wrong, and the estimate is none the worse."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.health import charge, intake
from agent.health.change import change_of
from agent.health.chemistry import NCA_POWER, cell_type
from agent.health.engine import HealthEngine, Observation
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.findings import Growths, cell_findings
from agent.health.gain import GainWatch
from agent.health.jumps import JumpWatch
from agent.health.pulses import Point, Step, StepFinder
from agent.health.record import Memory
from agent.health.stuck import StuckWatch
from agent.model import Battery, Chemistry

CELLS = tuple("123456")
DAY_S = 86400.0
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]


def after(battery: Battery, life: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life:
        engine.observe(observation)
    return engine


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_stated_resistance_that_new_cells_contradict_is_not_used(
    battery: Battery, life: Life, factor: float
) -> None:
    misstated = replace(battery, resistance_ohm=0.0024 * factor)
    engine = after(misstated, life(hours=48.0))
    right, wrong = (
        one.estimate(engine.now_s) for one in (after(battery, life(hours=48.0)), engine)
    )
    assert wrong.holds() == pytest.approx(right.holds(), abs=0.02)
    saved = json.loads(json.dumps(engine.state()))
    again = HealthEngine.restore(misstated, cells=CELLS, state=saved)
    assert again.kind == engine.kind
    told = again.health(engine.now_s).evidence[0]
    assert told.startswith(
        f"the stated resistance of {2.4 * factor:.2f} mohm is not used: the new "
    )
    assert not any(
        "not used" in one for one in after(battery, life(days=30.0)).health(0.0).evidence
    )


def test_cells_that_were_not_seen_new_keep_what_was_stated(battery: Battery) -> None:
    old = cell_type(replace(battery, resistance_ohm=0.0016), 0.0024)
    new = cell_type(replace(battery, resistance_ohm=0.0016), 0.0024, new=True)
    assert old.specific_resistance_ohm_ah == pytest.approx(0.0016 * 15.0)
    assert new.specific_resistance_ohm_ah == pytest.approx(0.0024 * 15.0)
    near = cell_type(battery, 0.0029, new=True)
    assert near.specific_resistance_ohm_ah == pytest.approx(0.0024 * 15.0)


@pytest.mark.parametrize(("max_v", "float_v"), [(3.6, None), (None, 3.4)])
def test_unknown_cells_of_lfp_s_voltages_are_read_by_its_curve(
    max_v: float | None, float_v: float | None
) -> None:
    low = Battery(Chemistry.UNKNOWN, rated_capacity_ah=15.0, cell_max_v=max_v, cell_float_v=float_v)
    kind = cell_type(low)
    lfp = cell_type(Battery(Chemistry.LFP))
    assert (kind.ocv, kind.resistance_by_soc) == (lfp.ocv, lfp.resistance_by_soc)
    other = cell_type(Battery(Chemistry.UNKNOWN, rated_capacity_ah=15.0))
    assert (kind.gain_sd, kind.interval_share) == (other.gain_sd, other.interval_share)
    assert other.ocv != lfp.ocv
    named = cell_type(replace(low, chemistry=Chemistry.NCA))
    assert named.ocv == NCA_POWER.ocv


def test_an_open_cell_is_found_where_nobody_told_how_many_are_parallel() -> None:
    state = ModuleFilter.start(NCA_POWER, 4, 15.0)
    _, _, rho, r, _ = state.blocks()
    state.x[rho], state.p[r, r] = 0.4, 1e-4
    jumps = JumpWatch(4)
    jumps.level[2], jumps.spent[2], jumps.since_s[2] = state.x[r[2]], 0.05, 0.0
    state.x[r[2]] += math.log(6 / 5)
    told = change_of(jumps, state, None)
    assert told.opened[2] > 0.5
    assert told.open_share[2] == pytest.approx(1 / 6, abs=0.02)
    assert not np.delete(told.open_share, 2).any()
    assert not change_of(jumps, state, 1).opened.any()


def test_one_time_that_is_days_ahead_passes_no_time() -> None:
    clock = intake.Clock()
    times = [0.0, 3600.0, 200 * DAY_S, 7200.0, 10800.0]
    assert sum(clock.advance(START_S + time_s) for time_s in times) == 10800.0


@pytest.mark.parametrize("every_d", [0.01, 1.0, 7.0, 30.0])
def test_a_silence_that_was_one_passes_as_soon_as_two_agree(every_d: float) -> None:
    clock = intake.Clock()
    times = [0.0, *(200 * DAY_S + n * every_d * DAY_S for n in range(4))]
    passed_s = [clock.advance(START_S + time_s) for time_s in times]
    assert passed_s[:2] == [0.0, 0.0]
    assert sum(passed_s) == pytest.approx(times[-1], abs=2 * every_d * DAY_S)


def test_a_time_that_is_days_ahead_is_counted(battery: Battery) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    for time_s in (0.0, 3600.0, 200 * DAY_S, 7200.0):
        engine.observe(Observation(START_S + time_s, 0.0, (4.0,) * 6, (25.0,)))
    rejected = engine.health(engine.now_s).rejected
    assert [(one.what, one.times, one.last_s) for one in rejected] == [
        ("sample", 1, START_S + 200 * DAY_S)
    ]


def test_voltages_that_are_all_zero_are_none_and_one_is_a_reading() -> None:
    assert all(math.isnan(v) for v in intake.cell_voltages([0.0] * 6, 6))
    assert intake.cell_voltages([0.0, 3.9], 2) == [0.0, 3.9]
    assert intake.cell_voltages([0.0], 1) == [0.0]


def test_a_load_found_after_an_hour_among_charges_has_not_drawn_for_all_of_it() -> None:
    memory = Memory(soc=0.9)
    back = [(volts, share) for share, volts in NCA_POWER.ocv]
    charge.follow(memory, back, 60.0, 0.1, [4.0])
    charge.follow(memory, back, 3600.0, -2.0, [3.8])
    assert memory.soc == pytest.approx(0.9, abs=0.03)
    charge.follow(memory, back, 600.0, -0.1, [3.8])
    assert memory.soc == pytest.approx(0.9 - 0.1 / 6, abs=0.03)


def test_a_current_in_large_steps_makes_no_level_of_nothing() -> None:
    watch = GainWatch(15.0, 1.0)
    currents = [*[1.0] * 3, *[0.0] * 30, 2.0, *[1.0] * 3, *[0.0] * 30, *[20.0] * 30]
    for n, current_a in enumerate(currents * 3):
        watch.watch(60.0 * n, current_a, 48.0)
    assert all(abs(level[0]) > 0.1 for level in watch.charges + watch.loads)


@pytest.mark.parametrize("late", [0, 1])
def test_a_current_that_is_read_a_sample_late_makes_the_same_step(late: int) -> None:
    finder, found = StepFinder(15.0, 0.001), []
    for n in range(-20, 30):
        volts = 4.0 if n < 0 else 3.9 - 0.004 * math.log(1.0 + n)
        current_a = 0.0 if n < late else -40.0
        found.append(finder.watch(Point(float(n), current_a, [volts] * 4, 25.0)))
    (step,) = [one for one in found if one is not None]
    assert step.resistance_ohm == pytest.approx(np.full(4, 0.00274), rel=0.03)
    assert step.before_v == pytest.approx(np.full(4, 4.0))


def noisy_step(sd_v: float) -> Step:
    random = np.random.default_rng(3)
    finder, found = StepFinder(15.0, 0.0008), []
    for n in range(-20, 30):
        volts = 4.0 if n < 0 else 3.9 - 0.004 * math.log(1.0 + n)
        cells = (volts + random.normal(0.0, sd_v, 12)).tolist()
        found.append(finder.watch(Point(float(n), 0.0 if n < 0 else -40.0, cells, 25.0)))
    return next(one for one in found if one is not None)


def test_noise_that_nobody_told_of_is_seen_in_the_step_itself() -> None:
    assert noisy_step(0.005).sd_ohm == pytest.approx(noisy_step(0.0).sd_ohm * 5.0 / 0.8, rel=0.2)
    assert noisy_step(0.0001).sd_ohm == noisy_step(0.0).sd_ohm


def test_cells_of_unknown_age_do_not_age_fast_by_what_is_guessed(
    battery: Battery, life: Life
) -> None:
    unknown = replace(battery, commissioned_s=None)
    engine = after(unknown, life(days=200.0, hours=48.0, growth=lambda _day, cell: 0.02 * cell))
    assert engine.age_unknown
    estimate, state = engine.estimate(engine.now_s), engine._filter
    growths = Growths.of(state, estimate.ln_growth)
    told = cell_findings(state, engine._watches, estimate, growths, CELLS, "since")
    assert [found for found in told if found.severity >= 1.0] == []


def test_tests_of_every_day_are_not_so_many_independent_ones() -> None:
    def crowd(every_d: float) -> float:
        watch = JumpWatch(4)
        times = (n * every_d * DAY_S + off for n in range(200) for off in (0.0, 30.0))
        return [watch._crowd(time_s) for time_s in times][-1]

    assert crowd(90.0) == 1.0
    assert crowd(30.0) == pytest.approx(1.0)
    assert crowd(1.0) == pytest.approx(60.0 / 3.164, rel=0.03)


def test_a_departure_that_nothing_ageing_makes_stays_one_until_it_is_confirmed() -> None:
    """The module may grow as far between the test that is held back and the next."""
    state = ModuleFilter.start(NCA_POWER, 6, 15.0)
    _, _, rho, r, _ = state.blocks()
    state.p[:] = 1e-4 * np.eye(len(state.p))
    watch, base, cell = JumpWatch(6), state.x[r].copy(), np.eye(6)[2]

    def judge(day: float, grown: float, away: float) -> None:
        state.x[rho] = grown
        shown = base + grown + away * cell
        watch.judge(Pulse(day * DAY_S, shown, np.full(6, 0.008), 0.015, 0.0, off=True), state)

    for day in (0.0, 90.0, 180.0):
        judge(day, 0.30, 0.0)
    judge(270.0, 0.31, 0.16)
    assert watch.held[2] == pytest.approx(0.16)
    assert watch.odd.tolist() == cell.tolist()
    judge(450.0, 0.37, 0.16)
    assert np.flatnonzero(np.isfinite(watch.level)).tolist() == [2]
    assert not watch.odd.any()


def test_a_coarse_reading_of_which_nobody_told_does_not_stand_still() -> None:
    watch = StuckWatch(0.008, 0.0)

    def see(volts: list[float], count: int = 8) -> bool:
        for _ in range(count):
            watch.watch(0.0, 60.0, volts, rate_c=-2.0)
        return any(map(math.isfinite, watch.since_s))

    see([4.00, 4.00, 4.00, 4.00])
    assert not see([3.99, 4.00, 3.99, 3.99])
    assert watch.finest == pytest.approx(0.01)
    assert not see([3.98, 4.00, 3.98, 3.98])
    assert see([3.94, 4.00, 3.94, 3.94])
