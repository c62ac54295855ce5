"""The evidence says in words what was used, what was not, and why."""

import math
from collections.abc import Callable, Iterator

from agent.health.engine import HealthEngine, Observation
from agent.model import Battery

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]


def evidence(battery: Battery, life: Iterator[Observation], days: float) -> tuple[str, ...]:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life:
        engine.observe(observation)
    return engine.health(START_S + days * DAY_S).evidence


def test_the_steps_that_were_used_are_counted_with_the_last_date(
    battery: Battery, life: Life
) -> None:
    told = evidence(battery, life(days=120.0), 120.0)
    assert told[0] == "4 load steps gave a resistance, last on 2024-03-03"
    assert "only a test of 80 % depth measures it" in told[1]
    assert len(told) == 2


def test_a_departure_seen_once_is_told_but_not_believed(battery: Battery, life: Life) -> None:
    def jump(day: float, cell: int) -> float:
        return 0.004 * math.sqrt(day) + (0.3 if cell == 3 and day > 100.0 else 0.0)

    whole = list(life(days=120.0, growth=jump))
    loads = [
        i for i, o in enumerate(whole) if o.current_a == -40.0 and o.time_s > START_S + 1e7 / 2
    ]
    told = evidence(battery, iter(whole[: loads[-1] + 2]), 120.0)
    assert any("1 load steps were not believed at once" in text for text in told)
    assert any(
        text.startswith("cell 4: on 2024-03-03 its resistance read +3") and "waits" in text
        for text in told
    )


def test_a_step_that_says_too_little_is_counted_and_explained(battery: Battery) -> None:
    def steps() -> Iterator[Observation]:
        for second in range(0, 120, 2):
            load_a = 40.0 if second >= 60 else 20.0
            yield Observation(START_S + second, -load_a, (3.9 - load_a / 1000.0,) * 6, (25.0,))

    told = evidence(battery, steps(), 1.0)
    assert any("did not start or end at rest" in text for text in told)
