"""Registers: any value, read back by a decoder that knows nothing of the encoder."""

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profiles.load import load
from agent.profiles.schema import Field, Words, WordType
from simulators.device.hardware import MODULES
from simulators.device.module import Module
from simulators.device.readings import module_columns, module_values
from simulators.maps.encode import encode, encode_column, raw_value
from simulators.maps.image import Key, RegisterImage, Values

MakeModule = Callable[..., Module]

FORMATS = {
    WordType.U16: ">H",
    WordType.S16: ">h",
    WordType.U32: ">I",
    WordType.S32: ">i",
    WordType.U64: ">Q",
    WordType.S64: ">q",
    WordType.F32: ">f",
}


def field(kind: WordType, count: int, **keys: object) -> Field:
    place = Words(("holding", 100), count, kind)  # type: ignore[arg-type]
    return Field("battery_voltage", place, **keys)  # type: ignore[arg-type]


def read_back(words: list[int], kind: WordType) -> float:
    octets = b"".join(struct.pack(">H", word) for word in words)
    return float(struct.unpack(FORMATS[kind], octets)[0])


@given(
    kind=st.sampled_from([*FORMATS]),
    share=st.floats(0, 1),
    scale=st.sampled_from([1.0, 0.1, 0.01, 0.001, 60.0]),
    offset=st.sampled_from([0.0, -273.15, 40.0]),
)
def test_numbers_come_back_within_half_a_step(
    kind: WordType, share: float, scale: float, offset: float
) -> None:
    bits = 8 * struct.calcsize(FORMATS[kind])
    low = -(2 ** (bits - 1)) if kind.startswith("s") else 0
    high = 2 ** (bits - 1) - 1 if kind.startswith("s") else 2**bits - 1
    value = (low + share * (high - low)) * scale + offset
    words = encode(field(kind, bits // 16, scale=scale, offset=offset), value)
    back = read_back(words, kind) * scale + offset
    assert back == pytest.approx(value, abs=scale * 0.51, rel=1e-6)


@given(st.integers(0, 0xFFFFFFFF))
def test_word_order(value: int) -> None:
    plain = field(WordType.U32, 2)
    assert isinstance(plain.where, Words)
    swapped = replace(plain, where=replace(plain.where, low_word_first=True))
    assert encode(plain, float(value)) == [value >> 16, value & 0xFFFF]
    assert encode(swapped, float(value)) == [value & 0xFFFF, value >> 16]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=16))
def test_text_comes_back(text: str) -> None:
    words = encode(field(WordType.TEXT, 8), text)
    octets = b"".join(word.to_bytes(2, "big") for word in words)
    assert octets.rstrip(b"\0").decode() == text


def test_values_beyond_the_type_saturate() -> None:
    signed = field(WordType.S16, 1, scale=0.01)
    assert encode(signed, 999.0) == [0x7FFF]
    assert encode(signed, -999.0) == [0x8000]
    assert encode(field(WordType.U16, 1), -5.0) == [0]


def test_no_value_is_the_sentinel() -> None:
    assert encode(field(WordType.U16, 1, absent=frozenset({0, 65535})), None) == [65535]
    assert encode(field(WordType.S16, 1, absent=frozenset({-32768})), None) == [0x8000]
    assert encode(field(WordType.U16, 1), None) == [0]


def test_states_become_their_codes() -> None:
    states = ((2, "normal"), (3, "low"))
    coded = field(WordType.U16, 1, states=states)
    assert encode(coded, "low") == [3]
    with pytest.raises(LookupError, match="no code for 'depleted'"):
        raw_value(coded, "depleted")


def values() -> Values:
    return {
        ("cell_voltage", "1"): 4.071,
        ("cell_voltage", "11"): 3.999,
        ("battery_current", None): -35.47,
        ("temperature", "pack2"): 28.44,
        ("charging", None): True,
        ("self_test_running", None): True,
        ("end_of_life", None): False,
        ("self_test_time", None): 1767225600.0,
    }


def test_the_image_of_a_profile() -> None:
    image = RegisterImage(load("orv3-bbu"), values)
    assert image.read("holding", 109, 1) == [4071]
    assert image.read("holding", 119, 1) == [3999]
    assert image.read("holding", 129, 1) == [(-3547) & 0xFFFF]
    assert image.read("holding", 123, 1) == [3016]  # 0.1 K: 28.44 + 273.15 = 301.59
    assert image.read("holding", 107, 1) == [0b1001]
    assert image.read("holding", 298, 2) == [1767225600 >> 16, 1767225600 & 0xFFFF]


@pytest.mark.parametrize(
    ("table", "address", "count"),
    [("holding", 120, 1), ("holding", 119, 2), ("holding", 5000, 1), ("input", 109, 1)],
)
def test_registers_outside_the_map_do_not_exist(table: str, address: int, count: int) -> None:
    assert RegisterImage(load("orv3-bbu"), values).read(table, address, count) is None


@pytest.mark.parametrize("name", list(MODULES))
def test_cells_in_one_array_are_laid_out_as_cells_one_by_one(
    module_of: MakeModule, name: str
) -> None:
    module = module_of(name, rest_v=MODULES[name].float_v)
    family = load(module.design.profile)
    measured = module.measure()
    image = RegisterImage(family, lambda: module_columns(module, measured))
    single = RegisterImage(family, lambda: module_values(module, measured))
    for _ in range(3):
        places = {
            register
            for field in family.fields
            if isinstance(field.where, Words)
            for register in field.where.registers
        }
        for table, address in places:
            held = image.read(str(table), address, 1)
            assert held == single.read(str(table), address, 1), address
            assert held is not None
        module.load_w = 0.5 * module.design.rated_power_w
        module.step(2.0)
        measured = module.measure()
        image.refresh()
        single.refresh()


def test_an_image_may_be_told_cells_in_one_array_and_one_by_one() -> None:
    family = load("orv3-bbu")
    told: dict[Key, Any] = {}
    image = RegisterImage(family, lambda: told)
    for volts in (4.0, 3.9):
        for length in (11, 4, 11):
            told.clear()
            told["cell_voltage", "{n}"] = np.full(length, volts)
            image.refresh()
            none = [0xFFFF] * (11 - length)
            assert image.read("holding", 109, 11) == [round(volts * 1000)] * length + none
        told.clear()
        told["cell_voltage", "2"] = 4.0
        image.refresh()
        assert image.read("holding", 109, 3) == [0xFFFF, 4000, 0xFFFF]


@pytest.mark.parametrize("value", [-500.0, -0.0005, 0.0, 1.2345, 1.2355, 4.0705, 70.0])
@pytest.mark.parametrize("type_", [WordType.U16, WordType.S16])
def test_a_column_is_encoded_as_each_of_its_values(type_: WordType, value: float) -> None:
    for scale, offset in ((0.001, 0.0), (0.1, -273.15), (10.0, 0.0)):
        row = field(type_, 1, scale=scale, offset=offset)
        assert encode_column(row, np.array([value, value])) == encode(row, value) * 2


def test_the_image_changes_only_after_a_refresh() -> None:
    current: dict[Key, float | bool | str | None] = {("battery_voltage", None): 44.0}
    image = RegisterImage(load("orv3-bbu"), lambda: current)
    assert image.read("holding", 128, 1) == [44000]
    current["battery_voltage", None] = 43.0
    assert image.read("holding", 128, 1) == [44000]
    image.refresh()
    assert image.read("holding", 128, 1) == [43000]
