import math
from collections.abc import Mapping

import pytest

from agent.model import (
    Event,
    Fault,
    FaultReason,
    Health,
    Location,
    Reading,
    Sample,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
    Value,
    Verdict,
)
from agent.store.live import MOST_KEYS, LiveStore

STALE_AFTER_S = 30.0
UP = UnitStatus(state=UnitState.UP)


def info(name: str = "a", address: str = "1") -> UnitInfo:
    return UnitInfo(name, "orv3", Location("r1", "s1", "1"), "bus", address)


def reading(quantity: str, value: Value, at: float, index: str | None = None) -> Reading:
    return Reading(quantity, index, value, at, "holding 1")


def fault(quantity: str, index: str | None = None) -> Fault:
    return Fault(quantity, index, FaultReason.SENTINEL, "65535", "holding 1")


def sample(
    at: float, *readings: Reading, faults: tuple[Fault, ...] = (), unit: str = "a"
) -> Sample:
    return Sample(unit, 1.7e9 + at, at, readings, faults)


@pytest.fixture
def store() -> LiveStore:
    made = LiveStore([info()], [], stale_after_s=STALE_AFTER_S)
    made.put_status("a", UP)
    return made


def values(store: LiveStore, at: float) -> Mapping[tuple[str, str | None], Value]:
    return {(r.quantity, r.index): r.value for r in store.view("a", mono_s=at).readings}


def test_a_unit_before_its_first_answer() -> None:
    store = LiveStore([info()], [], stale_after_s=STALE_AFTER_S)
    view = store.view("a", mono_s=5)
    assert (view.info, view.status, view.up, view.readings) == (info(), UnitStatus(), False, ())


def test_samples_merge_and_keep_each_readings_own_time(store: LiveStore) -> None:
    store.put_sample(sample(1, reading("cell_voltage", 0.0, 1, "1"), reading("load", 0.5, 1)))
    store.put_sample(sample(9, reading("cell_voltage", 3.9, 9, "2"), reading("load", 0.0, 9)))
    view = store.view("a", mono_s=10)
    assert {(r.quantity, r.index, r.value, view.age_s(r)) for r in view.readings} == {
        ("cell_voltage", "1", 0.0, 9),
        ("cell_voltage", "2", 3.9, 1),
        ("load", None, 0.0, 1),
    }


def test_a_reading_vanishes_once_it_is_older_than_the_limit(store: LiveStore) -> None:
    store.put_sample(sample(0, reading("load", 0.5, 0)))
    store.put_sample(sample(30, reading("battery_voltage", 51.0, 30)))
    assert values(store, 30) == {("load", None): 0.5, ("battery_voltage", None): 51.0}
    assert values(store, 30.001) == {("battery_voltage", None): 51.0}


def test_slow_fields_live_as_long_as_the_poller_says(store: LiveStore) -> None:
    store.put_sample(
        sample(0, reading("cycle_count", 12.0, 0), reading("model", "X", 0)),
        horizons_s={"cycle_count": 100.0, "model": math.inf},
    )
    store.put_sample(sample(100, reading("load", 0.5, 100)))
    assert set(values(store, 100)) == {
        ("cycle_count", None),
        ("model", None),
        ("load", None),
    }
    assert set(values(store, 101)) == {("model", None), ("load", None)}


def test_a_field_that_faults_loses_its_old_reading_at_once(store: LiveStore) -> None:
    store.put_sample(sample(1, reading("temperature", 25.0, 1, "t1"), reading("load", 0.5, 1)))
    store.put_sample(sample(2, faults=(fault("temperature", "t1"),)))
    view = store.view("a", mono_s=3)
    assert values(store, 3) == {("load", None): 0.5}
    assert view.faults == (fault("temperature", "t1"),)


def test_a_reading_ends_the_fault_of_its_field_but_not_its_count(store: LiveStore) -> None:
    store.put_sample(sample(1, faults=(fault("load"),)))
    store.put_sample(sample(2, faults=(fault("load"),)))
    store.put_sample(sample(3, reading("load", 0.5, 3)))
    view = store.view("a", mono_s=3)
    assert (view.faults, view.fault_counts) == ((), {("load", FaultReason.SENTINEL): 2})


