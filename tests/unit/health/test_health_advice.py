"""Which test would tell most: by what it would take away of what is not known."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.health.advice import FULL, RATED, SELF_TEST, SLOW
from agent.health.chemistry import interpolate
from agent.health.engine import HealthEngine, Observation
from agent.health.ride import LIMIT_S
from agent.health.verdict import Finding
from agent.model import Advice, Battery, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]


def engine_after(battery: Battery, life: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life:
        engine.observe(observation)
    return engine


def advice_of(engine: HealthEngine, now_s: float | None = None) -> Advice:
    advice = engine.health(engine.now_s if now_s is None else now_s).advice
    assert advice is not None
    return advice


def test_every_test_is_weighed_and_the_deeper_one_never_tells_less(
    battery: Battery, life: Life
) -> None:
    advice = advice_of(engine_after(battery, life(days=400.0, hours=24.0)))
    assert [trial.test for trial in advice.options] == [SELF_TEST, RATED, FULL, SLOW]
    sds = [trial.soh_sd for trial in advice.options]
    assert advice.soh_sd >= sds[0] >= sds[1] >= sds[2] >= sds[3] > 0.0
    assert [trial.seconds for trial in advice.options[:2]] == [60.0, 240.0]
    assert all(0.0 < trial.depth <= 1.0 for trial in advice.options)
    assert all(trial.ride_sd <= advice.ride_sd for trial in advice.options)


def test_the_advice_and_the_interval_say_the_same_of_the_weakest_cell(
    battery: Battery, life: Life
) -> None:
    engine = engine_after(battery, life(days=400.0, hours=24.0))
    health = engine.health(engine.now_s)
    held = health.state_of_health
    assert held is not None
    assert health.advice is not None
    assert 2.0 * 1.645 * health.advice.soh_sd == pytest.approx(held.upper - held.lower, rel=0.02)
    assert f"within ±{50.0 * (held.upper - held.lower):.1f} points" in health.advice.text


def test_a_module_with_an_inner_short_is_sent_into_no_discharge(
    battery: Battery, life: Life
) -> None:
    engine = engine_after(battery, life(days=400.0, hours=24.0))
    engine.health(engine.now_s)
    short = Finding("cell_short", "4", 2.0, Verdict.REPLACE, "cell 4: loses charge")
    engine._judge.review([short], engine.now_s)
    advice = advice_of(engine)
    assert (advice.test, advice.due_s, advice.options) == (None, None, ())
    assert "cell 4 may have an inner short" in advice.text


def test_a_discharge_that_outlasts_the_simulation_is_as_long_as_its_charge(
    battery: Battery, life: Life
) -> None:
    """A cabinet that carries its rated power for hours is not empty after fifteen minutes."""
    assert battery.rated_power_w is not None
    light = replace(battery, rated_power_w=battery.rated_power_w / 40.0)
    engine = engine_after(light, life(days=400.0, hours=24.0))
    ride_s = engine.health(engine.now_s).ride_through_s
    assert ride_s is not None
    assert ride_s.estimate == LIMIT_S
    full = advice_of(engine).options[-1]
    middle_v = interpolate(engine.kind.ocv, 0.5)
    carried_w = full.depth * engine.capacity_ah * 6 * middle_v * 3600.0 / full.seconds
    assert carried_w == pytest.approx(light.rated_power_w, rel=0.02)


def test_a_unit_whose_tests_have_told_all_that_they_can_needs_a_deep_one(
    battery: Battery, life: Life
) -> None:
    aged = life(days=900.0, hours=24.0, growth=lambda day, _cell: 0.015 * math.sqrt(day))
    advice = advice_of(engine_after(battery, aged))
    assert advice.test == FULL
    assert "a discharge to cut-off (" in advice.text
    assert "after it within ±" in advice.text
    assert "it costs the unit's readiness for about " in advice.text


@pytest.mark.parametrize(("worn", "capacity_ah"), [(0.015, 12.6), (0.029, 10.0)])
@pytest.mark.parametrize("test", [FULL, SLOW])
def test_the_measured_gain_is_about_the_promised_one(
    battery: Battery, life: Life, test: str, worn: float, capacity_ah: float
) -> None:
    """A discharge to its cut-off, as advised, leaves about the uncertainty that was foretold.

    The drop under the rated load hides what a worn cell holds, and that is foretold, too.
    """
    growth = lambda day, _cell: worn * math.sqrt(day)  # noqa: E731 - one line
    engine = engine_after(battery, life(days=900.0, hours=24.0, growth=growth))
    advice = advice_of(engine)
    promised = next(one.soh_sd for one in advice.options if one.test == test)
    current_a = 70.0 if test == FULL else 7.5
    ohm = 0.0024 * math.exp(worn * math.sqrt(900.0))
    for observation in deep(engine.now_s + 3600.0, capacity_ah, current_a, ohm):
        engine.observe(observation)
    left = advice_of(engine).soh_sd
    assert 0.6 * promised < left < 1.5 * promised
    if test == SLOW:
        assert left < 0.85 * advice.soh_sd


def deep(start_s: float, capacity_ah: float, current_a: float, ohm: float) -> Iterator[Observation]:
    """A discharge from rest down to the cut-off of cells of ``capacity_ah``."""
    ocv = ((0.0, 2.7), (0.1, 3.39), (0.3, 3.57), (0.5, 3.69), (0.7, 3.87), (0.9, 4.06), (1.0, 4.2))

    def volts(left: float) -> float:
        for (x0, y0), (x1, y1) in pairwise(ocv):
            if x0 <= left <= x1:
                return y0 + (y1 - y0) * (left - x0) / (x1 - x0)
        return ocv[0][1]

    for second in range(-3600, 0, 60):
        yield Observation(start_s + second, 0.0, (volts(0.87),) * 6, (25.0,))
    second, left, cell = 0, 0.87, 4.0
    while cell > 2.7 and left > 0.0:
        second += 2
        left = 0.87 - current_a * second / 3600.0 / capacity_ah
        polarised = 1.0 + 0.1 * math.log(max(second, 10) / 10)
        cell = round(volts(max(left, 0.0)) - current_a * ohm * polarised, 3)
        yield Observation(start_s + second, -current_a, (cell,) * 6, (25.0,))
    for rest in range(2, 600, 10):
        yield Observation(start_s + second + rest, 0.0, (volts(max(left, 0.0)),) * 6, (25.0,))


def test_nothing_is_due_now_where_all_is_well_known_and_later_it_is(
    battery: Battery, life: Life
) -> None:
    engine = engine_after(battery, life(days=60.0, hours=24.0))
    advice = advice_of(engine)
    assert advice.due_s is not None
    assert advice.due_s > engine.now_s + 80 * DAY_S
    late = advice_of(engine, engine.now_s + 5 * 365 * DAY_S)
    assert late.due_s is not None
    assert late.due_s <= engine.now_s + 5 * 365 * DAY_S
    assert late.soh_sd > advice.soh_sd


def test_a_ride_through_on_the_edge_is_worth_a_test_now(battery: Battery, life: Life) -> None:
    engine = engine_after(battery, life(days=60.0, hours=24.0))
    ride = engine.health(engine.now_s).ride_through_s
    assert ride is not None
    edge = replace(battery, required_seconds=ride.estimate)
    doubtful = engine_after(edge, life(days=60.0, hours=24.0))
    advice = advice_of(doubtful)
    assert advice.due_s is not None
    assert advice.due_s <= doubtful.now_s


def test_a_cell_that_may_be_open_or_badly_welded_asks_for_a_window(
    battery: Battery, life: Life
) -> None:
    def opened(day: float, cell: int) -> float:
        return 0.004 * math.sqrt(day) + (0.16 if cell == 1 and day > 150.0 else 0.0)

    engine = engine_after(battery, life(days=310.0, growth=opened, hours=24.0))
    chance = float(engine.estimate(engine.now_s).change.opened[1])
    assert 0.02 < chance < 0.98
    advice = advice_of(engine)
    assert advice.due_s is not None
    assert advice.due_s <= engine.now_s
    assert advice.test in {RATED, FULL}
    assert advice.options[1].soh_sd < 0.8 * advice.options[0].soh_sd


def test_without_a_rated_power_the_advice_is_by_a_usual_current(
    battery: Battery, life: Life
) -> None:
    plain = replace(battery, rated_power_w=None)
    advice = advice_of(engine_after(plain, life(days=60.0, hours=24.0)))
    assert advice.options[0].depth == pytest.approx(1.0 / 60.0)


def test_the_time_to_charge_again_is_by_the_charger_that_was_seen(
    battery: Battery, life: Life
) -> None:
    engine = engine_after(battery, life(days=30.0, hours=24.0))
    slow = advice_of(engine).options[-1].recharge_s
    now_s = engine.now_s
    for turn in range(2):
        for second in range(0, 200, 2):
            at_s = now_s + 100.0 + turn * 1000.0 + second
            engine.observe(Observation(at_s, 6.0 if second < 120 else 0.0, (4.0,) * 6, (25.0,)))
    assert advice_of(engine, now_s + 7 * 3600.0).options[-1].recharge_s < 0.7 * slow
