"""What a wrong field of a profile is told: file, field, what is wrong."""

import pytest

from tests.unit.profiles.writing import VOLTS, modbus, problems, snmp

WRONG_MODBUS = {
    "the unit must be the quantity's": (
        ["{quantity: battery_voltage, unit: mV, at: 5}"],
        "field battery_voltage at holding 5: unit must be 'V', the quantity's own, not 'mV'",
    ),
    "a unit left out": (
        ["{quantity: battery_voltage, at: 5}"],
        "field battery_voltage at holding 5: unit must be 'V', the quantity's own, not ''",
    ),
    "a unit where there is none": (
        ["{quantity: cycle_count, unit: cycles, at: 5}"],
        "field cycle_count at holding 5: unit must be '', the quantity's own, not 'cycles'",
    ),
    "an unknown quantity, nearly right": (
        ["{quantity: cell_volts, unit: V, at: 5}"],
        "field cell_volts at holding 5: is no quantity; did you mean cell_voltage?",
    ),
    "an unknown quantity, far off": (
        ["{quantity: zzz, unit: V, at: 5}"],
        "field zzz at holding 5: is no quantity",
    ),
    "an unknown quantity in a bit": (
        ["{at: 5, bits: {2: chargin}}"],
        "field chargin at holding 5 bit 2: is no quantity; did you mean charging?",
    ),
    "no quantity": (["{unit: V, at: 5}"], "fields.0 (bits): needs a quantity"),
    "no place": (
        ["{quantity: battery_voltage, unit: V}"],
        "fields.0 (battery_voltage): needs a place: at (a register), oid or column",
    ),
    "two places": (
        ["{quantity: battery_voltage, unit: V, at: 5, oid: 1.3.6}"],
        "fields.0 (battery_voltage): has two places: at and oid",
    ),
    "overlap of words": (
        [
            "{quantity: battery_voltage, unit: V, at: 4, type: u32}",
            "{quantity: battery_current, unit: A, at: 5, type: s16}",
        ],
        "field battery_current at holding 5: overlaps field battery_voltage at holding 4",
    ),
    "overlap of equal places": (
        [VOLTS, "{quantity: busbar_voltage, unit: V, at: 5}"],
        "field busbar_voltage at holding 5: overlaps field battery_voltage at holding 5",
    ),
    "overlap of a state and a number": (
        [VOLTS, "{quantity: battery_status, at: 5, values: {1: normal}}"],
        "field battery_status at holding 5: overlaps field battery_voltage at holding 5",
    ),
    "overlap of a bit and a number": (
        ["{at: 5, bits: {0: charging}}", "{quantity: cycle_count, at: 4, type: u32}"],
        "field cycle_count at holding 4: overlaps field charging at holding 5 bit 0",
    ),
    "one bit twice": (
        ["{at: 5, bits: {0: charging}}", "{at: 5, bits: {0: discharging}}"],
        "field discharging at holding 5 bit 0: overlaps field charging at holding 5 bit 0",
    ),
    "a quantity and index twice": (
        [VOLTS, "{quantity: battery_voltage, unit: V, at: 6}"],
        "field battery_voltage at holding 6: is also at holding 5; give one of them a rank",
    ),
    "a sentinel beyond the type": (
        ["{quantity: battery_current, unit: A, at: 5, type: s16, absent: [65535]}"],
        "field battery_current at holding 5: absent value 65535 does not fit s16",
    ),
    "a text for a sentinel of a number": (
        ["{quantity: battery_current, unit: A, at: 5, type: f32, absent: [none]}"],
        "field battery_current at holding 5: absent value none does not fit f32",
    ),
    "a number for a sentinel of a text": (
        ["{quantity: model, at: 5, type: text, words: 2, absent: [0]}"],
        "field model at holding 5: absent value 0 does not fit text",
    ),
    "a state that does not exist": (
        ["{quantity: battery_status, at: 5, values: {1: good}}"],
        (
            "field battery_status at holding 5: 'good' is no state of battery_status: "
            "unknown, normal, low, depleted, charging, discharging, floating, resting, "
            "fault, absent, off, test"
        ),
    ),
    "a state that YAML takes for false": (
        ["{quantity: battery_status, at: 5, values: {1: off}}"],
        (
            "field battery_status at holding 5: False is no state of battery_status: "
            "unknown, normal, low, depleted, charging, discharging, floating, resting, "
            "fault, absent, off, test"
        ),
    ),
    "a state without values": (
        ["{quantity: battery_status, at: 5}"],
        "field battery_status at holding 5: a state needs values, from raw to name",
    ),
    "a flag without values": (
        ["{quantity: charging, at: 5}"],
        "field charging at holding 5: a flag needs values (raw to true or false) or a bit",
    ),
    "a flag with names": (
        ["{quantity: charging, at: 5, values: {1: charging}}"],
        "field charging at holding 5: a flag's values are true or false",
    ),
    "values for a number": (
        ["{quantity: cycle_count, at: 5, values: {1: 'one'}}"],
        "field cycle_count at holding 5: only states and flags have values",
    ),
    "a bit beyond the word": (
        ["{at: 5, bits: {16: charging}}"],
        "fields.0 (bits): bit 16 is not in a 16-bit word",
    ),
    "a quantity beside bits": (
        ["{quantity: charging, at: 5, bits: {0: charging}}"],
        "fields.0 (charging): quantity has no meaning beside bits",
    ),
    "a key that registers do not heed": (
        ["{at: 5, bits: {0: charging}, scale: 2, absent: [0]}"],
        "fields.0 (bits): scale has no meaning beside bits",
    ),
    "bits of a number": (
        ["{at: 5, bits: {0: cycle_count}}"],
        "field cycle_count at holding 5 bit 0: only flags can be bits",
    ),
    "a text without words": (
        ["{quantity: model, at: 5, type: text}"],
        "fields.0 (model): type text needs words, its length in registers",
    ),
    "a number with the wrong words": (
        ["{quantity: cycle_count, at: 5, type: u32, words: 4}"],
        "fields.0 (cycle_count): type u32 has 2 words, not 4",
    ),
    "a number with its low byte first": (
        ["{quantity: cycle_count, at: 5, low_byte_first: true}"],
        "fields.0 (cycle_count): low_byte_first is for texts",
    ),
    "a coil of more than a bit": (
        ["{quantity: cycle_count, at: 5, table: coil, type: u32}"],
        "fields.0 (cycle_count): a coil holds one bit, not type u32",
    ),
    "a type of SNMP": (
        ["{quantity: seconds_on_battery, unit: s, at: 5, type: ticks}"],
        (
            "fields.0 (seconds_on_battery): type ticks does not go with this place; "
            "u16, s16, u32, s32, u64, s64, f32, text, sbs_date, bcd16, bcd32, bcd_date do"
        ),
    ),
    "a place of SNMP": (
        ["{quantity: battery_voltage, unit: V, oid: 1.3.6.1}"],
        "field battery_voltage at 1.3.6.1: is no place of protocol modbus",
    ),
    "repeats without a number in the index": (
        ["{quantity: cell_voltage, unit: V, index: cell, at: 5, count: 2}"],
        "fields.0 (cell_voltage): count needs an index with {n}",
    ),
    "repeats without an index": (
        ["{quantity: cell_voltage, unit: V, at: 5, count: 2}"],
        "fields.0 (cell_voltage): count needs an index with {n}",
    ),
    "a cell without an index": (
        ["{quantity: cell_voltage, unit: V, at: 5}"],
        "field cell_voltage at holding 5: needs an index: cell_voltage is one of several",
    ),
    "an alarm with blanks in its name": (
        ["{at: 5, bits: {0: alarm too hot}}"],
        "field alarm[too hot] at holding 5 bit 0: an alarm's name has no spaces",
    ),
    "a range upside down": (
        ["{quantity: battery_voltage, unit: V, at: 5, range: [60, 40]}"],
        "field battery_voltage at holding 5: range must rise from low to high",
    ),
    "a range beyond the quantity's": (
        ["{quantity: battery_voltage, unit: V, at: 5, range: [-1, 40]}"],
        "field battery_voltage at holding 5: range must lie within the quantity's own, 0 to 1500",
    ),
    "a range for a text": (
        ["{quantity: model, at: 5, type: text, words: 2, range: [0, 40]}"],
        "field model at holding 5: only numbers have a range, and model is a text",
    ),
    "scale 0": (
        ["{quantity: battery_voltage, unit: V, at: 5, scale: 0}"],
        "field battery_voltage at holding 5: scale 0 would make every value alike",
    ),
    "a text longer than a request": (
        ["{quantity: model, at: 5, type: text, words: 121}"],
        "field model at holding 5: is 121 words long, limits.max_words is 120",
    ),
    "beyond the last register": (
        ["{quantity: cycle_count, at: 65535, type: u32}"],
        "field cycle_count at holding 65535: ends beyond register 65535",
    ),
}


