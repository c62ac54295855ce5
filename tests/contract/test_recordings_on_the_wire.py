"""Every Modbus recording, read over real sockets and lines, gives its expected reading."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.decode.sample import decode
from agent.export.json import fault_json, reading_json
from agent.model import Sample
from agent.poll.identify import identify_modbus
from agent.poll.modbus_reader import ModbusReader
from agent.profiles.load import load, load_all
from agent.profiles.schema import Profile, Protocol
from agent.targets import ModbusHost, Parity, SerialLine
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus
from simulators.playback import recorded_line
from simulators.wire import serial
from simulators.wire.modbus import ModbusServer

RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("*/*.modbus.yaml"))
TIMEOUT_S = 3.0
SERIAL = {profile.name for profile in load_all() if profile.link.baudrate is not None}


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name.split('.')[0]}"


each_recording = pytest.mark.parametrize("path", RECORDINGS, ids=named)
each_serial = pytest.mark.parametrize(
    "path", [path for path in RECORDINGS if path.parent.name in SERIAL], ids=named
)


def unit_id(profile: Profile) -> int:
    return profile.link.unit_ids[0] if profile.link.unit_ids else 1


@asynccontextmanager
async def over_tcp(path: Path) -> AsyncIterator[ModbusLink]:
    profile = load(path.parent.name)
    server = ModbusServer(recorded_line(path, unit_id(profile)))
    link = open_modbus(ModbusHost("127.0.0.1", await server.start()))
    yield link
    await link.close()
    await server.stop()


@asynccontextmanager
async def over_a_line(path: Path, folder: Path) -> AsyncIterator[ModbusLink]:
    profile = load(path.parent.name)
    baudrate = profile.link.baudrate or 19200
    line = serial.SerialLine(
        recorded_line(path, unit_id(profile)), folder / "tty", baudrate=baudrate
    )
    line.start()
    link = open_modbus(SerialLine(str(folder / "tty"), baudrate, Parity.NONE))
    yield link
    await link.close()
    line.stop()


async def read(link: ModbusLink, path: Path) -> tuple[Profile, Sample]:
    """Identify the device among all families and read all of it once."""
    number = unit_id(load(path.parent.name))
    families = [profile for profile in load_all() if profile.protocol is Protocol.MODBUS]
    profile = await identify_modbus(link, number, families, timeout_s=TIMEOUT_S)
    result = await ModbusReader(link, number, profile.limits, TIMEOUT_S).read(profile.fields)
    assert result.error is None
    return profile, decode("", result.fields, result.raw)


def check(profile: Profile, sample: Sample, path: Path) -> None:
    expected = path.with_name(path.name.split(".")[0] + ".expected.json")
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    assert profile.name == wanted["profile"]
    assert [reading_json(row) for row in sample.readings] == wanted["readings"]
    assert [fault_json(fault) for fault in sample.faults] == wanted["faults"]


@each_recording
async def test_a_recording_over_tcp(path: Path) -> None:
    async with over_tcp(path) as link:
        profile, sample = await read(link, path)
    check(profile, sample, path)


@each_serial
async def test_a_recording_over_a_serial_line(path: Path, tmp_path: Path) -> None:
    async with over_a_line(path, tmp_path) as link:
        profile, sample = await read(link, path)
    check(profile, sample, path)
