import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decode.varbinds import raw_value
from agent.model import SnmpKind, SnmpValue
from agent.profiles.schema import ObjectType

NUMBER, TICKS, TEXT = ObjectType.NUMBER, ObjectType.TICKS, ObjectType.TEXT
MDY, YMD = ObjectType.DATE_MDY, ObjectType.DATE_YMD


def octets(text: str | bytes) -> SnmpValue:
    return SnmpValue(SnmpKind.OCTETS, text.encode() if isinstance(text, str) else text)


def unix_s(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "kind", [SnmpKind.INTEGER, SnmpKind.UNSIGNED, SnmpKind.COUNTER, SnmpKind.TICKS]
)
def test_an_integer_of_any_kind_is_a_number(kind: SnmpKind) -> None:
    assert raw_value(NUMBER, SnmpValue(kind, 4711)) == 4711


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("-7", -7),
        ("+7", 7),
        (" 13 \0garbage", 13),
        ("54.6", 54.6),
        ("54.", 54.0),
        (".5", 0.5),
        ("0", 0),
        ("", ""),
        ("  ", ""),
    ],
)
def test_a_text_that_holds_one_number(text: str, value: object) -> None:
    assert raw_value(NUMBER, octets(text)) == value


@pytest.mark.parametrize(
    "text",
    ["N/A", "54.6 V", "1e3", "nan", "inf", "0x10", "1,5", "--1", "1_000", "9" * 19, "\u0663"],
)
def test_a_text_that_holds_none(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        raw_value(NUMBER, octets(text))


@pytest.mark.parametrize("kind", [SnmpKind.OPAQUE, SnmpKind.OCTETS])
def test_floats_in_opaque(kind: SnmpKind) -> None:
    single = b"\x9f\x78\x04" + struct.pack(">f", 27.25)
    double = b"\x9f\x79\x08" + struct.pack(">d", -1234.5678)
    assert [raw_value(NUMBER, SnmpValue(kind, value)) for value in (single, double)] == [
        27.25,
        -1234.5678,
    ]


def test_an_opaque_float_cut_short_is_no_number() -> None:
    with pytest.raises(ValueError, match="no number"):
        raw_value(NUMBER, SnmpValue(SnmpKind.OPAQUE, b"\x9f\x78\x04\x41\xda\x00"))


def test_ticks_stay_hundredths_so_that_sentinels_compare() -> None:
    assert raw_value(TICKS, SnmpValue(SnmpKind.TICKS, 4_294_967_295)) == 4_294_967_295


@pytest.mark.parametrize("value", [2**64 + 1, -(2**64) - 1, 10**400])
def test_an_integer_that_no_snmp_type_holds(value: int) -> None:
    with pytest.raises(ValueError, match="no SNMP number"):
        raw_value(NUMBER, SnmpValue(SnmpKind.INTEGER, value))


def test_an_object_identifier_is_no_number() -> None:
    with pytest.raises(ValueError, match="object identifier"):
        raw_value(NUMBER, SnmpValue(SnmpKind.OID, (1, 3, 6)))


@pytest.mark.parametrize("kind", [*ObjectType])
@pytest.mark.parametrize("value", [0, b""])
def test_null_is_not_zero(kind: ObjectType, value: int | bytes) -> None:
    with pytest.raises(ValueError, match="no value"):
        raw_value(kind, SnmpValue(SnmpKind.NULL, value))


@pytest.mark.parametrize(
    ("varbind", "text"),
    [
        (octets("Smart-UPS 1500"), "Smart-UPS 1500"),
        (octets("  padded \0\0\0"), "padded"),
        (octets("Symmetra\r\n"), "Symmetra"),
        (octets("Grün".encode("latin-1")), "Gr\ufffdn"),
        (octets("Grün"), "Grün"),
        (octets("\u202egnp.exe"), "gnp.exe"),
        (octets("x" * 1000), "x" * 255),
        (octets(b""), ""),
        (SnmpValue(SnmpKind.INTEGER, 7), "7"),
        (SnmpValue(SnmpKind.OID, (1, 3, 6, 1)), "1.3.6.1"),
        (SnmpValue(SnmpKind.ADDRESS, b"\x0a\x01\x03\x14"), "10.1.3.20"),
    ],
)
def test_texts(varbind: SnmpValue, text: str) -> None:
    assert raw_value(TEXT, varbind) == text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (MDY, "09/23/2019", unix_s(2019, 9, 23)),
        (MDY, "9/3/2019", unix_s(2019, 9, 3)),
        (MDY, "09/23/19", unix_s(2019, 9, 23)),
        (MDY, "09/23/69", unix_s(2069, 9, 23)),
        (MDY, "09/23/70", unix_s(1970, 9, 23)),
        (MDY, "09-23-2019", unix_s(2019, 9, 23)),
        (MDY, "09.23.2019 14:02", unix_s(2019, 9, 23)),
        (MDY, "", ""),
        (YMD, "2019-09-23", unix_s(2019, 9, 23)),
        (YMD, "2019/9/3", unix_s(2019, 9, 3)),
        (YMD, "2024-02-29T10:00:00Z", unix_s(2024, 2, 29)),
        (YMD, "", ""),
    ],
)
def test_dates(kind: ObjectType, text: str, value: object) -> None:
    assert raw_value(kind, octets(text)) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (MDY, "Unknown"),
        (MDY, "09/23"),
        (MDY, "13/13/2019"),
        (MDY, "02/29/2019"),
        (MDY, "09/23/201"),
        (MDY, "09/23/20191"),
        (MDY, "\u0660\u0669/23/2019"),
        (YMD, "09/23/2019"),
        (YMD, "2019-09-00"),
        (YMD, "2019-09-231"),
        (YMD, "0000-01-01"),
    ],
)
def test_what_is_no_date(kind: ObjectType, text: str) -> None:
    with pytest.raises(ValueError, match=r"no date|month|day|year"):
        raw_value(kind, octets(text))


HOSTILE = st.builds(
    SnmpValue,
    st.sampled_from(SnmpKind),
    st.integers() | st.binary(max_size=300) | st.lists(st.integers(0), max_size=8).map(tuple),
)


@given(st.sampled_from(ObjectType), HOSTILE)
def test_whatever_comes_is_a_value_or_a_value_error(kind: ObjectType, varbind: SnmpValue) -> None:
    try:
        value = raw_value(kind, varbind)
    except ValueError:
        return
    assert isinstance(value, int | float | str)
    if isinstance(value, str):
        assert value.isprintable()
        assert len(value) <= 255
