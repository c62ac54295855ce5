"""Whatever a device sends, every profile gives plausible readings or faults.

What a device says is drawn from a seed: hypothesis picks and reports the seed, and profiles
of five hundred fields stay quick.
"""

import math
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.decode.sample import decode
from agent.model import FaultReason, Oid, Raw, Register, Sample, SnmpKind, SnmpValue
from agent.profiles.load import load, names
from agent.profiles.schema import Object, Profile, Protocol, Words
from agent.quantities import QUANTITIES, Kind

MODBUS = [name for name in names() if load(name).protocol is Protocol.MODBUS]
SNMP = [name for name in names() if load(name).protocol is Protocol.SNMP]
EDGES = (0, 1, 2, 10, 100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
NUMBERS = (-1, -32768, 2**31 - 1, 2**32 - 1, 2**64, -(2**63), 10**30)
TEXTS = (
    b"",
    b"54.6",
    b"-0.1",
    b"N/A",
    b"09/23/19",
    b"2019-09-23",
    b"11010",
    b"V",
    b"\0",
    b"\xff\xfe",
)
SPECIAL = (math.nan, math.inf, -math.inf, 1e308, 5e-324)
KINDS = {
    float: {Kind.GAUGE, Kind.COUNTER, Kind.TIMESTAMP},
    bool: {Kind.FLAG},
    str: {Kind.STATE, Kind.TEXT},
}


def a_word(dice: random.Random) -> int:
    return dice.choice(EDGES) if dice.random() < 0.4 else dice.randrange(0x10000)


def a_varbind(dice: random.Random) -> SnmpValue:
    value: int | bytes | Oid = dice.randrange(-1, 8)
    match dice.randrange(7):
        case 0:
            value = dice.choice(NUMBERS)
        case 1:
            value = dice.randrange(100_000)
        case 2:
            value = dice.choice(TEXTS)
        case 3:
            value = b"\x9f\x79\x08" + struct.pack(">d", dice.choice(SPECIAL))
        case 4:
            value = dice.randbytes(dice.randrange(40))
        case 5:
            value = tuple(dice.randrange(300) for _ in range(dice.randrange(9)))
    return SnmpValue(dice.choice(list(SnmpKind)), value)


def check(profile: Profile, sample: Sample) -> None:
    ranges: dict[str, list[tuple[float, float]]] = {}
    for field in profile.fields:
        quantity = QUANTITIES[field.quantity]
        lowest = quantity.lowest if field.lowest is None else field.lowest
        highest = quantity.highest if field.highest is None else field.highest
        if lowest is not None and highest is not None:
            ranges.setdefault(field.quantity, []).append((lowest, highest))
    for row in sample.readings:
        quantity = QUANTITIES[row.quantity]
        assert quantity.kind in KINDS[type(row.value)], row
        if isinstance(row.value, float):
            assert math.isfinite(row.value), row
            assert any(low <= row.value <= high for low, high in ranges[row.quantity]), row
        if quantity.kind is Kind.STATE:
            assert row.value in quantity.states
    readings = [(row.quantity, row.index) for row in sample.readings]
    assert len(readings) == len(set(readings))


@pytest.mark.parametrize("name", MODBUS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_registers(name: str, seed: int) -> None:
    profile, dice = load(name), random.Random(seed)
    words: dict[Register, int] = {}
    refused: set[Register] = set()
    for field in profile.fields:
        for place in field.places:
            assert isinstance(place, Words)
            fate = dice.random()
            if fate < 0.8:
                words.update({register: a_word(dice) for register in place.registers})
            elif fate < 0.9:
                refused.update(place.registers)
    raw = Raw(1.7e9, 5.0, 0.1, words=words, refused=frozenset(refused))
    check(profile, decode("u", profile.fields, raw, series=dice.choice([None, 11])))


@pytest.mark.parametrize("name", SNMP)
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_varbinds(name: str, seed: int) -> None:
    profile, dice = load(name), random.Random(seed)
    varbinds: dict[Oid, SnmpValue] = {}
    refused: set[Oid] = set()
    for field in profile.fields:
        for place in field.places:
            assert isinstance(place, Object)
            for _ in range(dice.randrange(4) if place.column else 1):
                row = tuple(dice.randrange(4) for _ in range(dice.randrange(3)))
                oid = (*place.oid, *row) if place.column else place.oid
                if dice.random() < 0.8:
                    varbinds[oid] = a_varbind(dice)
            if dice.random() < 0.3 and place.oid not in varbinds:
                refused.add(place.oid)
    raw = Raw(1.7e9, 5.0, 0.1, varbinds=varbinds, refused=frozenset(refused))
    check(profile, decode("u", profile.fields, raw))


@pytest.mark.parametrize("name", names())
def test_nothing_read_is_nothing_but_missing(name: str) -> None:
    profile = load(name)
    sample = decode("u", profile.fields, Raw(1.7e9, 5.0, 0.1))
    assert sample.readings == ()
    assert {fault.reason for fault in sample.faults} <= {FaultReason.MISSING}
