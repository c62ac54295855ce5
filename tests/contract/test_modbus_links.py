"""What every Modbus link does, against an independent server on each kind of transport."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from agent.errors import NoAnswer, Refused
from agent.model import Table
from agent.targets import Framer, ModbusHost, Parity, SerialLine
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus

UNIT = 17
TIMEOUT_S = 5.0
SILENCE_S = 0.2


def holding(address: int) -> int:
    return (address * 7919 + 4660) % 65536


@pytest.fixture(params=["tcp", "rtutcp", "pty"], scope="module")
def target(
    request: pytest.FixtureRequest, libmodbus_server: Callable[[str], str]
) -> SerialLine | ModbusHost:
    place = libmodbus_server(request.param)
    if request.param == "pty":
        return SerialLine(place, baudrate=115200, parity=Parity.NONE)
    framer = Framer.TCP if request.param == "tcp" else Framer.RTU
    return ModbusHost("127.0.0.1", int(place), framer)


@pytest.fixture
async def link(target: SerialLine | ModbusHost) -> AsyncIterator[ModbusLink]:
    link = open_modbus(target)
    yield link
    await link.close()


@pytest.mark.parametrize(("address", "count"), [(0, 1), (109, 12), (875, 125), (999, 1)])
async def test_holding_registers(link: ModbusLink, address: int, count: int) -> None:
    got = await link.read(UNIT, Table.HOLDING, address, count, timeout_s=TIMEOUT_S)
    assert got == [holding(n) for n in range(address, address + count)]


async def test_input_registers(link: ModbusLink) -> None:
    got = await link.read(UNIT, Table.INPUT, 40, 3, timeout_s=TIMEOUT_S)
    assert got == [65535 - holding(n) for n in (40, 41, 42)]


@pytest.mark.parametrize(("address", "count"), [(0, 1), (7, 9), (100, 16)])
async def test_coils_and_discrete_inputs(link: ModbusLink, address: int, count: int) -> None:
    coils = await link.read(UNIT, Table.COIL, address, count, timeout_s=TIMEOUT_S)
    discretes = await link.read(UNIT, Table.DISCRETE, address, count, timeout_s=TIMEOUT_S)
    places = range(address, address + count)
    assert coils == [int(n % 3 == 0) for n in places]
    assert discretes == [int(n % 5 == 0) for n in places]


async def test_an_exception_comes_at_once_and_spoils_nothing(link: ModbusLink) -> None:
    clock = asyncio.get_running_loop().time
    await link.read(UNIT, Table.HOLDING, 0, 1, timeout_s=TIMEOUT_S)
    begin = clock()
    with pytest.raises(Refused) as refusal:
        await link.read(UNIT, Table.HOLDING, 990, 20, timeout_s=TIMEOUT_S)
    assert refusal.value.code == 2
    assert "illegal data address" in str(refusal.value)
    assert clock() - begin < TIMEOUT_S / 2
    assert await link.read(UNIT, Table.HOLDING, 1, 1, timeout_s=TIMEOUT_S) == [holding(1)]


async def test_an_absent_unit_is_silent_and_costs_one_timeout(
    link: ModbusLink, target: SerialLine | ModbusHost
) -> None:
    if isinstance(target, ModbusHost) and target.framer is Framer.TCP:
        pytest.skip("libmodbus answers for every unit over TCP")
    clock = asyncio.get_running_loop().time
    await link.read(UNIT, Table.HOLDING, 0, 1, timeout_s=TIMEOUT_S)
    begin = clock()
    with pytest.raises(NoAnswer):
        await link.read(UNIT + 1, Table.HOLDING, 0, 1, timeout_s=SILENCE_S)
    assert await link.read(UNIT, Table.HOLDING, 5, 1, timeout_s=TIMEOUT_S) == [holding(5)]
    assert clock() - begin < 2 * SILENCE_S


async def test_a_read_cancelled_at_any_moment_leaves_the_link_usable(link: ModbusLink) -> None:
    await link.read(UNIT, Table.HOLDING, 0, 1, timeout_s=TIMEOUT_S)
    for turns in range(12):
        task = asyncio.create_task(link.read(UNIT, Table.HOLDING, 3, 7, timeout_s=TIMEOUT_S))
        for _ in range(turns):
            await asyncio.sleep(turns / 5000)
        task.cancel()
        await asyncio.wait([task])
        got = await link.read(UNIT, Table.HOLDING, 20, 7, timeout_s=TIMEOUT_S)
        assert got == [holding(n) for n in range(20, 27)]


async def test_simultaneous_reads_take_turns(link: ModbusLink) -> None:
    reads = (link.read(UNIT, Table.HOLDING, n, 2, timeout_s=TIMEOUT_S) for n in range(30))
    assert await asyncio.gather(*reads) == [[holding(n), holding(n + 1)] for n in range(30)]


async def test_a_closed_link_opens_again(link: ModbusLink) -> None:
    for _ in range(3):
        assert await link.read(UNIT, Table.HOLDING, 2, 1, timeout_s=TIMEOUT_S) == [holding(2)]
        await link.close()
        await link.close()


@pytest.mark.parametrize(
    ("unit_id", "address", "count"),
    [(256, 0, 1), (-1, 0, 1), (1, 0, 0), (1, 0, 126), (1, -1, 1), (1, 65535, 2)],
)
async def test_a_request_that_cannot_be_is_a_mistake_of_the_caller(
    link: ModbusLink, unit_id: int, address: int, count: int
) -> None:
    with pytest.raises(ValueError, match="not within"):
        await link.read(unit_id, Table.HOLDING, address, count, timeout_s=TIMEOUT_S)
