"""Faults are found, named and told apart."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.health.anomalies import shorts
from agent.health.chemistry import cell_type
from agent.health.engine import HealthEngine, Observation
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.gain import GainWatch
from agent.health.jumps import JumpWatch
from agent.health.standby import StandbyWatch
from agent.health.verdict import Finding, Judge
from agent.model import Battery, Health, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]
OCV = ((0.0, 2.7), (0.5, 3.7), (1.0, 4.2))


def ageing(day: float) -> float:
    return 0.004 * math.sqrt(day)


def health_after(battery: Battery, life: Iterator[Observation], days: float) -> Health:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life:
        engine.observe(observation)
    return engine.health(START_S + days * DAY_S)


def codes(health: Health) -> set[tuple[str, str | None]]:
    return {(reason.code, reason.cell) for reason in health.reasons}


def test_a_cell_that_jumps_is_named_after_the_next_test(battery: Battery, life: Life) -> None:
    def jump(day: float, cell: int) -> float:
        return ageing(day) + (0.3 if cell == 3 and day > 150.0 else 0.0)

    health = health_after(battery, life(days=210.0, growth=jump), 210.0)
    assert ("cell_resistance", "4") in codes(health)
    assert health.cells[3].verdict is Verdict.DEGRADED


def test_the_reason_tells_cell_numbers_and_date(battery: Battery, life: Life) -> None:
    def jump(day: float, cell: int) -> float:
        return ageing(day) + (0.3 if cell == 3 and day > 150.0 else 0.0)

    health = health_after(battery, life(days=210.0, growth=jump), 210.0)
    text = next(r.text for r in health.reasons if r.code == "cell_resistance")
    assert "cell 4: resistance +" in text
    assert "confirmed on 2024-06-01" in text


def test_an_open_parallel_cell_takes_its_share_of_the_capacity(
    battery: Battery, life: Life
) -> None:
    def opened(day: float, cell: int) -> float:
        return ageing(day) + (math.log(6 / 5) if cell == 1 and day > 150.0 else 0.0)

    health = health_after(battery, life(days=400.0, growth=opened), 400.0)
    assert ("cell_weak", "2") in codes(health)
    weak, other = health.cells[1].state_of_health, health.cells[0].state_of_health
    assert weak.estimate < other.estimate - 0.05


def test_a_cell_that_ages_twice_as_fast_is_weak_and_not_a_bad_contact(
    battery: Battery, life: Life
) -> None:
    def fast(day: float, cell: int) -> float:
        return (2.2 if cell == 4 else 1.0) * 3.0 * ageing(day)

    found = codes(health_after(battery, life(days=700.0, growth=fast), 700.0))
    assert found == {("cell_weak", "5")}


def alarms(battery: Battery, life: Iterator[Observation]) -> dict[tuple[str, str | None], float]:
    """Every reason ever raised, and its day."""
    engine = HealthEngine(replace(battery, rated_power_w=None), cells=CELLS)
    for observation in life:
        engine.observe(observation)
    raised = reversed(engine.raised)
    return {(one.code, one.cell): (one.time_s - START_S) / DAY_S for one in raised}


def test_a_weld_that_grows_between_tests_is_no_fast_ageing(battery: Battery, life: Life) -> None:
    def weld(day: float, cell: int) -> float:
        grown = min(max(day - 400.0, 0.0) / 200.0, 1.0)
        return ageing(day) + (math.log1p(0.4 * grown) if cell == 2 else 0.0)

    found = alarms(battery, life(days=700.0, growth=weld, hours=96.0, tests_every=60.0))
    assert found.pop(("cell_resistance", "3")) - 400.0 <= 120.0
    assert set(found) <= {("cell_weak", "3")}


def test_a_cell_that_begins_to_age_fast_is_no_bad_contact(battery: Battery, life: Life) -> None:
    def fast(day: float, cell: int) -> float:
        lately = ageing(day) - ageing(300.0) if day > 300.0 and cell == 4 else 0.0
        return 4.0 * (ageing(day) + 1.2 * lately)

    found = alarms(battery, life(days=1000.0, growth=fast, hours=96.0))
    assert set(found) == {("cell_weak", "5")}


@pytest.mark.parametrize(
    ("aways", "changed"),
    [((0.2, 0.45), [2]), ((0.45, 0.2), []), ((0.2, -0.2), []), ((-0.3, -0.3), [])],
)
def test_a_second_test_confirms_what_stands_or_has_grown_but_no_fall(
    battery: Battery, aways: tuple[float, float], changed: list[int]
) -> None:
    state = ModuleFilter.start(cell_type(battery), 6, 15.0)
    watch = JumpWatch(6)
    level = state.x[state.blocks()[3]]
    for day, away in enumerate((0.0, 0.0, *aways)):
        shown = level + np.array([0.0, 0.0, away, 0.0, 0.0, 0.0])
        time_s = START_S + 60.0 * day * DAY_S
        pulse = Pulse(time_s, shown, np.full(6, 0.01), 0.02, warm=0.0, off=True)
        believed = watch.judge(pulse, state)
        state.update_resistance(believed, pulse.own_sd, common_sd=0.02, warm=0.0, off=True)
    assert np.flatnonzero(np.isfinite(watch.level)).tolist() == changed


def test_a_resistance_that_falls_is_nobodys_fault(battery: Battery, life: Life) -> None:
    def falls(day: float, cell: int) -> float:
        return ageing(day) - (0.2 if cell == 3 and day > 300.0 else 0.0)

    assert alarms(battery, life(days=600.0, growth=falls, hours=96.0)) == {}


def test_a_leaking_cell_is_found_by_its_fall_between_charges() -> None:
    watch = StandbyWatch(4, 15.0)
    for hour in range(24 * 40):
        # 5 mA out of 15 Ah, topped up once a day: 0.33 mAh an hour per Ah.
        lost = 0.005 / 15.0 * (hour % 24)
        cells = [4.0, 4.0 - lost * 1.0, 4.0, 4.0]
        resting = hour % 24 > 0
        if watch.watch(START_S + hour * 3600.0, 3600.0, cells, 0, rest=resting):
            watch.close(OCV, 0.001)
    leak, sd = watch.leak_by_slope()
    assert abs(leak[1] - 0.005) < 0.0005
    assert leak[1] > 5.0 * sd[1]
    assert abs(leak[0]) < 0.0002


def test_what_a_cell_fell_by_while_nothing_was_shown_is_no_leak() -> None:
    """Telemetry that stood still for weeks: the samples before and after are of two stretches."""
    watch = StandbyWatch(4, 15.0)
    for hour in range(24):
        # The last sample was an hour ago, and was one that nobody believed.
        away_s = 40 * DAY_S if hour >= 12 else 0.0
        cells = [4.0, 3.95 if hour >= 12 else 4.0, 4.0, 4.0]
        if watch.watch(START_S + hour * 3600.0 + away_s, 3600.0, cells, 0, rest=True):
            watch.close(OCV, 0.001)
    leak, sd = watch.leak_by_slope()
    assert abs(leak[1]) < 1e-4
    assert sd[1] > 1e-4


@pytest.mark.parametrize(
    ("bleed_a", "lost_ma", "word"), [(None, 3.0, "taken for 2 mA"), (0.09, 9.0, "by 90 mA")]
)
def test_a_balancer_that_bleeds_all_but_one_cell_points_at_it(
    bleed_a: float | None, lost_ma: float, word: str
) -> None:
    watch = StandbyWatch(4, 15.0, bleed_a)
    for hour in range(24 * 60):
        mask = 0b1101 if hour % 10 == 0 else 0
        if watch.watch(START_S + hour * 3600.0, 3600.0, [4.0] * 4, mask, rest=True):
            watch.close(OCV, 0.001)
    by_bleeding = watch.leak_by_bleeding()
    assert by_bleeding[1] == pytest.approx(lost_ma / 1000.0, rel=0.05)
    assert abs(by_bleeding[0]) < 1e-6
    # Where the idle voltage tells nothing it contradicts nothing either.
    watch.slope_weight[:] = 0.0
    (found,) = (f for f in shorts(watch, OCV, CELLS[:4], np.ones(4)) if f.severity > 1.0)
    assert found.cell == "2"
    assert f"loses about {lost_ma:.1f} mA more than its neighbours (" in found.text
    assert word in found.text


def test_a_drifting_voltage_sensor_is_told_from_a_leak(battery: Battery, life: Life) -> None:
    def drifting() -> Iterator[Observation]:
        for observation in life(days=800.0, hours=2.0):
            shift = 0.010 * max(observation.time_s - START_S - 300 * DAY_S, 0.0) / (365 * DAY_S)
            cells = list(observation.cells_v)
            cells[2] = round((cells[2] or 0.0) + shift, 3)
            yield replace(observation, cells_v=tuple(cells), balancing=0)

    assert codes(health_after(battery, drifting(), 800.0)) == {("cell_sensor", "3")}


def test_two_regulators_that_agree_betray_the_current_sensor() -> None:
    watch = GainWatch(15.0)
    time_s = START_S
    for test in range(12):
        gain = 1.02 if test >= 8 else 1.0
        for level_a, count in ((-30.0, 30), (0.0, 5), (3.0, 40), (0.0, 5)):
            for _ in range(count):
                time_s += 2.0
                watch.watch(time_s, level_a * gain)
    assert abs(watch.ratio - 1.02) < 1e-3


@pytest.mark.parametrize(("regulated", "found"), [(1.0, 1.02), (1.02, 1.0)])
def test_a_self_test_of_constant_power_is_a_regulator_too(regulated: float, found: float) -> None:
    """Its current moves with the voltage, so that its power has to tell."""
    watch = GainWatch(15.0)
    time_s = START_S
    for test in range(12):
        gain = 1.02 if test >= 8 else 1.0
        power_w = 1500.0 * (gain / regulated if test >= 8 else 1.0)
        for second in range(30):
            volts = 50.0 - 0.002 * test - 0.06 * second
            watch.watch(time_s + 2.0 * second, -power_w / volts, volts)
        for second in range(60, 140):
            watch.watch(time_s + second, 3.0 * gain if second > 64 else 0.0, 52.0)
        watch.watch(time_s + 150.0, 0.0, 52.0)
        time_s += 60.0 * DAY_S
    assert abs(watch.ratio - found) < 1e-3


def test_one_regulator_that_moves_alone_is_a_new_setting() -> None:
    watch = GainWatch(15.0)
    time_s = START_S
    for test in range(12):
        for level_a, count in ((-30.0, 30), (0.0, 5), (3.06 if test >= 8 else 3.0, 40), (0.0, 5)):
            for _ in range(count):
                time_s += 2.0
                watch.watch(time_s, level_a)
    assert watch.ratio == 1.0


def test_a_reason_stays_until_it_is_clearly_gone() -> None:
    def at(severity: float) -> list[Finding]:
        return [Finding("cell_weak", "1", severity, Verdict.WATCH, "")]

    judge = Judge()
    seen = []
    for severity in (0.95, 1.0, 0.95, 0.85, 0.75, 0.95):
        judge.review(at(severity), 0.0)
        seen.append(bool(judge.reasons()))
    assert seen == [False, True, True, True, False, False]


def test_a_reason_is_raised_once() -> None:
    judge = Judge()
    found = [Finding("cell_weak", "1", 2.0, Verdict.WATCH, "")]
    assert [len(judge.review(found, t)) for t in (0.0, 1.0)] == [1, 0]
    judge.review([], 2.0)
    assert judge.review(found, 3.0) == []
