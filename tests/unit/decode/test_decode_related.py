"""Values that other values of the device steer: scale, unit, name, meaning."""

import pytest

from agent.decode.sample import decode
from agent.model import Fault, FaultReason, Oid, Raw, Reading, SnmpKind, SnmpValue
from agent.profiles.load import parse
from agent.profiles.schema import Profile

ROOT: Oid = (1, 3, 6, 1, 4, 1, 99)
HEAD = """\
name: x
title: A family
protocol: snmp
sources: [a data sheet]
fields:
"""


def profile(*fields: str) -> Profile:
    return parse(HEAD + "".join(f"  - {field}\n" for field in fields), "x.yaml")


def read(family: Profile, values: dict[Oid, int | str], refused: tuple[Oid, ...] = ()) -> Raw:
    assert family.fields
    varbinds = {
        (*ROOT, *oid): SnmpValue(SnmpKind.INTEGER, value)
        if isinstance(value, int)
        else SnmpValue(SnmpKind.OCTETS, value.encode())
        for oid, value in values.items()
    }
    return Raw(1.7e9, 5.0, 0.1, varbinds=varbinds, refused=frozenset(refused))


def seen(
    family: Profile, values: dict[Oid, int | str]
) -> dict[tuple[str, str | None], float | bool | str]:
    sample = decode("u", family.fields, read(family, values))
    return {(row.quantity, row.index): row.value for row in sample.readings}


CURRENT = profile(
    "{quantity: battery_current, unit: A, oid: 1.3.6.1.4.1.99.1.0, unit_from: "
    "{oid: 1.3.6.1.4.1.99.2.0, values: {0: A, 1: dA}}}"
)


@pytest.mark.parametrize(("setting", "current_a"), [(0, -18.0), (1, -1.8)])
def test_a_setting_of_the_device_tells_amperes_from_tenths(setting: int, current_a: float) -> None:
    got = seen(CURRENT, {(1, 0): -18, (2, 0): setting})
    assert got == {("battery_current", None): current_a}


def test_a_value_whose_unit_is_not_told_is_missing_from_where_it_is_told() -> None:
    sample = decode("u", CURRENT.fields, read(CURRENT, {(1, 0): -18}))
    assert (sample.readings, sample.faults) == (
        (),
        (Fault("battery_current", None, FaultReason.MISSING, "", "1.3.6.1.4.1.99.2.0"),),
    )


def test_fahrenheit_becomes_celsius() -> None:
    family = profile(
        "{quantity: temperature, unit: degC, index: battery, oid: 1.3.6.1.4.1.99.1.0, "
        "unit_from: {oid: 1.3.6.1.4.1.99.2.0, values: {0: degC, 1: degF}, missing: degC}}"
    )
    place = ("temperature", "battery")
    assert seen(family, {(1, 0): 77, (2, 0): 1}) == {place: 25.0}
    assert seen(family, {(1, 0): 25}) == {place: 25.0}


def test_one_object_is_ampere_hours_or_percent_as_the_device_is_set() -> None:
    unit = "unit_from: {oid: 1.3.6.1.4.1.99.2.0, values: {0: Ah, 1: '%'}}"
    family = profile(
        f"{{quantity: capacity_remaining, unit: Ah, oid: 1.3.6.1.4.1.99.1.0, {unit}}}",
        f"{{quantity: state_of_charge, unit: ratio, oid: 1.3.6.1.4.1.99.1.0, {unit}}}",
    )
    assert seen(family, {(1, 0): 87, (2, 0): 0}) == {("capacity_remaining", None): 87.0}
    assert seen(family, {(1, 0): 87, (2, 0): 1}) == {("state_of_charge", None): 0.87}


def test_a_row_has_its_own_power_of_ten_unit_and_name() -> None:
    family = profile(
        "{quantity: battery_voltage, unit: V, index: '{name}', column: 1.3.6.1.4.1.99.3, "
        "name_from: 1.3.6.1.4.1.99.2, scale_from: {column: 1.3.6.1.4.1.99.4}, "
        "unit_from: {column: 1.3.6.1.4.1.99.5, values: {3: V, 5: A}}}"
    )
    rows = {1: ("Bat 1", 5398, -2, 3), 2: ("Bat 2", 54, 0, 3), 3: ("I", 12, 0, 5), 4: ("", 5, 1, 3)}
    values: dict[Oid, int | str] = {}
    for row, (name, value, power, unit) in rows.items():
        values |= {(2, row): name, (3, row): value, (4, row): power, (5, row): unit}
    assert seen(family, values) == {
        ("battery_voltage", "Bat 1"): 53.98,
        ("battery_voltage", "Bat 2"): 54.0,
        ("battery_voltage", "4"): 50.0,
    }


def test_a_power_of_ten_beyond_reason_is_no_scale() -> None:
    family = profile(
        "{quantity: battery_voltage, unit: V, oid: 1.3.6.1.4.1.99.1.0, "
        "scale_from: {oid: 1.3.6.1.4.1.99.2.0}}"
    )
    assert seen(family, {(1, 0): 5, (2, 0): 2147483647}) == {}


