"""What a wrong profile file is told: file, field, what is wrong."""

from textwrap import indent

import pytest

from agent.errors import ProfileError
from agent.model import Battery, Register, Table
from agent.profiles.load import load, names, parse
from agent.profiles.schema import (
    Cadence,
    Field,
    Identify,
    Limits,
    Link,
    Object,
    ObjectType,
    Probe,
    Profile,
    Protocol,
    Words,
    WordType,
)
from agent.targets import Parity

HEAD = """\
name: x
title: A family
protocol: {protocol}
sources: [a data sheet]
"""
VOLTS = "{quantity: battery_voltage, unit: V, at: 5}"


def modbus(*fields: str, more: str = "") -> str:
    return HEAD.format(protocol="modbus") + more + "fields:\n" + listed(fields)


def snmp(*fields: str, more: str = "") -> str:
    return HEAD.format(protocol="snmp") + more + "fields:\n" + listed(fields)


def listed(fields: tuple[str, ...]) -> str:
    return "".join(f"  -\n{indent(field, '    ')}\n" for field in fields)


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        parse(text, "x.yaml")
    return str(caught.value).splitlines()


def test_a_whole_modbus_profile() -> None:
    text = modbus(
        "{quantity: model, at: 0, type: text, words: 8, low_byte_first: true, every: once}",
        "{quantity: cell_voltage, unit: V, index: 'c{n}', at: 20, count: 2, first: 0, step: 3, "
        "type: u32, low_word_first: true, scale: 0.001, offset: 1, absent: [65535], "
        "range: [0, 5], rank: 2, unconfirmed: guessed}",
        "{at: 40, table: input, bits: {3: charging, 0: alarm hot}, every: slow}",
        more="unconfirmed: [the scale]\n"
        "identify: {order: 7, probes: [{at: 0, type: text, words: 2, matches: acme}, {at: 9}]}\n"
        "link: {baudrate: 9600, parity: odd, unit_ids: [1, 5-6]}\n"
        "limits: {max_words: 100, max_gap: 3}\n"
        "battery: {chemistry: LFP, series: 2, cell_cutoff_v: 2.5}\n",
    )
    cell = Field(
        quantity="cell_voltage",
        where=Words(Register(Table.HOLDING, 20), 2, WordType.U32, low_word_first=True),
        index="c0",
        scale=0.001,
        offset=1.0,
        absent=frozenset({65535}),
        lowest=0.0,
        highest=5.0,
        rank=2,
        unconfirmed="guessed",
    )
    second = Words(Register(Table.HOLDING, 23), 2, WordType.U32, low_word_first=True)
    word = Register(Table.INPUT, 40)
    profile = parse(text, "x.yaml")
    (probe, second_probe) = profile.identify.probes
    assert probe.matches is not None
    assert probe.matches.search("ACME Ltd")
    assert profile == Profile(
        name="x",
        title="A family",
        protocol=Protocol.MODBUS,
        fields=(
            Field(
                "model",
                Words(Register(Table.HOLDING, 0), 8, WordType.TEXT, low_byte_first=True),
                cadence=Cadence.ONCE,
            ),
            cell,
            Field(
                quantity="cell_voltage",
                where=second,
                index="c1",
                scale=0.001,
                offset=1.0,
                absent=frozenset({65535}),
                lowest=0.0,
                highest=5.0,
                rank=2,
                unconfirmed="guessed",
            ),
            Field("alarm", Words(word, 1, WordType.U16, bit=0), index="hot", cadence=Cadence.SLOW),
            Field("charging", Words(word, 1, WordType.U16, bit=3), cadence=Cadence.SLOW),
        ),
        identify=Identify((probe, second_probe), order=7),
        link=Link(9600, Parity.ODD, (1, 5, 6)),
        limits=Limits(100, 3),
        battery=Battery(chemistry=profile.battery.chemistry, series=2, cell_cutoff_v=2.5),
        sources=("a data sheet",),
        unconfirmed=("the scale",),
    )
    assert second_probe == Probe(Words(Register(Table.HOLDING, 9), 1, WordType.U16))
    assert profile.battery.chemistry == "LFP"


