"""Peers that answer whatever a test wants: raw Modbus bytes and raw SNMP datagrams."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from agent.targets import Framer, ModbusHost, Parity, SerialLine
from tests.contract.patient import Loops, loops

TOGETHER = (
    *("test_modbus_hostile", "test_modbus_in_flight", "test_snmp_hostile"),
    *("test_simulators_faults", "test_simulators_light"),
)
"""The tests whose device answers in their own event loop."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """Run them by a clock that a busy machine does not move."""
    del config
    return loops(item, TOGETHER)


def crc(frame: bytes) -> bytes:
    """Give the two CRC bytes of a serial frame, bit by bit as the specification tells it."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return bytes((value & 0xFF, value >> 8))


@dataclass(frozen=True)
class Asked:
    """One request as the responder got it. ``number`` is the TCP transaction."""

    unit_id: int
    function: int
    address: int
    count: int
    number: int | None

    def frame(self, pdu: bytes, *, unit_id: int | None = None, number: int | None = None) -> bytes:
        """Wrap ``pdu`` as the answer to this request, or as one that is wrong on purpose."""
        body = bytes([self.unit_id if unit_id is None else unit_id]) + pdu
        if self.number is None:
            return body + crc(body)
        transaction = self.number if number is None else number
        return transaction.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body

    def words(self, *values: int) -> bytes:
        """Give the PDU of a register answer with ``values``."""
        return bytes([self.function, 2 * len(values)]) + b"".join(
            value.to_bytes(2, "big") for value in values
        )

    def good(self) -> bytes:
        """Give the right answer: word n is 1000 + its address."""
        places = range(self.address, self.address + self.count)
        return self.frame(self.words(*(1000 + place for place in places)))


Part = bytes | float
"""Bytes to send, or seconds to wait before going on."""
Script = Callable[[Asked], list[Part]]


def answer_well(asked: Asked) -> list[Part]:
    """Answer as a healthy device does."""
    return [asked.good()]


@dataclass
class Responder:
    """A Modbus device that does what ``script`` says. Requests are kept in ``asked``."""

    target: SerialLine | ModbusHost
    write: Callable[[bytes], None]
    hang_up: Callable[[], None]
    script: Script = answer_well
    asked: list[Asked] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    buffer: bytes = b""
    connections: int = 0

    def got(self, data: bytes, write: Callable[[bytes], None] | None = None) -> None:
        """Take bytes from the line and answer every request that they complete, by ``write``."""
        self.buffer += data
        numbered = isinstance(self.target, ModbusHost) and self.target.framer is Framer.TCP
        size = 12 if numbered else 8
        while len(self.buffer) >= size:
            frame, self.buffer = self.buffer[:size], self.buffer[size:]
            number = int.from_bytes(frame[:2], "big") if numbered else None
            body = frame[6:] if numbered else frame
            asked = Asked(
                body[0],
                body[1],
                int.from_bytes(body[2:4], "big"),
                int.from_bytes(body[4:6], "big"),
                number,
            )
            self.asked.append(asked)
            task = asyncio.get_running_loop().create_task(
                self.play(self.script(asked), write or self.write)
            )
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def play(self, parts: list[Part], write: Callable[[bytes], None]) -> None:
        """Send the parts of an answer."""
        for part in parts:
            if isinstance(part, bytes):
                write(part)
            else:
                await asyncio.sleep(part)


async def _serial() -> AsyncIterator[Responder]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        loop.remove_reader(master)
        os.close(master)

    line = SerialLine(os.ttyname(slave), baudrate=115200, parity=Parity.NONE)
    responder = Responder(line, lambda data: _ignore(os.write(master, data)), hang_up)
    loop.add_reader(master, lambda: responder.got(os.read(master, 1024)))
    yield responder
    if loop.remove_reader(master):
        os.close(master)
    os.close(slave)


async def _tcp(framer: Framer) -> AsyncIterator[Responder]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        peer.connections += 1
        while data := await reader.read(1024):
            peer.got(data, writer.write)
        writer.close()

    def newest() -> asyncio.StreamWriter:
        return writers[-1]

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    peer = Responder(
        ModbusHost("127.0.0.1", port, framer),
        lambda data: newest().write(data),
        lambda: newest().close(),
    )
    yield peer
    server.close()
    for writer in writers:
        writer.close()
    await asyncio.sleep(0.01)


def _ignore(_: int) -> None:
    """Make a None of a count of bytes."""


@pytest.fixture(params=["tcp", "rtu over tcp", "pty"])
async def responder(request: pytest.FixtureRequest) -> AsyncIterator[Responder]:
    """Give a scripted Modbus device on each kind of transport."""
    kind = {"tcp": Framer.TCP, "rtu over tcp": Framer.RTU}.get(request.param)
    peers = _serial() if kind is None else _tcp(kind)
    async for peer in peers:
        yield peer


