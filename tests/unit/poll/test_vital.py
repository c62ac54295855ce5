import pytest

from agent.poll.modbus_reader import ModbusReader
from agent.poll.vital import VITAL, counter_fields, glance_fields, vital_fields
from agent.profiles.load import load, load_all
from agent.profiles.schema import Cadence, Profile, Words
from tests.unit.poll.scripted import TIMEOUT_S, UNIT_ID, ScriptedLink

HPR = load("orv3-hpr-bbu")


def registers(profile: Profile) -> set[int]:
    return {
        register.address
        for row in vital_fields(profile)
        for place in row.places
        if isinstance(place, Words)
        for register in place.registers
    }


def test_a_turn_of_a_discharge_reads_current_voltage_cells_and_flags() -> None:
    assert registers(HPR) == {96, 97, 107, *range(109, 121)}


def test_what_lies_in_the_same_words_comes_along() -> None:
    named = {row.index for row in vital_fields(HPR) if row.quantity == "alarm"}
    assert "self_test_relaxation" in named


def test_the_devices_own_counts_are_few() -> None:
    assert {row.quantity for row in counter_fields(HPR)} == {
        "self_test_count",
        "discharge_events",
        "discharge_throughput",
    }


def test_a_glance_is_two_words_or_none() -> None:
    places = [row.where for row in glance_fields(HPR)]
    assert sorted(p.register.address for p in places if isinstance(p, Words)) == [96, 97]
    assert glance_fields(load("rfc1628-ups")) == ()


@pytest.mark.parametrize("profile", load_all(), ids=lambda profile: profile.name)
def test_every_family_has_something_to_read_in_a_discharge(profile: Profile) -> None:
    chosen = vital_fields(profile)
    fast = [row for row in profile.fields if row.cadence is Cadence.FAST]
    assert set(chosen) <= set(fast)
    assert {row for row in fast if row.quantity in VITAL} <= set(chosen)
    assert bool(chosen) == bool(fast)


async def test_a_plan_is_worked_out_once_and_again_when_something_is_learnt() -> None:
    link = ScriptedLink(words=dict.fromkeys((96, 97, *range(109, 121)), 1))
    reader = ModbusReader(link, UNIT_ID, HPR.limits, TIMEOUT_S)
    fields = vital_fields(HPR)
    await reader.read(fields)
    assert 107 in {at for at, _ in link.took()}
    await reader.read(fields)
    learnt = link.took()
    assert 107 not in {at for at, _ in learnt}
    held = reader._plan(fields)
    await reader.read(fields)
    assert reader._plan(fields) is held
    assert link.took() == learnt
    reader.forget()
    await reader.read(fields)
    assert 107 in {at for at, _ in link.took()}
