"""Units share what they learn through their records, also after a restart, and stand in line."""

from dataclasses import dataclass, field, replace

import pytest

from agent.health.lots import LotBook
from agent.health.peers import FEWEST, PeerBook, Population
from agent.model import (
    Battery,
    Chemistry,
    Event,
    Health,
    Location,
    Reading,
    Sample,
    Value,
    Verdict,
)
from agent.poll.assess import Assessor, State
from agent.poll.compare import COMPARE_EVERY_S, Comparer, populations
from agent.poll.identities import Identities
from agent.poll.lots import LotMember, lot_of, recall

WALL_S = 1.7e9
BATTERY = Battery(Chemistry.NCA, series=3, rated_capacity_ah=20.0, commissioned_s=WALL_S)
MADE: dict[str, Value] = {
    "manufacturer": "acme",
    "model": "X",
    "manufacture_date": "2024-05-17",
}
LOT = "acme X 2024-05"


@dataclass
class Records:
    """An archive that keeps the last state of every unit."""

    states: dict[str, tuple[str | None, State]] = field(default_factory=dict)

    def keep_state(self, unit: str, serial: str | None, state: State) -> None:
        self.states[unit] = (serial, state)

    def keep_event(self, event: Event) -> None:
        raise AssertionError(event)

    def keep_health(self, unit: str, health: Health) -> None:
        raise AssertionError((unit, health))

    def keep_seen(self, unit: str, time_s: float, body: State) -> int:
        assert unit
        assert time_s >= WALL_S
        return len(body)

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        raise AssertionError((sample, closely))


def sample(at_s: float, volts: float, **facts: Value) -> Sample:
    rows = [Reading(key, None, value, at_s, "x") for key, value in {**MADE, **facts}.items()]
    rows += [Reading("cell_voltage", str(n), volts, at_s, "x") for n in (1, 2, 3)]
    return Sample("u", WALL_S + at_s, at_s, tuple(rows))


def unit(name: str, book: LotBook, serial: str | None, records: Records) -> Assessor:
    made = Assessor(name, records, BATTERY, identities=Identities(), lot=LotMember(name, book))
    if serial is not None:
        made.replaced(serial)
    return made


def live(made: Assessor, days: int, *, grown: float) -> Health:
    """Give a unit ``days`` with a test of 40 s each month; ``grown`` is its growth a month."""
    health = None
    for day in range(days % 5, days, 5):
        for second in range(-20, 80, 4) if day % 30 == 26 else (0,):
            load_a = 30.0 if 0 < second <= 40 else 0.0
            volts = round(4.02 - load_a * 0.0024 * (1.0 + grown * day / 30.0), 4)
            rows = sample(day * 86400.0 + second, volts, battery_current=-load_a)
            health = made.observe(rows, urgent=False) or health
    made.keep(WALL_S + days * 86400.0, urgent=True)
    assert health is not None
    return health


def told_by_lot(made: Assessor) -> int:
    assert made.engine is not None
    pooled = made.engine.engines[0].pooled
    return 0 if pooled is None else pooled.others


def fleet(book: LotBook, records: Records, *serials: str | None) -> list[Assessor]:
    units = [unit(f"u{n}", book, serial, records) for n, serial in enumerate(serials)]
    for made in units:
        live(made, 31, grown=0.01)
    for made in units:
        made.assess(WALL_S + 31 * 86400.0)
    return units


def test_units_of_one_lot_tell_each_other(records: Records) -> None:
    book = LotBook()
    one, two, three = fleet(book, records, "A", "B", None)
    assert set(book.shares) == {"A/0", "B/0", "unit:u2/0"}
    assert [told_by_lot(made) for made in (one, two, three)] == [2, 2, 2]


@pytest.fixture
def records() -> Records:
    return Records()


def test_what_a_lot_knows_survives_a_restart_and_teaches_a_new_unit(records: Records) -> None:
    fleet(LotBook(), records, "A", "B")
    book = LotBook()
    recall(book, records.states, ["u0", "u1", "new"])
    assert set(book.shares) == {"A/0", "B/0"}
    new = unit("new", book, "C", records)
    new.observe(sample(0.0, 4.02, battery_current=0.0), urgent=True)
    assert told_by_lot(new) == 2


