"""Every bundled family can be simulated: what a device is told to say, the agent reads."""

import math

import pytest

from agent.decode.sample import decode
from agent.model import Raw, Register, SnmpKind, SnmpValue, Table
from agent.profiles.load import load, load_all
from agent.profiles.schema import Field, Profile, Protocol, Words, WordType
from agent.quantities import QUANTITIES, Kind
from simulators.maps.encode import Value, encode
from simulators.maps.image import Key, RegisterImage
from simulators.maps.objects import About, ObjectTree, Syntax
from simulators.maps.steering import Told, settle
from simulators.maps.sunspec import lay_out

DAY_S = 1_577_923_200.0  # 2020-01-02, midnight
ABOUT = About("Simulated", (1, 3, 6, 1, 4, 1, 1), "unit", lambda: 1.0)
RAW = (1, 2, 3, 7, 25, 38, 50, 250, 400, 1300, 3300, 5200, 13000, 30000, 250000, 3_000_000)
MODBUS = [row.name for row in load_all() if row.protocol is Protocol.MODBUS]
SNMP = [row.name for row in load_all() if row.protocol is Protocol.SNMP]
CHAIN = ((1, 0), (802, 0), (803, 2), (804, 2), (805, 14))
LEFT_OUT = {
    "delta-orion": 10,
    "eltek-legacy": 1,
    "eltek-smartpack": 1,
    "seplos-v3": 4,
    "vertiv-ita2": 2,
    "vertiv-liebert": 11,
    "vertiv-netsure": 4,
}
"""Fields that no simulated device has: they hang on the text of a label or a row's name, or
exclude others of their family. docs/simulators.md lists them."""
UNSHARED: dict[str, set[Key]] = {"dell-ups": {("battery_status", None)}}
"""What no value fits that all trees of a card could tell."""
KINDS = {Syntax.OID: SnmpKind.OID, Syntax.TEXT: SnmpKind.OCTETS}


def sensible(field: Field, same: list[Field]) -> Value | None:
    """Give a value that every field of ``same`` can carry and the vocabulary takes."""
    quantity = QUANTITIES[field.quantity]
    if quantity.kind is Kind.FLAG:
        # All bits of a word at once may mean that it has no value.
        return field.where.bit is None or field.where.bit % 2 == 1
    if quantity.kind is Kind.TEXT:
        return "A1"
    if quantity.kind is Kind.TIMESTAMP:
        return DAY_S
    lowest = quantity.lowest if field.lowest is None else field.lowest
    highest = quantity.highest if field.highest is None else field.highest
    for raw in (*RAW, 0, *(-raw for raw in RAW)):
        value = round(raw * field.scale + field.offset, 9)
        fits = (lowest is None or value >= lowest) and (highest is None or value <= highest)
        if raw not in field.absent and fits and all(whole(row, value) for row in same):
            return value
    return None


def whole(field: Field, value: float) -> bool:
    raw = (value - field.offset) / field.scale
    return math.isclose(raw, round(raw), abs_tol=1e-6)


def named(field: Field) -> Key:
    """Give the key of a field; tables have one row."""
    index = field.index
    for place in ("{1}", "{2}", "{3}"):
        index = None if index is None else index.replace(place, "1")
    return field.quantity, index


def states(field: Field, fields: tuple[Field, ...], found: dict[Key, Value]) -> dict[Key, Value]:
    """Give what the fields at one place mean by a code that fits all others of their keys."""
    here = [row for row in fields if row.where == field.where and row.states]
    for code, _ in field.states:
        meant = {named(row): dict(row.states).get(code) for row in here}
        others = [row for row in fields if named(row) in meant and row.states]
        if all(found.get(key, value) == value for key, value in meant.items()) and all(
            meant[named(row)] in dict(row.states).values() for row in others
        ):
            return {key: value for key, value in meant.items() if value is not None}
    return {}


def truth(fields: tuple[Field, ...], steers: Told) -> dict[Key, Value]:
    """Give a value for all that ``fields`` hold; what steers others keeps to what it is told."""
    found: dict[Key, Value] = {}
    for field in sorted(fields, key=lambda row: -abs(row.scale)):
        same = [row for row in fields if named(row) == named(field) and not row.states]
        steered = steers.get(field.where)
        if isinstance(steered, int):
            number = steered * field.scale + field.offset
            found[named(field)] = dict(field.states).get(steered, number)
        elif named(field) not in found and field.states:
            found |= states(field, fields, found)
        elif named(field) not in found and (value := sensible(field, same)) is not None:
            found[named(field)] = value
    return found


