"""The devices behind one serial line or gateway, and how their answers go wrong."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.faults import WireFault, WireFaultKind
from simulators.pdu import DEVICE_FAILURE, GATEWAY_NO_ANSWER, Registers, answer, refusal

_MBAP = 7
_SHORTEST_RTU = 4
_WRITE_MULTIPLE = (15, 16)
_FIXED_RTU = 8


@dataclass(slots=True)
class Station:
    """One device on a line: its registers and the faults of its wire."""

    registers: Registers
    faults: Sequence[WireFault] = ()
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: who says it, what, how late, and what is done to its frame."""

    unit_id: int
    pdu: bytes
    delay_s: float = 0.0
    mangled: frozenset[WireFaultKind] = frozenset()


@dataclass(slots=True)
class Line:
    """Devices by unit id. ``gateway`` lines answer exception 11 for a silent device."""

    stations: dict[int, Station] = field(default_factory=dict)
    gateway: bool = False

    def ask(self, unit_id: int, request: bytes, since_start_s: float) -> Reply | None:
        """Give the reply to a request for ``unit_id``, or None for silence."""
        station = self.stations.get(unit_id)
        if station is None:
            return self._nobody(unit_id, request)
        station.requests += 1
        acting = {f.kind: f for f in station.faults if f.active(since_start_s)}
        if WireFaultKind.SILENT in acting:
            return self._nobody(unit_id, request)
        if WireFaultKind.EXCEPTION in acting:
            code = int(acting[WireFaultKind.EXCEPTION].value) or DEVICE_FAILURE
            pdu = refusal(request[0], code)
        else:
            pdu = answer(request, station.registers)
        if WireFaultKind.WRONG_FUNCTION in acting:
            pdu = bytes((pdu[0] ^ 7,)) + pdu[1:]
        delay_s = acting[WireFaultKind.DELAY].value if WireFaultKind.DELAY in acting else 0.0
        said_by = unit_id + 1 if WireFaultKind.WRONG_UNIT in acting else unit_id
        return Reply(said_by, pdu, delay_s, frozenset(acting))

    def _nobody(self, unit_id: int, request: bytes) -> Reply | None:
        return Reply(unit_id, refusal(request[0], GATEWAY_NO_ANSWER)) if self.gateway else None


def crc16(octets: bytes) -> int:
    """Give the Modbus checksum: CRC-16, polynomial 0xA001, from 0xFFFF."""
    value = 0xFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


def rtu_frame(reply: Reply) -> bytes:
    """Give a reply as it travels on a serial line, faults included."""
    body = bytes((reply.unit_id & 0xFF,)) + reply.pdu
    checksum = crc16(body)
    if WireFaultKind.BAD_CRC in reply.mangled:
        checksum ^= 0x5A5A
    frame = body + struct.pack("<H", checksum)
    return frame[: len(frame) // 2] if WireFaultKind.TRUNCATED in reply.mangled else frame


def tcp_frame(reply: Reply, transaction: int) -> bytes:
    """Give a reply as it travels over Modbus TCP, faults included."""
    if WireFaultKind.WRONG_TRANSACTION in reply.mangled:
        transaction ^= 0x0101
    unit_id = reply.unit_id & 0xFF
    frame = struct.pack(">HHHB", transaction, 0, len(reply.pdu) + 1, unit_id) + reply.pdu
    return frame[: len(frame) // 2] if WireFaultKind.TRUNCATED in reply.mangled else frame


def take_rtu(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take the next whole request with a good checksum from ``buffer``: unit id and PDU.

    Octets that cannot begin a request are dropped; None while more are needed.
    """
    while len(buffer) >= _SHORTEST_RTU:
        length = _FIXED_RTU
        if buffer[1] in _WRITE_MULTIPLE:
            if len(buffer) <= _FIXED_RTU - 2:
                return None
            length = 9 + buffer[6]
        if len(buffer) < length:
            return None
        frame = bytes(buffer[:length])
        if crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
            del buffer[:length]
            return frame[0], frame[1:-2]
        del buffer[0]
    return None


def take_tcp(buffer: bytearray) -> tuple[int, int, bytes] | None:
    """Take the next whole request: transaction, unit id and PDU; None while more is needed.

    Raises:
        ValueError: the octets are no Modbus TCP; the connection is of no more use.
    """
    if len(buffer) < _MBAP:
        return None
    transaction, protocol, length, unit_id = struct.unpack(">HHHB", buffer[:_MBAP])
    if protocol != 0 or not 2 <= length <= 254:  # noqa: PLR2004 - limits of the protocol
        raise ValueError("not Modbus TCP")
    if len(buffer) < _MBAP - 1 + length:
        return None
    pdu = bytes(buffer[_MBAP : _MBAP - 1 + length])
    del buffer[: _MBAP - 1 + length]
    return transaction, unit_id, pdu