def test_a_unit_that_comes_back_is_not_taught_by_its_own_record(records: Records) -> None:
    fleet(LotBook(), records, "A", "B")
    for name in ("u0", "renamed"):
        book = LotBook()
        recall(book, records.states, [name, "u1"])
        again = unit(name, book, "A", records)
        again.learnt = records.states["u0"]
        for at_s in (0.0, 40.0, 80.0):
            again.observe(sample(1e7 + at_s, 4.02, battery_current=0.0), urgent=True)
        assert told_by_lot(again) == 1
        assert set(book.shares) == {"A/0", "B/0"}


def test_a_serial_number_that_becomes_known_takes_the_share_along(records: Records) -> None:
    book = LotBook()
    made, _ = fleet(book, records, None, "B")
    made.replaced("A")
    made.assess(WALL_S + 1e7)
    assert set(book.shares) == {"A/0", "B/0"}
    assert told_by_lot(made) == 1


def test_a_replaced_module_leaves_to_its_lot_what_it_has_told(records: Records) -> None:
    book = LotBook()
    made, _ = fleet(book, records, "A", "B")
    assert made.replaced("C")
    made.observe(sample(1e7, 4.02, battery_current=0.0), urgent=True)
    assert set(book.shares) == {"A/0", "B/0"}
    assert told_by_lot(made) == 2


def test_every_module_that_comes_into_a_slot_is_told_by_the_lot(records: Records) -> None:
    made, _ = fleet(LotBook(), records, "A", "B")
    for n in range(20):
        assert made.replaced(f"C{n}")
        made.observe(sample(1e7 + n, 4.02, battery_current=0.0), urgent=True)
        assert told_by_lot(made) == 2


def test_an_old_name_without_a_serial_number_is_left_out(records: Records) -> None:
    fleet(LotBook(), records, None)
    book = LotBook()
    recall(book, records.states, ["another"])
    assert book.shares == {}


@pytest.mark.parametrize(
    ("configured", "known", "lot"),
    [
        ("delivery 7", MADE, "delivery 7"),
        (None, MADE, LOT),
        (None, {**MADE, "manufacture_date": ""}, None),
        (None, {**MADE, "model": " "}, None),
        (None, {}, None),
    ],
)
def test_the_lot_is_the_configured_one_or_the_device_s(
    configured: str | None, known: dict[str, Value], lot: str | None
) -> None:
    assert lot_of(configured, known) == lot


def test_a_unit_belongs_to_its_shelf_its_batch_and_its_firmware() -> None:
    known = {**MADE, "firmware_version": "1.2"}
    assert populations(Location("r1", "a"), LOT, known) == (
        Population("shelf", "r1/a"),
        Population("batch", LOT),
        Population("firmware", "acme X 1.2"),
    )
    assert populations(Location("r1"), None, {}) == ()


def warm(celsius: float, at_s: float) -> Sample:
    rows = (Reading("temperature", "pack1", celsius, at_s, "x"),)
    return Sample("u", WALL_S + at_s, at_s, rows)


def test_a_unit_that_is_hotter_than_its_shelf_is_told_until_it_is_not() -> None:
    book, shelf = PeerBook(), (Population("shelf", "r1/a"),)
    known = Health(Verdict.OK, (), WALL_S)
    units = [Comparer(str(n), book) for n in range(FEWEST + 1)]

    def day(n: int, hot: float) -> Health:
        at_s = n * 86400.0
        for made in units:
            made.see(warm(hot if made is units[-1] else 25.0, at_s))
            last = made.judged(known, WALL_S + at_s, shelf)
        return last

    day(0, 25.0)
    health = day(1, 45.0)
    assert health.verdict is Verdict.WATCH
    (reason,) = health.reasons
    assert (reason.code, reason.since_s) == ("peer_outlier", None)
    assert reason.text.startswith("temperature 45.0 degC: the median of 5 others of shelf r1/a")
    assert [score.believed for score in health.peers] == [True]
    assert day(2, 34.5).reasons
    assert day(3, 25.0) == replace(known, peers=units[-1].scores)


def test_units_are_compared_at_their_pace() -> None:
    book, shelf = PeerBook(), (Population("shelf", "r1/a"),)
    made = Comparer("u", book)
    for at_s in (0.0, COMPARE_EVERY_S - 1):
        made.see(warm(25.0 + at_s, at_s))
        made.judged(Health(Verdict.OK, (), 0.0), WALL_S + at_s, shelf)
        assert book.known["u"] == {"temperature": 25.0}
