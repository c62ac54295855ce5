"""How far load steps are believed: by whether they agree with one another."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.health.engine import HealthEngine, Observation
from agent.health.jumps import JumpWatch
from agent.health.report import Learnt
from agent.model import Battery, Chemistry, Health

CELLS = tuple("123456")
START_S = 1.7e9
END_S = START_S + 600 * 86400.0
Life = Callable[..., Iterator[Observation]]


def steady(day: float, _cell: int) -> float:
    return 0.008 * math.sqrt(day)


def restless(day: float, cell: int) -> float:
    """The same, read 8 % higher at every second test."""
    return steady(day, cell) + 0.08 * (int(day / 30.0) % 2)


def health_after(battery: Battery, observations: Iterator[Observation]) -> Health:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in observations:
        engine.observe(observation)
    return engine.health(END_S)


@pytest.mark.parametrize(("chemistry", "ratio"), [(Chemistry.NCA, 1.3), (Chemistry.UNKNOWN, 1.2)])
def test_a_capacity_is_known_the_less_the_more_the_steps_disagree(
    battery: Battery, life: Life, chemistry: Chemistry, ratio: float
) -> None:
    module = replace(battery, chemistry=chemistry)
    calm, jumpy = (
        health_after(module, life(days=600.0, tests_every=30.0, hours=48.0, growth=growth))
        for growth in (steady, restless)
    )
    narrow, wide = (one.cells[0].state_of_health for one in (calm, jumpy))
    assert wide.upper - wide.lower > ratio * (narrow.upper - narrow.lower)
    assert [
        any("load steps disagree" in text for text in one.evidence) for one in (calm, jumpy)
    ] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("scatter", "doubt"), [(0.0, 0.7), (0.25, 0.7071), (0.5, 1.0), (1.0, 1.4142), (30.0, 1.6)]
)
def test_the_doubt_is_the_root_of_how_far_steps_scatter_within_bounds(
    scatter: float, doubt: float
) -> None:
    watch = JumpWatch(2)
    watch.scatter = scatter
    assert watch.doubt() == pytest.approx(doubt, abs=1e-3)


COVARIANCE = np.diag([4e-4, 9e-4])


def test_the_future_is_not_made_surer_by_steps_that_agree() -> None:
    later = COVARIANCE + 1e-3
    assert Learnt(COVARIANCE, 0.7).doubted(later) == pytest.approx(later - 0.51 * COVARIANCE)
    assert Learnt(COVARIANCE, 1.0).doubted(later) == pytest.approx(later)


def test_what_the_lot_knows_leaves_no_variance_below_nothing() -> None:
    known = 0.1 * COVARIANCE
    assert Learnt(COVARIANCE, 0.7).doubted(known) == pytest.approx(0.49 * known)
