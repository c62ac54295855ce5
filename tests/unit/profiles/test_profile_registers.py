"""Bits beyond one word, lists of told length, decimal digits, probes by number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decode.sample import decode
from agent.decode.words import decimal
from agent.errors import ProfileError
from agent.model import Fault, FaultReason, Raw, Register, Table
from agent.profiles.load import load, load_all, parse
from agent.profiles.schema import Profile, Protocol, Words

HEAD = """\
name: x
title: A device of the tests
protocol: modbus
sources: [nobody's manual]
identify: {probes: [{at: 0, between: [1, 9]}]}
fields:
"""


def profile(*fields: str) -> Profile:
    return parse(HEAD + "".join(f"  - {field}\n" for field in fields), "x.yaml")


def read(made: Profile, words: dict[int, int], table: Table = Table.HOLDING) -> dict[str, object]:
    raw = Raw(0.0, 0.0, 0.0, words={Register(table, at): word for at, word in words.items()})
    sample = decode("", made.fields, raw)
    return {f"{row.quantity} {row.index or ''}".strip(): row.value for row in sample.readings}


@pytest.mark.parametrize(
    ("order", "high", "low"),
    [("", 10, 11), (", low_word_first: true", 11, 10)],
    ids=["high word first", "low word first"],
)
def test_bits_of_two_words(order: str, high: int, low: int) -> None:
    made = profile(f"{{at: 10, type: u32{order}, bits: {{0: charging, 17: alarm fan}}}}")
    assert read(made, {high: 0x0002, low: 0}) == {"charging": False, "alarm fan": True}
    assert read(made, {high: 0, low: 0x0001}) == {"charging": True, "alarm fan": False}


def test_a_word_that_says_no_value_has_no_bits() -> None:
    made = profile("{at: 10, absent: [65535], bits: {0: charging, 3: alarm fan}}")
    raw = Raw(0.0, 0.0, 0.0, words={Register(Table.HOLDING, 10): 65535})
    sample = decode("", made.fields, raw)
    assert sample.readings == ()
    assert sample.faults == (
        Fault("charging", None, FaultReason.SENTINEL, "65535", "holding 10 bit 0"),
        Fault("alarm", "fan", FaultReason.SENTINEL, "65535", "holding 10 bit 3"),
    )


def test_bits_of_coils_count_places() -> None:
    made = profile("{table: coil, at: 4096, bits: {0: charging, 40: alarm fan}}")
    assert read(made, {4096: 0, 4136: 1}, Table.COIL) == {"charging": False, "alarm fan": True}


def test_a_list_is_as_long_as_the_device_tells() -> None:
    made = profile(
        '{quantity: cell_voltage, unit: V, index: "{n}", at: 20, count: 4, scale: 0.001, '
        "count_at: 10}"
    )
    words = {20: 3300, 21: 3301, 22: 0, 23: 0}
    assert read(made, {10: 2, **words}) == {"cell_voltage 1": 3.3, "cell_voltage 2": 3.301}
    assert len(read(made, {10: 3, **words})) == 3
    assert len(read(made, {10: 60000, **words})) == 4


def test_decimal_digits() -> None:
    made = profile(
        "{quantity: cycle_count, at: 1, type: bcd16}",
        "{quantity: battery_install_date, unit: s, at: 2, type: bcd_date}",
    )
    assert read(made, {1: 0x1234, 2: 0x2024, 3: 0x0229}) == {
        "cycle_count": 1234.0,
        "battery_install_date": 1709164800.0,
    }
    assert read(made, {1: 0x12A4, 2: 0x2023, 3: 0x0229}) == {}


@given(st.integers(0, 99_999_999))
def test_eight_decimal_digits_read_as_they_are_written(number: int) -> None:
    assert decimal(bytes.fromhex(f"{number:08}")) == number


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("{at: 1, type: u32, bits: {32: charging}}", "bit 32 is not in a 32-bit word"),
        ("{at: 1, type: f32, bits: {0: charging}}", "bits are of u16 or u32, not f32"),
        (
            "{table: coil, at: 1, absent: [1], bits: {0: charging}}",
            "bit 0: counts from at, without type and absent",
        ),
        (
            "{quantity: cycle_count, at: 1, count_at: 5}",
            "count_at needs count, the most that it can tell",
        ),
    ],
)
def test_what_does_not_hold_together(field: str, told: str) -> None:
    with pytest.raises(ProfileError, match=told):
        profile(field)


def test_no_family_is_recognised_by_zeros_alone() -> None:
    for made in load_all():
        if made.protocol is Protocol.MODBUS:
            probes = made.identify.probes
            assert any(probe.matches or (probe.between or (0, 0))[0] > 0 for probe in probes), (
                f"{made.name} fits a device whose registers are all 0"
            )


def test_every_family_of_the_standard_tables_is_there() -> None:
    tables = {
        place.register.table
        for made in load_all()
        for row in made.fields
        for place in row.places
        if isinstance(place, Words)
    }
    assert tables == set(Table)
    assert load("seplos-v3").link.listen_only
