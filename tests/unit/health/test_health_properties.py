"""What must hold for any module, whatever its numbers."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.health.engine import HealthEngine, Observation
from agent.model import Battery

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
# The walks of the filter: an estimate may widen by this share although it was told more.
PROCESS = 1.05
Life = Callable[..., Iterator[Observation]]


def engine_after(battery: Battery, observations: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in observations:
        engine.observe(observation)
    return engine


def widths(engine: HealthEngine, now_s: float) -> list[float]:
    return [
        cell.state_of_health.upper - cell.state_of_health.lower
        for cell in engine.health(now_s).cells
    ]


@pytest.mark.parametrize(("tests_every", "known"), [(30.0, True), (90.0, True), (60.0, False)])
def test_more_evidence_never_widens_beyond_the_process_noise(
    battery: Battery, life: Life, tests_every: float, *, known: bool
) -> None:
    if not known:
        battery = replace(battery, commissioned_s=None)
    seldom = engine_after(battery, life(tests_every=200.0, hours=24.0))
    often = engine_after(battery, life(tests_every=tests_every, hours=24.0))
    end_s = START_S + 400 * DAY_S
    for more, less in zip(widths(often, end_s), widths(seldom, end_s), strict=True):
        assert more <= PROCESS * less


def test_one_more_test_never_widens_at_once(battery: Battery, life: Life) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    last, seen = widths(engine, START_S), 0
    for observation in life(hours=24.0):
        before = widths(engine, observation.time_s) if observation.current_a else last
        engine.observe(observation)
        if engine.evidence_count != seen:
            seen = engine.evidence_count
            now = widths(engine, observation.time_s)
            assert all(a <= PROCESS * b for a, b in zip(now, before, strict=True))


@pytest.mark.parametrize("jump", [0.0, 0.15, 0.26, 0.4])
def test_what_nobody_tests_is_never_known_better(battery: Battery, life: Life, jump: float) -> None:
    def growth(day: float, cell: int) -> float:
        return 0.006 * math.sqrt(day) + (jump if cell == 2 and day > 300.0 else 0.0)

    tested = life(days=420.0, growth=growth, tests_every=30.0, hours=24.0)
    quiet = life(days=1160.0, growth=growth, tests_every=math.inf, first_test=1e9, hours=48.0)
    engine = engine_after(battery, tested)
    before = engine.health(engine.now_s).cells
    for observation in (o for o in quiet if o.time_s > engine.now_s):
        engine.observe(observation)
        if observation.time_s // DAY_S % 20.0 > 1.0:
            continue
        now = engine.health(engine.now_s).cells
        for one, last in zip(now, before, strict=True):
            soh, was = one.state_of_health, last.state_of_health
            assert soh.estimate <= was.estimate + 1e-9
            assert soh.lower <= was.lower + 1e-9
            grown, had = one.resistance_growth, last.resistance_growth
            assert grown.upper / grown.lower >= had.upper / had.lower - 1e-9
            assert soh.upper / soh.lower >= was.upper / was.lower - 1e-9
        before = now


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)))
def test_permuting_cells_permutes_the_answers(
    battery: Battery, life: Life, order: list[int]
) -> None:
    def growth(day: float, cell: int) -> float:
        return 0.003 * (1.0 + 0.1 * cell) * math.sqrt(day)

    plain = engine_after(battery, life(days=220.0, growth=growth, hours=24.0))
    mixed = engine_after(
        battery,
        (
            Observation(o.time_s, o.current_a, tuple(o.cells_v[k] for k in order), (25.0,))
            for o in life(days=220.0, growth=growth, hours=24.0)
        ),
    )
    end_s = START_S + 220 * DAY_S
    straight, shuffled = plain.health(end_s).cells, mixed.health(end_s).cells
    for place, source in enumerate(order):
        one, other = straight[source], shuffled[place]
        assert other.state_of_health == pytest.approx(one.state_of_health, abs=2e-3)
        assert other.resistance_growth == pytest.approx(one.resistance_growth, abs=2e-3)
