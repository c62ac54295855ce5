"""Scanning finds the units that are there, says what they are, and takes no longer than it must."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.cli.snippet import configuration
from agent.poll.scan import FoundUnit, HostScan, ModbusScan, scan_line
from agent.poll.scan_plan import ALIVE, ANSWER_S, gateway_questions, hosts, numbers, settings
from agent.profiles.load import load, load_all
from agent.targets import Community, ModbusHost, Parity, Secret, SerialLine, SnmpHost
from agent.transport.listen import heard
from simulators.playback import read_objects, read_registers
from simulators.wire import serial
from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer
from simulators.wire.snmp import Access, SnmpAgent
from tests.contract.patient import use_own_timers

RECORDINGS = Path(__file__).parents[1] / "recordings"
BBU = RECORDINGS / "orv3-bbu" / "outage.modbus.yaml"
SEPLOS = RECORDINGS / "seplos-v3" / "charging.modbus.yaml"
UPS = RECORDINGS / "rfc1628-ups" / "three-phase.snmprec"
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines go by the clock of the loop."""
    use_own_timers(monkeypatch)


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


def line_of(**units: Path) -> Line:
    return Line({int(name[1:]): Station(read_registers(path)) for name, path in units.items()})


@asynccontextmanager
async def terminal(line: Line, folder: Path, baudrate: int) -> AsyncIterator[str]:
    served = serial.SerialLine(line, folder / "tty", baudrate=baudrate)
    served.start()
    yield str(folder / "tty")
    served.stop()


async def test_three_modules_among_128_addresses_in_the_time_of_the_wire(tmp_path: Path) -> None:
    plan = settings(load_all(), addresses=range(1, 129), baudrates=[19200], parity=Parity.NONE)
    async with terminal(line_of(u64=BBU, u70=BBU, u101=BBU), tmp_path, 19200) as path:
        start_s = asyncio.get_running_loop().time()
        found = await scan_line(
            path, plan, load_all(), timeout_s=1.0, answer_s=ANSWER_S, watch=quiet
        )
        took_s = asyncio.get_running_loop().time() - start_s
    assert [(unit.unit_id, unit.profile) for unit in found] == [
        (64, "orv3-bbu"),
        (70, "orv3-bbu"),
        (101, "orv3-bbu"),
    ]
    # 125 silent addresses wait out their question; a found one is identified in about 25
    # transactions of 20 ms. The rest is what the two cores of a test machine lose.
    silent_s = 125 * plan[0].wait_s(ALIVE)
    assert silent_s <= took_s <= silent_s + 3 * 1.0 + 125 * 0.02


async def test_the_families_settings_and_a_real_address_0(tmp_path: Path) -> None:
    plan = [s for s in settings(load_all(), parity=Parity.NONE) if s.baudrate == 19200]
    async with terminal(line_of(u0=SEPLOS, u3=SEPLOS), tmp_path, 19200) as path:
        found = await scan_line(path, plan, load_all(), timeout_s=1.0, answer_s=0.05, watch=quiet)
    assert [(unit.unit_id, unit.profile) for unit in found] == [(0, "seplos-v3"), (3, "seplos-v3")]
    assert found[0].identity["manufacturer"] == "XZH-ElecTech Co.,Ltd"


async def test_another_master_is_heard(tmp_path: Path) -> None:
    served = serial.SerialLine(line_of(u1=BBU), tmp_path / "tty", baudrate=19200)
    served.start()
    target = SerialLine(str(tmp_path / "tty"), 19200, Parity.NONE)
    assert await heard(target, 0.05) == 0
    listening = asyncio.create_task(heard(target, 0.2))
    await asyncio.sleep(0.1)
    os.write(served._master, bytes(8))
    assert await listening == 8
    served.stop()


async def gateway(line: Line) -> tuple[ModbusServer, ModbusHost]:
    server = ModbusServer(line)
    return server, ModbusHost("127.0.0.1", await server.start())


async def test_a_gateway_that_says_who_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "unknown.modbus.yaml"
    path.write_text("holding:\n  7: [1, 2]\n", "utf-8")
    line = line_of(u5=BBU, u9=path)
    line.gateway = True
    server, target = await gateway(line)
    scan = ModbusScan(target, load_all(), 1.0, quiet)
    found = await scan.run(gateway_questions(load_all(), None), lambda _where: 1.0)
    await server.stop()
    assert [(unit.unit_id, unit.profile) for unit in found] == [(5, "orv3-bbu"), (9, None)]
    assert "bbu-agent record --unit-id 9" in found[1].note