def words_of(image: RegisterImage, profile: Profile) -> dict[Register, int]:
    found = {}
    for field in profile.fields:
        for place in field.places:
            assert isinstance(place, Words)
            for register in place.registers:
                words = image.read(str(register.table), register.address, 1)
                if words is not None:
                    found[register] = words[0]
    return found


def same(read: object, told: Value) -> bool:
    if isinstance(told, float) and isinstance(read, int | float):
        return math.isclose(read, told, rel_tol=1e-6)
    return read == told


def differing(
    profile: Profile, told: dict[Key, Value], raw: Raw
) -> dict[Key, tuple[object, object]]:
    sample = decode("", profile.fields, raw)
    read = {(row.quantity, row.index): row.value for row in sample.readings}
    return {
        key: (value, read.get(key)) for key, value in told.items() if not same(read.get(key), value)
    }


def profile_of(name: str) -> tuple[Profile, dict[tuple[str, int], int]]:
    profile = load(name)
    if profile.sunspec is None:
        return profile, {}
    layout = lay_out(profile, CHAIN)
    return layout.profile, layout.words


def check(profile: Profile, told: dict[Key, Value], fields: tuple[Field, ...], raw: Raw) -> None:
    assert differing(profile, told, raw) == {}
    assert {named(row) for row in fields} - told.keys() == UNSHARED.get(profile.name, set())
    assert len(profile.fields) - len(fields) == LEFT_OUT.get(profile.name, 0)


@pytest.mark.parametrize("name", MODBUS)
def test_a_modbus_family(name: str) -> None:
    profile, frame = profile_of(name)
    fields, steers = settle(profile.fields)
    told = truth(fields, steers)
    image = RegisterImage(profile, lambda: told, frame=frame)
    raw = Raw(wall_s=0.0, mono_s=0.0, duration_s=0.0, words=words_of(image, profile))
    check(profile, told, fields, raw)


@pytest.mark.parametrize("name", SNMP)
def test_an_snmp_family(name: str) -> None:
    profile = load(name)
    fields, steers = settle(profile.fields)
    told = truth(fields, steers)
    tree = ObjectTree(profile, lambda: told, ABOUT)
    varbinds = {}
    place: tuple[int, ...] = (1,)
    while (following := tree.after(place)) is not None:
        place, item = following
        value = item.value.encode() if isinstance(item.value, str) else item.value
        varbinds[place] = SnmpValue(KINDS.get(item.syntax, SnmpKind.INTEGER), value)
    raw = Raw(wall_s=0.0, mono_s=0.0, duration_s=0.0, varbinds=varbinds)
    check(profile, told, fields, raw)


def test_decimal_digits_are_four_bits_each() -> None:
    def words(kind: WordType, count: int, value: float) -> list[int]:
        where = Words(Register(Table.HOLDING, 1), count, kind)
        return encode(Field("battery_voltage", where, scale=0.1), value)

    assert words(WordType.BCD16, 1, 123.4) == [0x1234]
    assert words(WordType.BCD32, 2, 1234567.8) == [0x1234, 0x5678]
    date = Field("manufacture_date", Words(Register(Table.HOLDING, 1), 2, WordType.BCD_DATE))
    assert encode(date, DAY_S) == [0x2020, 0x0102]


def test_a_bit_of_a_long_word_is_set_and_cleared_alone() -> None:
    layout = lay_out(load("sunspec-battery"), ((1, 0), (802, 0)))
    said: dict[Key, Value] = {("alarm", "high_temperature"): True, ("alarm", "ground_fault"): True}
    image = RegisterImage(layout.profile, lambda: said, frame=layout.words)
    place = next(
        row.where.registers[0]
        for row in layout.profile.fields
        if isinstance(row.where, Words) and row.index == "ground_fault"
    )

    def held() -> list[int]:
        image.refresh()
        words = image.read("holding", place.address, 1)
        assert words is not None
        return words

    assert held() == [1 << 22 - 16]
    said["alarm", "ground_fault"] = False
    assert held() == [0]


def test_of_two_names_for_one_register_the_first_that_is_told_is_held() -> None:
    layout = lay_out(load("sunspec-battery"), ((1, 0), (802, 0)))
    said: dict[Key, Value] = {("battery_status", None): "charging", ("discharging", None): False}
    image = RegisterImage(layout.profile, lambda: said, frame=layout.words)
    status = next(row.where for row in layout.profile.fields if row.quantity == "battery_status")
    assert isinstance(status, Words)
    assert image.read("holding", status.register.address, 1) == [4]
    del said["battery_status", None]
    image.refresh()
    assert image.read("holding", status.register.address, 1) == [1]
