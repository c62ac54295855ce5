from dataclasses import replace

from agent.events.flickers import Flickers
from agent.events.look import Look
from agent.events.rack import RackWatch
from agent.events.recovery import LATEST_START_S, Recovery
from agent.events.selftests import OVERDUE_S, SelfTests, ShelfTests
from agent.events.watch import UnitWatch
from agent.model import Event, Fault, FaultReason, Reading, Sample, Value

REST = Look("u", 1.7e9, 0.0, current_a=0.0, volts=48.0, charge=1.0)


def at(second: float, **facts: object) -> Look:
    return replace(REST, mono_s=second, wall_s=1.7e9 + second, **facts)  # type: ignore[arg-type]


def test_what_a_sample_says() -> None:
    rows = (
        Reading("battery_current", None, -50.0, 5.0, "x"),
        Reading("cell_voltage", "1", 3.9, 5.0, "x"),
        Reading("cell_voltage", "2", 0.0, 5.0, "x"),
        Reading("temperature", "inlet", 60.0, 5.0, "x"),
        Reading("temperature", "pack1", 30.0, 5.0, "x"),
        Reading("output_source", None, "battery", 5.0, "x"),
        Reading("alarm", "self_test_failed_can", value=True, read_at=5.0, source="x"),
        Reading("discharge_events", None, 7.0, 5.0, "x"),
    )
    assert Look.of(Sample("u", 1.7e9, 5.0, rows)) == Look(
        "u",
        1.7e9,
        5.0,
        current_a=-50.0,
        volts=3.9,
        cells_v={"1": 3.9, "2": 0.0},
        celsius=30.0,
        test_failed=True,
        input_lost=True,
        counters={"discharge_events": 7.0},
    )


def test_cells_give_no_voltage_where_one_is_missing() -> None:
    rows = (Reading("cell_voltage", "1", 3.9, 5.0, "x"),)
    fault = Fault("cell_voltage", "2", FaultReason.SENTINEL, "65535", "x")
    assert Look.of(Sample("u", 1.7e9, 5.0, rows, (fault,))).volts is None


def test_a_test_that_an_outage_cut_short_did_not_fail() -> None:
    rows = (Reading("alarm", "self_test_failed_backup", value=True, read_at=5.0, source="x"),)
    assert Look.of(Sample("u", 1.7e9, 5.0, rows)).test_failed is False


EVENT = Event("u", "discharge", 1.7e9, 1.7e9 + 20, {"energy_wh": 5.0})


def test_recharging_goes_into_the_record() -> None:
    recovery = Recovery(EVENT, 20.0, before_charge=1.0)
    assert recovery.observe(at(30, charge=0.9)) is None
    begun = recovery.observe(at(80, current_a=2.0, charge=0.9))
    assert begun == replace(EVENT, detail={"energy_wh": 5.0, "recharge_delay_s": 60.0})
    assert recovery.observe(at(900, current_a=0.1, charge=0.97)) is None
    done = recovery.observe(at(1020, current_a=0.1, charge=0.99))
    assert done is not None
    assert done.detail["recharge_s"] == 1000.0
    assert recovery.over(at(1020, current_a=0.1, charge=0.99))


def test_a_charger_that_does_not_start_is_late_until_it_does() -> None:
    recovery = Recovery(EVENT, 20.0, before_charge=1.0)
    late = []
    for second, amperes in ((1000, 0.0), (21 + LATEST_START_S, 0.0), (4000, 1.0)):
        recovery.observe(at(second, charge=0.8, current_a=amperes))
        late.append(recovery.late)
    assert late == [False, True, False]


def counted(second: float, count: float, ah: float = 0.0) -> Look:
    return at(second, counters={"discharge_events": count, "discharge_throughput": ah})


def test_a_count_beyond_what_we_saw_is_a_flicker() -> None:
    flickers = Flickers()
    assert flickers.observe(counted(0, 7, 100.0), running=False) is None
    assert flickers.observe(counted(60, 7, 100.0), running=False) is None
    assert flickers.observe(counted(120, 9, 100.2), running=False) == Event(
        "u",
        "flicker",
        1.7e9 + 60,
        1.7e9 + 120,
        {"count": 2.0, "trigger": "device_counter", "charge_ah": 0.2},
    )


