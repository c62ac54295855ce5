import struct
from dataclasses import replace

import pytest

from agent.decode.sample import decode
from agent.model import (
    Fault,
    FaultReason,
    Oid,
    Raw,
    Reading,
    Register,
    Sample,
    SnmpKind,
    SnmpValue,
    Table,
)
from agent.profiles.schema import Field, Object, ObjectType, Words, WordType

WALL_S, MONO_S = 1.7e9, 50.0
EMPTY = Raw(wall_s=WALL_S, mono_s=MONO_S, duration_s=0.1)
BASE: Oid = (1, 3, 6, 1, 4, 1, 99)
VOLTS = Field("battery_voltage", Words(Register(Table.HOLDING, 96), 1, WordType.U16), scale=0.001)
REFUSED, MISSING = FaultReason.REFUSED, FaultReason.MISSING
SENTINEL, IMPLAUSIBLE = FaultReason.SENTINEL, FaultReason.IMPLAUSIBLE
UNDECODABLE = FaultReason.UNDECODABLE


def holding(address: int, kind: WordType = WordType.U16, count: int = 1) -> Words:
    return Words(Register(Table.HOLDING, address), count, kind)


def words(first: int, *values: int, refused: tuple[int, ...] = ()) -> Raw:
    return replace(
        EMPTY,
        words={Register(Table.HOLDING, first + n): value for n, value in enumerate(values)},
        refused=frozenset(Register(Table.HOLDING, address) for address in refused),
    )


def cells(count: int, first: int = 109) -> list[Field]:
    return [
        Field(
            "cell_voltage",
            holding(first + n),
            index=str(n + 1),
            scale=0.001,
            absent=frozenset({65535}),
            lowest=0,
            highest=5,
        )
        for n in range(count)
    ]


def integer(value: int) -> SnmpValue:
    return SnmpValue(SnmpKind.INTEGER, value)


def varbinds(values: dict[Oid, SnmpValue], refused: tuple[Oid, ...] = ()) -> Raw:
    return replace(EMPTY, varbinds=values, refused=frozenset(refused))


def one(field: Field, raw: Raw) -> Reading | Fault:
    sample = decode("u", [field], raw)
    results: list[Reading | Fault] = [*sample.readings, *sample.faults]
    (result,) = results
    return result


def test_a_pass_becomes_one_sample() -> None:
    fields = [VOLTS, *cells(4)]
    raw = words(109, 3981, 0, 65535, 6000)
    assert decode("r1-3", fields, raw) == Sample(
        unit="r1-3",
        wall_s=WALL_S,
        mono_s=MONO_S,
        readings=(
            Reading("cell_voltage", "1", 3.981, MONO_S, "holding 109"),
            Reading("cell_voltage", "2", 0.0, MONO_S, "holding 110"),
        ),
        faults=(
            Fault("battery_voltage", None, MISSING, "", "holding 96"),
            Fault("cell_voltage", "3", SENTINEL, "65535", "holding 111"),
            Fault("cell_voltage", "4", IMPLAUSIBLE, "6000", "holding 112"),
        ),
    )


def test_a_cell_at_0_volts_is_a_reading_and_its_neighbours_keep_their_numbers() -> None:
    sample = decode("u", cells(4), words(109, 3415, 0, 3419, 3422))
    assert [(row.index, row.value) for row in sample.readings] == [
        ("1", 3.415),
        ("2", 0.0),
        ("3", 3.419),
        ("4", 3.422),
    ]


def test_a_refused_register_is_not_a_missing_one() -> None:
    sample = decode("u", cells(3), words(109, 3981, refused=(110,)))
    assert [(fault.index, fault.reason) for fault in sample.faults] == [
        ("2", REFUSED),
        ("3", MISSING),
    ]


