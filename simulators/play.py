"""Serve one recording until it is stopped: over TCP, a pseudo-terminal or SNMP."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import click

from simulators.playback import read_objects, recorded_line
from simulators.wire.modbus import ModbusServer
from simulators.wire.serial import SerialLine
from simulators.wire.snmp import Access, SnmpAgent

_EPOCH_2020_S = 1_577_836_800


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recording is served. ``serial`` is the path of a line, else a port is opened."""

    port: int = 0
    serial: Path | None = None
    baudrate: int = 19200
    unit_id: int = 1
    community: str = "public"


async def play(recording: Path, place: Place) -> None:
    """Serve ``recording`` at ``place`` until a signal to end comes; say where and how to read it.

    Raises:
        RecordingError: the file cannot be served.
        OSError: the port or path cannot be used.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if recording.suffix == ".snmprec":
        await _play_objects(recording, place, stopping)
    elif place.serial is not None:
        line = SerialLine(
            recorded_line(recording, place.unit_id), place.serial, baudrate=place.baudrate
        )
        line.start()
        try:
            how = f"--serial {place.serial} --baudrate {place.baudrate} --parity N"
            _ready(recording, f"{how} --unit-id {place.unit_id}")
            await stopping.wait()
        finally:
            line.stop()
    else:
        server = ModbusServer(recorded_line(recording, place.unit_id))
        port = await server.start(port=place.port)
        try:
            _ready(recording, f"--modbus 127.0.0.1:{port} --unit-id {place.unit_id}")
            await stopping.wait()
        finally:
            await server.stop()


async def _play_objects(recording: Path, place: Place, stopping: asyncio.Event) -> None:
    agent = SnmpAgent(
        read_objects(recording),
        Access(community=place.community),
        engine_octets=recording.stem.encode()[:26],
        boots=max(1, int(time.time()) - _EPOCH_2020_S) & 0x7FFFFFFF,
    )
    port = await agent.start(port=place.port)
    try:
        _ready(recording, f"--snmp 127.0.0.1:{port} --community {place.community}")
        await stopping.wait()
    finally:
        agent.stop()


def _ready(recording: Path, how: str) -> None:
    click.echo(f"bbu-agent read {how}")
    click.echo(f"ready: {recording}; Ctrl-C stops")