def test_a_whole_snmp_profile() -> None:
    text = snmp(
        "{quantity: battery_status, oid: 1.3.6.1.9.1.0, values: {1: normal, 2: low}}",
        "{quantity: replace_battery, oid: 1.3.6.1.9.1.0, values: {1: false, 2: true}}",
        "{quantity: load, unit: ratio, index: 'phase:{1}', column: 1.3.6.1.9.2, scale: 0.01}",
        "{quantity: model, oid: 1.3.6.1.9.3.0, type: text, absent: [N/A]}",
        "{quantity: runtime_remaining, unit: s, oid: 1.3.6.1.9.4.0, type: ticks, absent: [-1]}",
        more="identify: {sys_object_id: [1.3.6.1.9], sys_descr: ups, "
        "probes: [{oid: 1.3.6.1.9.1.0, type: number}, {oid: 1.3.6.1.9.3.0}]}\n",
    )
    profile = parse(text, "x.yaml")
    assert profile.identify.sys_descr is not None
    assert profile.identify.sys_descr.search("an UPS")
    assert profile == Profile(
        name="x",
        title="A family",
        protocol=Protocol.SNMP,
        fields=(
            Field(
                "battery_status",
                Object((1, 3, 6, 1, 9, 1, 0)),
                states=((1, "normal"), (2, "low")),
            ),
            Field("replace_battery", Object((1, 3, 6, 1, 9, 1, 0)), states=((1, False), (2, True))),
            Field("load", Object((1, 3, 6, 1, 9, 2), column=True), index="phase:{1}", scale=0.01),
            Field(
                "model",
                Object((1, 3, 6, 1, 9, 3, 0), ObjectType.TEXT),
                absent=frozenset({"N/A"}),
            ),
            Field(
                "runtime_remaining",
                Object((1, 3, 6, 1, 9, 4, 0), ObjectType.TICKS),
                absent=frozenset({-1}),
            ),
        ),
        identify=Identify(
            probes=(
                Probe(Object((1, 3, 6, 1, 9, 1, 0))),
                Probe(Object((1, 3, 6, 1, 9, 3, 0), ObjectType.TEXT)),
            ),
            sys_object_ids=((1, 3, 6, 1, 9),),
            sys_descr=profile.identify.sys_descr,
        ),
        sources=("a data sheet",),
    )


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


WRONG_HEADS = {
    "a probe without a place": (
        "identify: {probes: [{matches: x}]}",
        "identify.probes.0: a probe needs at or oid, one of them",
    ),
    "a probe with two places": (
        "identify: {probes: [{at: 1, oid: 1.3.6}]}",
        "identify.probes.0: a probe needs at or oid, one of them",
    ),
    "a probe of the other protocol": (
        "identify: {probes: [{at: 1}, {oid: 1.3.6}]}",
        "identify.probes.1: is no place of protocol modbus",
    ),
    "a probe of a text without words": (
        "identify: {probes: [{at: 1, type: text}]}",
        "identify.probes.0: type text needs words, its length in registers",
    ),
    "a probe with a broken pattern": (
        "identify: {probes: [{at: 1, matches: '('}]}",
        "identify.probes.0: missing ), unterminated subpattern at position 0",
    ),
    "a broken pattern for sysDescr": (
        "identify: {sys_descr: '('}",
        "identify.sys_descr: missing ), unterminated subpattern at position 0",
    ),
    "a unit id that is no number": (
        "link: {unit_ids: [a-b]}",
        "link.unit_ids: 'a-b' is neither a number nor a range 48-53",
    ),
    "unit ids without an end": (
        "link: {unit_ids: [48-]}",
        "link.unit_ids: '48-' is neither a number nor a range 48-53",
    ),
    "unit ids upside down": (
        "link: {unit_ids: [53-48]}",
        "link.unit_ids: '53-48' does not rise within 0 to 247",
    ),
    "a unit id beyond the last": (
        "link: {unit_ids: [248]}",
        "link.unit_ids: 248 does not rise within 0 to 247",
    ),
}


