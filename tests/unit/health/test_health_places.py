"""Values that turn up in other places are assigned to them, and noise moves nobody."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.health.places import MOVE, by_rank, costs, is_turn, likely, saved

BELIEVED = np.array([0.08, -0.06, 0.15, 0.0, -0.12, 0.04, -0.17, 0.2])
SD = np.full(8, 0.006)


def best(shown: np.ndarray, believed: np.ndarray = BELIEVED) -> list[int]:
    cost = costs(shown, believed, SD[: len(shown)], SD[: len(shown)])
    return [int(place) for place in likely(cost, by_rank(shown, believed))[0]]


@given(
    order=st.permutations(range(8)), noise=st.lists(st.floats(-1.0, 1.0), min_size=8, max_size=8)
)
def test_any_order_of_values_that_differ_is_found(order: list[int], noise: list[float]) -> None:
    # The nearest two are 0.04 apart: noise confuses none.
    assert best(BELIEVED[order] + 0.01 * np.array(noise)) == order


@given(noise=st.lists(st.floats(-2.0, 2.0), min_size=8, max_size=8))
def test_noise_alone_moves_nobody(noise: list[float]) -> None:
    alike = np.zeros(8)
    assert best(alike + 0.008 * np.array(noise), alike) == list(range(8))


@pytest.mark.parametrize("order", [[7, 6, 5, 4, 3, 2, 1, 0], [7, 0, 1, 2, 3, 4, 5, 6]])
def test_a_module_that_is_numbered_the_other_way_or_from_elsewhere_is_taken_as_a_whole(
    order: list[int],
) -> None:
    twins = BELIEVED.copy()
    twins[1] = twins[3] = twins[6]
    assert best(twins[order], twins) == order


@pytest.mark.parametrize(
    ("places", "turned"),
    [
        ([0, 1, 2, 3], True),
        ([3, 0, 1, 2], True),
        ([1, 0, 3, 2], True),
        ([3, 2, 1, 0], True),
        ([1, 0, 2, 3], False),
        ([0, 2, 1, 3], False),
        ([2, 3, 1, 0], False),
    ],
)
def test_a_turn_runs_on_from_any_cell_in_either_direction(
    places: list[int], *, turned: bool
) -> None:
    assert is_turn(np.array(places)) is turned


def test_a_move_is_paid_for_and_two_that_help_each_other_are_worth_it() -> None:
    cost = costs(BELIEVED[[1, 0, 2, 3, 4, 5, 6, 7]], BELIEVED, SD, SD)
    in_place, exchanged = np.arange(8), np.array([1, 0, 2, 3, 4, 5, 6, 7])
    assert saved(cost, in_place) == 0.0
    apart = 2.0 * (0.14 / np.hypot(0.006, 0.006)) ** 2
    assert saved(cost, exchanged) == pytest.approx(apart - 2.0 * MOVE)
