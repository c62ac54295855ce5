import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from agent.model import (
    Event,
    Fault,
    FaultReason,
    Location,
    Reading,
    Sample,
    UnitInfo,
    UnitState,
    UnitStatus,
    Value,
    Verdict,
)
from agent.poll.intake import CALM_AFTER_S
from agent.poll.past import RESUME_WITHIN_S, Past
from tests.unit.poll.samples import WALL_S
from tests.unit.poll.taking import INFO, PROFILE, bench


def test_a_sample_reaches_store_health_and_history() -> None:
    made = bench()
    made.take(0, 3.9, 3.9, battery_current=0.0, cycle_count=7.0)
    assert made.values(1) == {"battery_current": 0.0, "cycle_count": 7.0, "cell_voltage": 3.9}
    assert made.verdict() is not None
    assert made.records.closely == [False]
    assert made.records.events == []
    assert made.alarms == []


def test_values_are_stored_before_anything_is_made_of_them() -> None:
    made = bench()
    row = Reading("battery_current", None, -50.0, 0, "x")
    made.intake.sample(Sample("u", WALL_S, 0, (row,)), PROFILE)
    assert made.values(1) == {"battery_current": -50.0}
    assert (made.verdict(), made.records.closely, made.alarms) == (None, [], [])


def test_where_assessments_have_had_their_time_polling_goes_on() -> None:
    made = bench()
    made.intake.leisure.left_s = -1e9
    made.take(0, 4.0, 4.0)
    assert (made.verdict(), "cell_voltage" in made.values(0)) == (None, True)
    made.intake.leisure.left_s = 1.0
    made.take(1, 4.0, 4.0)
    assert made.verdict() is not None
    assert made.intake.leisure.left_s < 1.0


def test_a_unit_at_rest_is_looked_ahead_for_when_anything_about_it_has_changed() -> None:
    made = bench()
    volts = [4.05] * 12
    made.take(0, *volts, battery_current=0.0)
    for at_s in range(60, 100):
        made.take(at_s, *[3.7] * 12, battery_current=-60.0)

    def looked(at_s: float, **facts: Value) -> float | None:
        made.take(at_s, *volts, battery_current=facts.pop("amps", 0.0), **facts)
        outlook = made.store.ledger("u").outlook
        return None if outlook is None else round(outlook.at_s - WALL_S)

    assert looked(100, state_of_charge=0.9) is None  # just over: the assessment is put off
    assert looked(140, state_of_charge=0.9) == 140
    assert looked(180, state_of_charge=0.9) == 140
    assert looked(220, state_of_charge=0.92) == 220
    assert looked(540, state_of_charge=0.92) == 540
    for at_s in (550, 551):
        looked(at_s, amps=-30.0, self_test_running=True)
    assert looked(560, state_of_charge=0.92) is None
    assert looked(600, state_of_charge=0.92) == 600


def test_slow_fields_stay_while_fast_ones_grow_stale() -> None:
    made = bench()
    made.take(0, battery_current=0.0, cycle_count=7.0)
    made.take(50, battery_voltage=40.0)
    assert made.values(51) == {"cycle_count": 7.0, "battery_voltage": 40.0}


def test_slow_words_of_a_device_are_believed_as_long_as_slow_fields_stay() -> None:
    made = bench()
    made.take(0, cycle_count=7.0, load=0.5, model="X")
    made.take(10000, battery_voltage=40.0)
    assert set(made.intake.units["u"].assessor.known) == {"cycle_count", "model", "battery_voltage"}


def test_a_discharge_hurries_the_shelf_from_its_first_sample_to_its_rest() -> None:
    made = bench()
    made.take(0, 3.9, battery_current=0.0)
    made.take(10, 3.7, battery_current=-50.0)
    made.take(12, 3.7, battery_current=-50.0)
    made.take(14, 3.8, battery_current=0.0)
    made.take(24, 3.8, battery_current=0.0)
    assert made.alarms == [("u", at + CALM_AFTER_S) for at in (10, 12, 14)]
    assert made.records.closely == [False, True, True, True, False]
    assert [(event.kind, event.end_s) for event in made.records.events] == [
        ("discharge", None),
        ("outage", None),
        ("discharge", WALL_S + 13),
        ("outage", WALL_S + 13),
    ]
    assert made.store.view("u", mono_s=14).discharges == 1


