"""What was learnt of some cells goes on with more of them, and in another order."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from agent.errors import StoreError
from agent.health import testimony
from agent.health.bank import Bank
from agent.health.birth import Birth
from agent.health.deep import DeepWatch
from agent.health.engine import HealthEngine, Observation
from agent.health.jumps import JumpWatch
from agent.health.record import dump
from agent.health.regroup import _NEVER, regrouped, sources
from agent.health.standby import StandbyWatch
from agent.health.unread import UnreadWatch
from agent.health.widen import widened
from agent.model import Basis, Battery, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
Life = Callable[..., Iterator[Observation]]


@pytest.fixture
def battery(battery: Battery) -> Battery:
    """Without a rated power: these tests need no ride, which costs the most."""
    return replace(battery, rated_power_w=None)


def grown(day: float, cell: int) -> float:
    return 0.004 * math.sqrt(day) * (1.0 + 0.1 * cell)


def taught(battery: Battery, life: Life, cells: tuple[str, ...] = CELLS) -> HealthEngine:
    engine = HealthEngine(replace(battery, series=len(cells)), cells=cells)
    for observation in life(days=300.0, cells=len(cells), growth=grown, hours=6.0):
        engine.observe(observation)
    return engine


def test_a_new_order_carries_everything_that_is_known_of_each_cell(
    battery: Battery, life: Life
) -> None:
    engine = taught(battery, life)
    order = (3, 0, 5, 1, 4, 2)
    state = regrouped(engine.state(), engine.kind, CELLS, order)
    moved = HealthEngine.restore(battery, cells=CELLS, state=state)
    now_s = engine.now_s
    before, after = engine.estimate(now_s), moved.estimate(now_s)
    for name in ("ln_capacity", "ln_growth", "growth_sd", "resistance_ohm"):
        assert np.allclose(getattr(after, name), getattr(before, name)[list(order)], rtol=1e-6)
    assert np.allclose(after.spread, before.spread[np.ix_(order, order)], atol=1e-9)
    old, new = (one.state()["jumps"]["track"]["away"] for one in (engine, moved))  # type: ignore[index]
    assert new == [[row[place] for place in order] for row in old]
    assert len(new) > 1


def test_the_order_as_it_was_changes_nothing_but_what_is_under_way(
    battery: Battery, life: Life
) -> None:
    engine = taught(battery, life)
    state = regrouped(engine.state(), engine.kind, CELLS, range(6))
    same = HealthEngine.restore(battery, cells=CELLS, state=state)
    now_s = engine.now_s + 1e7
    assert same.health(now_s) == engine.health(now_s)


def test_a_cell_that_joins_costs_nothing_of_what_is_known_of_the_others(
    battery: Battery, life: Life
) -> None:
    engine = taught(battery, life, CELLS[:5])
    wide = replace(battery, series=6)
    bank = widened(wide, CELLS, engine.state())
    assert bank.cells == CELLS
    assert bank.evidence_count == engine.evidence_count > 0
    (one,) = bank.engines
    before, after = engine.estimate(engine.now_s), one.estimate(engine.now_s)
    assert np.allclose(after.ln_capacity[:5], before.ln_capacity, atol=1e-6)
    assert np.allclose(after.ln_growth[:5], before.ln_growth, atol=1e-6)
    new, known = after.capacity(5), after.capacity(0)
    assert new.upper - new.lower > known.upper - known.lower
    assert min(before.ln_capacity) - 0.02 < after.ln_capacity[5] < max(before.ln_capacity) + 0.02


def test_what_begins_as_nothing_is_nothing_for_a_cell_that_joins() -> None:
    begun = [
        DeepWatch(2, 15.0),
        JumpWatch(2),
        StandbyWatch(2, 15.0),
        Birth(2),
        testimony.Testimony(2),
        UnreadWatch(2),
    ]
    fields = [item for one in begun for item in cast("dict[str, object]", dump(one)).items()]
    assert {name for name, value in fields if value == [None, None]} <= _NEVER
    assert not {name for name, value in fields if value == [0.0, 0.0]} & _NEVER


def test_a_block_that_becomes_two_goes_on_in_both(battery: Battery, life: Life) -> None:
    names = tuple(str(n + 1) for n in range(17))
    engine = HealthEngine(replace(battery, series=16), cells=names[:16])
    for observation in life(days=120.0, cells=16, hours=24.0):
        engine.observe(observation)
    bank = widened(replace(battery, series=17), names, engine.state())
    assert [len(one.cells) for one in bank.engines] == [8, 9]
    assert {one.evidence_count for one in bank.engines} == {engine.evidence_count}
    after = np.concatenate([one.estimate(engine.now_s).ln_growth for one in bank.engines])
    assert np.allclose(after[:16], engine.estimate(engine.now_s).ln_growth, atol=1e-6)


def test_nothing_has_happened_yet_to_a_cell_that_joins(battery: Battery, life: Life) -> None:
    """Of the others all was seen: when they were measured, and the resistance they began with."""
    engine = HealthEngine(replace(battery, series=5, commissioned_s=None), cells=CELLS[:5])
    for observation in life(days=60.0, cells=5, growth=grown):
        engine.observe(observation)
    engine._watches.deep.tested_s[:] = engine._watches.deep.bounded_s[:] = engine.now_s
    engine._filter.leaning = 0.7
    (one,) = widened(replace(battery, series=6), CELLS, engine.state()).engines
    new = one.health(one.now_s).cells[5]
    assert new.basis is Basis.PRIOR
    assert new.verdict is Verdict.UNKNOWN
    assert new.resistance_growth.estimate == pytest.approx(1.0, abs=0.1)
    assert one._filter.leaning == 0.7


def test_cells_that_had_changed_places_are_still_named_when_another_joins(
    battery: Battery, life: Life
) -> None:
    """All five had moved, and the one that joins comes before them: nothing is held against it."""
    engine = taught(battery, life, CELLS[1:])
    engine._watches.guards.order.follow([1, 2, 3, 4, 0], engine.now_s)
    told = swapped(engine)
    assert set(told) == set(CELLS[1:])
    assert "what cell 2 read before" in told["6"]
    (one,) = widened(replace(battery, series=6), CELLS, engine.state()).engines
    assert swapped(one) == told


def swapped(engine: HealthEngine) -> dict[str | None, str]:
    """Give what is said of cells that changed places, by cell."""
    found = engine._watches.guards.findings(engine.cells, engine.capacity_ah, engine.now_s)
    return {one.cell: one.text for one in found if one.code == "cell_swapped"}


def test_a_bank_that_got_a_cell_learns_on(battery: Battery, life: Life) -> None:
    engine = taught(battery, life, CELLS[:5])
    bank = widened(replace(battery, series=6), CELLS, engine.state())
    for observation in life(days=200.0, growth=grown, start_s=engine.now_s):
        bank.observe(observation)
    assert bank.evidence_count > engine.evidence_count
    assert Bank.restore(battery, cells=CELLS, state=bank.state()).state() == bank.state()


def test_only_the_block_of_the_new_cell_is_touched(battery: Battery) -> None:
    cells = tuple(f"module:{m}/{n}" for m in (1, 2) for n in range(1, 13))
    bank = Bank(battery, cells=cells)
    for hour in range(48):
        bank.observe(Observation(1.7e9 + hour * 3600.0, 0.0, (4.02,) * 24, (25.0,)))
    more = (*cells, "module:2/13")
    wide = widened(battery, more, bank.state())
    assert [len(engine.cells) for engine in wide.engines] == [12, 13]
    # The power of a block is its share of all cells; all else is as it was.
    kept, was = wide.engines[0].state(), bank.engines[0].state()
    assert {k for k in was if kept[k] != was[k]} <= {"battery"}


@pytest.mark.parametrize("state", [{}, {"cells": ["9"]}, {"cells": CELLS, "blocks": [{}]}])
def test_a_record_of_which_nothing_can_be_used_is_told(
    battery: Battery, state: dict[str, object]
) -> None:
    with pytest.raises(StoreError):
        widened(battery, CELLS, state)


def test_cells_are_found_by_their_names() -> None:
    assert sources(("1", "3"), ("1", "2", "3")) == [0, None, 1]
