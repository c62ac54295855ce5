"""What a profile file is told when one value is to steer another, and what ``also`` adds."""

import pytest

from agent.errors import ProfileError
from agent.profiles.load import RANKS_APART, load, names, parse
from agent.profiles.schema import Object, Protocol

SNMP = [name for name in names() if load(name).protocol is Protocol.SNMP]
HEAD = """\
name: x
title: A family
protocol: snmp
sources: [a data sheet]
"""
VOLTS = "quantity: battery_voltage, unit: V, oid: 1.3.6.1.9.1.0"
COLUMN = "quantity: battery_voltage, unit: V, column: 1.3.6.1.9.2, index: '{1}'"


def problem(field: str, more: str = "") -> str:
    with pytest.raises(ProfileError) as caught:
        parse(f"{HEAD}{more}fields:\n  - {{{field}}}\n", "x.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (f"{VOLTS}, type: bits", "type bits and bit go together"),
        (f"{VOLTS}, bit: 3", "type bits and bit go together"),
        (f"{VOLTS}, any_row: 3", "any_row is for a column"),
        (f"{VOLTS}, index: '{{name}}'", "name_from goes with {name}"),
        (f"{COLUMN}, name_from: 1.3.6.1.9.3", "name_from goes with {name}"),
        (f"{VOLTS}, when: [{{oid: 1.3.6.1.9.3.0}}]", "needs one_of, none_of"),
        (f"{VOLTS}, when: [{{one_of: [1]}}]", "needs one place"),
        (f"{VOLTS}, scale_from: {{oid: 1.3.6.1.9.3.0, column: 1.3.6.1.9.4}}", "needs one place"),
        (f"{VOLTS}, unit_from: {{oid: 1.3.6.1.9.3.0, values: {{1: furlong}}}}", "'furlong'"),
        (f"{VOLTS}, when: [{{at: 5, one_of: [1]}}]", "is no place of protocol snmp"),
        (
            "quantity: battery_status, oid: 1.3.6.1.9.1.0, values: {1: [normal]}",
            "at least 2 items",
        ),
    ],
)
def test_what_does_not_hold_together(field: str, words: str) -> None:
    assert words in problem(field)


@pytest.mark.parametrize("other", ["x", "nobody"])
def test_also_names_another_profile(other: str) -> None:
    assert f"no other profile is named {other}" in problem(VOLTS, f"also: [{other}]\n")


def test_also_stays_within_the_protocol() -> None:
    assert "is of protocol modbus" in problem(VOLTS, "also: [orv3-bbu]\n")


def test_also_adds_the_other_trees_after_the_own_one() -> None:
    family = parse(f"{HEAD}also: [rfc1628-ups]\nfields:\n  - {{{VOLTS}}}\n", "x.yaml")
    own, *others = family.fields
    assert (own.rank, family.also) == (0, ("rfc1628-ups",))
    assert [row.where for row in others] == [row.where for row in load("rfc1628-ups").fields]
    assert min(row.rank for row in others) == RANKS_APART


def test_a_repeated_column_counts_on() -> None:
    family = parse(
        f"{HEAD}fields:\n  - {{quantity: battery_voltage, unit: V, column: 1.3.6.1.9.192, "
        "index: 'module:{n}', count: 3, step: 9}\n",
        "x.yaml",
    )
    assert [(row.index, row.where) for row in family.fields] == [
        (f"module:{n}", Object((1, 3, 6, 1, 9, 192 + 9 * (n - 1)), column=True)) for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("name", SNMP)
def test_what_may_stand_for_another_is_read_as_often(name: str) -> None:
    cadences: dict[tuple[str, str | None], set[str]] = {}
    for row in load(name).fields:
        cadences.setdefault((row.quantity, row.index), set()).add(row.cadence)
    assert {key: told for key, told in cadences.items() if len(told) > 1} == {}
