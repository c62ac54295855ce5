"""What may have become of a cell whose resistance left its module's: three cases, never sure."""

import json
import math

import numpy as np
import pytest

from agent.health.birth import Birth
from agent.health.change import Change, change_of
from agent.health.chemistry import NCA_POWER
from agent.health.filter import ModuleFilter
from agent.health.jumps import JumpWatch
from agent.health.record import dump
from agent.health.report import Learnt, estimate_of, mixture_quantile

CELLS, CELL = 4, 2
PARALLEL = 6
OPEN_JUMP = math.log(PARALLEL / (PARALLEL - 1))


def changed(jump: float, *, spent: float) -> tuple[JumpWatch, ModuleFilter]:
    """A module that has aged alike, but for one cell that jumped when it had lost ``spent``."""
    state = ModuleFilter.start(NCA_POWER, CELLS, 15.0)
    _, _, rho, r, _ = state.blocks()
    state.x[rho] = 0.4
    state.p[r, r] = 1e-4
    jumps = JumpWatch(CELLS)
    jumps.level[CELL] = state.x[r[CELL]]
    jumps.spent[CELL], jumps.since_s[CELL] = spent, 0.0
    state.x[r[CELL]] += jump
    return jumps, state


def test_nothing_is_said_of_cells_that_have_not_changed() -> None:
    told = change_of(*changed(0.3, spent=0.2), PARALLEL)
    others = np.arange(CELLS) != CELL
    assert not told.opened[others].any()
    assert not told.aged[others].any()
    assert told.kept()[others] == pytest.approx(1.0)


def test_a_young_cell_that_jumps_has_a_contact_or_an_open_cell_and_no_knee() -> None:
    of_its_size = change_of(*changed(OPEN_JUMP, spent=0.05), PARALLEL)
    assert of_its_size.opened[CELL] > 0.7
    assert of_its_size.aged[CELL] < 0.01
    larger = change_of(*changed(0.5, spent=0.05), PARALLEL)
    assert larger.opened[CELL] + larger.aged[CELL] < 0.01


def test_a_worn_cell_that_jumps_may_as_well_have_come_to_its_knee() -> None:
    jumps, state = changed(0.5, spent=0.26)
    told = change_of(jumps, state, PARALLEL)
    assert 0.3 < told.aged[CELL] < 0.6
    assert told.aged_ln[CELL] == pytest.approx(0.5 / NCA_POWER.gain)
    assert told.kept()[CELL] < 0.95
    assert told.unsure(CELL) > 0.05


def test_what_was_kept_before_the_loss_was_noted_has_no_knee() -> None:
    jumps, state = changed(0.3, spent=math.nan)
    told = change_of(jumps, state, 1)
    assert np.isfinite(told.aged).all()
    assert told.aged[CELL] < 0.01
    assert told.opened[CELL] == 0.0
    assert json.loads(json.dumps(dump(jumps)))["spent"] == [None] * CELLS


def test_a_cell_with_less_resistance_than_before_has_lost_nothing() -> None:
    told = change_of(*changed(-0.3, spent=0.3), PARALLEL)
    assert told.aged_ln[CELL] == 0.0
    assert told.kept()[CELL] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("shown", "case"), [(-0.2, "aged"), (0.0, "grown"), (math.log(5 / 6), "opened")]
)
def test_a_capacity_that_was_measured_decides(shown: float, case: str) -> None:
    jump = OPEN_JUMP if case == "opened" else 0.2 * NCA_POWER.gain
    jumps, state = changed(jump, spent=0.26)
    before = change_of(jumps, state, PARALLEL)
    jumps.measured(np.full(CELLS, -0.1 + shown), np.full(CELLS, -0.1))
    assert np.isnan(np.delete(jumps.shown, CELL)).all()
    after = change_of(jumps, state, PARALLEL)

    def chance(of: Change) -> float:
        named = {"aged": of.aged[CELL], "opened": of.opened[CELL]}
        return float(named.get(case, 1.0 - of.aged[CELL] - of.opened[CELL]))

    assert chance(after) > max(0.9, chance(before))


def test_the_interval_holds_every_case_that_is_likely() -> None:
    half = 0.5
    change = Change(np.zeros(1), np.zeros(1), np.full(1, half), np.full(1, 0.3))
    cases = list(change.cases(0))
    assert cases == [(half, 0.0), (half, -0.3)]
    low, high = (mixture_quantile(level, cases, 0.01) for level in (0.05, 0.95))
    assert low == pytest.approx(-0.3 - 1.28 * 0.01, abs=0.003)
    assert high == pytest.approx(1.28 * 0.01, abs=0.003)
    assert change.kept() == pytest.approx(half + half * math.exp(-0.3))
    assert change.unsure(0) == pytest.approx(0.15)


def test_a_cell_ahead_of_its_module_is_known_less_well() -> None:
    state = ModuleFilter.start(NCA_POWER, CELLS, 15.0)
    rho = state.blocks()[2]
    state.x[rho] = 0.3

    def widths() -> list[float]:
        nothing = Change.none(CELLS)
        level = np.full(CELLS, math.nan)
        made = estimate_of(
            state,
            Birth(CELLS),
            level=level,
            change=nothing,
            learnt=Learnt(state.capacity_covariance(), 1.0),
        )
        return [one.upper - one.lower for one in map(made.capacity, range(CELLS))]

    alike = widths()
    state.x[rho[CELL]] = 0.5
    ahead = widths()
    assert ahead[CELL] > 1.3 * alike[CELL]
    assert np.delete(ahead, CELL) == pytest.approx(np.delete(alike, CELL))
    state.x[rho[CELL]] = 0.1
    assert widths()[CELL] < ahead[CELL]
