"""Whatever a device sends, every profile gives plausible readings or faults."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.decode.sample import decode
from agent.model import Fault, FaultReason, Oid, Raw, Reading, Register, Sample, SnmpKind, SnmpValue
from agent.profiles.load import load, names
from agent.profiles.schema import Object, Profile, Protocol, Words
from agent.quantities import QUANTITIES, Kind

MODBUS = [name for name in names() if load(name).protocol is Protocol.MODBUS]
SNMP = [name for name in names() if load(name).protocol is Protocol.SNMP]
WORD = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF])
NUMBER = st.integers() | st.integers(-1, 6) | st.sampled_from([2**31 - 1, 2**32 - 1, 2**64])
TEXT = st.text(alphabet="0123456789/-.: +NA\0é", max_size=24).map(str.encode)
OPAQUE = st.binary(min_size=8, max_size=8).map(lambda data: b"\x9f\x79\x08" + data)
VARBIND = st.builds(
    SnmpValue,
    st.sampled_from(SnmpKind),
    NUMBER
    | TEXT
    | OPAQUE
    | st.binary(max_size=400)
    | st.lists(st.integers(0), max_size=9).map(tuple),
)


def ranges(profile: Profile) -> dict[tuple[str, str], tuple[float, float]]:
    found = {}
    for field in profile.fields:
        quantity = QUANTITIES[field.quantity]
        lowest = quantity.lowest if field.lowest is None else field.lowest
        highest = quantity.highest if field.highest is None else field.highest
        if lowest is not None and highest is not None:
            found[field.quantity, str(field.where)] = (lowest, highest)
    return found


def check(profile: Profile, sample: Sample) -> None:
    limits = ranges(profile)
    for row in sample.readings:
        quantity = QUANTITIES[row.quantity]
        assert quantity.kind in KINDS[type(row.value)], row
        if isinstance(row.value, float):
            assert math.isfinite(row.value)
            places = [limits[key] for key in limits if row.source.startswith(key[1])]
            assert any(low <= row.value <= high for low, high in places), row
        if quantity.kind is Kind.STATE:
            assert row.value in quantity.states
    results: list[Reading | Fault] = [*sample.readings]
    # What disagrees stands beside the reading that it disagrees with.
    results += [row for row in sample.faults if row.reason is not FaultReason.DISAGREES]
    keys = [(result.quantity, result.index) for result in results]
    assert len(keys) == len(set(keys))


KINDS = {
    float: {Kind.GAUGE, Kind.COUNTER, Kind.TIMESTAMP},
    bool: {Kind.FLAG},
    str: {Kind.STATE, Kind.TEXT},
}


@pytest.mark.parametrize("name", MODBUS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_registers(name: str, data: st.DataObject) -> None:
    profile = load(name)
    registers = sorted(
        {
            r
            for field in profile.fields
            if isinstance(field.where, Words)
            for r in field.where.registers
        }
    )
    drawn = data.draw(
        st.lists(
            WORD | st.sampled_from(["refused", "missing"]),
            min_size=len(registers),
            max_size=len(registers),
        )
    )
    words: dict[Register, int] = {}
    refused: set[Register] = set()
    for register, value in zip(registers, drawn, strict=True):
        if isinstance(value, int):
            words[register] = value
        elif value == "refused":
            refused.add(register)
    raw = Raw(1.7e9, 5.0, 0.1, words=words, refused=frozenset(refused))
    check(profile, decode("u", profile.fields, raw, series=data.draw(st.none() | st.just(11))))


@pytest.mark.parametrize("name", SNMP)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_varbinds(name: str, data: st.DataObject) -> None:
    profile = load(name)
    varbinds: dict[Oid, SnmpValue] = {}
    refused: set[Oid] = set()
    for field in profile.fields:
        assert isinstance(field.where, Object)
        oid = field.where.oid
        if field.where.column:
            rows = st.dictionaries(st.lists(st.integers(0), max_size=3).map(tuple), VARBIND)
            varbinds.update({(*oid, *row): value for row, value in data.draw(rows).items()})
            continue
        outcome = data.draw(VARBIND | st.sampled_from(["refused", "missing"]))
        if isinstance(outcome, SnmpValue):
            varbinds[oid] = outcome
        elif outcome == "refused":
            refused.add(oid)
    raw = Raw(1.7e9, 5.0, 0.1, varbinds=varbinds, refused=frozenset(refused))
    check(profile, decode("u", profile.fields, raw))


@pytest.mark.parametrize("name", names())
def test_nothing_read_is_nothing_but_missing(name: str) -> None:
    profile = load(name)
    sample = decode("u", profile.fields, Raw(1.7e9, 5.0, 0.1))
    assert sample.readings == ()
    assert {fault.reason for fault in sample.faults} <= {FaultReason.MISSING}
    assert bool(sample.faults) == bool(profile.fields)
