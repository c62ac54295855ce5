"""Sensors and wiring that lie are found, the right one is named, and healthy ones never."""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest

from agent.health.balance import OffsetWatch
from agent.health.engine import HealthEngine, Observation
from agent.health.halt import HaltWatch
from agent.health.order import OrderWatch, Seen
from agent.health.stuck import StuckWatch
from agent.model import Battery

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]
Change = Callable[[Observation, float], Observation]
OCV = ((0.0, 2.7), (0.5, 3.7), (1.0, 4.2))


@pytest.fixture
def battery(battery: Battery) -> Battery:
    """Without a rated power: these tests need no ride, which costs the most."""
    return replace(battery, rated_power_w=None)


def told(battery: Battery, observations: Iterable[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in observations:
        engine.observe(observation)
    return engine


def changed(life: Iterator[Observation], change: Change) -> Iterator[Observation]:
    for observation in life:
        yield change(observation, (observation.time_s - START_S) / DAY_S)


def standing(engine: HealthEngine) -> set[tuple[str, str | None]]:
    health = engine.health(engine.now_s)
    return {(reason.code, reason.cell) for reason in health.reasons}


def with_volts(observation: Observation, cells: list[float | None]) -> Observation:
    return replace(observation, cells_v=tuple(cells))


def sticking(from_day: float, to_day: float = math.inf) -> Change:
    def change(observation: Observation, day: float) -> Observation:
        cells = list(observation.cells_v)
        if from_day <= day < to_day:
            cells[2] = 4.02
        return with_volts(observation, cells)

    return change


def test_a_voltage_that_stands_still_under_load_is_named(battery: Battery, life: Life) -> None:
    engine = told(battery, changed(life(days=240.0, hours=24.0), sticking(100.0)))
    assert standing(engine) == {("cell_stuck", "3")}
    (reason,) = engine.health(engine.now_s).reasons
    assert "cell 3: its voltage has stood at 4.020 V bit for bit" in reason.text


def test_a_voltage_that_moves_again_is_believed_again(battery: Battery, life: Life) -> None:
    engine = told(battery, changed(life(days=400.0, hours=24.0), sticking(100.0, 230.0)))
    assert standing(engine) == set()
    assert [(one.code, one.cell) for one in engine.raised] == [("cell_stuck", "3")]


def test_one_load_step_that_a_cell_sleeps_through_for_a_moment_is_no_fault() -> None:
    watch = StuckWatch(0.008, 20.0)
    for second in range(0, 100, 2):
        volts = 3.9 if 50 <= second < 58 else 4.0
        watch.watch(START_S + second, 2.0, [volts, volts, 4.0 if second < 58 else 4.001])
    assert all(map(math.isnan, watch.since_s))


FLAT = ((0.0, 2.7), (0.1, 3.25), (0.9, 3.33), (0.95, 3.36), (1.0, 3.6))


def test_a_coarse_cell_on_the_flat_part_of_its_curve_is_not_stuck() -> None:
    # At 0.13 C all are charged; the others come to the steep end, this one is not there yet.
    watch = StuckWatch(0.04, 20.0)
    for minute in range(60):
        others = 3.33 + 0.004 * minute
        rate_c = 0.13 if minute else 0.0
        watch.watch(START_S + 60.0 * minute, 60.0, [others, others, 3.29], rate_c=rate_c, ocv=FLAT)
    assert all(map(math.isnan, watch.since_s))


def test_a_cell_that_is_not_bled_with_the_others_is_not_stuck() -> None:
    watch = StuckWatch(0.02, 20.0)
    for hour in range(48):
        others = 4.07 - 0.001 * hour
        watch.watch(START_S + 3600.0 * hour, 3600.0, [others, others, 4.02], ocv=OCV)
    assert all(map(math.isnan, watch.since_s))


@pytest.mark.parametrize(("rate_c", "ocv"), [(0.13, OCV), (-2.0, FLAT)])
def test_a_cell_that_neither_charge_nor_a_load_moves_is_stuck(
    rate_c: float, ocv: tuple[tuple[float, float], ...]
) -> None:
    watch = StuckWatch(0.02, 20.0)
    for minute in range(40):
        load_c = rate_c if minute else 0.0
        others = 3.30 + (0.004 * minute if rate_c > 0.0 else -0.1 - 0.001 * minute) * bool(minute)
        watch.watch(START_S + 60.0 * minute, 60.0, [others, others, 3.3], rate_c=load_c, ocv=ocv)
    assert [math.isnan(since_s) for since_s in watch.since_s] == [True, True, False]


@pytest.mark.parametrize(
    ("back_v", "believed"), [(3.3, True), (3.2, False), (3.45, False), (3.399, False)]
)
def test_a_cell_that_comes_back_all_the_way_is_believed_at_once(
    back_v: float, *, believed: bool
) -> None:
    watch = StuckWatch(0.02, 20.0)
    for second in range(0, 60, 2):
        others, load_c = (3.0 - second / 1000.0, -2.0) if second else (3.4, 0.0)
        watch.watch(START_S + second, 2.0, [others, others, 3.4], rate_c=load_c, ocv=OCV)
    assert not math.isnan(watch.since_s[2])
    watch.watch(START_S + 60.0, 2.0, [3.3, 3.3, back_v], ocv=OCV)
    assert math.isnan(watch.since_s[2]) is believed


def test_readings_that_come_only_now_and_then_are_watched_all_the_same() -> None:
    watch = StuckWatch(4.0, 3 * 3600.0)
    for hour in range(40):
        watch.watch(START_S + hour * 3600.0, 3600.0, [25.0, 20.0 + hour, 20.5 + hour])
        watch.watch(START_S + hour * 3600.0 + 10.0, 10.0, [])
    assert [math.isnan(since_s) for since_s in watch.since_s] == [False, True, True]


def warm(stuck_from: float) -> Change:
    def change(observation: Observation, day: float) -> Observation:
        season = 25.0 + 9.0 * math.sin(2.0 * math.pi * day / 365.0)
        second = 25.0 + 9.0 * math.sin(2.0 * math.pi * min(day, stuck_from) / 365.0)
        sensors = (round(season, 1), round(second + 0.5, 1), round(season - 0.4, 1))
        return replace(observation, temperatures_c=sensors)

    return change


def test_a_temperature_sensor_that_stands_still_is_named_and_left_out(
    battery: Battery, life: Life
) -> None:
    engine = told(battery, changed(life(days=200.0), warm(20.0)))
    (reason,) = engine.health(engine.now_s).reasons
    assert (reason.code, reason.cell) == ("temperature_sensor", None)
    assert reason.text.startswith("temperature sensor 2 of 3: it has stood at ")
    _, _, celsius = engine.standing(engine.now_s)
    true_c = 25.0 + 9.0 * math.sin(2.0 * math.pi * 200.0 / 365.0)
    assert abs(celsius - true_c) < 0.5


def noisy(observation: Observation, day: float) -> Observation:
    chance = random.Random(day)
    cells = [
        None if v is None else round(v + chance.gauss(0, 0.0007), 3) for v in observation.cells_v
    ]
    sensors = tuple(round(25.0 + chance.gauss(0, 0.12), 1) for _ in range(2))
    current_a = round((observation.current_a or 0.0) + chance.gauss(0, 0.01), 2)
    return replace(observation, cells_v=tuple(cells), temperatures_c=sensors, current_a=current_a)


def frozen(from_day: float, to_day: float = math.inf) -> Change:
    held: list[Observation] = []

    def change(observation: Observation, day: float) -> Observation:
        if not from_day <= day < to_day:
            return noisy(observation, day)
        held.append(noisy(observation, day))
        return replace(held[0], time_s=observation.time_s)

    return change


def test_telemetry_that_repeats_itself_is_told(battery: Battery, life: Life) -> None:
    stream = life(days=180.0, hours=2.0)
    engine = told(battery, changed(stream, frozen(150.0)))
    assert ("telemetry_frozen", None) in standing(engine)
    assert not {code for code, _ in standing(engine)} - {"telemetry_frozen"}


def test_a_charge_that_is_repeated_for_weeks_is_no_offset(battery: Battery, life: Life) -> None:
    repeat = frozen(150.0, 190.0)

    def charging(observation: Observation, day: float) -> Observation:
        charge = replace(observation, current_a=1.5) if 149.9 <= day < 150.1 else observation
        return repeat(charge, day)

    engine = told(battery, changed(life(days=220.0, hours=2.0), charging))
    assert {one.code for one in engine.raised} == {"telemetry_frozen"}


def test_telemetry_that_lives_again_is_well_again(battery: Battery, life: Life) -> None:
    stream = life(days=220.0, hours=2.0)
    engine = told(battery, changed(stream, frozen(150.0, 170.0)))
    assert [one.code for one in engine.raised] == ["telemetry_frozen"]
    assert standing(engine) == set()


def test_a_standstill_is_told_and_taken_back_within_a_day_of_its_proof(
    battery: Battery, life: Life
) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    told_on: list[float] = []
    for seen in changed(life(days=170.0, hours=2.0), frozen(151.0, 160.0)):
        engine.observe(seen)
        if ("telemetry_frozen", None) in standing(engine):
            told_on.append((seen.time_s - START_S) / 86400.0)
    # Two samples of two hours over: one begins the day of proof, one ends the day of patience.
    assert 152.0 <= told_on[0] <= 153.2
    assert 160.0 <= told_on[-1] <= 161.5


def test_steps_that_wait_put_off_no_review(
    battery: Battery, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day a load step that has to be seen twice: what else is found is told all the same."""
    monkeypatch.setattr(OrderWatch, "judge", lambda *_: Seen(waits=True))
    daily = life(days=60.0, hours=12.0, tests_every=0.5, first_test=10.0)

    def unread(observation: Observation, day: float) -> Observation:
        cells_v = list(observation.cells_v)
        return with_volts(observation, [None, *cells_v[1:]]) if day > 40.0 else observation

    engine = told(battery, changed(daily, unread))
    assert ("cell_unread", "1") in standing(engine)


def test_a_battery_that_is_quiet_by_nature_is_not_frozen() -> None:
    watch = HaltWatch()
    for hour in range(24 * 300):
        watch.watch(START_S + hour * 3600.0, 3600.0, [4.02, 4.02, 0.0, 25.0 + hour // 40 % 2])
    assert math.isnan(watch.since_s)


def reversed_from(from_day: float, to_day: float = math.inf) -> Change:
    def change(observation: Observation, day: float) -> Observation:
        if from_day <= day < to_day:
            return replace(observation, current_a=-(observation.current_a or 0.0))
        return observation

    return change


def test_a_current_that_turns_its_sign_is_told_and_turned_back(
    battery: Battery, life: Life
) -> None:
    engine = told(battery, changed(life(), reversed_from(150.0)))
    assert standing(engine) == {("current_sign", None)}
    plain = told(battery, life())
    turned, straight = engine.estimate(engine.now_s), plain.estimate(plain.now_s)
    assert abs(turned.ln_capacity[0] - straight.ln_capacity[0]) < 0.005


def test_a_sign_that_is_right_again_is_no_reason_any_more(battery: Battery, life: Life) -> None:
    engine = told(battery, changed(life(), reversed_from(100.0, 250.0)))
    assert [one.code for one in engine.raised] == ["current_sign"]
    assert standing(engine) == set()


@pytest.mark.parametrize(("offset_a", "found"), [(0.12, True), (-0.5, True), (0.03, False)])
def test_charge_that_the_voltage_does_not_know_of_is_an_offset(
    battery: Battery, life: Life, offset_a: float, *, found: bool
) -> None:
    def change(observation: Observation, day: float) -> Observation:
        shift_a = offset_a if day > 100.0 else 0.0
        return replace(observation, current_a=(observation.current_a or 0.0) + shift_a)

    engine = told(battery, changed(life(days=140.0, hours=2.0), change))
    assert standing(engine) == ({("current_offset", None)} if found else set())
    if found:
        (reason,) = engine.health(engine.now_s).reasons
        assert f"it reads {offset_a:+.2f} A that the voltage does not know of" in reason.text


def test_a_charge_between_two_samples_far_apart_is_no_offset() -> None:
    watch = OffsetWatch()
    for hour in range(24 * 30):
        rate_c = 0.2 if hour % 24 == 0 else 0.0
        watch.watch(START_S + hour * 3600.0, 3600.0, rate_c, 4.02, OCV)
    assert watch.offset_c == 0.0


def test_charge_that_a_flat_curve_does_not_show_is_no_offset() -> None:
    # Each third day a discharge falls between two samples, and the recharge of it is counted.
    watch = OffsetWatch()
    time_s = START_S
    for _ in range(4):
        for minute in range(240):
            charging = minute < 210
            watch.watch(time_s + 60.0 * minute, 60.0, 0.1 * charging, 3.30 + 0.06 * charging, FLAT)
        for hour in range(4, 76):
            watch.watch(time_s + 3600.0 * hour, 3600.0, 0.0, 3.302, FLAT)
        time_s += 76 * 3600.0
    assert watch.offset_c == 0.0


def swapped(one: int, other: int, from_day: float) -> Change:
    def change(observation: Observation, day: float) -> Observation:
        cells = list(observation.cells_v)
        if day > from_day:
            cells[one], cells[other] = cells[other], cells[one]
        return with_volts(observation, cells)

    return change


def test_cells_that_change_places_are_named_and_keep_what_was_learnt(
    battery: Battery, life: Life
) -> None:
    def ageing(day: float, cell: int) -> float:
        return (2.0 if cell == 5 else 1.0) * 0.004 * math.sqrt(day)

    engine = told(
        battery, changed(life(days=350.0, growth=ageing, hours=24.0), swapped(1, 5, 250.0))
    )
    found = {(code, cell) for code, cell in standing(engine) if code.startswith("cell_")}
    assert found == {("cell_swapped", "2"), ("cell_swapped", "6")}
    growth = engine.estimate(engine.now_s).ln_growth
    assert growth[1] == max(growth)
    assert growth[5] < growth[1] - 0.02


def test_a_whole_module_numbered_the_other_way_round_is_named(battery: Battery, life: Life) -> None:
    def turned(observation: Observation, day: float) -> Observation:
        cells = list(observation.cells_v)
        return with_volts(observation, cells[::-1] if day > 250.0 else cells)

    engine = told(battery, changed(life(days=350.0, hours=24.0), turned))
    codes = {code for code, _ in standing(engine)}
    assert codes == {"cell_swapped"}
    texts = [r.text for r in engine.health(engine.now_s).reasons]
    assert any("cell 1: since" in t and "what cell 6 read before" in t for t in texts)


@pytest.mark.parametrize(
    "order",
    [(0, 1, 2, 3, 5, 4), (0, 4, 2, 3, 1, 5), (5, 4, 3, 2, 1, 0), (5, 0, 1, 2, 3, 4)],
    ids=["neighbours", "pair", "turned", "numbered from another cell"],
)
def test_another_order_is_found_by_noisy_sensors_and_what_was_learnt_goes_along(
    battery: Battery, life: Life, order: tuple[int, ...]
) -> None:
    def ageing(day: float, cell: int) -> float:
        return (2.0 if cell == 4 else 1.0) * 0.005 * math.sqrt(day) + 0.03 * cell

    def moved(observation: Observation, day: float) -> Observation:
        there = noisy(observation, day)
        return with_volts(there, [there.cells_v[k] for k in order]) if day > 550.0 else there

    plain = told(battery, changed(life(days=640.0, growth=ageing), noisy))
    engine = told(battery, changed(life(days=640.0, growth=ageing), moved))
    came = [k for k in range(6) if order[k] != k]
    assert {cell for code, cell in standing(engine) if code == "cell_swapped"} == {
        CELLS[k] for k in came
    }
    texts = [r.text for r in engine.health(engine.now_s).reasons if r.code == "cell_swapped"]
    for k in came:
        said = f"it reads what cell {CELLS[order[k]]} read before"
        assert any(text.startswith(f"cell {CELLS[k]}: since") and said in text for text in texts)
    growth = engine.estimate(engine.now_s).ln_growth
    assert growth == pytest.approx(plain.estimate(plain.now_s).ln_growth[list(order)], abs=0.02)
    assert {code for code, _ in standing(engine)} - {"cell_swapped"} == {
        code for code, _ in standing(plain)
    }


def test_one_load_step_in_another_order_waits_and_is_forgotten(
    battery: Battery, life: Life
) -> None:
    def apart(_day: float, cell: int) -> float:
        return 0.03 * cell

    def glitch() -> Iterator[Observation]:
        for observation in changed(life(days=740.0, growth=apart), noisy):
            since_s = observation.time_s - START_S - 560.0 * DAY_S
            # Of this test only the load coming on is seen.
            if -60.0 < since_s < 30.0:
                yield with_volts(observation, list(observation.cells_v)[::-1])
            elif not 30.0 <= since_s < 120.0:
                yield observation

    engine = told(battery, glitch())
    assert standing(engine) == set()
    assert engine.raised == []
    assert engine.state()["refusals"] == {
        "counts": {"step_doubted": [1.0, START_S + 560.0 * DAY_S + 1.0]}
    }


def test_cells_that_changed_places_are_told_for_three_months(battery: Battery, life: Life) -> None:
    engine = told(battery, changed(life(days=480.0, hours=24.0), swapped(1, 5, 250.0)))
    assert standing(engine) == set()


def test_another_module_without_a_serial_number_is_begun_anew(battery: Battery, life: Life) -> None:
    other = (0.05, -0.03, 0.02, -0.06, 0.07, -0.04)

    def grown(day: float, cell: int) -> float:
        return 0.02 * math.sqrt(day) if day < 300.0 else other[cell]

    engine = told(battery, life(days=500.0, growth=grown, hours=24.0))
    assert standing(engine) == {("module_replaced", None)}
    health = engine.health(engine.now_s)
    assert all(abs(cell.resistance_growth.estimate - 1.0) < 0.05 for cell in health.cells)
    assert engine.age_unknown


def test_a_thermometer_that_reads_colder_makes_no_other_module(
    battery: Battery, life: Life
) -> None:
    def grown(day: float, _cell: int) -> float:
        return 0.02 * math.sqrt(day)

    def colder(observation: Observation, day: float) -> Observation:
        there = noisy(observation, day)
        read = tuple(celsius - (15.0 if day > 300.0 else 0.0) for celsius in there.temperatures_c)
        return replace(there, temperatures_c=read)

    engine = told(battery, changed(life(days=500.0, growth=grown, hours=24.0), colder))
    assert "module_replaced" not in {one.code for one in engine.raised}


def test_a_single_strange_test_moves_nothing(battery: Battery, life: Life) -> None:
    other = (0.05, -0.03, 0.02, -0.06, 0.07, -0.04)

    def grown(day: float, cell: int) -> float:
        return other[cell] if 280.0 < day < 300.0 else 0.02 * math.sqrt(day)

    engine = told(battery, life(days=420.0, growth=grown, hours=24.0))
    assert standing(engine) == set()
    assert engine.raised == []


def test_nothing_is_held_against_a_healthy_module_in_years(battery: Battery, life: Life) -> None:
    stream = life(days=3 * 365.0, hours=12.0)
    engine = told(battery, changed(stream, noisy))
    guards = {"cell_stuck", "temperature_sensor", "telemetry_frozen", "cell_swapped"}
    guards |= {"current_sign", "current_offset", "module_replaced", "current_sensor"}
    assert not guards & {one.code for one in engine.raised}


def test_the_guards_go_on_after_a_restart(battery: Battery, life: Life) -> None:
    observations = list(changed(life(days=240.0, hours=24.0), sticking(100.0)))
    engine = HealthEngine(battery, cells=CELLS)
    for number, observation in enumerate(observations):
        if number == len(observations) * 2 // 3:
            engine = HealthEngine.restore(battery, cells=CELLS, state=engine.state())
        engine.observe(observation)
    assert engine.state() == told(battery, observations).state()


def test_hours_in_which_no_cell_tells_anything_are_no_rest(battery: Battery, life: Life) -> None:
    def deaf(observation: Observation, day: float) -> Observation:
        silent = day % 1.0 < 0.3
        return with_volts(observation, [None] * 6) if silent else observation

    engine = told(battery, changed(life(days=40.0, hours=1.0), deaf))
    assert standing(engine) == set()