def test_what_we_saw_is_no_flicker() -> None:
    flickers = Flickers()
    flickers.observe(counted(0, 7), running=False)
    flickers.began()
    assert flickers.observe(counted(30, 8), running=True) is None
    assert flickers.observe(counted(60, 8), running=False) is None


def test_a_counter_that_starts_again_counts_nothing() -> None:
    flickers = Flickers()
    flickers.observe(counted(0, 700), running=False)
    assert flickers.observe(counted(60, 3), running=False) is None


def test_two_tests_at_once_on_one_shelf() -> None:
    shelf = ShelfTests()
    shelf.note("a", 100.0, testing=True)
    assert not shelf.overlaps("a", 100.0)
    shelf.note("b", 110.0, testing=True)
    assert shelf.overlaps("a", 111.0)
    assert shelf.overlaps("b", 111.0)
    shelf.note("a", 120.0, testing=False)
    assert not shelf.overlaps("b", 121.0)


def test_a_test_is_overdue_only_where_one_is_known() -> None:
    tests = SelfTests()
    assert not tests.overdue(1.7e9)
    tests.observe(at(0, test_s=1.7e9 - OVERDUE_S - 1), tested=False)
    assert tests.overdue(1.7e9)
    tests.observe(at(0), tested=True)
    assert not tests.overdue(1.7e9)


def watched(*looks: Look) -> UnitWatch:
    watch = UnitWatch("u")
    for look in looks:
        watch.observe(look)
    return watch


def test_a_unit_that_vanishes_under_load_is_lost_until_it_speaks() -> None:
    watch = watched(at(0), at(1, current_a=-50.0), at(4, current_a=-50.0))
    lost = watch.vanish(6.0)
    assert lost is not None
    assert lost.detail["lost"] is True
    assert lost.end_s is None
    assert watch.findings == {"lost_while_discharging"}
    assert watch.vanish(7.0) is None
    back = watch.observe(at(20, current_a=-50.0)).events[0]
    assert "lost" not in back.detail
    assert watch.findings == frozenset()


def test_a_lost_unit_that_never_returns_ends_where_it_was_last_seen() -> None:
    watch = watched(at(0), at(1, current_a=-50.0), at(4, current_a=-50.0))
    watch.vanish(6.0)
    ended = watch.vanish(6.0 + 1800)
    assert ended is not None
    assert ended.end_s == 1.7e9 + 4
    assert ended.detail["lost"] is True


def test_a_unit_that_vanishes_at_rest_is_not_lost() -> None:
    watch = watched(at(0), at(10))
    assert watch.vanish(20.0) is None
    assert watch.findings == frozenset()


def test_a_wall_clock_that_steps_changes_no_duration() -> None:
    watch = UnitWatch("u")
    watch.observe(at(0))
    watch.observe(at(1, current_a=-50.0))
    stepped = replace(at(11, current_a=-50.0), wall_s=1.7e9 - 86400)
    watch.observe(stepped)
    ended = watch.observe(replace(at(12), wall_s=1.7e9 - 86399)).ended
    assert ended is not None
    assert ended.start_s == 1.7e9 + 0.5
    assert ended.end_s == ended.start_s + 11.0
    assert ended.detail["duration_s"] == 11.0


def test_what_makes_a_shelf_urgent() -> None:
    watch = UnitWatch("u")
    assert watch.observe(at(0)).why == ""
    assert watch.observe(at(1, volts=47.5)).why == "voltage_drop"
    assert watch.observe(at(2, input_lost=True)).why == "input_loss"
    assert watch.observe(at(3, current_a=-50.0)).why == "discharge_current"


def part(unit: str, start: float, end: float | None, **detail: Value) -> Event:
    return Event(unit, "discharge", 1.7e9 + start, None if end is None else 1.7e9 + end, detail)


