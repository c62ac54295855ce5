"""The evidence says in words what was used, what was not, and why."""

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from agent.health.engine import HealthEngine, Observation
from agent.model import Battery, Health

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
START_S = 1.7e9
Life = Callable[..., Iterator[Observation]]


def health_after(battery: Battery, life: Iterator[Observation], days: float) -> Health:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life:
        engine.observe(observation)
    return engine.health(START_S + days * DAY_S)


def refused(health: Health) -> dict[tuple[str, str], tuple[int, str]]:
    return {
        (one.what, one.why): (one.times, datetime.fromtimestamp(one.last_s, UTC).date().isoformat())
        for one in health.rejected
    }


def test_the_steps_that_were_used_are_counted_with_the_last_date(
    battery: Battery, life: Life
) -> None:
    told = health_after(battery, life(days=120.0), 120.0).evidence
    assert told[0] == "4 load steps gave a resistance, last on 2024-03-03"
    assert "only a test of 80 % depth measures it" in told[1]
    learnt = re.fullmatch(
        r"its capacity fades (\S+) \((\S+) to (\S+)\) times as fast as the ageing law says, and "
        r"its resistance grows 2.\d\d \(.*\) times as fast as capacity is lost, in ln; before any "
        r"test these were 1.11 \(0.49 to 2.52\) and 2.45 \(1.76 to 3.40\)",
        told[2],
    )
    assert learnt is not None
    rate, low, high = map(float, learnt.groups())
    assert low < rate < high
    assert high / low < 0.7 * 2.52 / 0.49
    assert len(told) == 3


def test_a_departure_seen_once_is_told_but_not_believed(battery: Battery, life: Life) -> None:
    def jump(day: float, cell: int) -> float:
        return 0.004 * math.sqrt(day) + (0.3 if cell == 3 and day > 100.0 else 0.0)

    whole = list(life(days=120.0, growth=jump))
    loads = [
        i for i, o in enumerate(whole) if o.current_a == -40.0 and o.time_s > START_S + 1e7 / 2
    ]
    health = health_after(battery, iter(whole[: loads[-1] + 2]), 120.0)
    why = "some or all cells departed so far that it has to be seen twice"
    assert refused(health) == {("load step", why): (1, "2024-03-03")}
    assert any(
        text.startswith("cell 4: on 2024-03-03 its resistance read +3") and "waits" in text
        for text in health.evidence
    )


def test_a_step_that_says_too_little_is_counted_and_explained(battery: Battery) -> None:
    def steps() -> Iterator[Observation]:
        for second in range(0, 120, 2):
            load_a = 40.0 if second >= 60 else 20.0
            yield Observation(START_S + second, -load_a, (3.9 - load_a / 1000.0,) * 6, (25.0,))

    told = refused(health_after(battery, steps(), 1.0))
    why = "it led from one load to another and began or ended at no rest"
    assert told == {("load step", why): (1, "2023-11-14")}


def test_a_cell_s_reason_names_growth_sigmas_tests_and_what_is_not_known(
    battery: Battery, life: Life
) -> None:
    def jump(day: float, cell: int) -> float:
        return 0.004 * math.sqrt(day) + (0.3 if cell == 3 and day > 150.0 else 0.0)

    health = health_after(battery, life(days=310.0, growth=jump), 310.0)
    (text,) = (one.text for one in health.reasons if one.code == "cell_resistance")
    told = re.fullmatch(
        r"cell 4: resistance \+(\d+) % since commissioning, its module \+(\d+) %; "
        r"(\d+\.\d) sigma above its module; two tests agree; a sudden change, confirmed on "
        r"2024-06-01; its capacity is inferred, and unknown until a deeper test",
        text,
    )
    assert told is not None
    assert 35 < int(told[1]) < 50
    assert int(told[2]) < 10
    assert float(told[3]) > 4.0


def test_values_that_cannot_be_are_counted_by_kind(battery: Battery) -> None:
    def hostile() -> Iterator[Observation]:
        for hour in range(48):
            cells = (4.0, 4.0, -1.0, 4.0, math.nan, None)
            amperes = 1e9 if hour % 2 else 0.0
            heat = (25.0, 300.0) if hour % 4 == 0 else (25.0, math.nan)
            yield Observation(START_S + hour * 3600.0, amperes, cells, heat)
        yield Observation(START_S, 0.0, (4.0,) * 6, (25.0,))

    found = refused(health_after(battery, hostile(), 2.0))
    assert {what: times for (what, _), (times, _) in found.items()} == {
        "cell voltage": 48,
        "current": 24,
        "temperature": 12,
        "sample": 1,
    }


def test_what_was_refused_is_still_told_after_a_restart(battery: Battery) -> None:
    engine = HealthEngine(battery, cells=CELLS)
    for hour in range(3):
        engine.observe(Observation(START_S + hour * 3600.0, 1e9, (4.0,) * 6, (25.0,)))
    again = HealthEngine.restore(battery, cells=CELLS, state=engine.state())
    assert refused(again.health(START_S)) == refused(engine.health(START_S)) != {}