@pytest.fixture
async def serial_responder() -> AsyncIterator[Responder]:
    """Give a scripted Modbus device on a pseudo-terminal."""
    async for peer in _serial():
        yield peer


@pytest.fixture
async def tcp_responder() -> AsyncIterator[Responder]:
    """Give a scripted Modbus TCP device."""
    async for peer in _tcp(Framer.TCP):
        yield peer


def tlv(tag: int, body: bytes) -> bytes:
    """Encode one BER element, with a long length where it is needed."""
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes(2, "big")
    return bytes((tag, 0x82)) + size + body


def ber_int(number: int, tag: int = 2) -> bytes:
    """Encode an integer or one of the SNMP types that are encoded like it."""
    return tlv(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def ber_oid(oid: tuple[int, ...]) -> bytes:
    """Encode an object identifier."""
    body = b""
    for arc in (oid[0] * 40 + oid[1], *oid[2:]):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        body += bytes(reversed(groups))
    return tlv(6, body)


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """Decode a run of BER elements into tags and bodies."""
    found, place = [], 0
    while place < len(data):
        tag, size = data[place], data[place + 1]
        place += 2
        if size & 0x80:
            octets = size & 0x7F
            size = int.from_bytes(data[place : place + octets], "big")
            place += octets
        found.append((tag, data[place : place + size]))
        place += size
    return found


def read_oid(body: bytes) -> tuple[int, ...]:
    """Decode an object identifier."""
    arcs, arc = [], 0
    for byte in body:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    return (arcs[0] // 40, arcs[0] % 40, *arcs[1:])


@dataclass(frozen=True)
class SnmpRequest:
    """A v1 or v2c request: ``kind`` 0xA0 GET, 0xA1 GETNEXT, 0xA5 GETBULK."""

    version: int
    community: bytes
    kind: int
    number: int
    oids: list[tuple[int, ...]]
    rows: int
    raw: bytes

    def answer(
        self,
        varbinds: list[tuple[tuple[int, ...], bytes]],
        *,
        status: int = 0,
        index: int = 0,
        number: int | None = None,
        community: bytes | None = None,
    ) -> bytes:
        """Encode an answer with BER values, or one that is wrong on purpose."""
        bound = b"".join(tlv(0x30, ber_oid(oid) + value) for oid, value in varbinds)
        head = ber_int(self.number if number is None else number)
        pdu = tlv(0xA2, head + ber_int(status) + ber_int(index) + tlv(0x30, bound))
        name = tlv(4, self.community if community is None else community)
        return tlv(0x30, ber_int(self.version) + name + pdu)

    def good(self) -> bytes:
        """Answer a GET well: the value is the sum of the OID."""
        return self.answer([(oid, ber_int(sum(oid))) for oid in self.oids])

    def error(self, status: int, index: int = 0) -> bytes:
        """Answer with an error-status; the variables come back as they were asked."""
        return self.answer([(oid, b"\x05\x00") for oid in self.oids], status=status, index=index)


def read_request(raw: bytes) -> SnmpRequest:
    """Decode a v1 or v2c request."""
    (_, message), *_ = elements(raw)
    (_, version), (_, community), (kind, pdu) = elements(message)
    (_, number), _, (_, rows), (_, bound) = elements(pdu)
    oids = [read_oid(elements(varbind)[0][1]) for _, varbind in elements(bound)]
    return SnmpRequest(
        int.from_bytes(version, "big"),
        community,
        kind,
        int.from_bytes(number, "big", signed=True),
        oids,
        int.from_bytes(rows, "big"),
        raw,
    )


SnmpScript = Callable[[SnmpRequest], list[bytes]]


@dataclass
class SnmpResponder(asyncio.DatagramProtocol):
    """A v1 and v2c agent that sends what ``script`` says. Requests are kept in ``asked``."""

    script: SnmpScript = lambda request: [request.good()]
    asked: list[SnmpRequest] = field(default_factory=list)
    port: int = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a request."""
        request = read_request(data)
        self.asked.append(request)
        for datagram in self.script(request):
            self.transport.sendto(datagram, addr)


@pytest.fixture
async def snmp_responder() -> AsyncIterator[SnmpResponder]:
    """Give a scripted SNMP agent on 127.0.0.1."""
    responder = SnmpResponder()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: responder, local_addr=("127.0.0.1", 0)
    )
    yield responder
    transport.close()
    await asyncio.sleep(0)


@pytest.fixture
def ber() -> dict[str, Callable[..., bytes]]:
    """Give the encoders for values that a test makes up."""
    return {"tlv": tlv, "int": ber_int, "oid": ber_oid}
