"""What a run that was killed leaves to the next: nothing is lost, and nothing is told twice."""

from dataclasses import replace

import pytest

from agent.model import Event, Location, UnitInfo, Value
from agent.poll.past import RESUME_WITHIN_S
from tests.unit.poll.samples import WALL_S
from tests.unit.poll.taking import INFO, Bench, bench

SHELF = tuple(
    UnitInfo(name, "orv3-bbu", Location("r1", "a", name), "shelf-a", name) for name in "abc"
)


def killed(made: Bench, now_s: float, *, infos: tuple[UnitInfo, ...] = (INFO,)) -> Bench:
    """Begin anew ``now_s`` after the start, with what ``made`` has put on record."""
    newest = {(event.unit, event.kind, event.start_s): event for event in made.records.events}
    learnt = {unit: (serial, state) for unit, serial, state in made.records.states}
    return bench(learnt, tuple(newest.values()), WALL_S + now_s, infos)


def on_record(*runs: Bench) -> dict[tuple[str, str, float], Event]:
    return {
        (event.unit, event.kind, event.start_s): event
        for made in runs
        for event in made.records.events
    }


def rest(made: Bench, at_s: float, **facts: Value) -> None:
    made.take(at_s, 3.95, 3.95, battery_current=0.0, **facts)


def load(made: Bench, *at_s: float) -> None:
    for at in at_s:
        made.take(at, 3.7, 3.7, battery_current=-50.0)


def test_a_discharge_while_no_agent_ran_is_told_by_the_counter() -> None:
    first = bench()
    rest(first, 0, discharge_events=5.0)
    rest(first, 10, discharge_events=6.0)
    second = killed(first, 100)
    rest(second, 100, discharge_events=7.0)
    rest(second, 110, discharge_events=7.0)
    flickers = [e for e in on_record(first, second).values() if e.kind == "flicker"]
    assert [(e.start_s - WALL_S, e.end_s, e.detail["count"]) for e in flickers] == [
        (0, WALL_S + 10, 1),
        (10, WALL_S + 100, 1),
    ]


@pytest.mark.parametrize(
    ("killed_at", "counted"), [(1, 1), (4, 0)], ids=["before it was told", "after it was told"]
)
async def test_a_discharge_whose_end_nobody_saw_is_told_once(killed_at: int, counted: int) -> None:
    first = bench()
    rest(first, 0, discharge_events=5.0)
    load(first, *range(1, killed_at + 1))
    await first.intake.keep_all(WALL_S + killed_at)
    second = killed(first, 30)
    rest(second, 30, discharge_events=6.0)
    kinds = [kind for unit, kind, _ in on_record(first, second) if unit == "u"]
    assert kinds == (["flicker"] if counted else ["discharge"])


def test_another_module_does_not_take_over_the_count() -> None:
    first = bench()
    rest(first, 0, serial_number="A1", discharge_events=5.0)
    second = killed(first, 30)
    rest(second, 30, serial_number="B2", discharge_events=9.0)
    assert [event.kind for event in second.records.events] == ["replaced"]


def test_recharging_is_followed_across_a_restart() -> None:
    first = bench()
    rest(first, 0, state_of_charge=1.0)
    load(first, 1, 2, 3, 4)
    rest(first, 5, state_of_charge=0.9)
    first.take(65, 3.95, battery_current=2.0, state_of_charge=0.9)
    second = killed(first, 100)
    second.take(100, 3.95, battery_current=2.0, state_of_charge=0.95)
    second.take(500, 3.95, battery_current=0.0, state_of_charge=1.0)
    events = on_record(first, second)
    assert len(events) == 2, "no second outage of the rack is made of the news"
    (discharge,) = [e for e in events.values() if e.kind == "discharge"]
    assert discharge.detail["recharge_delay_s"] == 60.5
    assert discharge.detail["recharge_s"] == 495.5


def test_a_charger_that_was_done_before_the_restart_leaves_no_guess() -> None:
    event = Event("u", "discharge", WALL_S - 7200, WALL_S - 7000, {"charge_before": 1.0})
    made = bench(happened=(event,))
    rest(made, 0, state_of_charge=1.0)
    rest(made, 10, state_of_charge=1.0)
    assert made.records.events == []


def test_the_outage_of_a_rack_ends_with_its_last_unit_after_a_restart() -> None:
    first = bench(infos=SHELF)
    for at in range(10):
        for unit in "abc":
            done = unit == "c" and at >= 6
            first.take_of(unit, at, 3.9 if done else 3.7, battery_current=0.0 if done else -50.0)
    second = killed(first, 20, infos=SHELF)
    for at in range(20, 30):
        for unit in "abc":
            done = unit == "c" or (unit == "a" and at >= 22)
            second.take_of(unit, at, 3.9 if done else 3.7, battery_current=0.0 if done else -50.0)
    assert second.store.groups["rack:r1"].last["outage"].end_s is None
    second.take_of("b", 30, 3.9, battery_current=0.0)
    events = on_record(first, second)
    assert sorted((unit, kind) for unit, kind, _ in events) == [
        ("a", "discharge"),
        ("b", "discharge"),
        ("c", "discharge"),
        ("rack:r1", "outage"),
    ]
    outage = next(event for event in events.values() if event.kind == "outage")
    parts = [event for event in events.values() if event.kind == "discharge"]
    assert outage.end_s == max(part.end_s or 0.0 for part in parts)
    assert outage.detail["units"] == 3
    total_wh = sum(float(part.detail["energy_wh"]) for part in parts)
    assert outage.detail["energy_wh"] == pytest.approx(total_wh, abs=0.01)


def test_an_outage_whose_units_are_all_over_is_over() -> None:
    part = Event("u", "discharge", WALL_S - 50, WALL_S - 40, {"duration_s": 10.0})
    outage = Event("rack:r1", "outage", WALL_S - 50, None, {"duration_s": 9.0})
    made = bench(happened=(part, outage))
    assert made.records.events == [replace(outage, end_s=WALL_S - 41)]


def test_an_outage_longer_ago_than_a_restart_takes_is_over() -> None:
    part = Event("u", "discharge", WALL_S, None, {"duration_s": 10.0})
    outage = Event("rack:r1", "outage", WALL_S, None, {"duration_s": 10.0})
    made = bench(happened=(part, outage), now_s=WALL_S + 11 + RESUME_WITHIN_S)
    assert {event.end_s for event in made.records.events} == {WALL_S + 10}
