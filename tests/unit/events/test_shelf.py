import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events.incidents import Incidents
from agent.events.look import Look
from agent.events.shelf import Between, ShelfClock


def look(unit: str, second: float, current_a: float, **facts: object) -> Look:
    return Look(unit, 1.7e9 + second, second, current_a, 48.0, **facts)  # type: ignore[arg-type]


def test_neighbours_enclose_the_moment() -> None:
    clock = ShelfClock()
    units = {name: Incidents(name, clock) for name in "abc"}
    for name, second in (("a", 0.0), ("b", 0.7), ("c", 1.3)):
        units[name].observe(look(name, second, 0.0))
    for name, second in (("a", 2.0), ("b", 2.1), ("c", 2.2)):
        units[name].observe(look(name, second, -50.0))
    # It came after c's last quiet sample and before a's first loaded one.
    assert {round(one.open.start_s - 1.7e9, 3) for one in units.values() if one.open} == {1.65}
    for name, second in (("a", 3.0), ("b", 3.1), ("c", 3.2)):
        units[name].observe(look(name, second, -50.0))
    ended = [
        units[name].observe(look(name, second, 0.0))
        for name, second in (("a", 4.0), ("b", 4.1), ("c", 4.2))
    ]
    # It went after c's last loaded sample and before a's first quiet one.
    assert {round((event.end_s or 0) - 1.7e9, 3) for event in ended if event} == {3.6}


def test_glances_sharpen_edges_and_sums_and_begin_nothing() -> None:
    clock = ShelfClock()
    one, other = Incidents("a", clock), Incidents("b", clock)
    for unit in (one, other):
        unit.observe(look(unit.unit, 0.0, 0.0))
    other.glance(look("b", 0.40, 0.0))
    one.glance(look("a", 0.44, -50.0))
    assert (one.open, other.open) == (None, None)
    one.observe(look("a", 1.0, -50.0))
    assert one.open is not None
    assert one.open.start_s == 1.7e9 + 0.42
    one.glance(look("a", 2.0, -100.0))
    one.glance(look("a", 3.0, -50.0))
    other.glance(look("b", 3.06, 0.0))
    ended = one.observe(look("a", 4.0, 0.0))
    assert ended is not None
    # b never carried load, so its quiet glance tells of no end.
    assert ended.end_s == 1.7e9 + 3.5
    # Half a second and 0.58 s at 50 A, and two seconds at 75 A in the mean.
    assert ended.detail["charge_ah"] == pytest.approx((1.08 * 50 + 2 * 75) / 3600, abs=1e-4)


def test_a_glance_tells_of_the_end_to_those_that_carry_load() -> None:
    clock = ShelfClock()
    one, other = Incidents("a", clock), Incidents("b", clock)
    for second, current_a in ((0.0, 0.0), (1.0, -50.0), (2.0, -50.0)):
        for unit in (one, other):
            unit.observe(look(unit.unit, second, current_a))
    other.glance(look("b", 2.50, -50.0))
    one.glance(look("a", 2.54, 0.0))
    ended = one.observe(look("a", 3.0, 0.0))
    assert ended is not None
    assert ended.end_s == pytest.approx(1.7e9 + 2.52)


def test_where_the_current_does_not_decide_a_glance_tells_nothing() -> None:
    clock = ShelfClock()
    ups = Incidents("a", clock)
    ups.observe(look("a", 0.0, 30.0, on_battery=True))
    ups.glance(look("a", 0.5, 0.0))
    assert clock.under_load


def test_a_self_test_is_a_units_own() -> None:
    clock = ShelfClock()
    one, other = Incidents("a", clock), Incidents("b", clock)
    one.observe(look("a", 0.0, 0.0))
    other.observe(look("b", 1.9, 0.0))
    one.observe(look("a", 2.0, -30.0, testing=True))
    assert one.open is not None
    assert one.open.start_s == 1.7e9 + 1.0
    assert clock.came is None


def test_a_module_that_takes_no_share_tells_of_no_end() -> None:
    clock = ShelfClock()
    one, idle = Incidents("a", clock), Incidents("b", clock)
    one.observe(look("a", 0.0, 0.0))
    idle.observe(look("b", 0.5, 0.0))
    one.observe(look("a", 1.0, -50.0))
    idle.observe(look("b", 1.5, 0.0))
    assert clock.under_load


moments = st.floats(0, 100, allow_nan=False)


@given(moments, moments, moments, moments)
def test_narrowing_never_leaves_what_a_unit_saw_itself(
    a: float, b: float, c: float, d: float
) -> None:
    own = Between(min(a, b), max(a, b))
    found = own.narrowed(Between(min(c, d), max(c, d)))
    assert own.low_s <= found.low_s <= found.high_s <= own.high_s
