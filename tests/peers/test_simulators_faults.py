"""Each simulated fault of the wire is what it says, seen through the agent's own transport."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.errors import BadAnswer, NoAnswer, Refused, TransportError
from agent.model import Table
from agent.profiles.load import load
from agent.targets import Framer, ModbusHost, Parity, SerialLine
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus
from simulators import serial
from simulators.faults import WireFault, WireFaultKind
from simulators.image import RegisterImage, Values
from simulators.line import Line, Station
from simulators.modbus import ModbusServer

CELLS = [3901, 3902, 3903]
PATIENCE_S = 0.15
KINDS = [kind for kind in WireFaultKind if kind is not WireFaultKind.DELAY]


def values() -> Values:
    return {("cell_voltage", str(n)): 3.9 + n / 1000 for n in range(1, 13)}


@dataclass
class Wire:
    """A link to two units: 48 with the faults that a test puts in, 49 always well."""

    link: ModbusLink
    faults: list[WireFault] = field(default_factory=list)

    async def read(self, unit_id: int) -> list[int]:
        return await self.link.read(unit_id, Table.HOLDING, 109, 3, timeout_s=PATIENCE_S)


@pytest.fixture(params=["tcp", "rtu over tcp", "line"])
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    image = RegisterImage(load("orv3-hpr-bbu"), values)
    faults: list[WireFault] = []
    line = Line({48: Station(image, faults), 49: Station(image)})
    if request.param == "line":
        path = tmp_path / "tty-a"
        served = serial.SerialLine(line, path, baudrate=115200)
        served.start()
        link = open_modbus(SerialLine(str(path), 115200, Parity.NONE))
        yield Wire(link, faults)
        await link.close()
        served.stop()
        return
    rtu = request.param == "rtu over tcp"
    server = ModbusServer(line, rtu=rtu)
    port = await server.start()
    link = open_modbus(ModbusHost("127.0.0.1", port, Framer.RTU if rtu else Framer.TCP))
    yield Wire(link, faults)
    await link.close()
    await server.stop()


def expected(kind: WireFaultKind) -> tuple[type[TransportError], ...]:
    """Give the errors that a fault may show as; framings hide some faults from each other."""
    if kind is WireFaultKind.EXCEPTION:
        return (Refused,)
    if kind is WireFaultKind.SILENT:
        return (NoAnswer,)
    return (BadAnswer, NoAnswer)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_of_one_unit_spares_its_neighbour(wire: Wire, kind: WireFaultKind) -> None:
    assert await wire.read(48) == CELLS
    wire.faults.append(WireFault(kind, value=6.0 if kind is WireFaultKind.EXCEPTION else 0.0))
    hidden = (WireFaultKind.BAD_CRC, WireFaultKind.WRONG_TRANSACTION)
    try:
        assert await wire.read(48) == CELLS
    except TransportError as error:
        assert isinstance(error, expected(kind))  # noqa: PT017 - some framings hide a fault
    else:
        assert kind in hidden
    assert await wire.read(49) == CELLS
    wire.faults.clear()
    assert await wire.read(48) == CELLS


async def test_a_late_answer_is_never_taken_for_the_next(wire: Wire) -> None:
    wire.faults.append(WireFault(WireFaultKind.DELAY, value=2 * PATIENCE_S))
    with pytest.raises(NoAnswer):
        await wire.read(48)
    wire.faults.clear()
    for unit_id in (49, 48, 49):
        assert await wire.read(unit_id) == CELLS
        await asyncio.sleep(PATIENCE_S / 2)
