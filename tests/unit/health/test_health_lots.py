"""Units of one lot teach each other, never themselves, and mixed lots do no harm."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.errors import StoreError
from agent.health.ageing import NCA_PANASONIC, fade_step
from agent.health.chemistry import cell_type
from agent.health.engine import HealthEngine, Observation
from agent.health.lots import MOST_SHARES, LotBook, Pooled, Share, _shrunk
from agent.model import Battery

CELLS = ("1", "2", "3", "4")
DAY_S = 86400.0
START_S = 1.7e9
LOT = "acme X 2024-05"
Life = Callable[..., Iterator[Observation]]
LIVES: dict[tuple[float, float], dict[str, object]] = {}
"""What modules have learnt in lives that several tests ask for."""


def law(day: float) -> float:
    return fade_step(NCA_PANASONIC, 0.0, days=day, celsius=25.0, soc=0.87)


@pytest.fixture
def battery(battery: Battery) -> Battery:
    """Without a rated power: these tests need no ride, which costs the most."""
    return replace(battery, rated_power_w=None)


def unit(battery: Battery, life: Life, rate: float, *, days: float = 420.0) -> HealthEngine:
    """A module whose cells fade ``rate`` times as fast as the law, with the usual gain."""
    small = replace(battery, series=4)
    if (rate, days) not in LIVES:
        LIVES[rate, days] = _lived(small, life, rate, days)
    return HealthEngine.restore(small, cells=CELLS, state=LIVES[rate, days])


def _lived(battery: Battery, life: Life, rate: float, days: float) -> dict[str, object]:
    gain = cell_type(battery).gain

    def growth(day: float, _cell: int) -> float:
        return gain * rate * law(day)

    engine = HealthEngine(battery, cells=CELLS)
    for observation in life(days=days, growth=growth, cells=4, hours=48.0):
        engine.observe(observation)
    return engine.state()


def book_of(engines: dict[str, HealthEngine], lot: str = LOT) -> LotBook:
    book = LotBook()
    for name, engine in engines.items():
        book.put(name, engine.share(lot))
    return book


def rates(middle: float, count: int, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [middle * math.exp(chance.gauss(0.0, 0.1)) for _ in range(count)]


@pytest.fixture
def lot(battery: Battery, life: Life) -> dict[str, HealthEngine]:
    return {str(n): unit(battery, life, rate) for n, rate in enumerate(rates(1.8, 6, seed=1))}


def error_of(engine: HealthEngine, rate: float, day: float) -> tuple[float, float]:
    """Give the error of the first cell's capacity in ln, and the width of its interval."""
    true = math.log(1.005) - rate * law(day)
    estimate = engine.estimate(START_S + day * DAY_S)
    interval = estimate.capacity(0)
    return abs(float(estimate.ln_capacity[0]) - true), interval.upper - interval.lower


def test_a_new_unit_of_a_known_lot_starts_with_what_the_lot_has_learnt(
    battery: Battery, life: Life, lot: dict[str, HealthEngine]
) -> None:
    book = book_of(lot)
    new = unit(battery, life, 1.8, days=10.0)
    alone = error_of(new, 1.8, 1000.0)
    new.pooled = book.pooled(LOT, new.kind, ["new"])
    assert new.pooled is not None
    assert new.pooled.others == 6
    taught = error_of(new, 1.8, 1000.0)
    assert taught[0] < 0.7 * alone[0]
    assert taught[1] < 0.9 * alone[1]
    assert any("6 other units of the lot" in text for text in new.health(new.now_s).evidence)


def test_what_the_lot_says_is_gone_when_it_is_taken_back(lot: dict[str, HealthEngine]) -> None:
    engine = lot["0"]
    before, state = engine.health(engine.now_s), engine.state()
    engine.pooled = book_of(lot).pooled(LOT, engine.kind, ["0"])
    assert engine.health(engine.now_s).cells != before.cells
    assert engine.state() == state
    engine.pooled = None
    assert engine.health(engine.now_s) == before