@pytest.mark.parametrize(("fields", "told"), WRONG_MODBUS.values(), ids=WRONG_MODBUS)
def test_a_wrong_modbus_field(fields: list[str], told: str) -> None:
    (line,) = problems(modbus(*fields))
    assert line.startswith(f"x.yaml: {told}")


WRONG_SNMP = {
    "a column without its row in the index": (
        ["{quantity: load, unit: ratio, index: phase, column: 1.3.6}"],
        "fields.0 (load): a column needs an index with {1}, the row's first index part",
    ),
    "a column without an index": (
        ["{quantity: load, unit: ratio, column: 1.3.6}"],
        "fields.0 (load): a column needs an index with {1}, the row's first index part",
    ),
    "a key that objects do not heed": (
        ["{quantity: battery_voltage, unit: V, oid: 1.3.6, words: 2}"],
        "fields.0 (battery_voltage): words has no meaning beside oid",
    ),
    "one object under two names": (
        [
            "{quantity: battery_voltage, unit: V, oid: 1.3.6}",
            "{quantity: busbar_voltage, unit: V, oid: 1.3.6}",
        ],
        "field busbar_voltage at 1.3.6: overlaps field battery_voltage at 1.3.6",
    ),
    "one object twice under one name": (
        [
            "{quantity: temperature, unit: degC, index: a, oid: 1.3.6}",
            "{quantity: temperature, unit: degC, index: b, oid: 1.3.6}",
        ],
        "field temperature[b] at 1.3.6: overlaps field temperature[a] at 1.3.6",
    ),
    "a text for a sentinel of a number": (
        ["{quantity: battery_voltage, unit: V, oid: 1.3.6, absent: [N/A]}"],
        "field battery_voltage at 1.3.6: absent value N/A does not fit number",
    ),
    "a place of Modbus": (
        [VOLTS],
        "field battery_voltage at holding 5: is no place of protocol snmp",
    ),
}


@pytest.mark.parametrize(("fields", "told"), WRONG_SNMP.values(), ids=WRONG_SNMP)
def test_a_wrong_snmp_field(fields: list[str], told: str) -> None:
    (line,) = problems(snmp(*fields))
    assert line.startswith(f"x.yaml: {told}")
