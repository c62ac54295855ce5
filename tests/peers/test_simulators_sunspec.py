"""An independent SunSpec client reads from a simulated battery what is true of it."""

import asyncio
from typing import Any

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP  # type: ignore[import-untyped]

from agent.decode.sample import decode
from agent.poll.chain import settled
from agent.poll.modbus_reader import ModbusReader
from agent.profiles.load import load
from agent.targets import ModbusHost
from agent.transport.modbus import open_modbus
from simulators.maps.image import Key, RegisterImage
from simulators.maps.sunspec import lay_out
from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer

CELLS = 14
MODELS = ((1, 0), (802, 0), (805, CELLS))
TRUTH: dict[Key, float | str | bool | None] = {
    ("manufacturer", None): "Example",
    ("model", None): "Shelf 14S",
    ("serial_number", None): "S-0042",
    ("capacity_design", None): 104.5,
    ("state_of_charge", None): 0.873,
    ("reported_state_of_health", None): 0.941,
    ("cycle_count", None): 70123.0,
    ("battery_status", None): "charging",
    ("battery_voltage", None): 52.3,
    ("battery_current", None): -12.4,
    **{("cell_voltage", str(n)): 3.7 + n / 1000 for n in range(1, CELLS + 1)},
    **{("cell_temperature", str(n)): 20.5 - n for n in range(1, CELLS + 1)},
}


def scan(port: int) -> dict[int, Any]:
    device = SunSpecModbusClientDeviceTCP(slave_id=3, ipaddr="127.0.0.1", ipport=port, timeout=10)
    device.scan()
    device.close()
    return {number: device.models[number][0] for number in (1, 802, 805)}


async def test_pysunspec2_and_the_agent_read_the_truth() -> None:
    layout = lay_out(load("sunspec-battery"), MODELS)
    image = RegisterImage(layout.profile, lambda: TRUTH, frame=layout.words)
    server = ModbusServer(Line({3: Station(image)}))
    port = await server.start()
    found = await asyncio.to_thread(scan, port)
    link = open_modbus(ModbusHost("127.0.0.1", port))
    profile = await settled(link, 3, load("sunspec-battery"), timeout_s=5)
    result = await ModbusReader(link, 3, profile.limits, 5.0).read(profile.fields)
    await link.close()
    await server.stop()

    common, battery, module = (found[number] for number in (1, 802, 805))
    assert (common.Mn.cvalue, common.Md.cvalue) == ("Example", "Shelf 14S")
    assert battery.AHRtg.cvalue == pytest.approx(104.5)
    assert battery.SoC.cvalue == pytest.approx(87.3)
    assert battery.SoH.cvalue == pytest.approx(94.1)
    assert battery.NCyc.cvalue == 70123
    assert battery.ChaSt.cvalue == 4
    assert battery.V.cvalue == pytest.approx(52.3)
    assert battery.A.cvalue == pytest.approx(-12.4)
    cells = module.groups["lithium-ion-module-cell"]
    assert [cell.CellV.cvalue for cell in cells] == pytest.approx(
        [TRUTH["cell_voltage", str(n)] for n in range(1, CELLS + 1)]
    )
    assert [cell.CellTmp.cvalue for cell in cells] == pytest.approx(
        [TRUTH["cell_temperature", str(n)] for n in range(1, CELLS + 1)]
    )

    assert result.error is None
    sample = decode("", result.fields, result.raw)
    read = {(row.quantity, row.index): row.value for row in sample.readings}
    assert {key: read.get(key) for key in TRUTH} == {
        key: pytest.approx(value) if isinstance(value, float) else value
        for key, value in TRUTH.items()
    }