def test_a_unit_is_never_taught_by_its_own_data(lot: dict[str, HealthEngine]) -> None:
    book = book_of(lot)
    alone = book_of({"0": lot["0"]})
    assert alone.pooled(LOT, lot["0"].kind, ["0"]) is None
    told = book.pooled(LOT, lot["0"].kind, ["0"])
    assert told is not None
    # A thousand times the same share of its own changes nothing of what it is told.
    for _ in range(3):
        book.put("0", lot["0"].share(LOT))
        lot["0"].pooled = book.pooled(LOT, lot["0"].kind, ["0"])
    again = lot["0"].pooled
    assert again is not None
    assert np.allclose(again.info, told.info)
    assert np.allclose(again.toward, told.toward)


def test_the_same_word_twice_counts_once(lot: dict[str, HealthEngine]) -> None:
    book = book_of(lot)
    first = book.pooled(LOT, lot["0"].kind, ["new"])
    for name, engine in lot.items():
        book.put(name, engine.share(LOT))
    second = book.pooled(LOT, lot["0"].kind, ["new"])
    assert first is not None
    assert second is not None
    assert np.allclose(first.info, second.info)


def test_more_units_tell_more_but_never_more_than_units_are_alike(
    lot: dict[str, HealthEngine],
) -> None:
    kind = lot["0"].kind
    book = LotBook()
    sds = []
    for n in range(60):
        book.put(str(n), lot[str(n % 6)].share(LOT))
        found = book.pooled(LOT, kind, ["new"])
        assert found is not None
        sds.append(found.rate_sd)
    assert sds[0] > sds[5] > sds[59] > 0.12
    assert sds[0] < kind.ln_rate_sd


def test_two_lots_under_one_name_do_no_harm(battery: Battery, life: Life) -> None:
    true = [*rates(0.55, 4, seed=2), *rates(2.2, 4, seed=3)]
    engines = {str(n): unit(battery, life, rate) for n, rate in enumerate(true)}
    book = book_of(engines)
    day = 800.0
    alone = [
        error_of(engine, rate, day) for engine, rate in zip(engines.values(), true, strict=True)
    ]
    for name, engine in engines.items():
        engine.pooled = book.pooled(LOT, engine.kind, [name])
    mixed = [
        error_of(engine, rate, day) for engine, rate in zip(engines.values(), true, strict=True)
    ]
    assert sum(e for e, _ in mixed) < 1.1 * sum(e for e, _ in alone)
    assert sum(w for _, w in mixed) > 0.9 * sum(w for _, w in alone)


def test_the_lot_makes_units_with_evidence_of_their_own_better_too(
    battery: Battery, life: Life
) -> None:
    true = rates(1.8, 6, seed=5)
    engines = [unit(battery, life, rate, days=120.0) for rate in true]
    book = book_of({str(n): engine for n, engine in enumerate(engines)})
    alone = [error_of(e, rate, 800.0)[0] for e, rate in zip(engines, true, strict=True)]
    for n, engine in enumerate(engines):
        engine.pooled = book.pooled(LOT, engine.kind, [str(n)])
    pooled = [error_of(e, rate, 800.0)[0] for e, rate in zip(engines, true, strict=True)]
    assert sum(pooled) < sum(alone)


def test_other_lots_and_other_kinds_say_nothing(lot: dict[str, HealthEngine]) -> None:
    book = book_of(lot)
    kind = lot["0"].kind
    assert book.pooled("another lot", kind, ["new"]) is None
    assert book.pooled(LOT, replace(kind, name="another cell"), ["new"]) is None


def test_a_unit_without_evidence_has_nothing_to_say(battery: Battery) -> None:
    assert HealthEngine(battery, cells=CELLS).share(LOT) is None


