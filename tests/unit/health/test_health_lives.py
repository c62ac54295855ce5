"""When a unit's life ends, by capacity and by ride-through, and what it costs to know."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from agent.errors import StoreError
from agent.health import beliefs
from agent.health.bank import Bank, joined
from agent.health.engine import HealthEngine, Observation
from agent.health.forecast import falls_to
from agent.health.lives import RIDE_YEARS, Lives, lives
from agent.health.year import Year
from agent.model import Battery, Health, Interval, Verdict

CELLS = tuple("123456")
DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
Life = Callable[..., Iterator[Observation]]


def engine_after(battery: Battery, life: Iterator[Observation]) -> HealthEngine:
    engine = HealthEngine(battery, cells=CELLS)
    for observation in life:
        engine.observe(observation)
    return engine


@pytest.fixture
def worn(battery: Battery, life: Life) -> HealthEngine:
    """A unit with some years left: 3000 W for 240 s from ageing cells."""
    growth = lambda day, _cell: 0.025 * math.sqrt(day)  # noqa: E731 - one line
    tired = replace(battery, rated_power_w=3000.0)
    return engine_after(tired, life(days=100.0, hours=96.0, tests_every=40.0, growth=growth))


def test_the_end_is_when_the_ride_falls_to_the_required_seconds(worn: HealthEngine) -> None:
    health = worn.health(worn.now_s)
    end = health.ride_end_of_life_s
    assert end is not None
    assert health.ride_end_of_life_unknown is None
    assert worn.now_s < end.lower < end.estimate < end.upper < worn.now_s + RIDE_YEARS * YEAR_S
    # A simulation of that day alone says the same.
    worn._memory.soc = worn._memory.site_soc
    (then,) = worn.forecast(worn.now_s, [(end.estimate - worn.now_s) / YEAR_S])
    (ride,) = worn.ride(then, [3000.0])
    assert ride.seconds.estimate == pytest.approx(240.0, rel=0.02)
    (then,) = worn.forecast(worn.now_s, [(end.lower - worn.now_s) / YEAR_S])
    (ride,) = worn.ride(then, [3000.0])
    assert ride.seconds.lower == pytest.approx(240.0, rel=0.02)


def test_a_unit_that_has_to_last_longer_ends_sooner(worn: HealthEngine) -> None:
    ends = []
    for required_s in (230.0, 240.0, 250.0, 1000.0):
        worn.battery = replace(worn.battery, required_seconds=required_s)
        end = worn.health(worn.now_s).ride_end_of_life_s
        ends.append(math.inf if end is None else end.estimate)
    assert all(later > sooner for later, sooner in pairwise(ends[:3]))
    assert ends[3] <= worn.now_s  # it never could


def test_what_an_outage_has_drawn_ends_no_life(worn: HealthEngine) -> None:
    before = worn.health(worn.now_s).ride_end_of_life_s
    worn._memory.soc = 0.2
    after = worn.health(worn.now_s + DAY_S).ride_end_of_life_s
    assert before is not None
    assert after is not None
    assert after.estimate == pytest.approx(before.estimate, abs=30 * DAY_S)


def test_the_charge_is_that_of_the_year_once_a_month_of_it_was_seen(worn: HealthEngine) -> None:
    ends = []
    for day, (soc, days) in enumerate(((0.8, 100.0), (0.85, 100.0), (0.85, 5.0))):
        worn._memory.site_soc, worn._memory.site_days = soc, days
        end = worn.health(worn.now_s + day * DAY_S).ride_end_of_life_s
        assert end is not None
        ends.append(end.estimate)
    assert ends[0] < ends[1] < ends[2]  # after five days, the charge at float voltage


def test_a_cold_winter_ends_a_life_sooner(worn: HealthEngine) -> None:
    even = worn.health(worn.now_s).ride_end_of_life_s
    worn._year.celsius[0] = 15.0
    cold = worn.health(worn.now_s + DAY_S).ride_end_of_life_s
    assert even is not None
    assert cold is not None
    assert cold.estimate < even.estimate - 60 * DAY_S


def test_the_months_are_learnt_and_survive_a_restart(battery: Battery, life: Life) -> None:
    engine = engine_after(battery, life(days=30.0, hours=96.0))
    told = engine._year.celsius
    assert set(told[np.isfinite(told)]) == {25.0}
    assert np.isfinite(told).sum() in (1, 2)
    saved = engine.state()
    again = HealthEngine.restore(battery, cells=CELLS, state=saved)
    assert np.array_equal(again._year.celsius, told, equal_nan=True)
    del saved["year"]  # as an older agent leaves it
    again = HealthEngine.restore(battery, cells=CELLS, state=saved)
    assert np.isnan(again._year.celsius).all()


def test_a_month_is_what_its_days_were() -> None:
    year = Year()
    assert year.coldest(20.0) == 20.0
    for day in range(365):
        year.pass_days(day * DAY_S, 1.0, 20.0 - 10.0 * math.cos(2 * math.pi * day / 365.0))
    assert year.coldest(20.0) == pytest.approx(10.0, abs=0.5)
    assert year.celsius[6] == pytest.approx(30.0, abs=0.5)
    year.pass_days(15 * DAY_S, 0.0, -40.0)
    year.pass_days(15 * DAY_S, 1.0, 41.0)  # a day of another year moves it by a thirtieth
    assert year.celsius[0] == pytest.approx(11.0, abs=0.5)
    for garbled in ([1.0] * 12, {"celsius": [1.0]}, {"celsius": [1e6] * 12}, {"celsius": "x"}):
        with pytest.raises(StoreError):
            year.unpack(garbled)


def test_why_there_is_no_end_is_said(battery: Battery, life: Life) -> None:
    engine = engine_after(battery, life(days=30.0, hours=96.0))
    health = engine.health(engine.now_s)
    assert health.ride_end_of_life_s is None
    assert health.ride_end_of_life_unknown is not None
    assert health.ride_end_of_life_unknown.startswith("not within 10 years")
    for nothing in (None, 0.0):
        engine.battery = replace(battery, rated_power_w=nothing)
        health = engine.health(engine.now_s)
        assert health.ride_end_of_life_s is None
        assert health.ride_end_of_life_unknown == "nobody has told its rated power"


def test_an_end_beyond_sight_may_come_earlier(worn: HealthEngine) -> None:
    worn.battery = replace(worn.battery, rated_power_w=2100.0)
    health = worn.health(worn.now_s)
    assert health.ride_end_of_life_s is None
    unknown = str(health.ride_end_of_life_unknown)
    assert re.fullmatch(r"not within 10 years; by its lower 90 % bound in 20[23]\d-\d\d", unknown)


def test_one_look_ahead_serves_a_day(worn: HealthEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs most of an assessment, and charge and hours do not matter to it."""
    looks: list[float] = []

    def counted(*given: Any, now_s: float, **more: Any) -> Lives:
        looks.append(now_s)
        return lives(*given, now_s=now_s, **more)

    monkeypatch.setattr(beliefs, "lives", counted)
    midnight_s = worn.now_s - worn.now_s % DAY_S
    for hour in range(48):
        worn._memory.soc = 1.0 - hour / 50
        worn.health(midnight_s + hour * 3600.0)
    assert looks == [midnight_s, midnight_s + DAY_S]
    worn._memory.evidence_s = worn.now_s  # news is looked at once
    worn.health(midnight_s + 47 * 3600.0)
    assert len(looks) == 3


