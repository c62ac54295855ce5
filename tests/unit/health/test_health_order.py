"""Who sits where, by one load step after the other, against cells that are known well."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from agent.health.chemistry import NCA_POWER
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.order import OrderWatch, Seen

DAY_S = 86400.0
START_S = 1.7e9
APART = np.array([-0.06, 0.05, -0.02, 0.03, 0.08, -0.045, 0.0, 0.015])
"""ln R of eight cells over that of their module."""
LEVEL = math.log(0.003)
Vector = npt.NDArray[np.float64]


def known(apart: Vector = APART, level: float = LEVEL) -> ModuleFilter:
    """A filter that knows its cells to 0.3 %."""
    state = ModuleFilter.start(NCA_POWER, len(apart), 15.0)
    r = state.blocks()[3]
    state.x[:] = 0.0
    state.x[r] = level + apart
    state.p[:, :] = 0.0
    state.p[r, r] = 0.003**2
    return state


def step(apart: Vector, *, day: float = 0.0, level: float = LEVEL, off: bool = False) -> Pulse:
    at_s = START_S + day * DAY_S
    return Pulse(at_s, level + apart, np.full(len(apart), 0.008), 0.012, 0.0, off)


def moved(order: Sequence[int]) -> Vector:
    return np.asarray(APART[list(order)])


SWAPPED = (0, 1, 5, 3, 4, 2, 6, 7)
FAR = (4, 1, 2, 3, 0, 5, 6, 7)
TURNED = tuple(range(7, -1, -1))
FROM_THIRD = (2, 3, 4, 5, 6, 7, 0, 1)


@pytest.mark.parametrize("order", [FAR, TURNED, FROM_THIRD])
def test_the_second_step_that_shows_an_order_is_believed(order: tuple[int, ...]) -> None:
    watch, state = OrderWatch(8), known()
    assert watch.judge(step(APART), state) == Seen()
    assert watch.judge(step(moved(order), day=30.0), state) == Seen(waits=True)
    assert watch.judge(step(moved(order), day=30.1, off=True), state) == Seen(order=order)


def test_one_step_that_shows_an_order_is_forgotten_by_one_that_does_not() -> None:
    watch, state = OrderWatch(8), known()
    assert watch.judge(step(moved(FAR)), state).waits
    assert watch.judge(step(APART, day=1.0), state) == Seen()
    assert watch.judge(step(moved(FAR), day=2.0), state) == Seen(waits=True)


def test_a_cell_that_comes_to_read_like_another_has_not_moved() -> None:
    watch, state = OrderWatch(8), known()
    grown = APART.copy()
    grown[0] = APART[4]
    for day in range(4):
        assert watch.judge(step(grown, day=30.0 * day), state) == Seen()


def test_steps_that_never_agree_on_an_order_do_not_wait_for_ever() -> None:
    """Of cells 4 % apart each step points to a swap, and no two of them are sure of it."""
    apart = np.array([-0.021, 0.01, -0.015, 0.021, 0.02, -0.005, 0.0, 0.005])
    shown = apart[[3, 1, 2, 0, 4, 5, 6, 7]]
    watch, state = OrderWatch(8), known(apart)
    waited = [watch.judge(step(shown, day=30.0 * n), state).waits for n in range(8)]
    assert waited == [True] * 5 + [False] * 3
    assert watch.judge(step(apart, day=300.0), state) == Seen()
    assert watch.judge(step(shown, day=330.0), state) == Seen(waits=True)


def test_an_order_is_none_where_all_have_fallen() -> None:
    watch, state = OrderWatch(8), known()
    for day in (0.0, 30.0):
        seen = watch.judge(step(moved(FAR), day=day, level=LEVEL - 0.1), state)
        assert seen.order == ()


OTHERS = np.array([0.05, -0.07, 0.06, -0.04, -0.05, 0.07, 0.02, -0.06])


def test_other_cells_are_believed_at_the_second_test_that_shows_them() -> None:
    watch, state = OrderWatch(8), known()
    fallen = LEVEL - 0.2
    assert watch.judge(step(OTHERS, level=fallen), state) == Seen(waits=True)
    assert watch.judge(step(OTHERS, day=0.01, level=fallen, off=True), state).waits
    assert watch.judge(step(OTHERS, day=30.0, level=fallen), state) == Seen(renewed=True)


def test_other_cells_that_do_not_come_again_are_waited_for_120_days() -> None:
    watch, state = OrderWatch(8), known()
    fallen = LEVEL - 0.2
    days = [0.0, 40.0, 80.0, 119.0, 121.0]
    shown = [OTHERS, -OTHERS, OTHERS[::-1], -OTHERS, OTHERS[::-1]]
    waited = [
        watch.judge(step(one, day=day, level=fallen), state).waits
        for day, one in zip(days, shown, strict=True)
    ]
    assert waited == [True, True, True, True, False]


def test_a_growth_that_was_foreseen_and_did_not_come_is_no_other_module() -> None:
    """Nothing has fallen below what was measured last, however much more was expected."""
    watch = OrderWatch(8)
    assert watch.judge(step(APART), known()) == Seen()
    assert watch.judge(step(OTHERS, day=400.0), known(level=LEVEL + 0.2)) == Seen()
    assert watch.judge(step(OTHERS, day=400.0, level=LEVEL - 0.2), known()).waits
