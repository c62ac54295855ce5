"""What ages moves with its module; a contact does not; a cell that catches up does neither."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from agent.errors import StoreError
from agent.health.record import dump
from agent.health.track import Track

CELLS = 6
DAY_S = 86400.0
EVERY_DAYS = 60.0
Contrast = Callable[[int], float]


def tracked(contrast: Contrast, *, tests: int = 12, module_step: float = 0.02) -> Track:
    """Tests two months apart; the third cell stands ``contrast`` of ln R from the others."""
    track = Track()
    for test in range(tests):
        away = np.array([0.002, -0.002, contrast(test), 0.004, -0.004, 0.0])
        sd = np.full(CELLS, 0.01)
        track.add(test * EVERY_DAYS * DAY_S, test * module_step, away, sd, anew=False)
    return track


def strange(track: Track, shown: float) -> bool:
    return track.strange(2, shown, 0.01, track.times[-1][1] + 0.02, 0.11)


def test_a_cell_that_jumps_while_its_module_stands_does_not_age() -> None:
    track = tracked(lambda _test: 0.0)
    assert strange(track, 0.2)
    assert not strange(track, 0.1)


def test_a_cell_that_grows_twice_as_fast_as_its_module_ages() -> None:
    track = tracked(lambda test: 0.024 * test)
    assert not strange(track, 0.024 * 12)
    assert not track.last_strange(2, 0.11)
    lead = track.leads(CELLS)[2]
    assert lead is not None
    assert lead.ratio == pytest.approx(2.2, abs=0.2)
    assert lead.sigmas() > 4.0


def test_a_cell_of_a_module_that_ages_fast_ages_faster_still() -> None:
    track = tracked(lambda test: 0.096 * test, module_step=0.08)
    assert not track.strange(2, 0.096 * 12, 0.01, 0.08 * 12, 0.11)
    assert track.strange(2, 0.096 * 12, 0.01, 0.08 * 11, 0.11)


def test_a_cell_that_comes_back_to_where_it_stood_has_not_changed() -> None:
    assert not strange(tracked(lambda test: -0.2 if test >= 10 else 0.0), 0.0)


def test_a_weld_that_grows_for_half_a_year_is_told_from_ageing() -> None:
    track = tracked(lambda test: 0.1 * max(test - 9, 0))
    assert track.last_strange(2, 0.11)


def test_a_weld_that_grows_slowly_is_told_though_each_test_stands_near_the_one_before() -> None:
    track = tracked(lambda test: 0.07 * max(test - 4, 0))
    assert track.last_strange(2, 0.11)


def test_a_cell_that_stood_there_before_is_not_strange_for_having_been_away() -> None:
    assert not strange(tracked(lambda test: -0.3 if 4 <= test < 8 else 0.0), 0.0)


def test_a_cell_that_catches_up_with_its_module_is_neither() -> None:
    track = tracked(lambda test: 0.0 if test < 2 else -0.2 + 0.02 * test)
    assert not strange(track, 0.03)
    lead = track.leads(CELLS)[2]
    assert lead is not None
    assert lead.beyond < 0.03


def test_a_module_that_scatters_has_no_leading_cell() -> None:
    chance = np.random.default_rng(5)
    track = Track()
    for test in range(12):
        away = chance.normal(0.0, 0.05, CELLS)
        track.add(test * EVERY_DAYS * DAY_S, 0.02 * test, away, np.full(CELLS, 0.05), anew=False)
    leads = track.leads(CELLS)
    assert all(one is None or one.sigmas() < 4.0 for one in leads)


def test_tests_of_one_week_count_as_one() -> None:
    track = Track()
    for day in range(7):
        track.add(day * DAY_S, 0.1, np.full(CELLS, 0.01 * day), np.full(CELLS, 0.02), anew=False)
    assert len(track.times) == 1
    assert track.away[0] == pytest.approx([0.03] * CELLS)


def test_a_clock_that_runs_backwards_and_absent_cells_do_no_harm() -> None:
    track = tracked(lambda _test: 0.0)
    away = np.array([0.0, math.nan, 0.0, 0.0, math.nan, 0.0])
    track.add(-DAY_S, 0.1, away, np.full(CELLS, 0.01), anew=False)
    track.add(1e12, 0.3, away, np.full(CELLS, 0.01), anew=False)
    assert track.leads(CELLS)[1] is None
    assert not track.last_strange(1, 0.11)


def test_what_is_kept_is_bounded_and_comes_back_from_json() -> None:
    track = tracked(lambda test: 0.01 * test, tests=200)
    assert len(track.times) <= 24
    again = Track()
    again.unpack(json.loads(json.dumps(dump(track), allow_nan=False)), CELLS)
    assert again == track
    with pytest.raises(StoreError):
        Track().unpack(dump(track), CELLS + 1)
    with pytest.raises(StoreError):
        Track().unpack({"times": 3}, CELLS)
