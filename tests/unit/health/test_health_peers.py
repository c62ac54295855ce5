"""A unit that stands out is named with those against whom it does; chance names none."""

import random

import pytest

from agent.health.peers import FEWEST, LIMIT, MEASURES, PeerBook, Population, features, findings
from agent.model import Basis, CellHealth, Health, Interval, PeerScore, Verdict

SHELF, BATCH = Population("shelf", "r1/a"), Population("batch", "acme X 2024-05")


def book(count: int, seed: int = 1, *, sigmas: float = 1.0) -> PeerBook:
    chance = random.Random(seed)
    middle = {"resistance_growth": 1.1, "state_of_health": 0.9, "cell_spread": 0.02}
    made = PeerBook()
    for n in range(count):
        values = {"temperature": 26.0 + sigmas * chance.gauss(0.0, 2.0)}
        for measure in MEASURES[:3]:
            values[measure.key] = middle[measure.key] + sigmas * chance.gauss(0, measure.usual_sd)
        made.put(str(n), values, (SHELF, BATCH))
    return made


def found(made: PeerBook, unit: str) -> list[PeerScore]:
    return [score for score in made.scores(unit) if score.believed]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("resistance_growth", 1.5),
        ("state_of_health", 0.7),
        ("cell_spread", 0.09),
        ("temperature", 45.0),
    ],
)
def test_the_unit_that_stands_out_is_named_and_no_other(key: str, value: float) -> None:
    made = book(12)
    made.put("4", {**made.known["4"], key: value}, (SHELF, BATCH))
    assert {score.measure for score in found(made, "4")} == {key}
    assert [unit for unit in made.known if found(made, unit)] == ["4"]
    (finding,) = [one for one in findings(made.scores("4")) if one.severity >= 1.0]
    assert (finding.code, finding.verdict, finding.part) == ("peer_outlier", Verdict.WATCH, key)
    assert "the median of 11 others of " in finding.text
    assert "robust standard deviations worse than they are" in finding.text


def test_better_than_the_others_is_no_fault() -> None:
    made = book(12)
    made.put("4", {"resistance_growth": 0.7, "state_of_health": 1.2}, (SHELF,))
    assert found(made, "4") == []


def test_fewer_than_five_others_give_no_verdict_and_no_score() -> None:
    made = book(FEWEST)
    made.put("0", {"temperature": 90.0}, (SHELF, BATCH))
    assert made.scores("0") == ()
    made.put("one more", dict(made.known["1"]), (SHELF,))
    assert [(s.population, s.others) for s in found(made, "0")] == [("shelf r1/a", FEWEST)]


def test_a_measure_that_too_few_tell_is_not_compared() -> None:
    made = book(12)
    for unit in list(made.known)[5:]:
        made.put(unit, {"temperature": 25.0}, (SHELF, BATCH))
    assert {score.measure for score in made.scores("0")} == {"temperature"}


@pytest.mark.parametrize(("others", "sigmas", "most"), [(5, 1.0, 6), (11, 1.0, 6), (5, 1.5, 120)])
def test_chance_passes_the_limit_as_rarely_as_promised(
    others: int, sigmas: float, most: int
) -> None:
    """12,000 scores: 7 in 100,000 pass; 0.3 % where units differ half more than usual."""
    passed = 0
    for seed in range(3000):
        made = book(others + 1, seed, sigmas=sigmas)
        passed += len({s.measure for s in found(made, "0")})
    assert passed <= most


def test_a_population_that_differs_by_itself_asks_for_more() -> None:
    calm, wild = book(30), book(30, sigmas=4.0)
    for made in (calm, wild):
        made.put("0", {"temperature": 40.0}, (SHELF,))
    scores = [made.scores("0")[0].score for made in (calm, wild)]
    assert scores[0] > LIMIT > scores[1]


def test_units_that_leave_are_compared_with_no_more() -> None:
    made = book(7)
    for unit in ("5", "6"):
        made.drop(unit)
    assert made.scores("0") == ()
    assert made.members == {SHELF: {"0", "1", "2", "3", "4"}, BATCH: {"0", "1", "2", "3", "4"}}


def test_what_is_compared_comes_from_evidence() -> None:
    def cell(name: str, growth: float) -> CellHealth:
        soh = Interval(0.9, 0.85, 0.95)
        return CellHealth(name, soh, Interval(growth, growth, growth), Verdict.OK, Basis.RESISTANCE)

    cells = tuple(cell(str(n), growth) for n, growth in enumerate((1.1, 1.4, 1.2)))
    known = Health(
        Verdict.OK, (), 0.0, cells, state_of_health=Interval(0.9, 0.8, 1.0), evidence_at=1.0
    )
    assert features(known, spread_v=0.01, celsius=None) == {
        "cell_spread": 0.01,
        "resistance_growth": 1.2,
        "state_of_health": 0.9,
    }
    unproved = Health(Verdict.UNKNOWN, (), 0.0, cells, state_of_health=known.state_of_health)
    assert features(unproved, spread_v=None, celsius=25.0) == {"temperature": 25.0}
