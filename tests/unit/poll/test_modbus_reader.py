from collections.abc import Iterable

import pytest

from agent.decode.sample import decode
from agent.errors import BadAnswer, NoAnswer, Refused, TransportError, Unreachable
from agent.model import FaultReason
from agent.poll.modbus_reader import ModbusReader
from agent.poll.reader import Pass
from agent.profiles.schema import Field, Limits, Words, WordType
from tests.unit.poll.scripted import TIMEOUT_S, UNIT_ID, ScriptedLink, holding

REFUSED = FaultReason.REFUSED


def cells(first: int, count: int, start: int = 1) -> list[Field]:
    return [
        Field(
            "cell_voltage",
            Words(holding(first + n), 1, WordType.U16),
            index=str(start + n),
            scale=0.001,
        )
        for n in range(count)
    ]


def charge(address: int) -> Field:
    return Field("discharge_throughput", Words(holding(address), 2, WordType.U32))


def reader(link: ScriptedLink, limits: Limits | None = None) -> ModbusReader:
    return ModbusReader(link, UNIT_ID, limits or Limits(), TIMEOUT_S)


def link_with(addresses: Iterable[int]) -> ScriptedLink:
    return ScriptedLink({address: 3000 + address for address in addresses})


def values(result: Pass) -> dict[str | None, object]:
    return {row.index: row.value for row in decode("u", result.fields, result.raw).readings}


def faults(result: Pass) -> dict[str | None, FaultReason]:
    return {row.index: row.reason for row in decode("u", result.fields, result.raw).faults}


async def test_a_pass_reads_neighbours_together() -> None:
    link = link_with(range(100, 140))
    fields = [*cells(109, 3), charge(112), *cells(130, 1, start=9)]
    result = await reader(link).read(fields)
    assert link.took() == [(109, 5), (130, 1)]
    assert (result.fields, result.error) == (tuple(fields), None)
    assert result.raw.words == {holding(a): 3000 + a for a in (109, 110, 111, 112, 113, 130)}
    assert result.raw.refused == frozenset()
    assert result.raw.duration_s >= 0


async def test_an_illegal_address_switches_off_its_own_field_only() -> None:
    link = link_with([109, 110, 112])
    unit = reader(link)
    result = await unit.read(cells(109, 4))
    assert link.took() == [(109, 4), (109, 1), (110, 1), (111, 1), (112, 1)]
    assert values(result) == {"1": 3.109, "2": 3.11, "4": 3.112}
    assert faults(result) == {"3": REFUSED}


async def test_a_unit_that_refuses_to_be_crossed_is_read_in_pieces_from_then_on() -> None:
    link = link_with([109, 112, 120])
    unit = reader(link, Limits(documented=frozenset(range(109, 121))))
    fields = [*cells(109, 1), *cells(112, 1, start=2), *cells(120, 1, start=3)]
    first = await unit.read(fields)
    assert link.took() == [(109, 12), (109, 1), (112, 1), (120, 1)]
    assert (await unit.read(fields)).raw.words == first.raw.words
    assert link.took() == [(109, 1), (112, 1), (120, 1)]


async def test_a_refused_value_does_not_forbid_crossing() -> None:
    link = link_with([109, *range(113, 121)])
    unit = reader(link, Limits(documented=frozenset(range(109, 121))))
    fields = [*cells(109, 1), *cells(112, 1, start=2), *cells(114, 1, start=3), *cells(120, 1)]
    await unit.read(fields)
    link.took()
    await unit.read(fields)
    assert link.took() == [(109, 1), (114, 7)]


async def test_what_was_refused_is_not_asked_again_until_forgotten() -> None:
    link = link_with([109, 110, 112])
    unit = reader(link)
    await unit.read(cells(109, 4))
    link.took()
    again = await unit.read(cells(109, 4))
    assert link.took() == [(109, 2), (112, 1)]
    assert faults(again) == {"3": REFUSED}
    unit.forget()
    await unit.read(cells(109, 4))
    assert link.took()[0] == (109, 4)


async def test_a_refused_word_takes_its_whole_value_along() -> None:
    link = link_with([109, 110])
    result = await reader(link).read([*cells(109, 1), charge(110)])
    assert link.took() == [(109, 3), (109, 1), (110, 2)]
    assert values(result) == {"1": 3.109}
    assert faults(result) == {None: REFUSED}


async def test_an_illegal_function_refuses_what_needs_it() -> None:
    link = link_with([109, 110])
    link.broken = {109: Refused("illegal function", 1)}
    unit = reader(link)
    assert faults(await unit.read(cells(109, 2))) == {"1": REFUSED}
    link.took()
    await unit.read(cells(109, 2))
    assert link.took() == [(110, 1)]


