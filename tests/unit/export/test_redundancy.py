from dataclasses import replace

import pytest

from agent.export.redundancy import redundancy, standings
from agent.model import (
    Event,
    Group,
    Health,
    Interval,
    Location,
    Outlook,
    Reading,
    Reason,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
    Value,
    Verdict,
)
from agent.store.ledger import Ledger
from agent.store.live import UnitView

SHELF = Shelf("r1", "a", 2, rated_power_w=6000.0)
WALL_S = 1.7e9


def view(name: str, *, up: bool = True, verdict: Verdict = Verdict.OK, **facts: Value) -> UnitView:
    info = UnitInfo(name, "p", Location("r1", "a", name))
    rows = tuple(Reading(key, None, value, 0.0, "x") for key, value in facts.items())
    reasons = (Reason("cell_weak", "cell 5 is weak", "5", verdict),)
    health = Health(verdict, reasons, WALL_S, ride_through_s=Interval(100.0, 90.0, 110.0))
    state = UnitState.UP if up else UnitState.DOWN
    return UnitView(info, UnitStatus(state), 0.0, up, rows if up else (), health=health)


def carrying(name: str, left_s: float, at_s: float = WALL_S) -> UnitView:
    seconds = Interval(left_s, 0.9 * left_s, 1.1 * left_s)
    ledger = Ledger(
        last={"discharge": Event(name, "discharge", WALL_S - 30, None)},
        outlook=Outlook(at_s, 2000.0, seconds, 90.0, 30.0, "5"),
    )
    return replace(view(name, state_of_charge=0.7), ledger=ledger)


def test_a_shelf_at_rest() -> None:
    found = redundancy(SHELF, [view(n, state_of_charge=1.0) for n in "abc"], wall_s=WALL_S)
    assert (found.units, found.present, found.ready) == (3, 3, 3)
    assert (found.margin, found.margin_after_failure) == (1, 0)
    assert (found.absent, found.swap_first, found.left) == ((), None, None)


def resting(name: str, ride_s: float) -> UnitView:
    """A charged unit that would carry 3 kW for ``ride_s``."""
    found = view(name, state_of_charge=1.0)
    assert found.health is not None
    ride = Interval(ride_s, 0.9 * ride_s, 1.1 * ride_s)
    return replace(
        found, health=replace(found.health, ride_through_s=ride, ride_through_power_w=3000.0)
    )


def test_how_long_a_shelf_at_rest_would_carry_its_load() -> None:
    found = redundancy(SHELF, [resting(n, 300.0) for n in "abc"], wall_s=WALL_S)
    assert found.lasts == pytest.approx((450.0, 405.0, 495.0))
    assert found.lasts_with_one_less == pytest.approx((300.0, 270.0, 330.0))
    assert found.left is None


def test_the_strongest_unit_is_the_one_whose_failure_is_foretold() -> None:
    """6 kW by two of them: the weaker is empty after 200 s, and one alone may not carry it."""
    units = [resting("a", 200.0), resting("b", 300.0), resting("c", 400.0)]
    found = redundancy(SHELF, units, wall_s=WALL_S)
    assert found.lasts_with_one_less is not None
    assert found.lasts_with_one_less.estimate == pytest.approx(200.0)
    # Together 300 s at 2 kW each, then 0 and 300 kJ and 600 kJ are left for 3 kW each: 100 s.
    assert found.lasts is not None
    assert found.lasts.estimate == pytest.approx(400.0)


def test_a_shelf_that_one_failure_leaves_short_carries_nothing_then() -> None:
    found = redundancy(SHELF, [resting("a", 300.0), resting("b", 300.0)], wall_s=WALL_S)
    assert found.lasts is not None
    assert found.lasts.estimate == pytest.approx(300.0)
    assert found.lasts_with_one_less == (0.0, 0.0, 0.0)


def test_nothing_is_foretold_of_a_shelf_whose_load_or_units_are_not_known() -> None:
    units = [resting(n, 300.0) for n in "abc"]
    unknown = replace(SHELF, rated_power_w=None)
    assert redundancy(unknown, units, wall_s=WALL_S).lasts is None
    silent = view("c", state_of_charge=1.0)
    assert redundancy(SHELF, [*units[:2], silent], wall_s=WALL_S).lasts is None
    absent = view("c", up=False)
    found = redundancy(SHELF, [*units[:2], absent], wall_s=WALL_S)
    assert found.lasts is not None


def test_why_units_are_not_ready() -> None:
    relaxing = replace(
        view("d"),
        readings=(Reading("alarm", "self_test_relaxation", value=True, read_at=0.0, source="x"),),
    )
    found = redundancy(
        SHELF,
        [
            view("a", up=False),
            view("b", state_of_charge=0.62),
            view("c", self_test_running=True),
            relaxing,
            view("e", verdict=Verdict.REPLACE),
            view("f", battery_fault=True),
            view("g"),
        ],
        wall_s=WALL_S,
    )
    assert found.absent == (
        ("a", "does not answer"),
        ("b", "charged to 62% only"),
        ("c", "tests itself"),
        ("d", "tests itself"),
        ("e", "due for replacement or faulty"),
        ("f", "due for replacement or faulty"),
    )
    assert (found.ready, found.margin, found.margin_after_failure) == (1, -1, -2)
    assert found.swap_first == "e"


def test_a_degraded_unit_is_the_first_to_swap_where_none_is_worse() -> None:
    units = [view("a"), view("b", verdict=Verdict.DEGRADED), view("c", verdict=Verdict.WATCH)]
    assert redundancy(SHELF, units, wall_s=WALL_S).swap_first == "b"


def test_under_load_the_modules_drop_out_one_by_one() -> None:
    units = [carrying("a", 100.0), carrying("b", 200.0), carrying("c", 200.0)]
    found = redundancy(SHELF, units, wall_s=WALL_S)
    assert found.on_battery == 3
    assert found.ready == 3
    assert found.left is not None
    # Two carry 3 kW each, their rating, until they are empty.
    assert found.left.estimate == 100 + 100 / 1.5
    assert found.left.lower < found.left.estimate < found.left.upper


def test_a_stale_projection_is_left_out() -> None:
    units = [carrying("a", 100.0, at_s=WALL_S - 60)]
    assert redundancy(SHELF, units, wall_s=WALL_S).left is None


def test_a_group_counts_across_shelves_and_ends_with_its_weakest() -> None:
    there = Shelf("r2", "a", 1)
    units = [carrying("a", 100.0), view("b", up=False), carrying("c", 60.0), view("d")]
    elsewhere = Location("r2", "a", "1")
    units[2] = replace(units[2], info=replace(units[2].info, location=elsewhere))
    units[3] = replace(units[3], info=replace(units[3].info, location=Location("r9", "z", "1")))
    row = Group("row", 3, racks=frozenset({"r1", "r2"}))
    feed = Group("feed", 1, units=frozenset({"d"}))
    found = standings([SHELF, there], [row, feed], units, wall_s=WALL_S)
    assert [one.left is not None for one in found.shelves] == [True, True]
    first, second = found.groups
    assert (first.units, first.present, first.ready, first.on_battery) == (3, 2, 2, 2)
    assert (first.margin, first.margin_after_failure) == (-1, -2)
    assert first.absent == (("b", "does not answer"),)
    assert first.left == found.shelves[1].left
    assert (second.units, second.margin, second.left) == (1, 0, None)
