"""A battery that is met in the middle of its life is not taken for a new one."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.health.engine import HealthEngine, Observation
from agent.model import Battery, Chemistry, Health, Interval, Verdict

CELLS = ("1", "2", "3", "4", "5", "6")
DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
START_S = 1.7e9
REST = Observation(START_S, 0.0, (4.02,) * 6, (25.0,))
Life = Callable[..., Iterator[Observation]]


def met(battery: Battery, age_s: float | None) -> HealthEngine:
    since_s = None if age_s is None else START_S - age_s
    return HealthEngine(replace(battery, commissioned_s=since_s), cells=CELLS)


def first_sight(battery: Battery, age_s: float | None) -> Interval:
    engine = met(battery, age_s)
    engine.observe(REST)
    found = engine.health(START_S).state_of_health
    assert found is not None
    return found


def after(engine: HealthEngine, life: Iterator[Observation], days: float) -> Health:
    for observation in life:
        engine.observe(observation)
    return engine.health(START_S + days * DAY_S)


def width(interval: Interval) -> float:
    return interval.upper - interval.lower


@pytest.mark.parametrize("chemistry", list(Chemistry))
def test_of_an_unknown_age_both_new_and_worn_are_possible(
    battery: Battery, chemistry: Chemistry
) -> None:
    found = first_sight(replace(battery, chemistry=chemistry), None)
    aged = first_sight(replace(battery, chemistry=chemistry), 8 * YEAR_S)
    assert found.upper > 0.97
    assert found.lower < aged.estimate


def test_the_docs_tell_what_a_first_sight_is_worth(battery: Battery) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "estimator.md").read_text(encoding="utf-8")
    nca = replace(battery, chemistry=Chemistry.NCA)
    for age_s, said in ((None, "stands at"), (3 * YEAR_S, "three years at")):
        estimate, lower, upper = (f"{value * 100:.0f}" for value in first_sight(nca, age_s))
        assert f"{said} {estimate} % ({lower} to {upper} %)" in docs


def test_an_older_battery_has_lost_more_and_less_surely(battery: Battery) -> None:
    ages = [first_sight(battery, years * YEAR_S) for years in (0.0, 1.0, 3.0, 6.0)]
    assert [a.estimate for a in ages] == sorted((a.estimate for a in ages), reverse=True)
    assert [width(a) for a in ages] == sorted(width(a) for a in ages)


def test_a_known_age_is_worth_more_than_none(battery: Battery) -> None:
    assert width(first_sight(battery, 2 * YEAR_S)) < width(first_sight(battery, None))


@pytest.mark.parametrize("celsius", [15.0, 25.0, 35.0, 45.0])
@pytest.mark.parametrize("chemistry", list(Chemistry))
def test_an_unknown_age_alone_degrades_nothing(
    battery: Battery, life: Life, celsius: float, chemistry: Chemistry
) -> None:
    facts = replace(battery, chemistry=chemistry, resistance_ohm=None, ocv=None)
    warm = (replace(o, temperatures_c=(celsius,)) for o in life(days=40.0, growth=lambda *_: 0.0))
    health = after(met(facts, None), warm, 40.0)
    assert health.verdict in (Verdict.OK, Verdict.WATCH)


def test_before_any_load_the_verdict_is_unknown(battery: Battery) -> None:
    engine = met(battery, None)
    engine.observe(REST)
    assert engine.health(START_S).verdict is Verdict.UNKNOWN


def test_growth_counts_from_the_first_load_and_says_so(battery: Battery, life: Life) -> None:
    health = after(met(battery, None), life(), 400.0)
    since_first = math.exp(0.004 * (math.sqrt(400.0) - math.sqrt(20.0)))
    for cell in health.cells:
        assert cell.resistance_growth.estimate == pytest.approx(since_first, rel=0.03)
        assert cell.resistance_growth.lower <= since_first <= cell.resistance_growth.upper
    assert any("unknown age" in text for text in health.evidence)


def test_a_jump_is_found_at_any_age_and_says_since_when(battery: Battery, life: Life) -> None:
    def jump(day: float, cell: int) -> float:
        return 0.3 if cell == 3 and day > 150.0 else 0.0

    health = after(met(battery, None), life(days=210.0, growth=jump), 210.0)
    texts = [r.text for r in health.reasons if (r.code, r.cell) == ("cell_resistance", "4")]
    assert len(texts) == 1
    assert "since first measured on 2023-12-04" in texts[0]


def test_cells_seen_new_say_nothing_of_their_age(battery: Battery, life: Life) -> None:
    health = after(met(battery, 30 * DAY_S), life(days=40.0), 40.0)
    assert not any("first seen" in text for text in health.evidence)


def test_an_energy_cell_found_by_its_first_load_keeps_the_doubt(
    battery: Battery, life: Life
) -> None:
    facts = replace(battery, chemistry=Chemistry.NMC, resistance_ohm=None, rated_capacity_ah=60.0)
    loads = [replace(o, current_a=(o.current_a or 0.0)) for o in life(days=30.0)]
    widths = []
    for age_s in (0.0, None):
        engine = met(facts, age_s)
        health = after(engine, iter(loads), 30.0)
        assert engine.kind.name == "NMC energy cell"
        widths.append(width(health.cells[0].state_of_health))
    assert widths[1] > 1.5 * widths[0]


def test_a_restart_keeps_what_is_known_of_the_age(battery: Battery, life: Life) -> None:
    engine = met(battery, None)
    before = after(engine, life(days=60.0), 60.0)
    saved = json.loads(json.dumps(engine.state(), allow_nan=False))
    again = HealthEngine.restore(engine.battery, cells=CELLS, state=saved)
    assert again.age_unknown
    assert again.health(before.updated_at) == before
