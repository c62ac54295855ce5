"""Streams that no healthy unit gives, and that a sensor, a converter or a silence does."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.health.balance import OffsetWatch
from agent.health.chemistry import cell_type, interpolate
from agent.health.engine import HealthEngine, Observation
from agent.health.order import OrderWatch, Seen
from agent.health.ride import Cells, seconds_to_cutoff
from agent.model import Battery, Verdict

Life = Callable[..., Iterator[Observation]]
OCV = ((0.0, 2.7), (0.1, 3.39), (0.3, 3.57), (0.5, 3.69), (0.7, 3.87), (0.9, 4.06), (1.0, 4.2))
CELLS = ("1", "2", "3", "4", "5", "6")
START_S = 1.7e9
HOUR_S = 3600.0


def shown(battery: Battery, observations: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in observations:
        engine.observe(observation)
    return engine


def at(time_s: float, current_a: float, volts: float | None, *heat: float) -> Observation:
    return Observation(START_S + time_s, current_a, (volts,) * len(CELLS), heat or (25.0,))


@pytest.mark.parametrize("back_to", [0.0, 3.0])
def test_a_load_that_goes_away_in_small_steps_is_no_step(battery: Battery, back_to: float) -> None:
    def stream() -> Iterator[Observation]:
        levels = [0.0] * 5 + [-10.0, -10.0, -5.0, *[back_to] * 8]
        for n, amperes in enumerate(levels):
            yield at(2.0 * n, amperes, 4.02 + 0.0024 * amperes)

    engine = shown(battery, stream())
    assert engine.evidence_count == 0
    assert math.isfinite(engine.health(START_S + 60.0).cells[0].resistance_growth.estimate)


def test_a_unit_that_loses_all_its_temperatures_after_one_stood_still_is_read_on(
    battery: Battery,
) -> None:
    def stream() -> Iterator[Observation]:
        for hour in range(40):
            yield at(hour * HOUR_S, 0.0, 4.02, 25.0, 25.0 + hour / 2, 25.1 + hour / 2)
        yield Observation(START_S + 41 * HOUR_S, 0.0, (4.02,) * 6, ())

    assert shown(battery, stream()).now_s == START_S + 41 * HOUR_S


def test_cells_that_all_read_nothing_under_load_have_no_constant_power(battery: Battery) -> None:
    def stream() -> Iterator[Observation]:
        for test in range(3):
            for n, amperes in enumerate([0.0] * 5 + [-40.0] * 15 + [0.0] * 5):
                yield at(test * HOUR_S + 2.0 * n, amperes, 0.0)

    assert shown(battery, stream()).health(START_S + 4 * HOUR_S).cells


def test_a_deep_discharge_from_a_rest_without_voltages_measures_nothing(battery: Battery) -> None:
    def stream() -> Iterator[Observation]:
        for minute in range(20):
            yield at(60.0 * minute, 0.0, 4.1 if minute < 19 else None)
        for n in range(600):
            yield at(1200.0 + 2.0 * n, -40.0, 4.0 - 0.0016 * n)
        yield at(2402.0, 0.0, 3.2)

    engine = shown(battery, stream())
    assert not any("measured" in text for text in engine.health(START_S + HOUR_S).evidence)


@pytest.mark.parametrize("days", [1.0, 365.0])
def test_a_load_after_a_silence_has_not_cycled_the_cells_all_the_time(
    battery: Battery, days: float
) -> None:
    engine = shown(battery, iter([at(0.0, 0.0, 4.07)]))
    after_s = days * 24 * HOUR_S
    rested = engine.estimate(START_S + after_s).holds()
    engine.observe(at(after_s, -40.0, 4.0))
    # One discharge of all there is takes less than a thousandth.
    assert engine.estimate(START_S + after_s).holds() == pytest.approx(rested, abs=1e-3)


def test_a_battery_that_an_outage_has_emptied_is_not_to_be_replaced(battery: Battery) -> None:
    def stream() -> Iterator[Observation]:
        for minute in range(20):
            yield at(60.0 * minute, 0.0, 4.07)
        for n in range(400):
            soc = 0.91 - 2.0 * n * 40.0 / 3600.0 / 15.0
            yield at(1200.0 + 2.0 * n, -40.0, interpolate(OCV, soc) - 40.0 * 0.0029)
        for n in range(20):
            yield at(2000.0 + 2.0 * n, 0.0, 3.55)

    health = shown(battery, stream()).health(START_S + 2040.0)
    assert health.evidence_at is not None
    assert health.ride_through_probability == pytest.approx(0.0, abs=0.01)
    assert health.verdict is Verdict.OK


def test_a_battery_that_cannot_carry_its_load_when_charged_is_to_be_replaced(
    battery: Battery, life: Life
) -> None:
    engine = shown(replace(battery, required_seconds=880.0), life(days=60.0))
    assert engine.health(START_S + 60 * 24 * HOUR_S).verdict is Verdict.REPLACE


def test_an_empty_cell_carries_nothing_however_empty(battery: Battery) -> None:
    kind = cell_type(battery)
    for holds in (0.0, *np.linspace(0.8, 1.0, 41)):
        each = np.full((1, len(CELLS)), holds)
        cells = Cells(each, 0.0024 * np.ones_like(each), np.ones_like(each), 25.0)
        seconds, _ = seconds_to_cutoff(cells, kind, capacity_ah=15.0, powers_w=np.array([1600.0]))
        assert seconds[0, 0] == 0.0


def test_a_clock_that_ran_ahead_puts_no_review_off(battery: Battery, life: Life) -> None:
    engine = shown(battery, life(days=30.0))
    now_s = START_S + 30 * 24 * HOUR_S
    rest = Observation(now_s, 0.0, (4.02,) * 6, (25.0,))
    engine.observe(replace(rest, time_s=now_s + 20 * 365 * 24 * HOUR_S))
    for hour in range(1, 21 * 24, 6):
        engine.observe(replace(rest, time_s=now_s + hour * HOUR_S))
    assert now_s < engine._memory.reviewed_s <= engine.now_s


def test_an_offset_is_found_after_a_clock_that_ran_ahead() -> None:
    watch = OffsetWatch(0.001)
    year_s = 365 * 24 * HOUR_S
    for minute in range(200):
        watch.watch(START_S + year_s + 60.0 * minute, 60.0, 0.02, 4.05, OCV)
    for minute in range(8 * 24 * 60):
        watch.watch(START_S + 60.0 * minute, 60.0, 0.02, 4.05, OCV)
    assert watch.offset_c == pytest.approx(0.02)


@pytest.mark.parametrize("wild", [-39.0, 125.0])
def test_one_wild_temperature_at_a_review_makes_no_verdict(
    battery: Battery, life: Life, wild: float
) -> None:
    engine = shown(replace(battery, rated_power_w=2400.0), life(days=60.0))
    before_s, reviewed_s = engine.now_s, engine._memory.reviewed_s
    for hour in range(1, 6 * 24):
        rest = Observation(before_s + hour * HOUR_S, 0.0, (4.02,) * 6, (25.0,))
        if engine._memory.reviewed_s == reviewed_s:
            trial = HealthEngine.restore(engine.battery, cells=CELLS, state=engine.state())
            trial.observe(replace(rest, temperatures_c=(wild,)))
            if trial._memory.reviewed_s != reviewed_s:
                assert trial.health(trial.now_s).verdict is Verdict.OK
                return
        engine.observe(rest)
    raise AssertionError("nothing was reviewed")


def test_beliefs_beyond_all_measure_are_not_carried_into_another_order(
    battery: Battery, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = shown(battery, life(days=30.0))
    engine._filter.x[engine._filter.blocks()[2]] = 60.0
    monkeypatch.setattr(OrderWatch, "judge", lambda *_: Seen((1, 0, 2, 3, 4, 5)))
    for observation in life(days=60.0, first_test=40.0):
        if observation.time_s > engine.now_s:
            engine.observe(observation)
    assert engine._watches.guards.order.moved_s > START_S
    assert engine.health(engine.now_s).cells[0].state_of_health.estimate > 0.8


def test_a_step_that_a_clock_has_left_behind_does_not_gather_samples_for_ever(
    battery: Battery,
) -> None:
    def stream() -> Iterator[Observation]:
        for n, amperes in enumerate([0.0] * 5 + [-40.0] * 3):
            yield at(1e6 + 2.0 * n, amperes, 4.02 + 0.0024 * amperes)
        for n in range(500):
            yield at(2.0 * n, -40.0, 3.9)

    finder = shown(battery, stream())._watches.steps
    assert len(finder.after) + len(finder.steady) < 50


@pytest.mark.parametrize("initial", [-1e3, 1e3])
def test_a_capacity_beyond_all_measure_stays_a_number(
    battery: Battery, life: Life, initial: float
) -> None:
    engine = shown(battery, life(days=30.0))
    engine._filter.x[engine._filter.blocks()[4]] = initial
    engine._review()
    health = engine.health(engine.now_s)
    assert health.ride_through_s is not None
    assert math.isfinite(health.ride_through_s.estimate)
    assert math.isfinite(health.cells[0].state_of_health.upper)


@pytest.mark.parametrize("times", [5.0, 2.0])
@pytest.mark.parametrize("commissioned", [True, False])
def test_a_first_test_that_reads_far_too_high_is_taken_back(
    battery: Battery, life: Life, *, times: float, commissioned: bool
) -> None:
    def stream() -> Iterator[Observation]:
        for seen in life(days=470.0):
            loaded = seen.current_a is not None and seen.current_a < 0.0
            first = loaded and seen.time_s < START_S + 30 * 24 * HOUR_S
            volts = tuple(4.02 - (4.02 - v) * times for v in seen.cells_v if v is not None)
            yield replace(seen, cells_v=volts) if first else seen

    known = replace(battery, resistance_ohm=None)
    if not commissioned:
        known = replace(known, commissioned_s=None)
    engine = shown(known, stream())
    right = shown(known, life(days=470.0))
    health, sound = engine.health(engine.now_s), right.health(right.now_s)
    assert health.verdict is Verdict.OK
    assert health.state_of_health is not None
    assert sound.state_of_health is not None
    assert health.state_of_health.estimate == pytest.approx(
        sound.state_of_health.estimate, abs=0.05
    )
    assert health.state_of_health.upper < 1.15
    assert health.cells[0].resistance_growth.lower > 0.8