def test_a_second_source_of_one_sample_stands_beside_the_fault(store: LiveStore) -> None:
    store.put_sample(sample(1, reading("load", 0.5, 1), faults=(fault("load"),)))
    view = store.view("a", mono_s=1)
    assert (len(view.readings), len(view.faults)) == (1, 1)


@pytest.mark.parametrize("state", [UnitState.DOWN, UnitState.DORMANT])
def test_a_silent_unit_shows_no_values_and_keeps_its_identity(
    store: LiveStore, state: UnitState
) -> None:
    store.put_sample(
        sample(1, reading("load", 0.5, 1), reading("model", "X", 1)),
        horizons_s={"model": math.inf},
    )
    store.put_status("a", UnitStatus(state=state))
    view = store.view("a", mono_s=2)
    assert (view.up, view.readings, view.identity) == (False, (), {"model": "X"})


def test_no_answer_for_too_long_is_silence_whatever_the_status_says(store: LiveStore) -> None:
    store.put_sample(sample(1, reading("model", "X", 1)), horizons_s={"model": math.inf})
    assert store.view("a", mono_s=31).up
    view = store.view("a", mono_s=31.5)
    assert (view.up, view.readings, view.identity) == (False, (), {"model": "X"})


def test_a_refusal_alone_proves_life(store: LiveStore) -> None:
    store.put_sample(sample(1, faults=(fault("load"),)))
    assert store.view("a", mono_s=2).up


def test_identity_of_a_part_is_not_the_units(store: LiveStore) -> None:
    store.put_sample(sample(1, reading("model", "part", 1, "module:1")))
    assert store.view("a", mono_s=1).identity == {}


def test_reconfigure_keeps_the_same_device_and_drops_the_rest() -> None:
    store = LiveStore([info("a"), info("b"), info("c")], [], stale_after_s=30)
    for name in "abc":
        store.put_status(name, UP)
        store.put_sample(sample(1, reading("load", 0.5, 1), unit=name))
    shelf = Shelf("r1", "s1", 5)
    store.reconfigure([info("b"), info("c", address="2"), info("d")], [shelf], stale_after_s=60)
    shown = {v.info.name: len(v.readings) for v in store.views(mono_s=50)}
    assert (shown, store.shelves) == ({"b": 1, "c": 0, "d": 0}, (shelf,))
    with pytest.raises(KeyError):
        store.view("a", mono_s=1)


def test_health_is_kept_through_silence(store: LiveStore) -> None:
    health = Health(Verdict.WATCH, (), 1.7e9)
    store.put_health("a", health)
    store.put_status("a", UnitStatus(state=UnitState.DOWN))
    assert store.view("a", mono_s=1e6).health is health


def test_when_a_measurement_last_changed(store: LiveStore) -> None:
    def changed() -> float | None:
        return store.view("a", mono_s=30).changed_at

    assert changed() is None
    store.put_sample(sample(1, reading("cell_voltage", 3.98, 1, "1")))
    store.put_sample(sample(2, reading("cell_voltage", 3.98, 2, "1")))
    store.put_sample(sample(3, reading("cycle_count", 7.0, 3)))
    assert changed() == 1.7e9 + 1
    store.put_sample(sample(4, reading("cell_voltage", 3.97, 4, "1")))
    assert changed() == 1.7e9 + 4
    store.forget("a")
    assert changed() is None


def test_a_discharge_counts_once_however_often_it_is_updated(store: LiveStore) -> None:
    for event in (
        Event("a", "discharge", 1.0, None),
        Event("a", "discharge", 1.0, 5.0),
        Event("a", "self_test", 6.0, 7.0),
        Event("a", "discharge", 9.0, None),
    ):
        store.put_event(event)
    assert store.view("a", mono_s=1).discharges == 2


def test_another_device_in_the_slot_starts_anew(store: LiveStore) -> None:
    store.put_sample(sample(1, reading("model", "X", 1), faults=(fault("load"),)))
    store.put_health("a", Health(Verdict.OK, (), 1.7e9))
    store.forget("a")
    view = store.view("a", mono_s=1)
    assert (view.readings, view.faults, view.identity, view.health) == ((), (), {}, None)