def test_one_refused_word_refuses_the_whole_value() -> None:
    field = Field("discharge_throughput", holding(256, WordType.U32, 2))
    assert one(field, words(256, 1, refused=(257,))) == Fault(
        "discharge_throughput", None, REFUSED, "", "holding 256"
    )


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        pytest.param(
            100, Fault("temperature", "x", SENTINEL, "100", "holding 5"), id="raw 100 is absent"
        ),
        pytest.param(1000, Reading("temperature", "x", 100.0, MONO_S, "holding 5"), id="100 degC"),
        pytest.param(
            1001, Fault("temperature", "x", IMPLAUSIBLE, "1001", "holding 5"), id="100.1 degC"
        ),
    ],
)
def test_sentinels_before_scaling_and_ranges_after(raw: int, result: Reading | Fault) -> None:
    field = Field(
        "temperature",
        holding(5),
        index="x",
        scale=0.1,
        absent=frozenset({100}),
        lowest=-40,
        highest=100,
    )
    assert one(field, words(5, raw)) == result


def test_offset_after_scale_without_binary_dust() -> None:
    field = Field("temperature", holding(5), index="x", scale=0.1, offset=-273.15)
    assert one(field, words(5, 2982)) == Reading("temperature", "x", 25.05, MONO_S, "holding 5")


@pytest.mark.parametrize(("low", "high"), [(0x7FC0, 1), (0x7F80, 0), (0xFF80, 0)])
def test_not_a_number_and_infinity_are_implausible(low: int, high: int) -> None:
    result = one(Field("battery_power", holding(5, WordType.F32, 2)), words(5, low, high))
    assert isinstance(result, Fault)
    assert result.reason is IMPLAUSIBLE


def test_a_date_that_is_none_shows_the_word() -> None:
    field = Field("battery_install_date", holding(5, WordType.SBS_DATE))
    result = one(field, words(5, 0x0001))
    assert isinstance(result, Fault)
    assert (result.reason, result.raw[:4]) == (UNDECODABLE, "0001")


@pytest.mark.parametrize("unix_s", [0, 946684800, 978307200])
def test_the_date_of_a_clock_that_nobody_has_set_is_absent(unix_s: int) -> None:
    field = Field("self_test_time", holding(298, WordType.U32, 2))
    high, low = divmod(unix_s, 65536)
    result = one(field, words(298, high, low))
    assert result == Fault("self_test_time", None, SENTINEL, str(unix_s), "holding 298")


def test_a_moment_is_unix_seconds() -> None:
    field = Field("self_test_time", holding(298, WordType.U32, 2))
    high, low = divmod(1_700_000_001, 65536)
    assert one(field, words(298, high, low)) == Reading(
        "self_test_time", None, 1_700_000_001.0, MONO_S, "holding 298"
    )


def test_a_bit_is_a_flag() -> None:
    where = Words(Register(Table.HOLDING, 107), 1, WordType.U16, bit=1)
    flags = [one(Field("discharging", where), words(107, raw)) for raw in (0b101, 0b010)]
    assert flags == [
        Reading("discharging", None, value, MONO_S, "holding 107 bit 1") for value in (False, True)
    ]


def test_a_text_and_an_empty_one() -> None:
    field = Field("model", holding(8, WordType.TEXT, 2), absent=frozenset({"N/A"}))
    got = [one(field, words(8, *pair)) for pair in ((0x4142, 0x4300), (0, 0), (0x4E2F, 0x4100))]
    assert got == [
        Reading("model", None, "ABC", MONO_S, "holding 8"),
        Fault("model", None, SENTINEL, "", "holding 8"),
        Fault("model", None, SENTINEL, "N/A", "holding 8"),
    ]


def test_a_number_may_be_a_text() -> None:
    field = Field("serial_number", holding(8, WordType.U32, 2))
    assert one(field, words(8, 1, 2)) == Reading(
        "serial_number", None, "65538", MONO_S, "holding 8"
    )