def test_a_self_test_hurries_while_it_runs_and_is_not_counted_as_a_discharge() -> None:
    made = bench()
    made.take(0, 3.7, battery_current=-30.0)
    made.take(1, 3.7, battery_current=-30.0, self_test_running=True)
    made.take(2, 3.8, battery_current=0.0)
    assert made.alarms == [("u", at + CALM_AFTER_S) for at in (0, 1)]
    assert {event.kind for event in made.records.events} == {"self_test"}
    assert made.store.view("u", mono_s=2).discharges == 0


def test_the_estimate_is_renewed_and_kept_when_a_discharge_begins_and_ends() -> None:
    made = bench()
    made.take(0, 3.9, battery_current=0.0)
    kept = [len(made.records.states)]
    for at, current_a in ((1, -50.0), (2, -50.0), (3, -50.0), (4, -50.0), (5, 0.0), (6, 0.0)):
        made.take(at, 3.8, battery_current=current_a)
        kept.append(len(made.records.states))
    # What began is told, and kept, once it is sure to be no self-test.
    assert kept == [1, 1, 1, 2, 2, 3, 3]


def test_another_module_in_the_slot_leaves_nothing_of_the_old_one() -> None:
    made = bench()
    made.take(0, 3.9, 3.9, serial_number="A1", replace_battery=True, cycle_count=900.0)
    assert made.verdict() is Verdict.REPLACE
    made.take(10, 3.9, 3.9, serial_number="B2", battery_current=0.0)
    assert made.values(11) == {
        "serial_number": "B2",
        "battery_current": 0.0,
        "cell_voltage": 3.9,
    }
    assert made.verdict() is not Verdict.REPLACE
    assert made.records.events == [
        Event("u", "replaced", WALL_S + 10, WALL_S + 10, {"serial_number": "B2"})
    ]


def test_a_module_pulled_out_under_load_ends_its_event() -> None:
    made = bench()
    made.take(0, 3.7, serial_number="A1", battery_current=-50.0)
    made.take(4, 3.7, battery_current=-50.0)
    made.take(300, 3.9, serial_number="B2", battery_current=0.0)
    assert [(event.kind, event.start_s, event.end_s) for event in made.records.events] == [
        ("discharge", WALL_S, None),
        ("outage", WALL_S, None),
        ("discharge", WALL_S, WALL_S + 4),
        ("outage", WALL_S, WALL_S + 4),
        ("replaced", WALL_S + 300, WALL_S + 300),
    ]


async def test_what_was_learnt_is_kept_with_the_serial_number_and_used_again() -> None:
    first = bench()
    for at in range(0, 600, 5):
        current_a = -40.0 if 300 <= at < 400 else 0.0
        volts = 3.7 if current_a else 3.95
        first.take(at, volts, volts, serial_number="A1", battery_current=current_a)
    await first.intake.keep_all(WALL_S + 600)
    unit, serial, state = first.records.states[-1]
    assert (unit, serial) == ("u", "A1")
    second = bench(learnt={"u": (serial, state)})
    second.take(610, 3.95, 3.95, serial_number="A1", battery_current=0.0)
    third = bench(learnt={"u": (serial, state)})
    third.take(610, 3.95, 3.95, serial_number="B2", battery_current=0.0)
    assert [event.kind for event in second.records.events] == []
    assert [event.kind for event in third.records.events] == ["replaced"]
    assert second.records.states[-1][2] != third.records.states[-1][2]


def test_a_discharge_that_a_crash_interrupted_goes_on_uncounted() -> None:
    under_way = Event("u", "discharge", WALL_S - 40, None, {"duration_s": 30.0})
    made = bench(happened=(under_way,))
    made.take(0, 3.7, battery_current=-50.0)
    made.take(2, 3.8, battery_current=0.0)
    assert [(event.unit, event.start_s, event.end_s) for event in made.records.events] == [
        ("u", WALL_S - 40, None),
        ("rack:r1", WALL_S - 40, None),
        ("u", WALL_S - 40, WALL_S + 1),
        ("rack:r1", WALL_S - 40, WALL_S + 1),
    ]
    assert made.store.view("u", mono_s=2).discharges == 0


def test_an_event_interrupted_long_ago_ended_where_it_was_last_seen() -> None:
    under_way = Event("u", "discharge", WALL_S, None, {"duration_s": 30.0})
    made = bench(happened=(under_way,), now_s=WALL_S + 31 + RESUME_WITHIN_S)
    assert made.records.events == [replace(under_way, end_s=WALL_S + 30)]


