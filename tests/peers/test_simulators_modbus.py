"""Independent Modbus clients read from simulated units what is true of them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from agent.profiles.load import load
from simulators.image import RegisterImage
from simulators.line import Line, Station
from simulators.modbus import ModbusServer
from simulators.serial import SerialLine

TRUTH: dict[tuple[str, str | None], float | bool | str | None] = {
    **{("cell_voltage", str(n)): 3.9 + n / 100 for n in range(1, 13)},
    ("battery_current", None): -135.47,
    ("battery_voltage", None): 48.123,
    ("manufacturer", None): "Panasonic",
    ("discharge_throughput", None): 70000.0,
}
CELLS = [3900 + 10 * n for n in range(1, 13)]

needs_mbpoll = pytest.mark.skipif(which("mbpoll") is None, reason="mbpoll is not installed")


def line() -> Line:
    image = RegisterImage(load("orv3-hpr-bbu"), lambda: TRUTH)
    return Line({48: Station(image), 49: Station(image)})


@dataclass
class Gateway:
    port: int
    line: Line


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    served = line()
    server = ModbusServer(served, latency_s=0.002)
    yield Gateway(await server.start(), served)
    await server.stop()


async def mbpoll(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "mbpoll",
        *arguments,
        "-0",
        "-1",
        "-t4",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    text, _ = await process.communicate()
    return process.returncode or 0, text.decode()


def words(text: str) -> list[int]:
    return [int(value) for value in re.findall(r"^\[\d+\]:\s+(\d+)", text, re.MULTILINE)]


@needs_mbpoll
async def test_mbpoll_reads_the_truth_over_tcp(gateway: Gateway) -> None:
    arguments = ("-m", "tcp", "-p", str(gateway.port), "-a", "48", "127.0.0.1")
    code, text = await mbpoll("-r", "109", "-c", "12", *arguments)
    assert (code, words(text)) == (0, CELLS)
    _, text = await mbpoll("-r", "97", "-c", "1", *arguments)
    assert words(text) == [-13547 & 0xFFFF]
    _, text = await mbpoll("-r", "256", "-c", "2", *arguments)
    assert words(text) == [70000 >> 16, 70000 & 0xFFFF]


@needs_mbpoll
@pytest.mark.parametrize("baudrate", [19200, 115200])
async def test_mbpoll_reads_the_truth_on_a_line(tmp_path: Path, baudrate: int) -> None:
    path = tmp_path / "tty-a"
    serial = SerialLine(line(), path, baudrate=baudrate)
    serial.start()
    try:
        arguments = ("-m", "rtu", "-b", str(baudrate), "-P", "none", "-a", "49", str(path))
        code, text = await mbpoll("-r", "109", "-c", "12", *arguments)
        assert (code, words(text)) == (0, CELLS)
    finally:
        serial.stop()
    assert list(tmp_path.iterdir()) == []


@needs_mbpoll
async def test_a_register_outside_the_map_is_an_illegal_address(gateway: Gateway) -> None:
    arguments = ("-m", "tcp", "-p", str(gateway.port), "-a", "48", "127.0.0.1")
    code, text = await mbpoll("-r", "119", "-c", "5", *arguments)
    assert code != 0
    assert "Illegal data address" in text


async def test_pymodbus_reads_the_truth(gateway: Gateway) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=gateway.port, framer=FramerType.SOCKET)
    assert await client.connect()
    try:
        cells = await client.read_holding_registers(109, count=12, device_id=48)
        maker = await client.read_holding_registers(0, count=8, device_id=49)
    finally:
        client.close()
    assert cells.registers == CELLS
    text = b"".join(word.to_bytes(2, "big") for word in maker.registers)
    assert text.rstrip(b"\0") == b"Panasonic"


async def test_requests_in_one_segment_are_all_answered(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    wanted = range(20)
    writer.write(b"".join(bytes((0, n, 0, 0, 0, 6, 48 + n % 2, 3, 0, 109, 0, 1)) for n in wanted))
    answers = [await asyncio.wait_for(reader.readexactly(11), 2) for _ in wanted]
    writer.close()
    await writer.wait_closed()
    assert sorted(answer[1] for answer in answers) == list(wanted)
    assert {int.from_bytes(answer[9:]) for answer in answers} == {CELLS[0]}


async def exchange_s(serial: SerialLine, path: Path, count: int) -> float:
    """Time one read of ``count`` words, from our last octet out to their last octet in."""
    import serial as pyserial  # noqa: PLC0415 - beside its only use

    def blocking() -> float:
        from simulators.line import crc16  # noqa: PLC0415

        body = bytes((48, 3, 0, 109, 0, count))
        with pyserial.Serial(str(path), serial.baudrate, timeout=2) as port:
            start = time.perf_counter()
            port.write(body + crc16(body).to_bytes(2, "little"))
            answer = port.read(5 + 2 * count)
            spent = time.perf_counter() - start
        assert len(answer) == 5 + 2 * count
        return spent

    return await asyncio.to_thread(blocking)


@pytest.mark.parametrize("baudrate", [19200, 115200])
async def test_a_line_takes_the_time_of_its_wire(tmp_path: Path, baudrate: int) -> None:
    path = tmp_path / "tty-a"
    serial = SerialLine(line(), path, baudrate=baudrate, turnaround_s=0.003)
    serial.start()
    try:
        spent = min([await exchange_s(serial, path, 12) for _ in range(5)])
    finally:
        serial.stop()
    expected = serial.wire_s(8) + serial.gap_s + 0.003 + serial.wire_s(29)
    assert expected <= spent < expected + 0.004


async def test_two_lines_do_not_wait_for_each_other(tmp_path: Path) -> None:
    serials = [SerialLine(line(), tmp_path / f"tty-{n}", baudrate=9600) for n in range(2)]
    for serial in serials:
        serial.start()
    try:
        begin = time.perf_counter()
        each = await asyncio.gather(*(exchange_s(s, s.path, 12) for s in serials))
        together = time.perf_counter() - begin
    finally:
        for serial in serials:
            serial.stop()
    assert together < 1.5 * max(each)
