"""What a module at rest tells of its cells: leaks as numbers, charge apart, balancing unseen."""

from collections.abc import Callable

import numpy as np
import pytest

from agent.health.anomalies import imbalance, leaks, sensors, shorts
from agent.health.gain import GainWatch
from agent.health.standby import StandbyWatch
from agent.model import Verdict

START_S = 1.7e9
OCV = tuple((n / 20.0, 3.2 + n / 20.0) for n in range(21))
CELLS = ("1", "2", "3", "4")
ALIKE = np.ones(4)


def idle(
    days: int,
    *,
    leak_a: float = 0.0,
    apart_v: float = 0.0,
    mask: int | None = 0,
    bleeding: bool = False,
) -> StandbyWatch:
    """A module topped up once a day; cell 2 leaks and stands apart."""
    watch = StandbyWatch(4, 15.0)
    for hour in range(24 * days):
        lost = leak_a / 15.0 * (hour % 24)
        cells = [4.0, 4.0 - lost + apart_v, 4.0, 4.0]
        if watch.watch(
            START_S + hour * 3600.0,
            3600.0,
            cells,
            mask,
            rest=hour % 24 > 0,
            bleeding=bleeding,
        ):
            watch.close(OCV, 0.0005)
    return watch


def test_the_number_of_a_leak_and_its_reason_agree_in_a_smaller_cell() -> None:
    watch, held = idle(40, leak_a=0.005), np.array([1.0, 0.8, 1.0, 1.0])
    (told,) = [f for f in shorts(watch, OCV, CELLS, held) if f.cell == "2"]
    found = leaks(watch, OCV, held)[1]
    assert found is not None
    assert f"about {found.estimate * 1000.0:.1f} mA" in told.text


@pytest.mark.parametrize("jump_days", [30.0, -400.0])
def test_a_leak_is_not_averaged_over_a_silence_or_a_jump_of_the_clock(jump_days: float) -> None:
    watch, time_s = StandbyWatch(4, 15.0), START_S
    for hour in range(24):
        jumps = hour == 14
        time_s += 3600.0 + jumps * jump_days * 86400.0
        passed_s = max(3600.0 + jumps * jump_days * 86400.0, 0.0)
        # What was lost is made good in the silence.
        lost = 0.005 / 15.0 * (hour % 14)
        watch.watch(time_s, passed_s, [4.0, 4.0 - lost, 4.0, 4.0], 0, rest=True)
    watch.close(OCV, 0.0005)
    leak, sd = watch.leak_by_slope()
    assert leak[1] == pytest.approx(idle(1, leak_a=0.005).leak_by_slope()[0][1], rel=0.1)
    assert sd[1] > 1e-5


def test_a_cell_that_is_absent_half_the_time_stands_where_it_was_read() -> None:
    watch = StandbyWatch(4, 15.0)
    for hour in range(24 * 12):
        cell = 4.02 if hour % 4 < 2 else float("nan")
        rest, volts = hour % 24 > 0, [4.0, cell, 4.0, 4.0]
        if watch.watch(START_S + hour * 3600.0, 3600.0, volts, 0, rest=rest, bleeding=False):
            watch.close(OCV, 0.0005)
    assert watch.now_away()[1] == pytest.approx(0.02, abs=1e-6)


def test_a_leak_is_a_number_with_an_interval() -> None:
    found = leaks(idle(40, leak_a=0.005), OCV, ALIKE)
    assert found[1] is not None
    assert found[1].lower < 0.005 < found[1].upper
    assert found[1].estimate == pytest.approx(0.005, rel=0.1)
    assert found[0] is not None
    assert found[0].lower < 0.0 < found[0].upper


def test_before_a_day_of_rest_no_leak_is_known() -> None:
    assert leaks(idle(0), OCV, ALIKE) == [None] * 4


@pytest.mark.parametrize("bleeding", [False, True])
def test_without_a_mask_nothing_is_said_of_sensors_and_no_healthy_cell_leaks(
    *, bleeding: bool
) -> None:
    watch = idle(300, mask=None, bleeding=bleeding)
    found = [f.severity for f in shorts(watch, OCV, CELLS, np.ones(4))]
    wandered = sensors(watch, GainWatch(15.0), CELLS, voltage_step_v=0.001, excused=frozenset())
    assert max(found) < 0.8
    assert all(f.severity == 0.0 for f in wandered)


