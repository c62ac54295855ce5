"""The engine as the daemon uses it."""

import json
import math
from collections.abc import Callable, Iterator

import pytest

from agent.errors import StoreError
from agent.health.engine import HealthEngine, Observation
from agent.model import Basis, Battery, Chemistry, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
END_S = 1.7e9 + 400 * 86400.0
Life = Callable[..., Iterator[Observation]]


def engine_after(battery: Battery, observations: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in observations:
        engine.observe(observation)
    return engine


def test_without_evidence_the_verdict_is_unknown_and_the_basis_is_the_prior(
    battery: Battery,
) -> None:
    health = HealthEngine(battery, cells=CELLS).health(1.7e9)
    assert (health.verdict, health.basis, health.evidence_at) == (
        Verdict.UNKNOWN,
        Basis.PRIOR,
        None,
    )


def test_a_healthy_module_is_ok_on_the_evidence_of_its_tests(battery: Battery, life: Life) -> None:
    health = engine_after(battery, life()).health(END_S)
    assert (health.verdict, health.basis, health.reasons) == (Verdict.OK, Basis.RESISTANCE, ())


def test_resistance_growth_is_measured_within_three_percent(battery: Battery, life: Life) -> None:
    health = engine_after(battery, life()).health(END_S)
    # Commissioning was the first test: growth counts from there.
    true = math.exp(0.004 * (math.sqrt(400.0)))
    for cell in health.cells:
        assert cell.resistance_growth.estimate == pytest.approx(true, rel=0.03)


def test_no_event_for_two_years_widens_every_interval(battery: Battery, life: Life) -> None:
    engine = engine_after(battery, life())
    soon, late = engine.health(END_S), engine.health(END_S + 2 * 365 * 86400.0)
    for before, after in zip(soon.cells, late.cells, strict=True):
        for name in ("state_of_health", "resistance_growth"):
            narrow, wide = getattr(before, name), getattr(after, name)
            assert wide.upper - wide.lower > narrow.upper - narrow.lower


def test_asking_for_the_health_changes_nothing(battery: Battery, life: Life) -> None:
    engine = engine_after(battery, life())
    before = json.dumps(engine.state())
    engine.health(END_S + 1e7)
    assert json.dumps(engine.state()) == before


def test_restoring_in_the_middle_of_a_test_continues_exactly(battery: Battery, life: Life) -> None:
    observations = list(life())
    middle = next(i for i, o in enumerate(observations) if o.current_a == -40.0) + 4
    straight = engine_after(battery, iter(observations))
    first = engine_after(battery, iter(observations[:middle]))
    saved = json.loads(json.dumps(first.state(), allow_nan=False))
    second = HealthEngine.restore(battery, cells=CELLS, state=saved)
    for observation in observations[middle:]:
        second.observe(observation)
    assert second.state() == straight.state()
    assert second.health(END_S) == straight.health(END_S)


def test_the_state_of_sixteen_cells_is_below_64_kb(battery: Battery, life: Life) -> None:
    engine = HealthEngine(battery, cells=tuple(str(n) for n in range(1, 17)))
    for observation in life(cells=16, days=25.0):
        engine.observe(observation)
    assert len(json.dumps(engine.state())) < 64 * 1024


@pytest.mark.parametrize("state", [{}, {"version": 1}, {"version": 1, "cells": list(CELLS)}])
def test_an_unusable_state_is_refused(battery: Battery, state: dict[str, object]) -> None:
    with pytest.raises(StoreError):
        HealthEngine.restore(battery, cells=CELLS, state=state)


def test_a_state_of_other_cells_is_refused(battery: Battery) -> None:
    state = HealthEngine(battery, cells=CELLS).state()
    with pytest.raises(StoreError):
        HealthEngine.restore(battery, cells=CELLS[:5], state=state)


def test_a_state_brings_the_facts_it_was_learnt_with(battery: Battery, life: Life) -> None:
    learnt = engine_after(battery, life())
    bare = Battery(series=6, rated_power_w=1600.0)
    restored = HealthEngine.restore(bare, cells=CELLS, state=learnt.state())
    assert restored.health(END_S) == learnt.health(END_S)


def test_configured_facts_win_over_saved_ones(battery: Battery, life: Life) -> None:
    learnt = engine_after(battery, life(days=30.0))
    other = Battery(rated_power_w=800.0)
    restored = HealthEngine.restore(other, cells=CELLS, state=learnt.state())
    assert restored.battery.rated_power_w == 800.0
    assert restored.battery.chemistry is Chemistry.NCA
