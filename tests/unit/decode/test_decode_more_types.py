"""Decimal digits in words, bits in octets, texts with a unit, dates with a month's name."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decode import varbinds, words
from agent.decode.measures import measure
from agent.model import Register, SnmpKind, SnmpValue, Table
from agent.profiles.schema import WORDS, ObjectType, Words, WordType


def digits(kind: WordType, *parts: int) -> object:
    where = Words(Register(Table.HOLDING, 7), WORDS[kind], kind)
    return words.raw_value(where, dict(zip(where.registers, parts, strict=True)))


def test_four_bits_a_digit() -> None:
    assert digits(WordType.BCD16, 0x1234) == 1234
    assert digits(WordType.BCD32, 0x0012, 0x3456) == 123456


@pytest.mark.parametrize("word", [0x123A, 0xF000, 0xFFFF])
def test_a_digit_above_9_is_none(word: int) -> None:
    with pytest.raises(ValueError, match="a digit above 9"):
        digits(WordType.BCD16, word)


def test_a_date_in_digits() -> None:
    unix_s = datetime(2024, 2, 29, tzinfo=UTC).timestamp()
    assert digits(WordType.BCD_DATE, 0x2024, 0x0229) == unix_s


@pytest.mark.parametrize("parts", [(0x2023, 0x0229), (0, 0), (0x2024, 0x1301)])
def test_a_day_that_is_none(parts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"year|month|day"):
        digits(WordType.BCD_DATE, *parts)


def bit(value: int | bytes | tuple[int, ...], number: int) -> object:
    kind = SnmpKind.INTEGER if isinstance(value, int) else SnmpKind.OCTETS
    return varbinds.raw_value(ObjectType.BITS, SnmpValue(kind, value), number)


@pytest.mark.parametrize(
    ("value", "number", "told"),
    [
        (0b0100, 2, 1),
        (0b0100, 1, 0),
        (b"\x80\x01", 0, 1),
        (b"\x80\x01", 15, 1),
        (b"\x80\x01", 7, 0),
        (b"01000000", 1, 1),
        (b"01000000", 0, 0),
        (b"01000000", 9, 0),
        (b"0100", 20, 1),
        (b"", 3, ""),
    ],
)
def test_bits(value: int | bytes, number: int, told: object) -> None:
    assert bit(value, number) == told


def test_an_object_identifier_has_no_bits() -> None:
    with pytest.raises(ValueError, match="object identifier"):
        bit((1, 3, 6), 0)


@pytest.mark.parametrize(
    ("text", "unit", "number", "result"),
    [
        ("13.6 V", "V", 13.6, 13.6),
        ("1200mV", "V", 1200.0, 1.2),
        ("-999.0", "degC", -999.0, None),
        ("77 F", "degC", 77.0, 25.0),
    ],
)
def test_a_number_with_its_unit(text: str, unit: str, number: float, result: float | None) -> None:
    value, conversion = measure(text, unit)
    assert value == number
    if result is None:
        assert conversion is None
    else:
        assert conversion is not None
        assert value * conversion.factor + conversion.offset == pytest.approx(result)


@pytest.mark.parametrize(("text", "told"), [("V 13", "no number"), ("13 A", "no unit of V")])
def test_what_is_no_such_measure(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        measure(text, "V")


@given(st.text(max_size=30))
def test_any_text_is_a_measure_or_a_value_error(text: str) -> None:
    try:
        number, _ = measure(text, "V")
    except ValueError:
        return
    assert isinstance(number, float)