@pytest.mark.parametrize(("mask", "named"), [(0, ["3"]), (None, [])])
def test_only_where_balancing_is_told_a_cell_that_wanders_has_a_drifting_sensor(
    mask: int | None, named: list[str]
) -> None:
    watch = StandbyWatch(4, 15.0)
    for hour in range(0, 24 * 500, 3):
        cells = [4.0, 4.0, 4.0 + 0.010 * hour / 8766.0, 4.0]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, mask, rest=True):
            watch.close(OCV, 0.0005)
    found = sensors(watch, GainWatch(15.0), CELLS, voltage_step_v=0.001, excused=frozenset())
    assert [f.cell for f in found if f.severity >= 1.0] == named


def test_without_a_mask_a_leak_is_still_found_by_the_idle_voltage() -> None:
    found = {f.cell: f for f in shorts(idle(40, leak_a=0.005, mask=None), OCV, CELLS, np.ones(4))}
    assert found["2"].severity > 1.0
    assert "idle it falls faster" in found["2"].text


def test_while_it_balances_unknown_cells_the_voltage_tells_no_leak() -> None:
    assert leaks(idle(40, leak_a=0.005, mask=None, bleeding=True), OCV, ALIKE) == [None] * 4


def apart(watch: StandbyWatch, excused: frozenset[str] = frozenset()) -> list[str | None]:
    found = imbalance(watch, OCV, CELLS, voltage_step_v=0.001, excused=excused)
    return [f.cell for f in found if f.severity >= 1.0]


def test_a_cell_that_stands_apart_in_charge_is_named() -> None:
    watch = idle(30, apart_v=-0.08)
    assert apart(watch) == ["2"]
    assert apart(watch, frozenset({"2"})) == []
    assert apart(idle(30, apart_v=-0.01)) == []


def test_a_flat_curve_tells_no_imbalance() -> None:
    flat = tuple((n / 20.0, 3.95 + 0.1 * n / 20.0) for n in range(21))
    found = imbalance(
        idle(30, apart_v=-0.02), flat, CELLS, voltage_step_v=0.001, excused=frozenset()
    )
    assert all(f.severity == pytest.approx(0.0) for f in found)


PLATEAU = (
    *((0.0, 2.4), (0.05, 3.1), (0.1, 3.2), (0.2, 3.27), (0.5, 3.3), (0.7, 3.315)),
    *((0.9, 3.33), (0.95, 3.335), (0.98, 3.34), (1.0, 3.45)),
)


def resting(days: int, away_v: Callable[[int], float], rest_v: float = 3.33) -> StandbyWatch:
    """Six LFP cells, read every three hours; the third stands ``away_v`` from them."""
    watch = StandbyWatch(6, 15.0)
    for hour in range(0, 24 * days, 3):
        cells = [rest_v, rest_v, rest_v + away_v(hour), rest_v, rest_v, rest_v]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, 0, rest=True):
            watch.close(PLATEAU, 0.001)
    return watch


@pytest.mark.parametrize(
    ("away_v", "verdicts"), [(-0.03, []), (-0.2, [Verdict.DEGRADED]), (-0.8, [Verdict.DEGRADED])]
)
def test_on_a_plateau_a_cell_that_fell_off_it_is_named(
    away_v: float, verdicts: list[Verdict]
) -> None:
    cells = ("1", "2", "3", "4", "5", "6")
    found = imbalance(
        resting(30, lambda _hour: away_v),
        PLATEAU,
        cells,
        voltage_step_v=0.001,
        excused=frozenset(),
    )
    assert [f.verdict for f in found if f.severity >= 1.0] == verdicts


def test_millivolts_at_the_edge_of_a_plateau_are_no_leak() -> None:
    # 4 mV of wandering are 4 % of charge on the plateau, and 0.2 % above its edge.
    watch = resting(240, lambda hour: 0.004 * (hour // 24 % 40 < 20), rest_v=3.332)
    found = shorts(watch, PLATEAU, ("1", "2", "3", "4", "5", "6"), np.ones(6))
    assert max(f.severity for f in found) < 0.5


@pytest.mark.parametrize(("rest_v", "named"), [(4.0, ["3"]), (3.4, [])])
def test_a_module_that_is_not_kept_charged_has_no_cell_that_leaks(
    rest_v: float, named: list[str]
) -> None:
    watch = StandbyWatch(6, 15.0)
    for hour in range(0, 24 * 240, 3):
        fallen_v = 0.005 / 15.0 * (hour % 24)
        cells = [rest_v, rest_v, rest_v - fallen_v, rest_v, rest_v, rest_v]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, 0, rest=hour % 24 > 0):
            watch.close(OCV, 0.001)
    assert leaking(watch) == named


@pytest.mark.parametrize(("drift_v", "named"), [(0.03, ["3"]), (0.3, [])])
def test_what_reads_far_off_is_the_cell_and_no_sensor(drift_v: float, named: list[str]) -> None:
    watch = StandbyWatch(4, 15.0)
    for hour in range(0, 24 * 500, 3):
        cells = [4.0, 4.0, 4.0 - drift_v * hour / 8766.0, 4.0]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, 0, rest=True):
            watch.close(OCV, 0.0005)
    found = sensors(watch, GainWatch(15.0), CELLS, voltage_step_v=0.001, excused=frozenset())
    assert [f.cell for f in found if f.severity >= 1.0] == named