def test_the_outage_of_a_rack_is_that_of_its_units() -> None:
    rack = RackWatch("r1")
    first = rack.observe(part("a", 0, None, duration_s=2.0, energy_wh=1.0), 2000.0)
    assert first is not None
    assert (first.unit, first.kind, first.end_s) == ("rack:r1", "outage", None)
    rack.observe(part("b", 0.5, None, duration_s=2.0, energy_wh=1.5, lost=True), 2500.0)
    rack.observe(
        part("a", 0, 9, duration_s=9.0, energy_wh=5.0, lowest_cell="3", lowest_cell_v=3.6), None
    )
    last = rack.observe(
        part("b", 0.5, 10, duration_s=9.5, energy_wh=6.0, lowest_cell="7", lowest_cell_v=3.5), None
    )
    assert last == Event(
        "rack:r1",
        "outage",
        1.7e9,
        1.7e9 + 10,
        {
            "duration_s": 10.0,
            "units": 2.0,
            "on_battery": 0.0,
            "energy_wh": 11.0,
            "peak_power_w": 4500.0,
            "lowest_cell": "b/7",
            "lowest_cell_v": 3.5,
        },
    )
    assert rack.open is None


def test_a_self_test_is_no_outage_of_the_rack() -> None:
    rack = RackWatch("r1")
    assert rack.observe(replace(part("a", 0, None), kind="self_test"), 2000.0) is None


def test_news_of_a_discharge_that_is_over_opens_no_outage() -> None:
    rack = RackWatch("r1")
    rack.observe(part("a", 0, None, duration_s=2.0), 2000.0)
    rack.observe(part("a", 0, 9, duration_s=9.0), None)
    assert rack.observe(part("a", 0, 9, duration_s=9.0, recharge_s=900.0), None) is None


def test_news_of_an_older_discharge_is_no_part_of_the_next_outage() -> None:
    rack = RackWatch("r1")
    rack.observe(part("a", 0, None, duration_s=2.0), None)
    rack.observe(part("a", 0, 9, duration_s=9.0, energy_wh=5.0), None)
    running = rack.observe(part("b", 60, None, duration_s=2.0, energy_wh=1.0), None)
    recovered = part("a", 0, 9, duration_s=9.0, energy_wh=5.0, recharge_s=70.0)
    assert rack.observe(recovered, None) is None
    assert rack.open == running
    assert list(rack.parts) == ["b"]


def test_news_of_a_discharge_before_the_last_outage_opens_none() -> None:
    rack = RackWatch("r1")
    for unit, start in (("a", 0), ("b", 60)):
        rack.observe(part(unit, start, None, duration_s=2.0), None)
        rack.observe(part(unit, start, start + 9, duration_s=9.0), None)
    assert rack.observe(part("a", 0, 9, duration_s=9.0, recharge_s=900.0), None) is None
    assert rack.open is None


def test_a_discharge_seen_only_when_over_is_part_of_the_outage_it_overlaps() -> None:
    rack = RackWatch("r1")
    rack.observe(part("a", 0, None, duration_s=2.0), None)
    made = rack.observe(part("b", 1, 3, duration_s=2.0), None)
    assert made is not None
    assert made.detail["units"] == 2.0


def test_a_unit_that_leaves_the_rack_ends_its_part_of_the_outage() -> None:
    rack = RackWatch("r1")
    rack.observe(part("a", 0, None, duration_s=8.0, energy_wh=5.0), None)
    rack.observe(part("b", 1, None, duration_s=6.0, energy_wh=4.0), None)
    going_on = rack.stay({"b"})
    assert going_on is not None
    assert (going_on.end_s, going_on.detail["on_battery"]) == (None, 1.0)
    assert rack.stay({"b"}) is None
    over = rack.stay(set())
    assert over is not None
    assert (over.end_s, over.detail["energy_wh"], rack.open) == (1.7e9 + 8, 9.0, None)


def test_an_outage_of_an_earlier_run_ends_when_no_unit_is_left() -> None:
    rack = RackWatch("r1")
    outage = Event("rack:r1", "outage", 1.7e9, None, {"duration_s": 30.0})
    rack.resume(outage, [])
    assert rack.stay({"a"}) is None
    assert rack.stay(set()) == replace(outage, end_s=1.7e9 + 30)
    assert rack.open is None