async def test_a_device_that_answers_to_every_unit_id_is_one_device() -> None:
    line = Line({number: Station(read_registers(BBU)) for number in range(256)})
    server, target = await gateway(line)
    scan = ModbusScan(target, load_all(), 1.0, quiet)
    found = await scan.run(gateway_questions(load_all(), range(1, 20)), lambda _where: 1.0)
    await server.stop()
    assert [(unit.unit_id, unit.profile) for unit in found] == [(1, "orv3-bbu")]
    assert "taken for one device" in found[0].note


async def test_hosts_by_snmp_and_modbus() -> None:
    server, target = await gateway(line_of(u255=BBU))
    agent = SnmpAgent(read_objects(UPS), Access(community="c"), engine_octets=b"s", boots=1)
    snmp_port = await agent.start()
    scan = HostScan(load_all(), 0.3, Community(Secret("c")), snmp_port=snmp_port, port=target.port)
    found = {host: units async for host, units in scan.run(["127.0.0.1", "127.0.0.2"])}
    agent.stop()
    await server.stop()
    await asyncio.sleep(0.01)
    assert [(unit.unit_id, unit.profile) for unit in found["127.0.0.1"]] == [
        (None, "rfc1628-ups"),
        (255, "orv3-bbu"),
    ]
    assert found["127.0.0.2"] == ()


def test_what_is_found_makes_a_configuration_that_check_accepts(tmp_path: Path) -> None:
    found = [
        FoundUnit(
            SerialLine("/dev/ttyUSB0", 115200), 48, "orv3-hpr-bbu", {"model": "X\nlisten: 1"}
        ),
        FoundUnit(SerialLine("/dev/ttyUSB0", 115200), 49, "orv3-hpr-bbu"),
        FoundUnit(SerialLine("/dev/ttyUSB0", 19200), 64, "orv3-bbu"),
        FoundUnit(ModbusHost("10.1.3.5", 1502), 1, "sunspec-battery"),
        FoundUnit(ModbusHost("10.1.3.5", 1502), 2, None, note="no profile fits unit id 2"),
        FoundUnit(ModbusHost("fd00::7"), 1, "sunspec-battery"),
        FoundUnit(SnmpHost("10.1.3.20", Community(Secret("hush"))), None, "rfc1628-ups"),
    ]
    text = configuration(found)
    assert "hush" not in text
    (tmp_path / "agent.yaml").write_text(text, "utf-8")
    (tmp_path / "community.txt").write_text("hush\n", "utf-8")
    (tmp_path / "community.txt").chmod(0o600)
    done = subprocess.run(
        [str(BIN / "bbu-agent"), "check", str(tmp_path / "agent.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_the_command_prints_found_units_as_json(tmp_path: Path) -> None:
    async with terminal(line_of(u64=BBU), tmp_path, 19200) as path:
        arguments = ["--serial", path, "--addresses", "60-66", "--baudrates", "19200"]
        process = await asyncio.create_subprocess_exec(
            str(BIN / "bbu-agent"),
            *("scan", *arguments, "--parity", "N", "--format", "json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, told = await process.communicate()
    assert process.returncode == 0
    assert b"7 unit ids" in told
    (unit,) = json.loads(out)
    assert (unit["unit_id"], unit["profile"], unit["baudrate"]) == (64, "orv3-bbu", 19200)
    assert unit["identity"]["manufacturer"] == "ARTESYN"


def test_hosts_are_told_one_by_one() -> None:
    assert hosts(["10.0.0.8/30", "10.0.0.3-10.0.0.5", "ups-7.row-3", "10.0.0.4"]) == (
        *("10.0.0.9", "10.0.0.10", "10.0.0.3", "10.0.0.4", "10.0.0.5"),
        "ups-7.row-3",
    )


@pytest.mark.parametrize("spec", ["10.0.0.0/8", "10.0.0.0-10.0.255.255", "fd00::/64"])
def test_a_huge_range_is_refused_before_it_is_expanded(spec: str) -> None:
    with pytest.raises(ValueError, match="--yes-really"):
        hosts([spec])


@pytest.mark.parametrize("text", ["", "a", "5-3", "1-300", "-1"])
def test_what_is_no_list_of_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="is no number or range within 0 to 255"):
        numbers(text, 0, 255)


def test_every_family_with_a_line_of_its_own_is_scanned() -> None:
    plan = settings(load_all())
    for profile in load_all():
        if profile.link.baudrate is not None:
            ids = {
                unit_id
                for setting in plan
                if setting.baudrate == profile.link.baudrate
                and setting.parity is (load(profile.name).link.parity or Parity.NONE)
                for unit_id, _ in setting.questions
            }
            assert set(profile.link.unit_ids) <= ids