def test_an_unknown_unit_is_a_key_error(store: LiveStore) -> None:
    with pytest.raises(KeyError):
        store.put_sample(sample(1, unit="nobody"))


def held(store: LiveStore) -> tuple[int, int]:
    """Count what is in memory, shown or not."""
    record = store._records["a"]
    return len(record.readings), len(record.faults)


def test_rows_that_are_gone_leave_memory_with_their_horizon(store: LiveStore) -> None:
    for at in range(0, 100, 10):
        rows = [reading("temperature", 25.0, at, f"{at}-{n}") for n in range(10)]
        store.put_sample(sample(at, *rows))
    assert held(store) == (40, 0)


def test_a_table_that_is_renumbered_all_the_time_holds_no_more_than_the_limit(
    store: LiveStore,
) -> None:
    for at in range(20):
        rows = [reading("temperature", 25.0, at, f"{at}-{n}") for n in range(1000)]
        faults = tuple(fault("cell_voltage", f"{at}-{n}") for n in range(1000))
        store.put_sample(sample(at, *rows, faults=faults))
    assert held(store) == (MOST_KEYS, MOST_KEYS)
    kept = {row.index for row in store.view("a", mono_s=19).readings}
    assert {f"19-{n}" for n in range(1000)} <= kept


def test_a_column_that_was_empty_once_is_no_fault_when_rows_come(store: LiveStore) -> None:
    missing = Fault("cell_voltage", None, FaultReason.MISSING, "", "a column")
    store.put_sample(sample(1, faults=(missing, fault("load"))))
    store.put_sample(sample(2, reading("cell_voltage", 3.9, 2, "1")))
    assert store.view("a", mono_s=2).faults == (fault("load"),)


def test_a_unit_identified_anew_has_no_faults_of_its_old_family(store: LiveStore) -> None:
    rows = (reading("cycle_count", 12.0, 0), reading("load", 0.5, 0))
    store.put_sample(
        sample(0, *rows, faults=(fault("temperature", "t1"),)), horizons_s={"cycle_count": 100.0}
    )
    store.identified("a", {"load": 100.0})
    store.put_sample(sample(50, reading("battery_voltage", 51.0, 50)))
    view = store.view("a", mono_s=50)
    assert view.faults == ()
    assert view.fault_counts == {("temperature", FaultReason.SENTINEL): 1}
    assert values(store, 50) == {("load", None): 0.5, ("battery_voltage", None): 51.0}


def test_the_stamp_moves_with_every_change_of_the_unit_and_of_no_other() -> None:
    store = LiveStore([info(), info("b", "2")], [], stale_after_s=STALE_AFTER_S)
    seen = [store.stamp("a", mono_s=0.0)]
    other = store.stamp("b", mono_s=0.0)
    store.put_status("a", UP)
    seen.append(store.stamp("a", mono_s=0.0))
    store.put_sample(sample(0.0, reading("load", 0.5, 0.0)))
    seen.append(store.stamp("a", mono_s=0.0))
    store.put_health("a", Health(Verdict.OK, (), 0.0))
    seen.append(store.stamp("a", mono_s=0.0))
    store.put_event(Event("a", "discharge", 0.0, None))
    seen.append(store.stamp("a", mono_s=0.0))
    store.put_outlook("a", None)
    seen.append(store.stamp("a", mono_s=0.0))
    store.forget("a")
    seen.append(store.stamp("a", mono_s=0.0))
    assert [version for version, _ in seen] == sorted({version for version, _ in seen})
    assert store.version == seen[-1][0]
    assert store.stamp("b", mono_s=0.0) == other


def test_the_stamp_tells_that_a_unit_grew_silent() -> None:
    store = LiveStore([info()], [], stale_after_s=STALE_AFTER_S)
    store.put_status("a", UP)
    store.put_sample(sample(0.0))
    version, up = store.stamp("a", mono_s=STALE_AFTER_S)
    assert (up, store.stamp("a", mono_s=STALE_AFTER_S + 1)) == (True, (version, False))