def test_an_event_given_up_at_a_reload_ends_in_the_live_store_and_its_rack_too() -> None:
    made = bench()
    for at in (0, 5, 10):
        made.take(at, 3.7, battery_current=-50.0)
    made.intake.status("u", UnitStatus(UnitState.DOWN))
    under_way = [event for event in made.records.events if event.unit == "u"][-1]
    made.intake.follow(
        [INFO], {"u": {"series": 10}}, Past({}, [under_way], WALL_S + 11 + RESUME_WITHIN_S)
    )
    ledgers = (made.store.view("u", mono_s=300).ledger, made.store.groups["rack:r1"])
    assert [(event.kind, event.end_s) for one in ledgers for event in one.last.values()] == [
        ("discharge", WALL_S + 10),
        ("outage", WALL_S + 10),
    ]
    assert [
        one.totals[kind].count for one, kind in zip(ledgers, ("discharge", "outage"), strict=True)
    ] == [1, 1]


def test_an_outage_interrupted_long_ago_is_over_in_the_live_store() -> None:
    outage = Event("rack:r1", "outage", WALL_S, None, {"duration_s": 30.0})
    made = bench(happened=(outage,), now_s=WALL_S + 31 + RESUME_WITHIN_S)
    assert made.store.groups["rack:r1"].last == {"outage": replace(outage, end_s=WALL_S + 30)}
    assert made.store.groups["rack:r1"].totals == {}


@pytest.mark.parametrize(
    "infos",
    [[], [replace(INFO, location=Location("r2", "a", "1"))]],
    ids=["left", "moved"],
)
def test_an_outage_ends_when_its_last_unit_leaves_the_rack(infos: list[UnitInfo]) -> None:
    made = bench()
    for at in (0, 5, 10):
        made.take(at, 3.7, battery_current=-50.0)
    made.store.reconfigure(infos, [], stale_after_s=30)
    made.intake.follow(infos, {"u": {}}, Past(now_s=WALL_S + 11))
    assert made.store.groups["rack:r1"].last["outage"].end_s == WALL_S + 10
    assert made.records.events[-1] == made.store.groups["rack:r1"].last["outage"]


def test_the_discharge_of_a_unit_that_leaves_ends_where_it_was_last_seen() -> None:
    made = bench()
    for at in (0, 5, 10):
        made.take(at, 3.7, battery_current=-50.0)
    made.intake.follow([], {}, Past(now_s=WALL_S + 11))
    ends = {event.unit: event.end_s for event in made.records.events}
    assert ends == {"u": WALL_S + 10, "rack:r1": WALL_S + 10}


def test_a_unit_identified_anew_has_no_faults_of_its_old_family() -> None:
    made = bench()
    fault = Fault("load", None, FaultReason.SENTINEL, "65535", "x")
    made.intake.sample(Sample("u", WALL_S, 0, (), (fault,)), PROFILE)
    made.intake.found("u", PROFILE)
    assert made.store.view("u", mono_s=0).faults == ()


def test_battery_facts_of_the_configuration_win_over_the_profile() -> None:
    made = bench()
    made.intake.follow([INFO], {"u": {"series": 10, "rated_power_w": 2000.0}})
    made.intake.found("u", PROFILE)
    battery = made.intake.units["u"].assessor.battery
    assert battery == replace(PROFILE.battery, series=10, rated_power_w=2000.0)


@pytest.mark.parametrize(
    ("info", "overrides", "stays"),
    [
        (INFO, {}, True),
        (replace(INFO, location=Location("r2", "b", "4")), {}, True),
        (replace(INFO, address="unit id 49"), {}, False),
        (INFO, {"series": 10}, False),
    ],
    ids=["as it was", "moved on paper", "another address", "another battery"],
)
def test_a_reload_keeps_the_engine_of_what_stays(
    info: UnitInfo,
    overrides: dict[str, object],
    stays: bool,  # noqa: FBT001 - of the case
) -> None:
    made = bench()
    made.take(0, 3.9, 3.9)
    engine = made.intake.units["u"].assessor.engine
    made.intake.follow([info], {"u": overrides})
    assert made.intake.units["u"].info == info
    assert (made.intake.units["u"].assessor.engine is engine) == stays


async def test_others_run_while_what_all_units_have_learnt_is_kept() -> None:
    made = bench()
    order: list[str] = []

    class Slow:
        """Keeps for longer than a turn lasts."""

        def keep(self, _now_s: float, **_urgent: bool) -> None:
            order.append("kept")
            until_s = time.perf_counter() + 0.002
            while time.perf_counter() < until_s:
                pass

    async def other() -> None:
        while True:
            order.append("other")
            await asyncio.sleep(0)

    slow: Any = Slow()
    made.intake.units = dict.fromkeys("abc", slow)
    task = asyncio.create_task(other())
    await made.intake.keep_all(WALL_S)
    task.cancel()
    assert order == ["kept", "other"] * 3
