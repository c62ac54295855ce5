"""SunSpec devices: found by their marker, walked whatever they list, read with their scales."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.decode.sample import decode
from agent.errors import NoAnswer, Refused, Unidentified
from agent.model import Table
from agent.poll.chain import find_chain, settled
from agent.poll.identify import identify_modbus
from agent.poll.modbus_reader import ModbusReader
from agent.profiles.load import load, load_all
from agent.profiles.sunspec import MOST_FIELDS, MOST_MODELS, Model
from agent.quantities import QUANTITIES

PROFILE = load("sunspec-battery")
MARKER = [0x5375, 0x6E53]
END = [0xFFFF, 0]
COMMON = [1, 66, *[0x4100] * 66]
NONE = 0xFFFF


@dataclass
class Device:
    """Holding registers from one address on; refuses the rest and more than ``most`` words."""

    base: int
    words: list[int]
    most: int = 125
    asked: list[tuple[int, int]] = field(default_factory=list)
    later: dict[int, list[int]] = field(default_factory=dict)
    """By number of the request: all words from then on."""

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        assert (unit_id, timeout_s) == (1, 1.0)
        if table is not Table.HOLDING:
            raise Refused("no such function", 1)
        self.words = self.later.get(len(self.asked), self.words)
        self.asked.append((address, count))
        if count > self.most:
            raise Refused("illegal data value", 3)
        first = address - self.base
        if first < 0 or first + count > len(self.words):
            raise Refused("illegal data address", 2)
        return self.words[first : first + count]

    async def close(self) -> None:
        """Nothing is open."""


def module(cells_mv: Sequence[int], *, number: int = 1) -> list[int]:
    """Give model 805 with these cells at 20.0, 20.1, ... degC."""
    n = len(cells_mv)
    head = [805, 42 + 4 * n, 1, number, n, 875, NONE, NONE, NONE, NONE, 482]
    head += [NONE] * 27 + [0xFFFF, 0x8000, 0x8000, 0xFFFF, 0xFFFD, 0xFFFF]
    cells = [[mv, 200 + i, 0, i % 2] for i, mv in enumerate(cells_mv)]
    return head + list(itertools.chain.from_iterable(cells))


def unknown(number: int, words: int) -> list[int]:
    return [number, words, *[0x1234] * words]


def device(base: int, *models: Sequence[int], most: int = 125) -> Device:
    return Device(base, [*MARKER, *itertools.chain.from_iterable(models), *END], most)


async def read(peer: Device) -> Mapping[tuple[str, str | None], object]:
    profile = await settled(peer, 1, PROFILE, timeout_s=1.0)
    result = await ModbusReader(peer, 1, profile.limits, 1.0).read(profile.fields)
    if result.error is not None:
        raise result.error
    sample = decode("", result.fields, result.raw)
    return {(row.quantity, row.index): row.value for row in sample.readings}


@pytest.mark.parametrize("base", [40000, 0, 50000])
@pytest.mark.parametrize("count", [1, 20, 60])
async def test_all_cells_at_every_base_behind_unknown_models(base: int, count: int) -> None:
    cells_mv = [3300 + n for n in range(count)]
    peer = device(base, COMMON, unknown(103, 50), module(cells_mv), unknown(64999, 0))
    got = await read(peer)
    assert {index: value for (key, index), value in got.items() if key == "cell_voltage"} == {
        str(n + 1): mv / 1000 for n, mv in enumerate(cells_mv)
    }
    assert got["cell_temperature", str(count)] == pytest.approx(20 + (count - 1) / 10)
    assert got["cell_balancing", str(count)] is (count % 2 == 0)
    assert (got["state_of_charge", None], got["battery_voltage", None]) == (0.875, 48.2)


@pytest.mark.parametrize("most", [124, 64, 40, 10, 4, 2])
async def test_a_device_that_takes_short_requests_only(most: int) -> None:
    got = await read(device(40000, COMMON, module([3300, 3301, 3302]), most=most))
    assert [got["cell_voltage", str(n)] for n in (1, 2, 3)] == [3.3, 3.301, 3.302]


async def test_cells_of_the_second_model_of_a_kind_are_told_apart() -> None:
    got = await read(device(0, COMMON, module([3300], number=1), module([3301], number=2)))
    assert got["cell_voltage", "module:1/1"] == 3.3
    assert got["cell_voltage", "module:2/1"] == 3.301


async def test_modules_that_give_one_number_twice_are_counted() -> None:
    got = await read(device(0, module([3300], number=7), module([3301], number=7)))
    assert got["cell_voltage", "module:1/1"] == 3.3
    assert got["cell_voltage", "module:2/1"] == 3.301


async def test_more_cells_told_than_the_model_is_long() -> None:
    words = module([3300, 3301])
    words[4] = 60000
    got = await read(device(0, words))
    assert {index for key, index in got if key == "cell_voltage"} == {"1", "2"}


@pytest.mark.parametrize("request_number", range(8, 16))
async def test_values_are_never_scaled_by_a_factor_of_another_moment(request_number: int) -> None:
    peer = device(0, COMMON, module([3300] * 60))
    finer = device(0, COMMON, module([33000] * 60)).words
    finer[2 + len(COMMON) + 42] = -4 & 0xFFFF
    peer.later[request_number] = finer
    for _ in range(2):
        got = await read(peer)
        assert {value for (key, _), value in got.items() if key == "cell_voltage"} <= {3.3}


async def test_a_chain_of_cells_without_end_is_read_in_part_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = [module([3300] * 500, number=n + 1) for n in range(30)]
    profile = await settled(device(0, *chain), 1, PROFILE, timeout_s=1.0)
    assert len(profile.fields) == MOST_FIELDS
    assert "list 4096 fields or more" in caplog.text
    caplog.clear()
    profile = await settled(device(0, COMMON, *chain[:2]), 1, PROFILE, timeout_s=1.0)
    assert 3000 < len(profile.fields) < MOST_FIELDS
    assert not caplog.records


async def test_the_largest_chain_costs_a_bounded_number_of_requests() -> None:
    # A part every 32 registers: too far apart for one request to cover two.
    strings = [803, 26 + 32 * 500, 500, *[0] * (25 + 32 * 500)]
    peer = device(0, strings, strings)
    profile = await settled(peer, 1, PROFILE, timeout_s=1.0)
    assert (len(profile.fields), len(peer.asked)) == (MOST_FIELDS, 7)
    peer.asked.clear()
    await ModbusReader(peer, 1, profile.limits, 1.0).read(profile.fields)
    assert len(peer.asked) <= 600
    # Many heads with what has to be known of each: more of the walk than of what it finds.
    peer = device(0, *[[804, 46, 1, *[0] * 45] for _ in range(2 * MOST_MODELS)])
    await settled(peer, 1, PROFILE, timeout_s=1.0)
    assert len(peer.asked) <= 4 * MOST_MODELS + len(MARKER)


@dataclass
class Quiet(Device):
    """Says nothing where it has no registers, as some devices do."""

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        try:
            return await super().read(unit_id, table, address, count, timeout_s=timeout_s)
        except Refused as refusal:
            raise NoAnswer("silent") from refusal


async def test_a_device_that_is_silent_where_it_should_refuse() -> None:
    peer = Quiet(50000, [*MARKER, *module([3300]), *END])
    assert (await read(peer))["cell_voltage", "1"] == 3.3
    with pytest.raises(NoAnswer):
        await settled(Quiet(100, []), 1, PROFILE, timeout_s=1.0)


async def test_no_marker() -> None:
    with pytest.raises(Unidentified, match="no SunSpec marker at 40000, 0, 50000"):
        await settled(Device(100, [1, 2, 3]), 1, PROFILE, timeout_s=1.0)


async def test_an_inverter_is_no_battery() -> None:
    with pytest.raises(Unidentified, match="no SunSpec battery model, only: 1, 103"):
        await identify_modbus(device(40000, COMMON, unknown(103, 50)), 1, load_all(), timeout_s=1.0)


WORD = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 802, 803, 804, 805, 42, 46, 0x8000, NONE])
MODELS = st.lists(
    st.tuples(st.sampled_from([0, 1, 802, 803, 804, 805, 806, 65534]), st.lists(WORD, max_size=90)),
    max_size=8,
)


@given(base=st.sampled_from([40000, 0, 50000]), models=MODELS, lie=WORD, tail=st.lists(WORD))
@settings(max_examples=40, deadline=None)
async def test_any_chain_ends_and_gives_only_plausible_values(
    base: int, models: list[tuple[int, list[int]]], lie: int, tail: list[int]
) -> None:
    words = list(MARKER)
    for n, (number, data) in enumerate(models):
        words += [number, lie if n == 3 else len(data), *data]
    peer = Device(base, [*words, *tail])
    try:
        got = await read(peer)
    except (Unidentified, Refused):
        return
    for (key, _), value in got.items():
        quantity = QUANTITIES[key]
        if isinstance(value, float) and quantity.lowest is not None:
            assert quantity.highest is not None
            assert quantity.lowest <= value <= quantity.highest


async def test_a_chain_of_empty_models_ends() -> None:
    async def read_anything(address: int, count: int) -> list[int] | None:
        return MARKER if address == 40000 else [700, 0][:count]

    assert PROFILE.sunspec is not None
    chain = await find_chain(read_anything, PROFILE.sunspec)
    assert chain is not None
    assert len(chain) == MOST_MODELS
    assert chain[0] == Model(700, 40002, 0)
