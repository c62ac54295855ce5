"""A decoder says what decoding anew would say, pass after pass."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.decode import decoder
from agent.decode.decoder import Decoder
from agent.decode.sample import decode
from agent.model import Oid, Raw, Reading, Register, SnmpKind, SnmpValue, Table
from agent.profiles.load import load, names
from agent.profiles.schema import Field, Object, ObjectType, Protocol, Words, WordType

MODBUS = [name for name in names() if load(name).protocol is Protocol.MODBUS and load(name).fields]
SNMP = [name for name in names() if load(name).protocol is Protocol.SNMP and load(name).fields]
VALUES = (
    *(SnmpValue(SnmpKind.INTEGER, n) for n in (-1, 0, 1, 2, 3, 77, 2**31 - 1)),
    *(SnmpValue(SnmpKind.OCTETS, text) for text in (b"", b"13.6 V", b"N/A", b"09/23/19", b"1")),
    SnmpValue(SnmpKind.OID, (1, 3, 6, 1)),
    SnmpValue(SnmpKind.NULL, 0),
)
EDGES = (0, 1, 3, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)


def at(address: int) -> Register:
    return Register(Table.HOLDING, address)


def field(quantity: str, address: int, index: str | None = None, **more: object) -> Field:
    where = Words(at(address), 1, WordType.U16)
    return Field(quantity, where, index, **more)  # type: ignore[arg-type]


def read(words: dict[Register, int], refused: Sequence[Register] = (), at_s: float = 5.0) -> Raw:
    return Raw(1.7e9 + at_s, at_s, 0.1, words=words, refused=frozenset(refused))


def passes(fields: Sequence[Field], dice: random.Random) -> list[Raw]:
    """Make passes as a device may give them: much stays, some goes missing or is refused."""
    registers = [
        at for row in fields for w in row.places if isinstance(w, Words) for at in w.registers
    ]
    words = {register: dice.choice(EDGES) for register in registers}
    found = []
    for number in range(4):
        for register in dice.sample(registers, max(1, len(registers) // 4)):
            words[register] = dice.choice((*EDGES, dice.randrange(0x10000)))
        gone = {register for register in registers if dice.random() < 0.05}
        refused = {register for register in registers if dice.random() < 0.02}
        refused |= {register for register in gone if dice.random() < 0.5}
        held = {register: word for register, word in words.items() if register not in gone}
        found.append(read(held, tuple(refused), 5.0 + number))
    return found


@pytest.mark.parametrize("name", MODBUS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_pass_is_what_it_would_be_anew(name: str, seed: int) -> None:
    dice = random.Random(seed)
    rows = load(name).fields
    start = dice.randrange(max(1, len(rows) - 120))
    fields = rows[start : start + 120]
    series = dice.choice([None, 11])
    made = Decoder(fields, series=series)
    for raw in passes(fields, dice):
        assert made.decode("u", raw) == decode("u", fields, raw, series=series)


def walks(fields: Sequence[Field], dice: random.Random) -> list[Raw]:
    """Make passes over an SNMP agent: tables with rows that come and go, much that stays."""
    places = [place for row in fields for place in row.places if isinstance(place, Object)]
    held: dict[Oid, SnmpValue] = {}
    found = []
    for number in range(4):
        for place in places:
            for row in [(n,) for n in range(3)] if place.column else [()]:
                fate = dice.random()
                if fate < 0.3:
                    held[(*place.oid, *row)] = dice.choice(VALUES)
                elif fate < 0.35:
                    held.pop((*place.oid, *row), None)
        refused = frozenset(place.oid for place in places if dice.random() < 0.05)
        raw = Raw(1.7e9 + number, 5.0 + number, 0.1, varbinds=dict(held), refused=refused)
        found.append(raw)
    return found


@pytest.mark.parametrize("name", SNMP)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_pass_over_an_snmp_agent_too(name: str, seed: int) -> None:
    dice = random.Random(seed)
    fields = load(name).fields[:60]
    made = Decoder(fields)
    for raw in walks(fields, dice):
        assert made.decode("u", raw) == decode("u", fields, raw)


def test_a_long_text_is_not_remembered() -> None:
    oid = (1, 3, 6, 1)
    fields = [Field("model", Object(oid, ObjectType.TEXT))]
    made = Decoder(fields)
    for text in (b"x" * 300, b"y"):
        raw = Raw(1.7e9, 5.0, 0.1, varbinds={oid: SnmpValue(SnmpKind.OCTETS, text)})
        assert made.decode("u", raw) == decode("u", fields, raw)
    (place,) = made._places
    assert len(place.known) == 1


def test_equal_words_at_another_time_are_another_reading() -> None:
    made = Decoder([field("cell_voltage", 1, "1", scale=0.001)])
    first, second = (made.decode("u", read({at(1): 4070}, at_s=at_s)) for at_s in (5.0, 15.0))
    assert first.readings == (Reading("cell_voltage", "1", 4.07, 5.0, "holding 1"),)
    assert second.readings == (Reading("cell_voltage", "1", 4.07, 15.0, "holding 1"),)


def test_what_is_missing_is_never_what_it_was() -> None:
    fields = [field("cell_voltage", 1, "1"), field("cell_voltage", 2, "2")]
    made = Decoder(fields)
    for raw in (read({at(1): 3, at(2): 4}), read({at(2): 4}), read({at(2): 4}, [at(1)])):
        assert made.decode("u", raw) == decode("u", fields, raw)


def test_a_word_that_never_comes_twice_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MOST_KNOWN", 3)
    fields = [field("runtime_remaining", 1)]
    made = Decoder(fields)
    for word in (*range(10), *range(10)):
        raw = read({at(1): word})
        assert made.decode("u", raw) == decode("u", fields, raw)
    (place,) = made._places
    assert len(place.known) <= 3


def test_of_two_places_of_one_value_the_preferred_wins_still() -> None:
    fields = [field("cell_voltage", 1, "1", rank=1), field("cell_voltage", 2, "1")]
    raw = read({at(1): 3, at(2): 4})
    sample = Decoder(fields).decode("u", raw)
    assert sample == decode("u", fields, raw)
    assert [row.value for row in sample.readings] == [4.0]


@pytest.mark.parametrize("told", [0, 1])
def test_what_follows_from_other_values_follows_still(told: int) -> None:
    source = field("output_source", 1, states=((0, "normal"), (1, "battery")))
    parts = [field("battery_fault", 2), field("battery_fault", 3, "module:1")]
    for fields in ([source], parts):
        raw = read({at(1): told, at(2): 0, at(3): told})
        sample = Decoder(fields).decode("u", raw)
        assert sample == decode("u", fields, raw)
    assert sample.readings[-1].value is bool(told)


def test_a_device_of_thousands_of_fields_remembers_less_of_each() -> None:
    fields = [field("cell_voltage", n, str(n)) for n in range(4096)]
    places = Decoder(fields)._places
    assert (len(places), {place.most for place in places}) == (4096, {8})
    assert {place.most for place in Decoder(fields[:60])._places} == {decoder.MOST_KNOWN}