def test_a_disabled_probe_is_left_out_without_a_fault() -> None:
    family = profile(
        "{quantity: temperature, unit: degC, index: 'b{1}', column: 1.3.6.1.4.1.99.6, "
        "when: [{column: 1.3.6.1.4.1.99.2, none_of: [4]}]}"
    )
    raw = read(family, {(6, 1): 18, (2, 1): 1, (6, 2): 127, (2, 2): 4, (6, 3): 20})
    sample = decode("u", family.fields, raw)
    assert [(row.index, row.value) for row in sample.readings] == [("b1", 18.0)]
    assert sample.faults == ()


def test_rows_are_chosen_by_their_label_whatever_their_number() -> None:
    family = profile(
        "{quantity: runtime_remaining, unit: s, index: '', column: 1.3.6.1.4.1.99.2, "
        "type: measure, when: [{column: 1.3.6.1.4.1.99.1, matches: ^battery time}], "
        "unit_from: {column: 1.3.6.1.4.1.99.3, missing: min}}"
    )
    label: dict[Oid, int | str] = {(1, 9, 7): "Battery Time Remaining", (2, 9, 7): "26"}
    place = ("runtime_remaining", None)
    assert seen(family, label | {(3, 9, 7): "sec"}) == {place: 26.0}
    assert seen(family, label | {(3, 9, 7): ""}) == {place: 1560.0}


def test_a_list_of_active_alarms_is_a_flag_for_each_alarm() -> None:
    family = profile(
        "{quantity: replace_battery, column: 1.3.6.1.4.1.99.2, type: oid, any_row: 1.3.6.1.9, "
        "when: [{oid: 1.3.6.1.4.1.99.1.0, none_of: [-1]}]}"
    )
    place = ("replace_battery", None)
    alarm = SnmpValue(SnmpKind.OID, (1, 3, 6, 1, 9))
    active = Raw(
        1.7e9,
        5.0,
        0.1,
        varbinds={
            (*ROOT, 1, 0): SnmpValue(SnmpKind.UNSIGNED, 1),
            (*ROOT, 2, 4711): alarm,
        },
    )
    (reading,) = decode("u", family.fields, active).readings
    assert reading == Reading(
        "replace_battery", None, value=True, read_at=5.0, source="1.3.6.1.4.1.99.2"
    )
    assert seen(family, {(1, 0): 0}) == {place: False}
    assert seen(family, {}) == {}


def test_a_list_that_is_refused_does_not_say_that_nothing_is_wrong() -> None:
    family = profile(
        "{quantity: replace_battery, column: 1.3.6.1.4.1.99.2, type: oid, any_row: 1.3.6.1.9, "
        "when: [{oid: 1.3.6.1.4.1.99.1.0, none_of: [-1]}]}"
    )
    told = decode("u", family.fields, read(family, {(1, 0): 2}, refused=((*ROOT, 2),)))
    assert told.readings == ()
    assert told.faults == (
        Fault("replace_battery", None, FaultReason.REFUSED, "", "1.3.6.1.4.1.99.2"),
    )


def test_cells_that_count_from_0_are_numbered_from_1_and_keep_their_gap() -> None:
    family = profile(
        "{quantity: cell_voltage, unit: V, index: '{1}', first: 1, column: 1.3.6.1.4.1.99.5.2, "
        "scale: 0.01}",
        "{quantity: cell_temperature, unit: degC, index: '{1}', first: 1, "
        "column: 1.3.6.1.4.1.99.5.3}",
    )
    got = seen(family, {(5, 2, 1): 1361, (5, 2, 3): 1370, (5, 3, 0): 24})
    assert got == {
        ("cell_voltage", "2"): 13.61,
        ("cell_voltage", "4"): 13.7,
        ("cell_temperature", "1"): 24.0,
    }


def test_a_state_keeps_the_wording_of_the_device() -> None:
    family = profile(
        "{quantity: output_source, oid: 1.3.6.1.4.1.99.1.0, "
        "values: {2: [normal, onLine], 3: other}}"
    )
    texts = [
        decode("u", family.fields, read(family, {(1, 0): raw})).readings[0].text for raw in (2, 3)
    ]
    assert texts == ["onLine", "3"]


@pytest.mark.parametrize(
    ("text", "bits"),
    [("\x04", [False, True]), ("\x00\x02", [True, False]), ("01100000", [True, True])],
)
def test_bits_of_octets_and_of_marks(text: str, bits: list[bool]) -> None:
    family = profile(
        "{quantity: end_of_life, oid: 1.3.6.1.4.1.99.1.0, type: bits, bit: 1}",
        "{quantity: replace_battery, oid: 1.3.6.1.4.1.99.1.0, type: bits, bit: 2}",
    )
    assert list(seen(family, {(1, 0): text}).values()) == bits


@pytest.mark.parametrize(("told", "applies"), [(2, False), (3, True), (4, True)])
def test_a_condition_of_at_least_holds_from_that_value_on(told: int, *, applies: bool) -> None:
    family = profile(
        "{quantity: battery_voltage, unit: V, oid: 1.3.6.1.4.1.99.1.0, "
        "when: [{oid: 1.3.6.1.4.1.99.2.0, at_least: 3}]}"
    )
    assert bool(seen(family, {(1, 0): 48, (2, 0): told})) is applies
