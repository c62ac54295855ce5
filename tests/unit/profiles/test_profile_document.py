"""What a wrong profile file is told: its YAML, its shape, its head, everything at once."""

import pytest

from tests.unit.profiles.writing import VOLTS, modbus, problems

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