STATE = Field(
    "battery_status",
    Object((*BASE, 1, 0)),
    states=((1, "unknown"), (2, "normal"), (0, "fault")),
)


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        pytest.param(
            integer(2),
            Reading("battery_status", None, "normal", MONO_S, "1.3.6.1.4.1.99.1.0", "2"),
            id="known, with the device's own number kept",
        ),
        pytest.param(
            integer(0),
            Reading("battery_status", None, "fault", MONO_S, "1.3.6.1.4.1.99.1.0", "0"),
            id="0 is a state like any other",
        ),
        pytest.param(
            integer(9),
            Fault("battery_status", None, UNDECODABLE, "9", "1.3.6.1.4.1.99.1.0"),
            id="unknown raw",
        ),
        pytest.param(
            SnmpValue(SnmpKind.OCTETS, b"2"),
            Reading("battery_status", None, "normal", MONO_S, "1.3.6.1.4.1.99.1.0", "2"),
            id="as text",
        ),
        pytest.param(
            SnmpValue(SnmpKind.OPAQUE, b"\x9f\x78\x04" + struct.pack(">f", 2.0)),
            Fault("battery_status", None, UNDECODABLE, "2.0", "1.3.6.1.4.1.99.1.0"),
            id="a float is no state",
        ),
    ],
)
def test_states(raw: SnmpValue, result: Reading | Fault) -> None:
    assert one(STATE, varbinds({(*BASE, 1, 0): raw})) == result


def test_a_false_flag_by_value_is_a_reading() -> None:
    field = Field("replace_battery", Object((*BASE, 2)), states=((1, False), (2, True)))
    assert one(field, varbinds({(*BASE, 2): integer(1)})) == Reading(
        "replace_battery", None, value=False, read_at=MONO_S, source="1.3.6.1.4.1.99.2", text="1"
    )


def test_ticks_are_seconds_and_their_sentinel_is_in_ticks() -> None:
    field = Field(
        "runtime_remaining", Object((*BASE, 3), ObjectType.TICKS), absent=frozenset({4294967295})
    )
    got = [one(field, varbinds({(*BASE, 3): integer(raw)})) for raw in (72050, 4294967295)]
    assert got == [
        Reading("runtime_remaining", None, 720.5, MONO_S, "1.3.6.1.4.1.99.3"),
        Fault("runtime_remaining", None, SENTINEL, "4294967295", "1.3.6.1.4.1.99.3"),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (ObjectType.NUMBER, b"", SENTINEL),
        (ObjectType.NUMBER, b"N/A", UNDECODABLE),
        (ObjectType.DATE_MDY, b"", SENTINEL),
        (ObjectType.TEXT, b"twelve", UNDECODABLE),
    ],
)
def test_octets_where_a_number_belongs(kind: ObjectType, text: bytes, reason: FaultReason) -> None:
    field = Field("battery_install_date", Object((*BASE, 4), kind))
    result = one(field, varbinds({(*BASE, 4): SnmpValue(SnmpKind.OCTETS, text)}))
    assert isinstance(result, Fault)
    assert result.reason is reason


def test_a_huge_answer_is_not_repeated_whole() -> None:
    field = Field("battery_voltage", Object((*BASE, 4)))
    result = one(field, varbinds({(*BASE, 4): SnmpValue(SnmpKind.OCTETS, b"\xff" * 60000)}))
    assert isinstance(result, Fault)
    assert len(result.raw) < 120


def test_an_object_is_refused_or_missing() -> None:
    refused = one(STATE, varbinds({}, refused=((*BASE, 1, 0),)))
    missing = one(STATE, varbinds({}))
    assert [refused, missing] == [
        Fault("battery_status", None, reason, "", "1.3.6.1.4.1.99.1.0")
        for reason in (REFUSED, MISSING)
    ]


def column(index: str) -> Field:
    return Field("load", Object((*BASE, 7), column=True), index=index, scale=0.01)


def test_a_column_gives_a_reading_for_each_row() -> None:
    rows = {
        (*BASE, 7, 2): integer(40),
        (*BASE, 7, 1): integer(31),
        (*BASE, 77, 3): integer(90),
        (*BASE, 7): integer(90),
    }
    assert decode("u", [column("phase:{1}")], varbinds(rows)) == Sample(
        "u",
        WALL_S,
        MONO_S,
        (
            Reading("load", "phase:1", 0.31, MONO_S, "1.3.6.1.4.1.99.7.1"),
            Reading("load", "phase:2", 0.4, MONO_S, "1.3.6.1.4.1.99.7.2"),
        ),
    )


def test_a_column_with_two_index_parts() -> None:
    rows = {(*BASE, 7, 3, 12): integer(50), (*BASE, 7, 12, 3): integer(60)}
    sample = decode("u", [column("module:{1}/{2}")], varbinds(rows))
    assert [(row.index, row.value) for row in sample.readings] == [
        ("module:3/12", 0.5),
        ("module:12/3", 0.6),
    ]


