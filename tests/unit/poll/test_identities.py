"""What was learnt follows the module: to another name, to another slot, and back."""

from dataclasses import dataclass, field

from agent.model import Battery, Chemistry, Event, Health, Sample
from agent.poll.assess import Assessor, State
from agent.poll.identities import Identities
from agent.store.records import MOST_PARKED
from tests.unit.poll.samples import WALL_S, sample

BATTERY = Battery(Chemistry.NCA, series=3, rated_capacity_ah=20.0, rated_power_w=600.0)


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
        assert unit in {"old", "new", "1", "2", "3"}
        assert time_s >= WALL_S
        return len(body)

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        raise AssertionError((sample, closely))


def unit(name: str, shared: Identities, records: Records, learnt: State | None = None) -> Assessor:
    past = None if learnt is None else ("A1", learnt)
    return Assessor(name, records, BATTERY, past, identities=shared)


def load(made: Assessor, from_s: float = 0.0) -> None:
    """Show the unit rest, a load of 100 s and rest."""
    for at in range(0, 400, 10):
        current_a = -10.0 if 200 <= at < 300 else 0.0
        volts = 3.9 if current_a else 4.0
        rows = sample(from_s + at, volts, volts, volts, battery_current=current_a)
        made.observe(rows, urgent=False)


def count(made: Assessor) -> int:
    assert made.engine is not None
    return made.engine.evidence_count


def taught(name: str, serial: str, shared: Identities, records: Records) -> Assessor:
    made = unit(name, shared, records)
    made.replaced(serial)
    load(made)
    assert count(made) > 0
    made.keep(WALL_S + 400, urgent=True)
    return made


def test_a_renamed_unit_goes_on_with_what_it_has_learnt() -> None:
    records = Records()
    old = taught("old", "A1", Identities(), records)
    shared = Identities()
    shared.recall(records.states, ["new"])
    made = unit("new", shared, records)
    made.replaced("A1")
    made.observe(sample(500, 4.0, 4.0, 4.0), urgent=False)
    assert count(made) == count(old)


def test_a_unit_that_still_has_its_name_is_not_taken_from() -> None:
    records = Records()
    taught("old", "A1", Identities(), records)
    shared = Identities()
    shared.recall(records.states, ["old", "new"])
    made = unit("new", shared, records)
    made.replaced("A1")
    made.observe(sample(500, 4.0, 4.0, 4.0), urgent=False)
    assert count(made) == 0


def test_modules_that_change_slots_take_their_past_along() -> None:
    shared, records = Identities(), Records()
    one, other = taught("1", "A1", shared, records), taught("2", "B2", shared, records)
    load(other, 1000.0)
    counts = (count(one), count(other))
    assert counts[0] < counts[1]
    assert one.replaced("B2")
    one.observe(sample(2000, 4.0, 4.0, 4.0), urgent=False)
    assert count(one) == 0
    assert other.replaced("A1")
    for made in (one, other):
        made.observe(sample(2010, 4.0, 4.0, 4.0), urgent=False)
    assert (count(one), count(other)) == (counts[1], counts[0])


def test_a_garbled_serial_number_costs_nothing_for_long() -> None:
    shared, records = Identities(), Records()
    made = taught("1", "A1", shared, records)
    learnt = count(made)
    assert made.replaced("A\x7f")
    made.observe(sample(2000, 4.0, 4.0, 4.0), urgent=False)
    assert made.replaced("A1")
    made.observe(sample(2010, 4.0, 4.0, 4.0), urgent=False)
    assert count(made) == learnt


def test_the_record_of_a_replaced_module_is_kept() -> None:
    shared, records = Identities(), Records()
    made = taught("1", "A1", shared, records)
    state = made.engine.state() if made.engine is not None else {}
    made.replaced("B2")
    assert records.states["serial:A1"] == ("A1", {**state, "lot": [None]})
    later = Identities()
    later.recall(records.states, ["1"])
    assert later.take("1", "A1") == {**state, "lot": [None]}


def test_a_serial_number_that_tells_nobody_apart_is_not_used() -> None:
    shared, records = Identities(), Records()
    one, two = taught("1", "0", shared, records), taught("2", "0", shared, records)
    one.replaced("5")
    made = unit("3", shared, records)
    made.replaced("0")
    made.observe(sample(500, 4.0, 4.0, 4.0), urgent=False)
    assert (count(made), two.serial) == (0, "0")


def test_two_records_of_one_time_with_one_serial_number_are_not_used() -> None:
    records = Records()
    for name in ("1", "2"):
        taught(name, "0", Identities(), records)
    shared = Identities()
    shared.recall(records.states, ["3"])
    assert shared.take("3", "0") is None


def test_a_device_that_invents_serial_numbers_costs_a_bounded_memory() -> None:
    shared = Identities()
    for n in range(3 * MOST_PARKED):
        shared.park(str(n), {"cells": ["1"]})
    assert len(shared.states) == MOST_PARKED
    assert shared.take("u", str(3 * MOST_PARKED - 1)) is not None