def balanced(
    days: int, masks: Callable[[int], int], away_v: Callable[[int], float]
) -> StandbyWatch:
    """Six cells at rest, read every three hours; the third stands ``away_v`` from the others."""
    watch = StandbyWatch(6, 15.0)
    for hour in range(0, 24 * days, 3):
        cells = [4.0, 4.0, 4.0 + away_v(hour), 4.0, 4.0, 4.0]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, masks(hour), rest=True):
            watch.close(OCV, 0.001)
    return watch


def leaking(watch: StandbyWatch) -> list[str | None]:
    found = shorts(watch, OCV, ("1", "2", "3", "4", "5", "6"), np.ones(6))
    return [one.cell for one in found if one.severity >= 1.0]


def test_before_half_a_year_the_balancer_may_even_out_what_was_built_in() -> None:
    # All others are bled three hours in four days: 0.9 mA.
    def others(hour: int) -> int:
        return 0b111011 if hour % 96 == 0 else 0

    def falls(hour: int) -> float:
        return -0.0009 / 15.0 * (hour % 96)

    assert leaking(balanced(200, others, falls)) == ["3"]
    assert leaking(balanced(150, others, falls)) == []


def test_what_a_cell_falls_by_and_is_given_back_counts_once() -> None:
    # 0.3 mA of 15 Ah more than the others: 216 mAh in 30 days, bled off them in 7 hours.
    # Counted twice it would be 0.6 mA, and a short.
    fall_v = 0.0003 / 15.0

    def others(hour: int) -> int:
        return 0b111011 if hour % 720 < 7 else 0

    watch = balanced(240, others, lambda hour: -fall_v * (hour % 720))
    assert leaking(watch) == []
    assert watch.leak_by_balance(OCV)[2] == pytest.approx(0.0003, abs=0.0001)
    other = balanced(240, others, lambda hour: -3.0 * fall_v * (hour % 720))
    assert leaking(other) == ["3"]


@pytest.mark.parametrize(("share", "leaks_more"), [(0.6, False), (1.0, True)])
def test_what_all_cells_lose_alike_is_no_leak_of_the_smallest(
    share: float, *, leaks_more: bool
) -> None:
    # 4 mA off each; the third cell holds 60 %, so that its voltage falls by as much more.
    watch = StandbyWatch(6, 15.0)
    fall_v = 0.004 / 15.0
    for hour in range(0, 24 * 240, 3):
        since = hour % 720
        middle = 4.1 - fall_v * since
        cells = [middle, middle, 4.1 - fall_v * since / 0.6, middle, middle, middle]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, 0, rest=since > 6):
            watch.close(OCV, 0.001)
    held = np.array([1.0, 1.0, share, 1.0, 1.0, 1.0])
    found = shorts(watch, OCV, ("1", "2", "3", "4", "5", "6"), held)
    assert [one.cell for one in found if one.severity >= 1.0] == ["3"] * leaks_more


def test_a_cell_that_stands_apart_on_a_bending_curve_does_not_leak() -> None:
    bent = ((0.0, 2.7), (0.5, 3.90), (0.7, 3.99), (0.75, 4.01), (1.0, 4.2))
    watch = StandbyWatch(6, 15.0)
    for hour in range(0, 24 * 240, 3):
        middle = 4.0 - 0.02 * (hour // 24 % 2)
        cells = [middle, middle, middle - 0.015, middle, middle, middle]
        if watch.watch(START_S + hour * 3600.0, 3 * 3600.0, cells, 0, rest=True):
            watch.close(bent, 0.001)
    assert np.abs(watch.leak_by_balance(bent)).max() < 0.00005


def test_a_module_whose_cells_all_differ_has_no_cell_that_leaks() -> None:
    # Each cell is bled a different number of hours in fifty.
    def some(hour: int) -> int:
        return sum(1 << cell for cell in range(6) if hour % 150 < 6 * (cell + 1))

    assert leaking(balanced(200, some, lambda _hour: 0.0)) == []