@pytest.mark.parametrize(
    ("values", "when"),
    [
        ((9.0, 7.0, 5.0), 3.0),
        ((9.0, 6.0, 3.0), 2.0),
        ((6.0, 5.0, 4.0), 0.0),
        ((5.0, 9.0, 9.0), 0.0),
        ((9.0, 8.0, 7.0), None),
    ],
)
def test_a_time_between_two_points_lies_on_a_line(
    values: tuple[float, ...], when: float | None
) -> None:
    points = [(2.0 * n, Interval(v, v - 1.0, v + 2.0)) for n, v in enumerate(values)]
    found = falls_to(points, 6.0)
    assert (None if found is None else found.estimate) == when
    if found is not None:
        assert found.lower <= found.estimate <= found.upper <= 4.0


def test_of_several_blocks_the_first_to_end_ends_the_unit() -> None:
    def block(end_s: float | None, unknown: str | None) -> Health:
        end = None if end_s is None else Interval(end_s, end_s, end_s)
        return Health(Verdict.OK, (), 0.0, ride_end_of_life_s=end, ride_end_of_life_unknown=unknown)

    sound, later, first = block(None, "long"), block(9.0, None), block(5.0, None)
    unit = joined([sound, later, first], 0.0)
    assert (unit.ride_end_of_life_s, unit.ride_end_of_life_unknown) == (Interval(5, 5, 5), None)
    unit = joined([sound, sound], 0.0)
    assert (unit.ride_end_of_life_s, unit.ride_end_of_life_unknown) == (None, "long")


def test_twenty_cells_have_an_end_as_their_blocks_do(battery: Battery) -> None:
    bank = Bank(replace(battery, series=20), cells=tuple(str(n) for n in range(20)))
    health = bank.health(1.7e9)
    assert (health.ride_end_of_life_s is None) != (health.ride_end_of_life_unknown is None)