async def test_an_illegal_value_halves_the_requests_of_this_unit() -> None:
    link = link_with(range(100, 120))
    link.most_words = 6
    unit = reader(link)
    first = await unit.read(cells(100, 20))
    assert link.took() == [(100, 20), (100, 10), (100, 5), (105, 5), (110, 10), (110, 5), (115, 5)]
    assert len(values(first)) == 20
    await unit.read(cells(100, 20))
    assert link.took() == [(100, 5), (105, 5), (110, 5), (115, 5)]


async def test_an_illegal_value_of_one_value_is_a_refusal() -> None:
    link = link_with([100, 101, 102])
    link.broken = {101: Refused("illegal data value", 3)}
    result = await reader(link).read(cells(100, 3))
    assert faults(result) == {"2": REFUSED}
    assert len(values(result)) == 2


@pytest.mark.parametrize("code", [4, 5, 6, 8])
async def test_busy_or_failing_is_absent_this_time_and_asked_again(code: int) -> None:
    link = link_with([100, 101])
    link.broken = {101: Refused("not now", code)}
    unit = reader(link)
    first = await unit.read(cells(100, 2))
    assert (values(first), faults(first)) == ({"1": 3.1}, {"2": REFUSED})
    link.broken.clear()
    assert values(await unit.read(cells(100, 2))) == {"1": 3.1, "2": 3.101}


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_that_did_not_reach_the_unit_is_a_silence(code: int) -> None:
    link = link_with(range(100, 110))
    link.errors = [Refused("gateway target device failed to respond", code)]
    result = await reader(link).read([*cells(100, 2), *cells(105, 2, start=5)])
    assert link.took() == [(100, 2)]
    assert isinstance(result.error, NoAnswer)
    assert str(UNIT_ID) in str(result.error)
    assert result.fields == ()


@pytest.mark.parametrize("error", [NoAnswer("silence"), Unreachable("no route")])
async def test_one_silence_ends_the_pass_and_costs_one_request(error: TransportError) -> None:
    link = link_with(range(100, 120))
    link.errors = [error]
    result = await reader(link).read([*cells(100, 2), *cells(105, 2, start=5)])
    assert link.took() == [(100, 2)]
    assert (result.error, result.fields, result.raw.words) == (error, (), {})


async def test_what_was_read_before_a_silence_is_kept_and_the_rest_is_not_missing() -> None:
    link = link_with(range(100, 120))
    link.errors = [None, NoAnswer("silence")]
    fields = [*cells(100, 2), *cells(105, 2, start=5), *cells(110, 1, start=9)]
    result = await reader(link).read(fields)
    assert link.took() == [(100, 2), (105, 2)]
    assert values(result) == {"1": 3.1, "2": 3.101}
    assert faults(result) == {}


async def test_a_refusal_found_before_a_silence_is_kept() -> None:
    link = link_with([101, 105])
    link.broken = {105: NoAnswer("silence")}
    result = await reader(link).read([*cells(100, 2), *cells(105, 1, start=5)])
    assert (values(result), faults(result)) == ({"2": 3.101}, {"1": REFUSED})


async def test_a_broken_frame_is_asked_once_more() -> None:
    link = link_with([100, 101])
    link.errors = [BadAnswer("CRC")]
    result = await reader(link).read(cells(100, 2))
    assert link.took() == [(100, 2), (100, 2)]
    assert (values(result), result.error) == ({"1": 3.1, "2": 3.101}, None)


async def test_two_broken_frames_in_a_row_end_the_pass() -> None:
    link = link_with(range(100, 120))
    link.errors = [BadAnswer("CRC"), BadAnswer("CRC again")]
    result = await reader(link).read([*cells(100, 2), *cells(105, 2, start=5)])
    assert link.took() == [(100, 2), (100, 2)]
    assert str(result.error) == "CRC again"
    assert result.fields == ()


async def test_a_refusal_after_a_broken_frame_is_a_refusal() -> None:
    link = link_with([101])
    link.errors = [BadAnswer("CRC")]
    result = await reader(link).read(cells(100, 2))
    assert link.took() == [(100, 2), (100, 2), (100, 1), (101, 1)]
    assert faults(result) == {"1": REFUSED}


async def test_a_unit_that_refuses_everything_is_told_from_a_silent_one() -> None:
    result = await reader(ScriptedLink()).read(cells(100, 3))
    assert isinstance(result.error, Refused)
    assert values(result) == {}


async def test_a_unit_that_refused_everything_is_asked_afresh() -> None:
    link = ScriptedLink()
    unit = reader(link)
    await unit.read(cells(100, 3))
    link.words = {address: 3000 + address for address in (100, 101, 102)}
    assert len(values(await unit.read(cells(100, 3)))) == 3
