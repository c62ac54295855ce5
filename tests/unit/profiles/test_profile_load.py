"""What a profile file becomes."""

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
from tests.unit.profiles.writing import modbus, snmp


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


def test_a_profile_that_does_not_exist() -> None:
    with pytest.raises(ProfileError, match="no profile is named nonesuch; bbu-agent profiles"):
        load("nonesuch")


def test_the_first_four_families() -> None:
    assert {"orv3-hpr-bbu", "orv3-bbu", "rfc1628-ups", "apc-powernet"} <= set(names())
