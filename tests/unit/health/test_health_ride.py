"""How long a unit lasts, and whether that is long enough, where minutes or hours are required."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent.health.engine import HealthEngine, Observation
from agent.health.ride import LIMIT_S, limit_of
from agent.model import Battery, Verdict

Life = Callable[..., Iterator[Observation]]


def engine_after(battery: Battery, life: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=tuple("123456"))
    for observation in life:
        engine.observe(observation)
    return engine


@pytest.mark.parametrize("hours", [0.4, 4.0])
def test_a_sound_unit_that_has_to_last_for_hours_does(
    battery: Battery, life: Life, hours: float
) -> None:
    # 15 Ah in six cells of about 3.7 V hold 300 Wh; a fifth of it stays unused.
    light = replace(battery, rated_power_w=250.0 / hours, required_seconds=0.8 * hours * 3600.0)
    health = engine_after(light, life(days=30.0, hours=96.0)).health(1.7e9 + 30 * 86400.0)
    assert health.ride_through_s is not None
    assert health.ride_through_s.estimate == pytest.approx(hours * 3600.0, rel=0.15)
    assert health.ride_through_probability == pytest.approx(1.0, abs=0.05)
    assert health.verdict is Verdict.OK


def test_nothing_is_simulated_for_ever() -> None:
    assert limit_of(240.0) == LIMIT_S
    assert limit_of(3600.0) == 7200.0
    assert limit_of(1e300) == limit_of(1e9)
