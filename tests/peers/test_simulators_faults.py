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
from simulators.maps.image import RegisterImage, Values
from simulators.wire import serial
from simulators.wire.faults import OF_A_MODULE, WireFault, WireFaultKind
from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer
from tests.contract.patient import use_own_timers

CELLS = [3901, 3902, 3903]
PATIENCE_S = 0.15
WELL_S = 0.6
"""For what is well: on a busy machine its answer, too, may come late."""
HARMLESS = {WireFaultKind.JITTER, WireFaultKind.COLLISION, WireFaultKind.STUCK}
KINDS = sorted(OF_A_MODULE - HARMLESS - {WireFaultKind.DELAY})


def values() -> Values:
    return {("cell_voltage", str(n)): 3.9 + n / 1000 for n in range(1, 13)}


@dataclass
class Wire:
    """A link to two units: 48 with the faults that a test puts in, 49 always well."""

    link: ModbusLink
    line: Line
    faults: list[WireFault] = field(default_factory=list)

    async def read(self, unit_id: int) -> list[int]:
        ill = self.line.faults or (unit_id == 48 and self.faults)
        timeout_s = PATIENCE_S if ill else WELL_S
        return await self.link.read(unit_id, Table.HOLDING, 109, 3, timeout_s=timeout_s)


@pytest.fixture(params=["tcp", "rtu over tcp", "line"])
async def wire(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wire]:
    use_own_timers(monkeypatch)
    image = RegisterImage(load("orv3-hpr-bbu"), values)
    faults: list[WireFault] = []
    line = Line({48: Station(image, faults), 49: Station(image)}, faults=[])
    if request.param == "line":
        path = tmp_path / "tty-a"
        served = serial.SerialLine(line, path, baudrate=115200)
        served.start()
        link = open_modbus(SerialLine(str(path), 115200, Parity.NONE))
        yield Wire(link, line, faults)
        await link.close()
        served.stop()
        return
    rtu = request.param == "rtu over tcp"
    server = ModbusServer(line, rtu=rtu)
    port = await server.start()
    link = open_modbus(ModbusHost("127.0.0.1", port, Framer.RTU if rtu else Framer.TCP))
    yield Wire(link, line, faults)
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
    hidden = (WireFaultKind.BAD_CRC, WireFaultKind.WRONG_TRANSACTION, WireFaultKind.DUPLICATE)
    try:
        seen = await wire.read(48)
    except TransportError as error:
        assert isinstance(error, expected(kind))  # noqa: PT017 - some framings hide a fault
    else:
        # Nothing but the checksum could tell a flipped bit, and here it is right.
        assert kind in hidden or (kind is WireFaultKind.BIT_ERRORS and seen != CELLS)
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


async def test_a_unit_that_trembles_is_read_all_the_same(wire: Wire) -> None:
    wire.faults.append(WireFault(WireFaultKind.JITTER, value=PATIENCE_S / 2))
    for unit_id in (48, 49, 48, 49, 48):
        assert await wire.read(unit_id) == CELLS


async def test_who_talks_over_another_spoils_both(wire: Wire, tmp_path: Path) -> None:
    if not (tmp_path / "tty-a").is_symlink():
        pytest.skip("only a shared wire has collisions")
    # The late answer meets the question and the answer of the next exchange.
    wire.faults.append(WireFault(WireFaultKind.COLLISION, value=PATIENCE_S + 0.004))
    with pytest.raises(NoAnswer):
        await wire.read(48)
    wire.faults.clear()
    lost = 0
    for _ in range(3):
        try:
            assert await wire.read(49) == CELLS
        except (BadAnswer, NoAnswer):
            lost += 1
    assert lost <= 1
    assert await wire.read(48) == CELLS


async def test_two_masters_on_a_line_cost_answers_but_never_truth(
    wire: Wire, tmp_path: Path
) -> None:
    if not (tmp_path / "tty-a").is_symlink():
        pytest.skip("a gateway keeps its masters apart")
    wire.line.faults = [WireFault(WireFaultKind.SECOND_MASTER, value=0.05)]
    await asyncio.sleep(0.5)  # until the other master has found the line
    right = 0
    for turn in range(60):
        try:
            assert await wire.read(48 + turn % 2) == CELLS
        except (BadAnswer, NoAnswer):
            continue
        right += 1
    assert 10 <= right < 60
    wire.line.faults = []
    await asyncio.sleep(0.6)  # the other master's turn goes by
    assert await wire.read(48) == CELLS


async def test_a_dropped_connection_is_dialled_again(wire: Wire, tmp_path: Path) -> None:
    if (tmp_path / "tty-a").is_symlink():
        pytest.skip("a line has no connections")
    wire.line.faults = [WireFault(WireFaultKind.DROPPED, value=4)]
    good = 0
    for turn in range(16):
        try:
            assert await wire.read(48 + turn % 2) == CELLS
        except TransportError as error:
            assert not isinstance(error, Refused)  # noqa: PT017 - some reads must fail
            continue
        good += 1
    assert 8 <= good < 16
    wire.line.faults = []
    await wire.link.close()
    assert await wire.read(49) == CELLS


async def test_a_gateway_with_one_place_answers_in_turn(wire: Wire, tmp_path: Path) -> None:
    if (tmp_path / "tty-a").is_symlink():
        pytest.skip("a line has one place anyway")
    wire.line.faults = [WireFault(WireFaultKind.ONE_AT_A_TIME, value=0.05)]
    answers = await asyncio.gather(*(wire.read(48 + n % 2) for n in range(6)))
    assert answers == [CELLS] * 6
    wire.faults.append(WireFault(WireFaultKind.SILENT))
    silent, neighbour = await asyncio.gather(wire.read(48), wire.read(49), return_exceptions=True)
    assert isinstance(silent, NoAnswer)
    assert neighbour == CELLS