def test_a_unit_that_changes_its_lot_leaves_the_old_one(lot: dict[str, HealthEngine]) -> None:
    book = book_of(lot)
    for name, engine in lot.items():
        book.put(name, engine.share("another lot"))
    assert book.pooled(LOT, lot["0"].kind, ["new"]) is None


def test_a_fleet_without_end_costs_a_bounded_memory() -> None:
    book = LotBook()
    share = Share(LOT, "k", (1.0, 1.0, 1.0), (0.0, 0.0))
    for n in range(MOST_SHARES + 5):
        book.put(str(n), share)
    assert len(book.shares) == MOST_SHARES


def test_a_device_that_names_a_lot_anew_each_time_leaves_nothing_behind() -> None:
    book = LotBook()
    for n in range(50):
        book.put("A/0", Share(f"lot {n}", "k", (1.0, 1.0, 1.0), (0.0, 0.0)))
    assert len(book._lots) == 1


def test_what_a_lot_says_does_not_depend_on_who_came_and_went(
    lot: dict[str, HealthEngine],
) -> None:
    kind = lot["0"].kind
    chance = random.Random(3)
    shares = {
        str(n): Share(LOT, kind.name, (a, 0.3 * a, 2.0 * a), (a * chance.random(), a))
        for n in range(40)
        for a in [chance.uniform(1.0, 300.0)]
    }
    moved, fresh = LotBook(), LotBook()
    for name, share in shares.items():
        moved.put(name, share._replace(toward=(0.0, 0.0)))
    for name in chance.sample(sorted(shares), 30):
        moved.put(name, None)
    for name, share in shares.items():
        moved.put(name, share)
        fresh.put(name, share)
    told, again = (book.pooled(LOT, kind, ["7", "39"]) for book in (moved, fresh))
    assert told is not None
    assert again is not None
    assert told.others == again.others == 38
    assert np.allclose(told.info, again.info)
    assert np.allclose(told.toward, again.toward)


def test_a_lot_adds_up_as_the_formula_says() -> None:
    chance = np.random.default_rng(4)
    rows = np.column_stack([chance.uniform(5, 9, 6), chance.uniform(-4, 4, 6)])
    rows = np.column_stack([rows, chance.uniform(5, 9, 6), chance.normal(size=(6, 2))])
    apart = np.diag([0.3, 0.02])
    info, toward = np.zeros((2, 2)), np.zeros(2)
    for a, b, c, *xy in rows:
        one = np.array([[a, b], [b, c]])
        shrink = np.linalg.inv(np.eye(2) + one @ apart)
        info += shrink @ one
        toward += shrink @ np.array(xy)
    found = _shrunk(rows, apart)
    assert np.allclose(found[0], info)
    assert np.allclose(found[1], toward)


def test_a_share_survives_a_restart_exactly(lot: dict[str, HealthEngine]) -> None:
    share = lot["0"].share(LOT)
    assert share is not None
    assert Share.unpack(share.pack()) == share


@pytest.mark.parametrize(
    "saved",
    [
        None,
        [],
        ["a", "b", 1, 2],
        ["a", "b", 1, 1, math.nan, 0, 0],
        ["a", "b", 10**400, 0, 1, 0, 0],
        ["a", "b", 1e300, 0, 1, 0, 0],
        ["a", "b", 1.0, 9.0, 1.0, 0, 0],
    ],
)
def test_a_share_that_cannot_be_read_is_told(saved: object) -> None:
    with pytest.raises(StoreError):
        Share.unpack(saved)


def test_pooled_information_keeps_the_covariance_sound(lot: dict[str, HealthEngine]) -> None:
    engine = lot["0"]
    pooled = book_of(lot).pooled(LOT, engine.kind, ["0"])
    assert isinstance(pooled, Pooled)
    engine.pooled = pooled
    spread = engine.estimate(engine.now_s + 3e8).spread
    assert np.all(np.linalg.eigvalsh(spread) > -1e-9)