@pytest.mark.parametrize(("refused", "reason"), [(((*BASE, 7),), REFUSED), ((), MISSING)])
def test_a_column_without_rows_says_so_once(refused: tuple[Oid, ...], reason: FaultReason) -> None:
    assert one(column("phase:{1}"), varbinds({}, refused)) == Fault(
        "load", None, reason, "", "1.3.6.1.4.1.99.7"
    )


def test_a_table_without_end_is_cut() -> None:
    rows = {(*BASE, 7, n): integer(1) for n in range(5000)}
    assert len(decode("u", [column("phase:{1}")], varbinds(rows)).readings) == 1000


COARSE = replace(VOLTS, where=holding(8), rank=1)
FINE = replace(VOLTS, where=holding(96), absent=frozenset({0}))


@pytest.mark.parametrize("fields", [(FINE, COARSE), (COARSE, FINE)], ids=["in order", "reversed"])
@pytest.mark.parametrize(
    ("raw", "sources", "reasons"),
    [
        pytest.param({8: 54000, 96: 54321}, ["holding 96"], [], id="the lowest rank wins"),
        pytest.param({8: 54000, 96: 0}, ["holding 8"], [], id="its fault gives way to a value"),
        pytest.param({8: 54000}, ["holding 8"], [], id="so does its absence"),
        pytest.param({96: 0}, [], [SENTINEL], id="of two faults its own is shown"),
    ],
)
def test_ranks(
    fields: tuple[Field, ...], raw: dict[int, int], sources: list[str], reasons: list[FaultReason]
) -> None:
    held = {Register(Table.HOLDING, address): value for address, value in raw.items()}
    sample = decode("u", fields, replace(EMPTY, words=held))
    assert [row.source for row in sample.readings] == sources
    assert [fault.reason for fault in sample.faults] == reasons


def test_series_drops_the_slots_that_hold_no_cell() -> None:
    named = Field("cell_temperature", holding(50), index="hottest")
    fields = [VOLTS, *cells(4), replace(VOLTS, quantity="busbar_voltage", index="9"), named]
    sample = decode("u", fields, words(109, 3981, 3982, 65535, 7), series=2)
    assert [row.index for row in sample.readings] == ["1", "2"]
    assert [(fault.quantity, fault.index) for fault in sample.faults] == [
        ("battery_voltage", None),
        ("busbar_voltage", "9"),
        ("cell_temperature", "hottest"),
    ]


SOURCE = Field(
    "output_source",
    Object((*BASE, 5)),
    states=((1, "other"), (2, "none"), (3, "normal"), (5, "battery")),
)
RESULT = Field("self_test_result", Object((*BASE, 6)), states=((1, "passed"), (5, "running")))


@pytest.mark.parametrize(("raw", "flags"), [(5, [True]), (3, [False]), (1, []), (2, [])])
def test_on_battery_follows_from_the_output_source(raw: int, flags: list[bool]) -> None:
    sample = decode("u", [SOURCE], varbinds({(*BASE, 5): integer(raw)}))
    assert list(sample.readings[1:]) == [
        Reading("on_battery", None, flag, MONO_S, "derived from 1.3.6.1.4.1.99.5") for flag in flags
    ]


@pytest.mark.parametrize(("raw", "running"), [(1, False), (5, True)])
def test_a_running_test_follows_from_its_result(raw: int, running: bool) -> None:  # noqa: FBT001 - a parameter of the case
    sample = decode("u", [RESULT], varbinds({(*BASE, 6): integer(raw)}))
    assert sample.readings[1:] == (
        Reading("self_test_running", None, running, MONO_S, "derived from 1.3.6.1.4.1.99.6"),
    )


def test_what_the_device_says_itself_is_not_derived() -> None:
    own = Field("on_battery", Object((*BASE, 8)), states=((0, False), (1, True)))
    raw = varbinds({(*BASE, 5): integer(5), (*BASE, 8): integer(0)})
    sample = decode("u", [SOURCE, own], raw)
    assert [(row.quantity, row.value) for row in sample.readings] == [
        ("output_source", "battery"),
        ("on_battery", False),
    ]