@pytest.mark.parametrize(("head", "told"), WRONG_HEADS.values(), ids=WRONG_HEADS)
def test_a_wrong_head(head: str, told: str) -> None:
    (line,) = problems(modbus(VOLTS, more=head + "\n"))
    assert line.startswith(f"x.yaml: {told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("- a\n- b\n", "must be a mapping of keys to values", id="a list"),
        pytest.param("", "must be a mapping of keys to values", id="nothing"),
        pytest.param("name: [", "while parsing a flow node", id="cut short"),
        pytest.param("name: !!python/name:os.system x\n", "could not determine", id="a tag"),
        pytest.param("name: !unit V\n", "could not determine a constructor", id="an own tag"),
        pytest.param("name: a\nname: b\n", "key name is given twice", id="a key twice"),
        pytest.param("name: 2024-13-45\n", "month must be in 1..12", id="a date that is none"),
        pytest.param("name: &a [*a]\n", "recursive", id="an alias of itself"),
        pytest.param("name: *a\n", "undefined alias", id="an alias of nothing"),
        pytest.param("name: \x07\n", "control characters", id="a control character"),
        pytest.param("{[]: 1}\n", "unhashable key", id="a key that is a list"),
    ],
)
def test_no_yaml_for_a_profile(text: str, told: str) -> None:
    message = "\n".join(problems(text))
    assert message.startswith("x.yaml: ")
    assert told in message


def test_an_alias_repeats_what_it_names() -> None:
    text = modbus("{at: 5, bits: &b {0: alarm a}}", "{at: 6, bits: *b}")
    assert problems(text) == [
        (
            "x.yaml: field alarm[a] at holding 6 bit 0: is also at holding 5 bit 0; "
            "give one of them a rank"
        )
    ]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("{quantity: model, at: 5, wrods: 2}", "fields.0.wrods: Extra inputs are not permitted"),
        (
            "{quantity: Model, at: 5}",
            "fields.0.quantity: String should match pattern '^[a-z][a-z0-9_]*$'",
        ),
        ("{quantity: model, at: -1}", "fields.0.at: Input should be greater than or equal to 0"),
        ("{quantity: load, at: 5, scale: .nan}", "fields.0.scale: Input should be a finite number"),
        (
            "{at: 5, bits: {on: charging}}",
            "fields.0.bits.1.[key]: Input should be a valid integer",
        ),
        (
            "{quantity: load, oid: 1.3.}",
            "fields.0.oid: String should match pattern '^\\d+(\\.\\d+)+$'",
        ),
    ],
)
def test_a_shape_that_no_field_has(field: str, told: str) -> None:
    assert problems(modbus(field, VOLTS)) == [f"x.yaml: {told}"]


def test_yes_is_no_number() -> None:
    told = problems(modbus("{quantity: cycle_count, at: 6, absent: [yes]}", VOLTS))
    assert told == [
        "x.yaml: fields.0.absent.0.int: Input should be a valid integer",
        "x.yaml: fields.0.absent.0.str: Input should be a valid string",
    ]


def test_every_fault_of_the_shape_is_told_at_once() -> None:
    told = problems("name: X y\nprotocol: http\nfields: {}\nsources: []\n")
    assert [line.split(": ")[1] for line in told] == [
        "name",
        "title",
        "protocol",
        "sources",
        "fields",
    ]


def test_every_fault_of_the_meaning_is_told_at_once() -> None:
    text = modbus(
        "{quantity: battery_voltage, unit: mV, at: 5, absent: [70000]}",
        "{quantity: model, at: 6, type: text}",
        "{quantity: battery_voltage, unit: V, at: 5}",
        more="link: {unit_ids: [x]}\nidentify: {sys_descr: '('}\n",
    )
    assert problems(text) == [
        (
            "x.yaml: field battery_voltage at holding 5: "
            "unit must be 'V', the quantity's own, not 'mV'"
        ),
        "x.yaml: field battery_voltage at holding 5: absent value 70000 does not fit u16",
        "x.yaml: fields.1 (model): type text needs words, its length in registers",
        "x.yaml: field battery_voltage at holding 5: is also at holding 5; give one of them a rank",
        "x.yaml: field battery_voltage at holding 5: overlaps field battery_voltage at holding 5",
        "x.yaml: identify.sys_descr: missing ), unterminated subpattern at position 0",
        "x.yaml: link.unit_ids: 'x' is neither a number nor a range 48-53",
    ]


def test_a_profile_that_does_not_exist() -> None:
    with pytest.raises(ProfileError, match="no profile is named nonesuch; bbu-agent profiles"):
        load("nonesuch")


def test_the_first_four_families() -> None:
    assert {"orv3-hpr-bbu", "orv3-bbu", "rfc1628-ups", "apc-powernet"} <= set(names())
