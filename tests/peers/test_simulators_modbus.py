"""Independent Modbus clients read from simulated units what is true of them."""

import asyncio
import math
import os
import re
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from statistics import median

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from agent.profiles.load import load
from simulators.maps.image import RegisterImage
from simulators.wire.frames import rtu_request
from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer
from simulators.wire.serial import SerialLine

TRUTH: dict[tuple[str, str | None], float | bool | str | None] = {
    **{("cell_voltage", str(n)): 3.9 + n / 100 for n in range(1, 13)},
    ("battery_current", None): -135.47,
    ("battery_voltage", None): 48.123,
    ("manufacturer", None): "Panasonic",
    ("discharge_throughput", None): 70000.0,
}
CELLS = [3900 + 10 * n for n in range(1, 13)]
ROUNDS = 15
"""Of 30 questions each, if the machine is so busy that the first ones do not do."""

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


NUMBERS = [9, 3, 65535, 0, 7, 7, 256, 1, 8, 2, 5, 4]
"""Transactions as some masters number them: in no order, one of them twice."""


def numbered(number: int, cell: int) -> bytes:
    head = number.to_bytes(2) + b"\0\0\0\6"
    return head + bytes((48 + cell % 2, 3, 0, 109 + cell, 0, 1))


@pytest.mark.parametrize("pieces", [1, 5, 144], ids=["one segment", "some", "octet by octet"])
@pytest.mark.parametrize("latency_s", [0.0, 0.002])
async def test_pipelined_requests_are_answered_in_order(pieces: int, latency_s: float) -> None:
    server = ModbusServer(line(), latency_s=latency_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start())
    octets = b"".join(numbered(number, cell) for cell, number in enumerate(NUMBERS))
    size = -(-len(octets) // pieces)
    for begin in range(0, len(octets), size):
        writer.write(octets[begin : begin + size])
        await asyncio.sleep(0)
    answers = [await asyncio.wait_for(reader.readexactly(11), 5) for _ in NUMBERS]
    writer.close()
    await writer.wait_closed()
    await server.stop()
    assert [int.from_bytes(answer[:2]) for answer in answers] == NUMBERS
    assert [answer[6] for answer in answers] == [48 + cell % 2 for cell in range(12)]
    assert [int.from_bytes(answer[9:]) for answer in answers] == CELLS


async def test_serial_frames_in_pieces_are_answered_in_order() -> None:
    server = ModbusServer(line(), rtu=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start())
    octets = b"".join(rtu_request(48, bytes((3, 0, 109 + cell, 0, 1))) for cell in range(12))
    for begin in range(0, len(octets), 5):
        writer.write(octets[begin : begin + 5])
        await asyncio.sleep(0)
    answers = [await asyncio.wait_for(reader.readexactly(7), 5) for _ in range(12)]
    writer.close()
    await writer.wait_closed()
    await server.stop()
    assert [int.from_bytes(answer[3:5]) for answer in answers] == CELLS


@pytest.fixture(scope="session")
def libmodbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the master of ``libmodbus_client.c``."""
    binary = tmp_path_factory.mktemp("libmodbus") / "client"
    source = Path(__file__).with_name("libmodbus_client.c")
    flags = ["-I/usr/include/modbus", "-lmodbus"]
    subprocess.run(["gcc", "-O2", "-Wall", "-o", str(binary), str(source), *flags], check=True)
    return binary


async def ask_libmodbus(binary: Path, *arguments: object) -> tuple[list[int], list[float]]:
    """Read with libmodbus; give the words and the seconds of each exchange."""
    process = await asyncio.create_subprocess_exec(
        str(binary), *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    text, _ = await process.communicate()
    assert process.returncode == 0
    words, seconds = text.decode().splitlines()
    return [int(word) for word in words.split()], [float(part) for part in seconds.split()]


async def test_libmodbus_reads_the_truth_over_tcp(libmodbus: Path, gateway: Gateway) -> None:
    found, _ = await ask_libmodbus(libmodbus, "tcp", "127.0.0.1", gateway.port, 48, 109, 12, 3)
    assert found == CELLS


def quick_s(taken_s: list[float]) -> float:
    """Give the seventh of the quickest, in seconds."""
    return sorted(taken_s)[6] if len(taken_s) > 6 else math.inf


@pytest.mark.parametrize("baudrate", [19200, 115200])
@pytest.mark.parametrize("count", [1, 12])
async def test_a_line_takes_the_time_of_its_wire(
    libmodbus: Path, tmp_path: Path, baudrate: int, count: int
) -> None:
    path = tmp_path / "tty-a"
    serial = SerialLine(line(), path, baudrate=baudrate, turnaround_s=0.003)
    serial.start()
    expected = serial.wire_s(8) + serial.gap_s + 0.003 + serial.wire_s(5 + 2 * count)
    asked = ("rtu", path, baudrate, 48, 109, count, 30)
    taken_s: list[float] = []
    try:
        # A machine that is busy elsewhere is late, never early: the quickest answers count, of as
        # many as it takes; a few more than may be so by chance.
        while len(taken_s) < 30 * ROUNDS and quick_s(taken_s) > 1.05 * expected:
            words, seconds = await ask_libmodbus(libmodbus, *asked)
            assert words == CELLS[:count]
            assert min(seconds) >= expected
            taken_s += seconds
    finally:
        serial.stop()
    assert quick_s(taken_s) == pytest.approx(expected, rel=0.05)


async def test_a_long_answer_comes_octet_by_octet(tmp_path: Path) -> None:
    path = tmp_path / "tty-a"
    serial = SerialLine(line(), path, baudrate=9600)
    serial.start()
    loop = asyncio.get_running_loop()
    arrivals: list[tuple[float, int]] = []
    handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    loop.add_reader(handle, lambda: arrivals.append((loop.time(), len(os.read(handle, 99)))))
    try:
        os.write(handle, rtu_request(48, bytes((3, 0, 109, 0, 12))))
        await asyncio.sleep(serial.wire_s(60))
    finally:
        loop.remove_reader(handle)
        os.close(handle)
        serial.stop()
    assert sum(count for _, count in arrivals) == 29
    assert len(arrivals) > 5
    assert arrivals[-1][0] - arrivals[0][0] == pytest.approx(serial.wire_s(27), rel=0.2)


async def test_two_lines_do_not_wait_for_each_other(libmodbus: Path, tmp_path: Path) -> None:
    serials = [SerialLine(line(), tmp_path / f"tty-{n}", baudrate=9600) for n in range(2)]
    for serial in serials:
        serial.start()
    try:
        asked = [("rtu", serial.path, 9600, 48, 109, 12, 5) for serial in serials]
        answers = await asyncio.gather(*(ask_libmodbus(libmodbus, *words) for words in asked))
    finally:
        for serial in serials:
            serial.stop()
    # A line that waited for the other would take twice its own time.
    alone = serials[0].wire_s(37) + serials[0].gap_s + 0.002
    assert max(median(seconds) for _, seconds in answers) < 1.5 * alone
