"""Large batteries: blocks of cells, each with an engine of its own."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import StoreError
from agent.health.bank import LARGEST_BLOCK, Bank, blocks, joined
from agent.health.engine import HealthEngine, Observation
from agent.model import (
    Advice,
    Basis,
    Battery,
    Chemistry,
    Health,
    Interval,
    Reason,
    Trial,
    Verdict,
)

BATTERY = Battery(Chemistry.NMC, series=60, rated_capacity_ah=100.0, rated_power_w=12000.0)


def names(count: int) -> tuple[str, ...]:
    return tuple(str(n + 1) for n in range(count))


def feed(bank: Bank | HealthEngine, cells: int, weak: int | None = None) -> None:
    """Give a bank half a year with a test a month; ``weak`` sags more from month three."""
    for month in range(6):
        start_s = 1.7e9 + month * 30 * 86400.0
        for hour in range(48):
            bank.observe(Observation(start_s + hour * 3600, 0.0, (4.05,) * cells, (25.0,)))
        for second in range(40):
            volts = [4.05 - 0.06 - 0.0002 * second] * cells
            if weak is not None and month >= 2:
                volts[weak] -= 0.03
            when_s = start_s + 48 * 3600 + second
            bank.observe(Observation(when_s, -60.0, tuple(volts), (25.0,)))
        for second in range(40, 60):
            when_s = start_s + 48 * 3600 + second
            bank.observe(Observation(when_s, 0.0, (4.04,) * cells, (25.0,)))


@given(st.integers(1, 300), st.integers(1, 9))
def test_every_cell_is_in_exactly_one_block_of_its_module(count: int, modules: int) -> None:
    cells = tuple(f"module:{n % modules}/{n}" for n in range(count))
    found = list(blocks(cells))
    assert sorted(cell for block in found for cell in block) == sorted(cells)
    assert all(len(block) <= LARGEST_BLOCK for block in found)
    assert all(len({cell.split("/")[0] for cell in block}) == 1 for block in found)


def test_a_battery_of_one_block_is_the_plain_engine() -> None:
    battery = replace(BATTERY, series=12)
    bank, engine = Bank(battery, cells=names(12)), HealthEngine(battery, cells=names(12))
    feed(bank, 12)
    feed(engine, 12)
    assert bank.health(1.72e9) == engine.health(1.72e9)
    assert bank.state() == engine.state()


def test_the_weak_cell_of_sixty_is_named_and_decides() -> None:
    bank = Bank(BATTERY, cells=names(60))
    feed(bank, 60, weak=36)
    health = bank.health(1.7e9 + 160 * 86400)
    assert {reason.cell for reason in health.reasons if reason.cell} == {"37"}
    assert [cell.cell for cell in health.cells] == list(names(60))


def test_a_large_bank_goes_on_from_its_state() -> None:
    bank = Bank(BATTERY, cells=names(60))
    feed(bank, 60, weak=36)
    saved = json.loads(json.dumps(bank.state()))
    again = Bank.restore(BATTERY, cells=names(60), state=saved)
    assert again.health(1.72e9) == bank.health(1.72e9)


def test_a_state_of_other_blocks_is_refused() -> None:
    saved = Bank(BATTERY, cells=names(60)).state()
    with pytest.raises(StoreError, match="other blocks"):
        Bank.restore(BATTERY, cells=names(61 + LARGEST_BLOCK), state=saved)


def test_parallel_strings_share_the_current() -> None:
    cells = tuple(f"string:{s}/{n}" for s in (1, 2) for n in range(1, 9))
    bank = Bank(replace(BATTERY, series=8), cells=cells)
    alone = HealthEngine(bank.engines[0].battery, cells=cells[:8])
    at = Observation(1.7e9, -60.0, (4.0,) * 16, (25.0,))
    for second in range(60):
        now = replace(at, time_s=at.time_s + second)
        bank.observe(now)
        alone.observe(replace(now, current_a=-30.0, cells_v=(4.0,) * 8))
    assert bank.engines[0].state() == alone.state()


def test_what_several_blocks_say_is_one_reason_since_the_first_said_it() -> None:
    def health(since_s: float | None) -> Health:
        return Health(Verdict.WATCH, (Reason("x", "both", since_s=since_s),), 9.0)

    for stood, since_s in (((5.0, 3.0), 3.0), ((3.0, 5.0), 3.0), ((3.0, None), None)):
        (reason,) = joined([health(one) for one in stood], 9.0).reasons
        assert reason.since_s == since_s


def part(verdict: Verdict = Verdict.OK, *, soh: float = 0.9, **more: object) -> Health:
    """Give the health of a block whose weakest cell holds ``soh``."""
    return replace(
        Health(verdict, (), 9.0, state_of_health=Interval(soh, soh - 0.05, soh + 0.05)),
        **more,  # type: ignore[arg-type]
    )


def test_without_a_rated_power_the_cell_that_holds_least_limits_the_unit() -> None:
    strong = part(limiting_cell="1", basis=Basis.FULL_TEST)
    weak = part(soh=0.7, limiting_cell="17", basis=Basis.RESISTANCE)
    for parts in ([strong, weak], [weak, strong]):
        found = joined(parts, 9.0)
        assert found.limiting_cell == "17"
        assert found.basis is Basis.RESISTANCE


def test_no_block_asks_for_a_test_where_a_cell_of_another_may_have_a_short() -> None:
    none = Advice(None, None, 0.01, 0.05, (), "no test: cell 3 may have an inner short")
    trial = Trial("discharge to cut-off", 300.0, 0.9, 0.01, 0.02, 9000.0)
    deep = Advice(trial.test, 9.0, 0.05, 0.05, (trial,), "a discharge to cut-off now")
    for advices in ((none, deep), (deep, none)):
        assert joined([part(advice=one) for one in advices], 9.0).advice == none


def test_the_worst_reason_of_any_block_comes_first() -> None:
    mild, bad = Reason("x", "mild"), Reason("y", "bad", verdict=Verdict.REPLACE)
    found = joined([part(reasons=(mild,)), part(reasons=(bad,))], 9.0)
    assert found.reasons == (bad, mild)


def test_each_block_is_told_which_of_its_cells_are_balanced() -> None:
    bank = Bank(replace(BATTERY, series=20), cells=names(20))
    for minute in range(60):
        at_s = 1.7e9 + 60.0 * minute
        bank.observe(Observation(at_s, 0.0, (4.0,) * 20, (25.0,), balancing=1 << 12 | 1 << 3))
    bled = [engine._watches.standby.today_bled > 0.0 for engine in bank.engines]
    assert [list(np.flatnonzero(block)) for block in bled] == [[3], [2]]


def test_an_observation_of_fewer_cells_than_the_bank_has_is_read() -> None:
    bank = Bank(BATTERY, cells=names(60))
    bank.observe(Observation(1.7e9, 0.0, (4.0,) * 20, (25.0,)))
    assert len(bank.health(1.7e9).cells) == 60
