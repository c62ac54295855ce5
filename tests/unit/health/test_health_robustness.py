"""Every failure mode of section 3 of the estimator's specification."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.health.engine import HealthEngine, Observation
from agent.model import Basis, Battery, Chemistry, Health, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
END_S = START_S + 400 * DAY_S
Life = Callable[..., Iterator[Observation]]


def health_of(
    battery: Battery, observations: Iterator[Observation], cells: tuple[str, ...] = CELLS
) -> Health:
    engine = HealthEngine(battery, cells=cells)
    for observation in observations:
        engine.observe(observation)
    return engine.health(END_S)


def numbers(health: Health) -> list[float]:
    found: list[float] = []
    for cell in health.cells:
        found += [*cell.state_of_health, *cell.resistance_growth]
    for interval in (health.ride_through_s, health.end_of_life_s, health.ride_end_of_life_s):
        found += [] if interval is None else [*interval]
    return found


def growth(health: Health, cell: int) -> float:
    return health.cells[cell].resistance_growth.estimate


def test_a_clock_that_jumps_back_for_an_hour_changes_nothing_lasting(
    battery: Battery, life: Life
) -> None:
    plain = health_of(battery, life())
    jumped = []
    for index, observation in enumerate(life()):
        jumped.append(observation)
        if index == 400:
            jumped += [replace(observation, time_s=observation.time_s - 3600.0 * k) for k in (1, 2)]
    shaken = health_of(battery, iter(jumped))
    for before, after in zip(plain.cells, shaken.cells, strict=True):
        assert after.state_of_health.estimate == pytest.approx(
            before.state_of_health.estimate, abs=1e-3
        )


def test_a_clock_reset_to_1970_ages_nothing(battery: Battery, life: Life) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life(days=30.0):
        engine.observe(observation)
    now_s = START_S + 30 * DAY_S
    before = engine.health(now_s).cells[0].state_of_health.estimate
    engine.observe(Observation(0.0, 0.0, (4.02,) * 6, (25.0,)))
    engine.observe(Observation(now_s, 0.0, (4.02,) * 6, (25.0,)))
    assert engine.health(now_s).cells[0].state_of_health.estimate == pytest.approx(before, abs=1e-4)


def test_a_clock_that_jumps_forward_by_decades_ages_two_years_at_most(
    battery: Battery, life: Life
) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life(days=30.0):
        engine.observe(observation)
    far_s = START_S + 40 * 365 * DAY_S
    engine.observe(Observation(far_s, 0.0, (4.02,) * 6, (25.0,)))
    three_years = HealthEngine(battery, cells=CELLS).health(START_S + 3 * 365 * DAY_S)
    assert engine.health(far_s).cells[0].state_of_health.estimate > (
        three_years.cells[0].state_of_health.lower - 0.1
    )


def test_gaps_of_months_leave_the_growth_right(battery: Battery, life: Life) -> None:
    kept = (o for o in life() if not 100 < (o.time_s - START_S) / DAY_S < 250)
    health = health_of(battery, kept)
    assert growth(health, 0) == pytest.approx(math.exp(0.08), rel=0.03)


def test_a_missing_cell_does_not_touch_the_others(battery: Battery, life: Life) -> None:
    without = (replace(o, cells_v=(*o.cells_v[:2], None, *o.cells_v[3:])) for o in life())
    health = health_of(battery, without)
    assert growth(health, 0) == pytest.approx(math.exp(0.08), rel=0.03)
    missing, present = health.cells[2].state_of_health, health.cells[0].state_of_health
    assert missing.upper - missing.lower > present.upper - present.lower


def test_a_cell_that_nobody_reads_is_no_healthy_one(battery: Battery, life: Life) -> None:
    without = (replace(o, cells_v=(*o.cells_v[:2], None, *o.cells_v[3:])) for o in life())
    health = health_of(battery, without)
    assert [(one.code, one.cell) for one in health.reasons] == [("cell_unread", "3")]
    assert "has been read since 2023-11-14" in health.reasons[0].text
    known = {(c.basis, c.verdict) for c in health.cells if c.cell != "3"}
    assert known == {(Basis.RESISTANCE, Verdict.OK)}
    missed = health.cells[2]
    assert (missed.basis, missed.verdict, missed.leak_a) == (Basis.PRIOR, Verdict.WATCH, None)


def test_a_cell_that_is_read_again_is_missed_no_longer(battery: Battery, life: Life) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    missed = []
    for seen in life(days=120.0):
        day = (seen.time_s - START_S) / DAY_S
        cells_v = (*seen.cells_v[:2], None, *seen.cells_v[3:]) if 50 <= day < 60 else seen.cells_v
        # A unit that is asked and does not answer misses no cell.
        engine.observe(replace(seen, cells_v=(None,) * 6 if 70 <= day < 80 else cells_v))
        if any(one.code == "cell_unread" for one in engine.health(seen.time_s).reasons):
            missed.append(day)
    assert 51.0 <= missed[0] <= 53.0
    assert 60.0 <= missed[-1] <= 61.5


def test_cells_missing_now_and_then_cost_little(battery: Battery, life: Life) -> None:
    holes = (
        replace(o, cells_v=tuple(None if (i + k) % 5 == 0 else v for k, v in enumerate(o.cells_v)))
        for i, o in enumerate(life())
    )
    assert growth(health_of(battery, holes), 3) == pytest.approx(math.exp(0.08), rel=0.05)


def test_a_flipped_current_sign_gives_the_same_resistance(battery: Battery, life: Life) -> None:
    plain, flipped = health_of(battery, life()), health_of(battery, life(sign=-1.0))
    assert growth(flipped, 0) == pytest.approx(growth(plain, 0), rel=0.01)


def test_steps_of_10_mv_stay_within_four_percent(battery: Battery, life: Life) -> None:
    coarse = replace(battery, voltage_step_v=0.01)
    health = health_of(coarse, life(step_v=0.01))
    assert growth(health, 0) == pytest.approx(math.exp(0.08), rel=0.04)
    assert health.verdict is Verdict.OK


def test_swapping_cells_swaps_the_answers(battery: Battery, life: Life) -> None:
    plain = health_of(battery, life())
    swapped = health_of(battery, (replace(o, cells_v=o.cells_v[::-1]) for o in life()))
    for one, other in zip(plain.cells, reversed(swapped.cells), strict=True):
        assert other.state_of_health == pytest.approx(one.state_of_health, abs=2e-3)
        assert other.resistance_growth == pytest.approx(one.resistance_growth, abs=2e-3)


def test_without_reported_balancing_nothing_is_said_of_sensors(
    battery: Battery, life: Life
) -> None:
    drifting = (
        replace(o, cells_v=((o.cells_v[0] or 0.0) + (o.time_s - START_S) * 1e-9, *o.cells_v[1:]))
        for o in life()
    )
    assert "cell_sensor" not in {r.code for r in health_of(battery, drifting).reasons}


def test_a_capacity_above_105_percent_is_no_error(battery: Battery, life: Life) -> None:
    generous = replace(battery, rated_capacity_ah=12.0)
    assert all(math.isfinite(n) for n in numbers(health_of(generous, life())))


def test_an_unknown_chemistry_has_the_widest_interval(battery: Battery, life: Life) -> None:
    widths = {}
    for chemistry in (Chemistry.NCA, Chemistry.UNKNOWN):
        known = replace(battery, chemistry=chemistry)
        interval = health_of(known, life()).cells[0].state_of_health
        widths[chemistry] = interval.upper - interval.lower
    assert widths[Chemistry.UNKNOWN] > widths[Chemistry.NCA]


def test_a_battery_of_which_nothing_is_known_still_gets_an_answer(life: Life) -> None:
    health = health_of(Battery(), life())
    assert len(health.cells) == 6
    assert all(math.isfinite(n) for n in numbers(health))


def test_scaling_current_and_capacity_together_changes_nothing(
    battery: Battery, life: Life
) -> None:
    double = replace(battery, rated_capacity_ah=30.0, resistance_ohm=0.0012, rated_power_w=3200.0)
    scaled = (replace(o, current_a=2.0 * (o.current_a or 0.0)) for o in life())
    plain, other = health_of(battery, life()), health_of(double, scaled)
    for one, two in zip(plain.cells, other.cells, strict=True):
        assert two.state_of_health == pytest.approx(one.state_of_health, abs=1e-6)
        assert two.resistance_growth == pytest.approx(one.resistance_growth, abs=1e-6)
    assert other.ride_through_s == pytest.approx(plain.ride_through_s, rel=1e-3)


def test_one_cell_is_enough(battery: Battery, life: Life) -> None:
    alone = (replace(o, cells_v=o.cells_v[:1]) for o in life())
    single = replace(battery, series=1, parallel=1, rated_power_w=150.0)
    health = health_of(single, alone, cells=("1",))
    assert growth(health, 0) == pytest.approx(math.exp(0.08), rel=0.03)


def test_one_implausible_pulse_makes_no_verdict(battery: Battery, life: Life) -> None:
    """A single broken sample in a load step, half a volt off, once."""
    observations = list(life())
    at = next(i for i, o in enumerate(observations) if (o.current_a or 0.0) < 0.0 and i > 300)
    broken = [
        v - 0.5 if k == 2 and v is not None else v
        for k, v in enumerate(observations[at + 4].cells_v)
    ]
    observations[at + 4] = replace(observations[at + 4], cells_v=tuple(broken))
    health = health_of(battery, iter(observations))
    assert (health.verdict, health.reasons) == (Verdict.OK, ())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -5.0, 1e300])
def test_no_number_makes_it_raise_or_answer_nonsense(
    battery: Battery, life: Life, bad: float
) -> None:
    hostile = []
    for index, observation in enumerate(life(days=120.0)):
        hostile.append(observation)
        if index % 7 == 0:
            hostile.append(
                Observation(
                    observation.time_s + 0.5,
                    bad,
                    (bad, None, 4.0, bad, 4.0, 4.0),
                    (bad,),
                    bad,
                    balancing=-1,
                    reported_soc=bad,
                )
            )
    health = health_of(battery, iter(hostile))
    assert all(math.isfinite(n) for n in numbers(health))


value = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
observation = st.builds(
    Observation,
    time_s=st.floats(allow_nan=True, allow_infinity=True),
    current_a=value,
    cells_v=st.lists(value, max_size=8).map(tuple),
    temperatures_c=st.lists(st.floats(), max_size=3).map(tuple),
    ambient_c=value,
    balancing=st.one_of(st.none(), st.integers(-10, 1 << 70)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(observation, max_size=30))
def test_any_stream_of_observations_gives_finite_numbers_and_a_state(
    stream: list[Observation],
) -> None:
    engine = HealthEngine(Battery(rated_power_w=1000.0, parallel=2), cells=("1", "2", "3"))
    for one in stream:
        engine.observe(one)
    assert all(math.isfinite(n) for n in numbers(engine.health(1.8e9)))
    saved = json.loads(json.dumps(engine.state(), allow_nan=False))
    again = HealthEngine.restore(engine.battery, cells=engine.cells, state=saved)
    assert json.dumps(again.state()) == json.dumps(saved)
